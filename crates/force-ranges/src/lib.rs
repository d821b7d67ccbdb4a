//! A tower layer that gives clients the ranges that they ask for, of responses whose upstream knows no ranges: nginx's `proxy_force_ranges`.
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
//! - A 200 to a GET whose length is known is cut to the range that the request asks for, with `If-Range` judged by the response's own `ETag` and
//!   `Last-Modified` (RFC 9110 13.1.5 and 14): 206, or 416.
//! - Such a response says `Accept-Ranges: bytes`; whatever any response says of that itself goes.
//!
//! ## What it does not
//! It asks for nothing else than the client does: an upstream that knows ranges after all answers 206, which passes. Several ranges get the
//! whole, which is always right. What was skipped has been read all the same; what comes behind the range is not.
//!
//! ## nginx
//! | nginx | here |
//! |---|---|
//! | `proxy_force_ranges on` | [`ForceRangesLayer::new`] |
//!
//! Differences: a `Range` that cannot be read is ignored, as RFC 9110 14.2 has it, where nginx answers 416, and so is one of HEAD; behind the
//! range nginx reads on.
//!
//! ## Errors
//! [`Error`], when a body ends before its length says: the message is cut, never complete. Errors of the body pass.
//!
//! ## Cost
//! A look at three fields; where a range is asked for, a clone of the request's fields. Nothing is copied.

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
