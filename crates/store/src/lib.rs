//! A tower layer that stores responses as files while it forwards them: nginx's `proxy_store`, for copies of content that does not change.
//!
//! ## Example
//!
//! ```
//! use bytes::Bytes;
//! use http::{Request, Response, request};
//! use http_body_util::{BodyExt, Full, Limited};
//! use propylon_store::{Place, StoreLayer};
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//! # let directory = tempfile::tempdir()?;
//! # let root = directory.path().to_owned();
//! // A path that a client writes must not be trusted as this one is.
//! let place = move |request: &request::Parts| Some(Place::new(root.join(request.uri.path().trim_start_matches('/'))));
//! let service = StoreLayer::new(place).layer(service_fn(|_: Request<()>| async {
//!     Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::from("hello")))
//! }));
//!
//! let response = service.oneshot(Request::get("/a/greeting.txt").body(())?).await?;
//! # #[expect(clippy::disallowed_methods, reason = "it is limited")]
//! let body = Limited::new(response.into_body(), 100).collect().await?.to_bytes();
//! assert_eq!(body, "hello");
//! assert_eq!(std::fs::read(directory.path().join("a/greeting.txt"))?, b"hello");
//! # Ok(())
//! # }
//! ```
//!
//! ## What it does
//!
//! - A 200 response to a GET is written to a temporary file near its destination. When the body is complete, the file is moved into place,
//!   before the client sees the end of the response; missing directories are created.
//! - The file has the permissions given by [`Place::access`], and the modification time from `Last-Modified`.
//! - With a [`spawner`](StoreLayer::spawner), a response is stored completely even if its client leaves.
//!
//! ## What it does not
//!
//! The layer does not read the files that it writes, does not look at `Cache-Control`, and removes nothing: that is up to the file server and
//! to a script. It does not know whether a path is safe. Response fields and trailers are not stored.
//!
//! ## nginx
//!
//! | nginx | here |
//! |---|---|
//! | `proxy_store` | [`StoreLayer::new`], [`Place::new`] |
//! | `proxy_store_access` | [`Place::access`] |
//!
//! Differences: nginx stores responses to any method, and keeps its temporary files in `proxy_temp_path`.
//!
//! ## Errors
//!
//! None: a response that cannot be stored still reaches its client, and [`Place::on_error`] reports the failure. A truncated response is not
//! stored.
//!
//! ## Cost
//!
//! A box for each stored response, and up to 128 KiB and one frame of unwritten data; beyond that, the upstream waits. Files are written on
//! tokio's blocking threads.

mod body;
mod future;
mod layer;
mod place;
mod saver;
mod service;

pub use body::ResponseBody;
pub use future::ResponseFuture;
pub use layer::{StoreLayer, Work};
pub use place::Place;
pub use service::Store;

/// The error of bodies: that of the body inside.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
