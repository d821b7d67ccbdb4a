//! A tower layer that puts other bodies before and behind those of responses: a banner, a footer.
//!
//! ## Example
//! ```
//! use std::convert::Infallible;
//!
//! use bytes::Bytes;
//! use http::{Request, Response, header::CONTENT_TYPE};
//! use http_body_util::{BodyExt, Full};
//! use propylon_addition::AdditionLayer;
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//! let layer = AdditionLayer::new().after(|_| Some(async {
//!     Ok::<_, Infallible>(Full::<Bytes>::from("<footer>by us</footer>"))
//! }));
//! let service = layer.layer(service_fn(|_: Request<()>| async {
//!     Response::builder().header(CONTENT_TYPE, "text/html").body(Full::<Bytes>::from("<p>a page</p>"))
//! }));
//! let response = service.oneshot(Request::new(())).await?;
//! assert_eq!(response.into_body().collect().await?.to_bytes(), "<p>a page</p><footer>by us</footer>");
//! # Ok(())
//! # }
//! ```
//!
//! ## What it does
//! - A response with status 200 and one of the [`types`](AdditionLayer::types) gets what [`before`](AdditionLayer::before) and
//!   [`after`](AdditionLayer::after) give. Both are closures of the response's head and its extensions, and may say that there is nothing to add
//!   to this one.
//! - What is added is asked for when its turn comes, and passes as it comes: nothing is collected. Trailers of the response
//!   come behind all of it; those of what is added do not.
//! - `Content-Length` and `Accept-Ranges` are of another body, and go; a strong `ETag` becomes a weak one. `Range` does not reach the service
//!   inside. HEAD gets the same head, and nothing is asked for.
//!
//! ## What it does not
//! A response with a `Content-Encoding` is left alone: what is added is text, and its bytes are not. Neither is a part of a response (206)
//! changed.
//!
//! ## nginx
//! | nginx | here |
//! |---|---|
//! | `add_before_body` | [`AdditionLayer::before`] |
//! | `add_after_body` | [`AdditionLayer::after`] |
//! | `addition_types` | [`AdditionLayer::types`] |
//!
//! ## Errors
//! Those of the body inside and of what is added end the response's body with an [`Error`], which keeps the cause: whoever sends it has to cut
//! the message, for it is not complete. After an error of the body inside nothing is added.
//!
//! ## Cost
//! One look at the status and at `Content-Type` for a response that is left alone. One that gets something has two boxes for
//! each addition: the future that asks for it, and its body.

mod addition;
mod body;
mod error;
mod future;
mod layer;
mod rules;
mod service;

pub use body::ResponseBody;
pub use error::Error;
pub use future::ResponseFuture;
pub use layer::AdditionLayer;
pub use service::Addition;
