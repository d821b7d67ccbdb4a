//! A tower layer that asks another service whether a request may come in: nginx's `auth_request`.
//!
//! ## Example
//! ```
//! use http::{HeaderValue, Request, Response, StatusCode};
//! use propylon_auth_request::AuthRequestLayer;
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), std::convert::Infallible> {
//! let authority = service_fn(|question: Request<()>| async move {
//!     let known = question.headers().get("cookie").is_some_and(|cookie| cookie == "id=7");
//!     let mut answer = Response::new(());
//!     *answer.status_mut() = if known { StatusCode::NO_CONTENT } else { StatusCode::UNAUTHORIZED };
//!     answer.headers_mut().insert("x-user", HeaderValue::from_static("ada"));
//!     Ok::<_, std::convert::Infallible>(answer)
//! });
//! let layer = AuthRequestLayer::new(authority)
//!     .take_over(|request, answer| request.headers.extend(answer.headers.get("x-user").map(|user| {
//!         (http::HeaderName::from_static("x-user"), user.clone())
//!     })));
//! let service = layer.layer(service_fn(|request: Request<()>| async move {
//!     Ok::<_, std::convert::Infallible>(Response::new(format!("hello {:?}", request.headers()["x-user"])))
//! }));
//!
//! let stranger = service.clone().oneshot(Request::new(())).await?;
//! assert_eq!(stranger.status(), StatusCode::UNAUTHORIZED);
//! let mut request = Request::new(());
//! request.headers_mut().insert("cookie", HeaderValue::from_static("id=7"));
//! assert_eq!(service.oneshot(request).await?.into_body(), "hello \"ada\"");
//! # Ok(())
//! # }
//! ```
//!
//! ## What it does
//! - Asks with a [`question`]: a GET with the request's fields and no body. What is said of the body does not go along, nor what asks
//!   for something of the thing itself: conditions, a range, an upgrade.
//! - [`Verdict`]: 2xx lets the request in, 401 with every `WWW-Authenticate` and 403 refuse it; anything else is no answer, and a 500.
//! - A request that is let in [takes over](AuthRequestLayer::take_over) what is wanted of the answer.
//! - The body of the request is not touched before it is let in, and is not touched at all if it is not.
//!
//! ## What it does not
//! It remembers no answer: put a cache around the service that is asked. It waits as long as that one takes: put a timeout around it. It
//! makes no page for those that it refuses: their body is the default one.
//!
//! ## nginx
//! | nginx | here |
//! |---|---|
//! | `auth_request` | [`AuthRequestLayer::new`], [`AuthRequestLayer::uri`] |
//! | `auth_request_set` | [`AuthRequestLayer::take_over`] |
//!
//! Differences: nginx passes `Content-Length` on with no body behind it, unless told otherwise, and conditions, whose 304 then is a 500.
//!
//! ## Errors
//! The layer answers with 401, 403 or 500 and passes the errors of the inner service. That the service which is asked fails is a 500 with
//! the extension [`Unanswered`], which has the reason: nobody is let in by mistake.
//!
//! ## Cost
//! A copy of the request's fields, one future on the heap, and what it takes to get an answer. Dropping the future drops the question.

mod layer;
mod question;
mod service;
mod verdict;

pub use layer::AuthRequestLayer;
pub use question::{question, without_body};
pub use service::{AuthRequest, Unanswered};
pub use verdict::Verdict;
