//! A tower layer that replaces texts in the bodies of responses, while they pass.
//!
//! ## Example
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
//! - In responses of the [`types`](SubstituteLayer::types), each text that a rule names, whatever the case of its ASCII letters,
//!   becomes another one: the first time only, unless [`once`](SubstituteLayer::once) says otherwise. Of texts that begin at
//!   the same place, that of the first rule counts. What was put in is not looked at again.
//! - Texts, and what stands in their place, may be [closures](SubstituteLayer::replace_with) of the response's head.
//! - A text that is divided between two pieces of the body is found. Of what came, nothing is held back but what may be the
//!   beginning of a text.
//! - `Content-Length`, `Accept-Ranges`, `Last-Modified` and `ETag` are of another body, and go; where
//!   [`last_modified`](SubstituteLayer::last_modified) is kept, the `ETag` becomes a weak one.
//!
//! ## What it does not
//! A response with a `Content-Encoding` is left alone: its bytes are not text. Ask the service inside for none
//! (`Accept-Encoding`). Neither is a part of a response (206) changed, and `Range` does not reach the service inside. There are
//! no regular expressions.
//!
//! ## nginx
//! | nginx | here |
//! |---|---|
//! | `sub_filter` | [`SubstituteLayer::replace`], [`replace_with`](SubstituteLayer::replace_with) |
//! | `sub_filter_once` | [`once`](SubstituteLayer::once) |
//! | `sub_filter_types` | [`types`](SubstituteLayer::types) |
//! | `sub_filter_last_modified` | [`last_modified`](SubstituteLayer::last_modified) |
//!
//! ## Errors
//! None of its own. Those of the service and of the body inside pass.
//!
//! ## Cost
//! One look at `Content-Type` for a response that is left alone. One that is changed is searched once, whatever the number of
//! rules, and copied only around what is replaced. Kept of a body is at most the longest text less a byte. Where texts are
//! closures, and each time that a text was replaced for its only time, the search is prepared anew.

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
