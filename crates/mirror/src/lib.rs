//! A tower layer that sends copies of requests to another service and discards the responses: nginx's `mirror`.
//!
//! ## Example
//!
//! ```
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body_util::Full;
//! use propylon_mirror::{Copies, MirrorLayer};
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (seen, mut sees) = tokio::sync::mpsc::unbounded_channel();
//! let next = service_fn(move |copy: Request<Full<Bytes>>| {
//!     let seen = seen.clone();
//!     async move {
//!         let _ = seen.send(copy.uri().path().to_owned());
//!         Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::from("an answer that nobody gets")))
//!     }
//! });
//! let copies = Copies::new(|work| drop(tokio::spawn(work))).at_once(100);
//! let service = MirrorLayer::new(next, copies.clone()).layer(service_fn(|_: Request<Full<Bytes>>| async {
//!     Ok::<_, std::convert::Infallible>(Response::new("hello"))
//! }));
//!
//! let response = service.oneshot(Request::get("/orders").body(Full::from("a body"))?).await?;
//! assert_eq!(response.into_body(), "hello");
//! assert_eq!(sees.recv().await.as_deref(), Some("/orders"));
//! assert_eq!(copies.counts().sent(), 1);
//! # Ok(())
//! # }
//! ```
//!
//! ## What it does
//!
//! - [`MirrorLayer`] forwards each request unchanged, and sends a copy of its head and body to the mirror: the same method, target and
//!   fields except `Upgrade` and `Expect`. For several mirrors, use several layers.
//! - The mirror's response is discarded; up to 64 KiB of its body is read, so that the connection can be reused.
//! - [`Copies`] limits the number of copies in flight; copies beyond the limit are dropped and counted. Neither requests nor memory
//!   depend on a slow mirror. Cancelling a request does not cancel its copy.
//!
//! ## What it does not
//!
//! The layer does not buffer bodies: a clone of a body must be the same body, as it is with bytes. Put `propylon-buffer`'s request layer
//! outside, or copy [heads alone](MirrorLayer::without_bodies). It does not report errors: a copy that fails just ends. It has no
//! timeouts: put a timeout around the mirror. Request extensions are not copied.
//!
//! ## nginx
//!
//! | nginx | here |
//! |---|---|
//! | `mirror` | [`MirrorLayer::new`] |
//! | `mirror_request_body off` | [`MirrorLayer::without_bodies`] |
//!
//! Differences: in nginx the next request on a client's connection waits until the copies of the previous one are done, and the number
//! of copies is not limited.
//!
//! ## Errors
//!
//! None of its own. [`TooMany`] is for callers that [send](Copies::send) copies themselves.
//!
//! ## Cost
//!
//! A copy of the request's fields and a clone of its body, a heap-allocated task, and a few counters.

mod copies;
mod layer;
mod service;

pub use copies::{Copies, Counts, TooMany, Work};
pub use layer::MirrorLayer;
pub use service::{Mirror, drain, strip};
