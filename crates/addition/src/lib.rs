//! A tower layer that adds other bodies before and after those of responses: a banner, a footer.
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
//! - Adds the bodies that [`before`](AdditionLayer::before) and [`after`](AdditionLayer::after) supply to responses with status 200 and one of
//!   the [`types`](AdditionLayer::types). Both are closures of the response's head and its extensions, and may return nothing to add.
//! - Fetches each added body when its turn comes and streams it as it arrives: nothing is collected. Trailers of the response follow the last
//!   body; trailers of the added bodies are discarded.
//! - Removes `Content-Length` and `Accept-Ranges`, which no longer apply, makes a strong `ETag` weak, and hides `Range` from the inner service.
//!   A response to HEAD gets the same head, and no added body is fetched.
//!
//! ## What it does not
//! A response with a `Content-Encoding` is left unchanged, because text cannot be added to encoded bytes. A partial response (206) is left
//! unchanged as well.
//!
//! ## nginx
//! | nginx | here |
//! |---|---|
//! | `add_before_body` | [`AdditionLayer::before`] |
//! | `add_after_body` | [`AdditionLayer::after`] |
//! | `addition_types` | [`AdditionLayer::types`] |
//!
//! ## Errors
//! If the inner body or an added body fails, the response's body ends with an [`Error`] that holds the cause. The server must then abort the
//! message, because it is incomplete. Nothing is added after an error of the inner body.
//!
//! ## Cost
//! One look at the status and at `Content-Type` for a response that is left unchanged. Otherwise two boxes for each added body: the future that
//! fetches it, and the body itself.

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
