//! A tower layer that sends copies of requests to another service and throws its answers away: nginx's `mirror`.
//!
//! ## Example
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
//! - [`MirrorLayer`]: each request goes on as if nothing were there, and a copy of its head and body to the mirror: the same method, target and
//!   fields but for `Upgrade` and `Expect`. Several mirrors are several layers.
//! - The answer is thrown away; a little of its body is read, so that its connection may be used again.
//! - [`Copies`]: so many are under way at once, and what is more is dropped and counted: neither the requests nor the memory wait for a slow
//!   mirror. A request that is cancelled leaves its copy alone.
//!
//! ## What it does not
//! It keeps no bodies: they have to be such that a clone is the same body, as bytes are; put `propylon-buffer`'s request layer outside, or
//! copy [heads alone](MirrorLayer::without_bodies). It tells of no errors: a copy that fails is over. It limits no time: put a timeout around the
//! mirror. Extensions of requests do not go along.
//!
//! ## nginx
//! | nginx | here |
//! |---|---|
//! | `mirror` | [`MirrorLayer::new`] |
//! | `mirror_request_body off` | [`MirrorLayer::without_bodies`] |
//!
//! Differences: in nginx the next request on a client's connection waits until the copies of the last one are done, and there is no limit to
//! them.
//!
//! ## Errors
//! None of its own. [`TooMany`] is for those who [send](Copies::send) copies themselves.
//!
//! ## Cost
//! A copy of the request's fields and its body's clone, a task on the heap, and a few counts.

mod copies;
mod layer;
mod service;

pub use copies::{Copies, Counts, TooMany, Work};
pub use layer::MirrorLayer;
pub use service::{Mirror, drain, strip};
