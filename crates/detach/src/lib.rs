//! A tower layer that completes requests whose client leaves before the response: nginx's `proxy_ignore_client_abort`.
//!
//! ## Example
//! ```
//! use http::{Request, Response};
//! use propylon_detach::{DetachLayer, Left};
//! use tokio::sync::oneshot;
//! use tower::{Layer, Service, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let (done, mut is_done) = oneshot::channel();
//! let mut done = Some(done);
//! let application = service_fn(move |_: Request<()>| {
//!     let done = done.take();
//!     async move {
//!         tokio::task::yield_now().await;
//!         let _ = done.expect("one request").send(());
//!         Ok::<_, std::convert::Infallible>(Response::new(http_body_util::Empty::<bytes::Bytes>::new()))
//!     }
//! });
//! let left = Left::new(|work| drop(tokio::spawn(work))).at_once(100);
//! let mut service = DetachLayer::new(left).layer(application);
//!
//! drop(service.call(Request::new(()))); // the client leaves
//! assert!((&mut is_done).await.is_ok(), "and it is done all the same");
//! # }
//! ```
//!
//! ## What it does
//! - A request whose future is dropped before it has a response goes on in the background. Its response is discarded, and a little of the response's
//!   body (at most 64 KiB) is read so that the connection can be reused.
//! - [`Left`]: limits how many such requests run at once. Beyond the limit a request ends with its client, as it would without the layer, and is
//!   counted ([`Counts`]). Other work that outlives its client can [`run`](Left::run) within the same limit.
//!
//! ## What it does not
//! A response that has begun when its client leaves is not completed. There is no time limit: put a timeout inside the layer. If the client's
//! request body is still arriving, it ends with the client, and its reader gets the error.
//!
//! ## nginx
//! | nginx | here |
//! |---|---|
//! | `proxy_ignore_client_abort on` | [`DetachLayer::new`] |
//!
//! Differences: nginx has no limit, and writes its log line only when the upstream has answered.
//!
//! ## Errors
//! None of its own. Errors of a request whose client has left are discarded.
//!
//! ## Cost
//! One box for each request, and one task for each request whose client leaves.

mod future;
mod layer;
mod left;
mod service;

pub use future::ResponseFuture;
pub use layer::DetachLayer;
pub use left::{Counts, Left, Work};
pub use service::Detach;
