//! A tower layer whose requests go on to their end when their client leaves before it has an answer: nginx's `proxy_ignore_client_abort`.
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
//! - A request whose future is dropped before it has an answer goes on in the background, its answer is thrown away, and a little of its body is
//!   read, so that its connection may be used again.
//! - [`Left`]: so many are under way at once; what is more ends with its client, as it would without the layer, and is counted
//!   ([`Counts`]). What else outlives its client may [run](Left::run) within the same limit.
//!
//! ## What it does not
//! It keeps nobody's answer: one that has begun when its client leaves ends. It limits no time: put a timeout inside. A body of the client's that is
//! still on its way ends with its client, which whoever reads it gets to know.
//!
//! ## nginx
//! | nginx | here |
//! |---|---|
//! | `proxy_ignore_client_abort on` | [`DetachLayer::new`] |
//!
//! Differences: nginx has no limit; it has its log line written when the upstream has answered.
//!
//! ## Errors
//! None of its own. Those of a request whose client has left are nobody's.
//!
//! ## Cost
//! A box for each request; a task for each whose client leaves.

mod future;
mod layer;
mod left;
mod service;

pub use future::ResponseFuture;
pub use layer::DetachLayer;
pub use left::{Counts, Left, Work};
pub use service::Detach;
