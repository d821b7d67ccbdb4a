//! Type-erased HTTP bodies and routes: the seam between groups of tower layers.
//!
//! A gateway decides at run time, from a file, which layers a route has. Static types cannot express that; boxing every
//! service with tower's boxes makes clones quadratic and boxes bodies again at each layer. This crate has the one seam
//! type, [`Route`], and the one body type, [`Body`], that such a stack needs, and it is the only place that boxes
//! services. Between two seams, a group of layers stays statically typed.
//!
//! ## Example
//! ```
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use propylon_stack::{Body, BoxError, Route};
//! use tower::{layer::layer_fn, service_fn};
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), BoxError> {
//!
//! let leaf = service_fn(|req: Request<Body>| async move {
//!     Ok::<_, BoxError>(Response::new(Body::from(Bytes::from(req.uri().path().to_owned()))))
//! });
//! let off: Option<tower::layer::util::Identity> = None;
//! let route = Route::new(leaf)
//!     .layer(layer_fn(|inner: Route| inner)) // any tower layer over a `Route`
//!     .layer_opt(off); // a layer that is off is not in the stack
//!
//! let response = route.call(Request::get("/hello").body(Body::empty())?).await?;
//! assert_eq!(response.body().as_bytes(), Some(&Bytes::from("/hello")));
//! # Ok(()) }
//! ```
//!
//! ## What it does
//! - [`Route`]: a cheap clone over `Arc<dyn …>` whose call takes `&self` and any `Body<Data = Bytes>`. It is always ready:
//!   it calls the static group beneath it (or a clone of it, if another thread is calling it at the same time) and awaits that group's
//!   readiness inside the call.
//!   [`Route::plain`] is for groups that already respond with the stack's own types: their responses are not moved.
//! - [`Body`]: one opaque type with fast paths for bodies that need no box (empty, whole bytes, hyper's incoming body);
//!   [`Body::new`] recognises a `Body` and boxes nothing twice. [`Body::try_clone`] returns a copy that can be sent again.
//!
//! ## What it does not
//! `poll_ready` does not propagate back-pressure across a seam: a layer that limits has to wait inside the call.
//!
//! ## nginx
//! No counterpart: nginx's filter chain is fixed at build time.
//!
//! ## Errors
//! [`BoxError`], passed through unchanged: downcast it to the expected crate's error.
//!
//! ## Cost
//! A seam allocates one future for each call, takes an uncontended lock, and costs some 70 ns
//! (`cargo bench -p propylon-stack`). Dropping the future cancels the call.

mod body;
mod route;

pub use body::{Body, FilePart};
pub use route::{Route, RouteFuture};

/// An error of any type, as it came from below a seam.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
