//! A tower layer that answers range requests even if the upstream does not support them: nginx's `proxy_force_ranges`.
//!
//! ## Example
//! ```
//! use bytes::Bytes;
//! use http::{Request, Response, StatusCode, header};
//! use http_body_util::{BodyExt, Full, Limited};
//! use propylon_force_ranges::ForceRangesLayer;
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//! let service = ForceRangesLayer::new().layer(service_fn(|_: Request<()>| async {
//!     Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::from("0123456789")))
//! }));
//!
//! let response = service.oneshot(Request::get("/").header(header::RANGE, "bytes=3-5").body(())?).await?;
//! assert_eq!(response.status(), StatusCode::PARTIAL_CONTENT);
//! assert_eq!(response.headers()[header::CONTENT_RANGE], "bytes 3-5/10");
//! # #[expect(clippy::disallowed_methods, reason = "it is limited")]
//! let body = Limited::new(response.into_body(), 100).collect().await?.to_bytes();
//! assert_eq!(body, "345");
//! # Ok(())
//! # }
//! ```
//!
//! ## What it does
//! - A 200 response to a GET whose length is known is cut to the requested range and becomes a 206, or a 416. `If-Range` is compared with the
//!   response's own `ETag` and `Last-Modified` (RFC 9110 13.1.5 and 14).
//! - A 200 response of known length that is sent whole gets `Accept-Ranges: bytes`; the upstream's own `Accept-Ranges` is removed from every
//!   response.
//!
//! ## What it does not
//! The layer forwards the request unchanged: a 206 from an upstream that does support ranges is passed on. A request for several ranges gets the
//! whole response, which is always correct. Data before the range is read and discarded; data after it is not read.
//!
//! ## nginx
//! | nginx | here |
//! |---|---|
//! | `proxy_force_ranges on` | [`ForceRangesLayer::new`] |
//!
//! Differences: a malformed `Range` is ignored, as RFC 9110 14.2 requires, where nginx answers 416, and so is a `Range` in a HEAD request. nginx
//! keeps reading after the range.
//!
//! ## Errors
//! [`Error`]: the body ended before its announced length; the message is aborted rather than completed. Errors of the body are passed on.
//!
//! ## Cost
//! A look at three fields; for a range request, a clone of the request's fields. Data is not copied.

mod body;
mod future;
mod layer;
mod service;

pub use body::ResponseBody;
pub use future::ResponseFuture;
pub use layer::ForceRangesLayer;
pub use service::ForceRanges;

/// What the body of a part is cut short with.
pub use propylon_conditions::Short as Error;

/// The error of bodies: [`Error`], or one from inside.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
