//! A tower layer that asks another service whether to admit a request: nginx's `auth_request`.
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
//! - Sends a [`question`] to the authorization service: a GET with the request's fields and no body. Fields that describe the body are
//!   left out, and so are those that ask for something of the resource itself: conditions, ranges, upgrades.
//! - [`Verdict`]: 2xx admits the request; 401, with every `WWW-Authenticate`, and 403 refuse it. Any other answer is treated as a failure
//!   and becomes a 500.
//! - An admitted request can [take over](AuthRequestLayer::take_over) values from the answer.
//! - The request's body is not touched before the request is admitted, and not at all if it is refused.
//!
//! ## What it does not
//! Answers are not cached: put a cache around the authorization service. There is no timeout: put one around it. Refused requests get the
//! default body, not a page.
//!
//! ## nginx
//! | nginx | here |
//! |---|---|
//! | `auth_request` | [`AuthRequestLayer::new`], [`AuthRequestLayer::uri`] |
//! | `auth_request_set` | [`AuthRequestLayer::take_over`] |
//!
//! Differences: unless configured otherwise, nginx passes on `Content-Length` without a body, and conditions, whose 304 then becomes a
//! 500.
//!
//! ## Errors
//! The layer answers with 401, 403 or 500 and passes on the errors of the inner service. If the authorization service fails, the response
//! is a 500 with the extension [`Unanswered`], which holds the reason: no request is admitted by mistake.
//!
//! ## Cost
//! A copy of the request's fields, one future on the heap, and the cost of the request to the authorization service. Dropping the future
//! drops that request.

mod layer;
mod question;
mod service;
mod verdict;

pub use layer::AuthRequestLayer;
pub use question::{question, without_body};
pub use service::{AuthRequest, Unanswered};
pub use verdict::Verdict;
