//! A tower layer that compresses responses with gzip, br or zstd, by media type, length and client. The layer is built on tower-http's and makes the
//! decisions itself: no 406, no strong `ETag` on compressed bytes, and `no-transform` is obeyed.
//!
//! ## Example
//!
//! ```
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body_util::Full;
//! use propylon_compression::{BoxError, Coding, CompressionLayer};
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), BoxError> {
//! let service = CompressionLayer::new([Coding::Brotli, Coding::Gzip]).layer(service_fn(|_: Request<()>| async {
//!     let page = Full::<Bytes>::from("hello ".repeat(100));
//!     Ok::<_, BoxError>(Response::builder().header("content-type", "text/html").header("etag", "\"1\"").body(page)?)
//! }));
//! let request = Request::builder().header("accept-encoding", "gzip, br;q=0.5").body(())?;
//! let response = service.oneshot(request).await?;
//! assert_eq!(response.headers()["content-encoding"], "gzip");
//! assert_eq!(response.headers()["etag"], "W/\"1\"");
//! # Ok(())
//! # }
//! ```
//!
//! ## What it does
//!
//! - Chooses the coding with the highest weight in the client's `Accept-Encoding`; among equals, the first one offered. If no coding is acceptable,
//!   the response is sent uncompressed, never a 406.
//! - Compresses 200, 403 and 404 responses of the configured types and of at least the configured length; an unknown length is taken to be long
//!   enough.
//! - Makes a strong `ETag` weak, because the compressed bytes are another representation; removes `Content-Length` and `Accept-Ranges`.
//! - Adds `Vary: Accept-Encoding` to every response that is compressed for some clients, also where this client gets it uncompressed, or only its
//!   head or a part.
//! - Flushes the compressor whenever the body has no more data ready, so that a response sent in small pieces is not held back.
//! - Reports the length of a body before and after compression, once it is complete ([`Sizes`]).
//! - Passes trailers on. If the inner body fails, so does the compressed one: a truncated response is never shown as complete.
//!
//! ## What it does not
//!
//! - The layer never compresses responses with `Content-Encoding`, `Content-Range` or `Cache-Control: no-transform`, event streams, gRPC, or
//!   responses to HEAD.
//! - Requests are not compressed, and nothing is decompressed.
//! - Compressed responses are not cached: each is compressed anew. Put a cache outside the layer, or compress files in advance.
//!
//! ## nginx
//!
//! | directive | here | default |
//! |---|---|---|
//! | `gzip on` | `CompressionLayer::new([Coding::Gzip])` | |
//! | `gzip_types` | `types`; `text/html` must be listed explicitly | `text/html` |
//! | `gzip_min_length` | `min_length`, also for a length known only from the body | 20 |
//! | `gzip_comp_level` | `level`, for each coding | 1 |
//! | `gzip_vary` | `vary`; off in nginx | on |
//! | `gzip_proxied` | `proxied` | off |
//! | `gzip_http_version` | `http_1_0` | 1.1 |
//! | `gzip_disable` | `exclude` | |
//! | `$gzip_ratio` | `count` | |
//!
//! Differences: nginx takes the first coding that it knows, ignores `no-transform` (here: `no_transform(|_| false)`), and compresses event streams if
//! configured to.
//!
//! ## Errors
//!
//! None of its own. Errors of the inner service are passed on as they are, those of the body boxed.
//!
//! ## Cost
//!
//! Per request: a look at `Accept-Encoding`, `Via` and `Authorization`. A response that is not compressed: a few look-ups in its head. A compressed
//! response: a compressor on the heap (for br and zstd up to some MiB, depending on the level) and its CPU time, which is most of the response's
//! total cost.

mod body;
mod coding;
mod future;
mod layer;
mod proxied;
mod rules;
mod service;
mod sizes;

pub use body::ResponseBody;
pub use coding::Coding;
pub use future::ResponseFuture;
pub use layer::CompressionLayer;
pub use proxied::Proxied;
pub use rules::no_transform;
pub use service::Compress;
pub use sizes::Sizes;

/// Any error.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
