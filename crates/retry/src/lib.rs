//! A tower layer that retries failed requests: nginx's `proxy_next_upstream` for any service.
//!
//! The layer belongs outside whatever chooses a peer, so that each try chooses again. It is independent of the types of bodies and
//! errors: the [`Policy`] says how a request is repeated, and what a result means.
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
//! - **Retries** under the configured [`Conditions`], as often as [`tries`](RetryLayer::tries) and the number of
//!   peers allow, as long as the time for all tries has not run out. The last result is passed on unchanged.
//! - **Repeats nothing that could do harm**: a request that may have reached a peer is resent only if its method is
//!   idempotent (all but POST, LOCK and PATCH, as in nginx), or if [`Conditions::NON_IDEMPOTENT`] is set. A request that provably
//!   reached no peer is resent whatever its method. A request whose body is no longer available is not resent.
//! - **Bounds amplification**: retries are limited to a share of the requests, plus a few a second ([`Budget`]). A try that provably
//!   reached no peer does not count.
//! - **Reports refusals**: [`Policy::refused`] is called with each reason for not retrying.
//!
//! A rejected response is dropped without reading its body: this closes its connection, unless the service does better.
//!
//! ## What it does not
//! It does not buffer bodies: what the policy clones must be repeatable. It never retries once a response has been passed on, and it
//! does not wait between tries, because they go to different peers.
//!
//! ## nginx
//! | nginx | here |
//! |---|---|
//! | `proxy_next_upstream` | [`RetryLayer::on`] |
//! | `proxy_next_upstream_tries` | [`RetryLayer::tries`] |
//! | `proxy_next_upstream_timeout` | [`RetryLayer::timeout`] |
//!
//! Difference: nginx has no budget.
//!
//! ## Errors
//! None of its own.
//!
//! ## Cost
//! With fewer than two peers or no conditions: nothing but the future's own size. Otherwise, the policy's clone of the request, for each
//! try but the last.

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
