//! A tower layer that replaces strings in response bodies as they stream.
//!
//! ## Example
//!
//! ```
//! use bytes::Bytes;
//! use http::{Request, Response, header::CONTENT_TYPE};
//! use http_body_util::{BodyExt, Full};
//! use propylon_substitute::SubstituteLayer;
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//! let layer = SubstituteLayer::new().replace("http://inside:8080", "https://example.com").once(false);
//! let service = layer.layer(service_fn(|_: Request<()>| async {
//!     let page = Full::<Bytes>::from("<a href=\"HTTP://inside:8080/\">");
//!     Response::builder().header(CONTENT_TYPE, "text/html; charset=utf-8").body(page)
//! }));
//! let response = service.oneshot(Request::new(())).await?;
//! assert_eq!(response.into_body().collect().await?.to_bytes(), "<a href=\"https://example.com/\">");
//! # Ok(())
//! # }
//! ```
//!
//! ## What it does
//!
//! - In responses with one of the [`types`](SubstituteLayer::types), replaces each string that a rule names, ignoring ASCII case: the
//!   first occurrence only, unless [`once`](SubstituteLayer::once) says otherwise. If several strings match at the same position, the
//!   first rule applies. Replaced text is not searched again.
//! - Search strings and replacements may be [closures](SubstituteLayer::replace_with) of the response head.
//! - Finds a string that is split between two pieces of the body. Only data that may be the beginning of a match is held back.
//! - Removes `Content-Length`, `Accept-Ranges`, `Last-Modified` and `ETag`, which describe the original body. If
//!   [`last_modified`](SubstituteLayer::last_modified) keeps the date, the `ETag` is kept as a weak one.
//!
//! ## What it does not
//!
//! A response with a `Content-Encoding` is left unchanged, because its bytes are not text: ask the inner service for none
//! (`Accept-Encoding`). A partial response (206) is not changed either, and `Range` is not forwarded to the inner service. There are
//! no regular expressions.
//!
//! ## nginx
//!
//! | nginx | here |
//! |---|---|
//! | `sub_filter` | [`SubstituteLayer::replace`], [`replace_with`](SubstituteLayer::replace_with) |
//! | `sub_filter_once` | [`once`](SubstituteLayer::once) |
//! | `sub_filter_types` | [`types`](SubstituteLayer::types) |
//! | `sub_filter_last_modified` | [`last_modified`](SubstituteLayer::last_modified) |
//!
//! ## Errors
//!
//! None of its own. Errors of the inner service and body pass through unchanged.
//!
//! ## Cost
//!
//! One check of `Content-Type` for a response that is left unchanged. A body that is changed is searched once, whatever the number of
//! rules, and copied only around replacements. At most the length of the longest string, less one byte, is held back. The search is
//! prepared anew where strings are closures, and each time a string has had its only replacement.

mod body;
mod future;
mod layer;
mod rules;
mod search;
mod service;

pub use body::ResponseBody;
pub use future::ResponseFuture;
pub use layer::SubstituteLayer;
pub use service::Substitute;
