//! A tower layer that compresses responses with gzip, br or zstd, by type, length and client: on tower-http's layer, with what that leaves to
//! be wished decided around it (no 406 after the fact, no strong `ETag` on other bytes, `no-transform` obeyed).
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
//! - The coding is the client's choice by its weights in `Accept-Encoding`, and among equals the first that is offered. Without an
//!   acceptable one the response goes as it is: never a 406.
//! - 200, 403 and 404 of the configured types and of at least the configured length are compressed; an unknown length is long enough.
//! - A strong `ETag` becomes weak, for other bytes are another representation; `Content-Length` and `Accept-Ranges` go.
//! - `Vary: Accept-Encoding` is on every response that is compressed for some, also where this client gets it plain, its head or a part.
//! - What is there when no more comes for now is flushed: a response that trickles goes on trickling.
//! - Whoever asks is told how long a body was and is, once all of it has been compressed ([`Sizes`]).
//! - Trailers pass. A body that fails fails: nothing that was cut looks complete.
//!
//! ## What it does not
//!
//! - Never: responses with `Content-Encoding`, `Content-Range` or `Cache-Control: no-transform`, event streams, gRPC, responses to HEAD.
//! - It does not compress requests, and decompresses nothing.
//! - It keeps nothing: a response is compressed each time. Put a cache outside of it, or have files compressed beforehand.
//!
//! ## nginx
//!
//! | directive | here | default |
//! |---|---|---|
//! | `gzip on` | `CompressionLayer::new([Coding::Gzip])` | |
//! | `gzip_types` | `types`; `text/html` has to be named here | `text/html` |
//! | `gzip_min_length` | `min_length`, also for lengths that only the body tells | 20 |
//! | `gzip_comp_level` | `level`, for each coding | 1 |
//! | `gzip_vary` | `vary`; off in nginx | on |
//! | `gzip_proxied` | `proxied` | off |
//! | `gzip_http_version` | `http_1_0` | 1.1 |
//! | `gzip_disable` | `exclude` | |
//! | `$gzip_ratio` | `count` | |
//!
//! Differences: nginx takes the first coding that it knows, ignores `no-transform` (here `no_transform(|_| false)`), and compresses event streams if it is told to.
//!
//! ## Errors
//!
//! None of its own. Those of the service and of the body inside pass, boxed.
//!
//! ## Cost
//!
//! A request: a look at `Accept-Encoding`, `Via` and `Authorization`. A response that is not compressed: some lookups in its head. One that
//! is: a compressor on the heap (br and zstd by level up to some MiB) and what that takes of the CPU, which is most of what
//! the response costs at all.

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
