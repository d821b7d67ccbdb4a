//! A tower layer that tries a request again when a try was no good: nginx's `proxy_next_upstream` for any service.
//!
//! It stands outside whatever chooses a peer, so that each try chooses again. It knows neither bodies nor errors: the
//! [`Policy`] tells how a request is repeated, and what a result means.
//!
//! ## Example
//! ```
//! use http::{Request, Response, StatusCode};
//! use propylon_retry::{Condition, Conditions, Failure, Policy, RetryLayer};
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! /// Bodies are strings, and a 503 is for the next peer.
//! #[derive(Clone)]
//! struct Next;
//!
//! impl<E> Policy<String, &'static str, E> for Next {
//!     fn peers(&self) -> usize {
//!         3
//!     }
//!
//!     fn try_clone(&self, request: &mut Request<String>) -> Option<Request<String>> {
//!         Some(request.clone())
//!     }
//!
//!     fn failure(&self, result: Result<&Response<&'static str>, &E>) -> Option<Failure> {
//!         let condition = match result {
//!             Ok(response) if response.status() == StatusCode::SERVICE_UNAVAILABLE => {
//!                 Condition::Status(response.status())
//!             }
//!             Ok(_) => return None,
//!             Err(_) => Condition::Error,
//!         };
//!         Some(Failure { condition, sent: true })
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), std::convert::Infallible> {
//! let peers = service_fn(|_: Request<String>| {
//!     # static CALLS: std::sync::atomic::AtomicU16 = std::sync::atomic::AtomicU16::new(0);
//!     let busy = CALLS.fetch_add(1, std::sync::atomic::Ordering::Relaxed) < 2;
//!     async move {
//!         let mut response = Response::new(if busy { "busy" } else { "done" });
//!         *response.status_mut() = if busy { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
//!         Ok::<_, std::convert::Infallible>(response)
//!     }
//! });
//! let service = RetryLayer::new(Next).on(Conditions::default() | Conditions::HTTP_503).layer(peers);
//! assert_eq!(service.oneshot(Request::new(String::new())).await?.into_body(), "done");
//! # Ok(())
//! # }
//! ```
//!
//! ## What it does
//! - **Tries again** after the [`Conditions`] that are wanted, as often as [`tries`](RetryLayer::tries) and the number of
//!   peers allow, if the time for all tries is not over. The last result is passed on as it came.
//! - **Repeats nothing that could do harm**: a request that may have reached a peer is sent again only if its method is
//!   idempotent (all but POST, LOCK and PATCH, as in nginx), or [`Conditions::NON_IDEMPOTENT`] is set. What provably reached
//!   nobody is sent again whatever its method. A request whose body cannot be had again is not.
//! - **Bounds amplification**: repetitions are at most a share of the requests, and some a second ([`Budget`]). What reached
//!   nobody is not counted.
//! - **Says why not**: [`Policy::refused`] hears each reason.
//!
//! A response that is not wanted is dropped with its body unread: for a connection that means the end, unless the service
//! does better.
//!
//! ## What it does not
//! It keeps no bodies: what the policy clones must be repeatable. It never tries again once a response was passed on, and it
//! does not wait between tries: they go to different peers.
//!
//! ## nginx
//! | nginx | here |
//! |---|---|
//! | `proxy_next_upstream` | [`RetryLayer::on`] |
//! | `proxy_next_upstream_tries` | [`RetryLayer::tries`] |
//! | `proxy_next_upstream_timeout` | [`RetryLayer::timeout`] |
//!
//! Differences: the budget, which nginx does not have.
//!
//! ## Errors
//! None of its own.
//!
//! ## Cost
//! With fewer than two peers or no conditions: nothing but the future's own size. Else what the policy's clone of a request
//! costs, for each try but the last.

mod budget;
mod condition;
mod future;
mod layer;
mod policy;
mod service;

pub use budget::Budget;
pub use condition::{Condition, Conditions};
pub use future::ResponseFuture;
pub use layer::RetryLayer;
pub use policy::{Failure, Policy, Refused};
pub use service::Retry;
