//! A tower layer that stores responses as files on their way: nginx's `proxy_store`, for copies of what does not change.
//!
//! ## Example
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
//! - A response of 200 to a GET is written to a temporary file beside the place that it is for, and put there when all of it has come, in
//!   directories that are made for it. Before its client sees the end.
//! - The file has the rights that [`Place::access`] says, and the time of `Last-Modified`.
//! - With a [`spawner`](StoreLayer::spawner), a response is stored whole though its client left.
//!
//! ## What it does not
//! It reads no file that it has written, looks at no `Cache-Control`, and removes nothing: that is for whoever serves the files, and a script.
//! It does not know whether a path is safe. What is behind the body (trailers) and before it (fields) is not stored.
//!
//! ## nginx
//! | nginx | here |
//! |---|---|
//! | `proxy_store` | [`StoreLayer::new`], [`Place::new`] |
//! | `proxy_store_access` | [`Place::access`] |
//!
//! Differences: nginx stores answers to any method; its temporary files are in `proxy_temp_path`.
//!
//! ## Errors
//! None: what cannot be stored reaches its client all the same, and [`Place::on_error`] tells. What is cut short is not stored.
//!
//! ## Cost
//! A box for each response that is stored; up to 128 KiB and a frame that are not written yet, and then the upstream waits. Files are written
//! on tokio's blocking threads.

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
