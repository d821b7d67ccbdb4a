//! A tower layer that replaces error responses with other responses: nginx's `error_page`.
//!
//! ## Example
//! ```
//! use http::{Request, Response, StatusCode};
//! use propylon_error_page::{ErrorPageLayer, Failure, Pages, ShownStatus};
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), std::convert::Infallible> {
//! let pages = Pages::new().page([StatusCode::NOT_FOUND], ShownStatus::Original, "Nothing here.");
//! let layer = ErrorPageLayer::new(pages, |failure: Failure<'_, &str, String>| {
//!     let mut response = Response::new(failure.target.to_string());
//!     *response.status_mut() = failure.shown.of(failure.head.status, StatusCode::OK);
//!     response
//! });
//! let service = layer.layer(service_fn(|_: Request<()>| async {
//!     let mut response = Response::new("the application's own words".to_owned());
//!     *response.status_mut() = StatusCode::NOT_FOUND;
//!     Ok::<_, std::convert::Infallible>(response)
//! }));
//! let response = service.oneshot(Request::new(())).await?;
//! assert_eq!(response.status(), StatusCode::NOT_FOUND);
//! assert_eq!(response.body(), "Nothing here.");
//! # Ok(())
//! # }
//! ```
//!
//! ## What it does
//! - [`Pages`]: the page for each status, and the status that the client sees with it. If a status has several pages, the
//!   first applies.
//! - [`ErrorPageLayer`] looks at the status of each response; if there is a page for it, a closure supplies the replacement:
//!   a fixed text, a redirect, or an instruction to a router to start over.
//! - [`intercept`](ErrorPageLayer::intercept) selects the responses that may be replaced: a proxy replaces its own errors,
//!   and those of upstreams only if configured to.
//! - A request with the extension [`Handled`] is passed through, so that an error of an error page is shown as it is.
//!
//! ## What it does not
//! The layer creates no pages and sends no requests. The layer does not see errors that are not responses: convert those to
//! responses beneath the layer.
//!
//! ## nginx
//! | nginx | here |
//! |---|---|
//! | `error_page code... uri` | [`Pages::page`] with [`ShownStatus::Original`] |
//! | `error_page code... =200 uri` | with [`ShownStatus::Fixed`] |
//! | `error_page code... = uri` | with [`ShownStatus::FromPage`] |
//! | `recursive_error_pages` | [`ErrorPageLayer::recursive`] |
//! | `proxy_intercept_errors` | [`ErrorPageLayer::intercept`] |
//!
//! ## Errors
//! None of its own: errors of the inner service are passed on.
//!
//! ## Cost
//! One look at a request extension, one clone of a shared pointer, and one search in a short list for each response, without
//! allocation.

mod future;
mod layer;
mod pages;
mod service;

pub use future::{Failure, ResponseFuture};
pub use layer::ErrorPageLayer;
pub use pages::{Page, Pages, ShownStatus};
pub use service::{ErrorPage, Handled};
