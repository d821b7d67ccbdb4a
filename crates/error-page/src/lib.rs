//! A tower layer that answers with another response in the place of an error: nginx's `error_page`.
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
//! - [`Pages`]: which page stands for which status, and which status the client sees beside it. The first page of a
//!   status counts.
//! - [`ErrorPageLayer`] looks at the status of each response and has the one that has a page replaced by what a closure
//!   makes of it: a fixed text, a redirect, an order to a router to go round again.
//! - [`intercept`](ErrorPageLayer::intercept) tells whose errors are meant: a proxy replaces its own, and those of upstreams
//!   only if it is told to.
//! - A request with the extension [`Handled`] passes, so that the error of an error page is shown as it is.
//!
//! ## What it does not
//! It makes no page, sends no request, and does not see errors that are not responses: turn those into responses beneath it.
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
//! None of its own: errors of the inner service pass.
//!
//! ## Cost
//! One look at a request extension, one shared pointer cloned, and one search in a short list for each response; nothing is
//! allocated.

mod future;
mod layer;
mod pages;
mod service;

pub use future::{Failure, ResponseFuture};
pub use layer::ErrorPageLayer;
pub use pages::{Page, Pages, ShownStatus};
pub use service::{ErrorPage, Handled};
