//! Evaluates conditional and range requests (RFC 9110 13 and 14) against an available response, whether it comes from a cache or from an upstream.
//! Pure functions of heads, without clock and I/O.
//!
//! ## Example
//! ```
//! use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
//! use propylon_conditions::{Shown, judge, show};
//!
//! let request = HeaderMap::from_iter([(header::RANGE, HeaderValue::from_static("bytes=2-3"))]);
//! let mut response = Response::new("0123456789");
//! let shown = judge(&Method::GET, &request, response.status(), response.headers(), Some(10), 0);
//! assert_eq!(shown, Shown::Part(2..4, 10));
//! assert_eq!(show(&mut response, &shown), Some(2..4));
//! assert_eq!(response.status(), StatusCode::PARTIAL_CONTENT);
//! assert_eq!(response.headers()[header::CONTENT_RANGE], "bytes 2-3/10");
//! ```
//!
//! ## What it does
//! - [`judge`]: evaluates `If-Match`, `If-Unmodified-Since`, `If-None-Match`, `If-Modified-Since`, then `Range` with `If-Range`, in the order of RFC
//!   9110 13.2.2. Dates are accepted in the RFC's three formats and no others; entity tags are compared as bytes.
//! - [`show`]: turns the response's head into that of the result, by [`partial`], [`unsatisfiable`], [`not_modified`] or [`forbidden`], and says
//!   which part of the body to send.
//! - [`Window`]: cuts a part out of data that arrives in pieces; [`Cut`]: out of a body.
//! - [`range`], [`date`], [`list`]: the parsers behind these functions.
//!
//! ## What it does not
//! The crate reads no clock, and writes no `multipart/byteranges`: [`Shown::Parts`] lists the ranges for the caller to send.
//!
//! ## nginx
//! | nginx | here |
//! |---|---|
//! | the not-modified filter | [`judge`] |
//! | the range filter | [`range::select`] |
//!
//! Differences: a malformed `Range` is ignored, as RFC 9110 14.2 requires, where nginx answers 416. Ranges are supported for GET only, and at most 16
//! of them.
//!
//! ## Errors
//! Fields that cannot be parsed are ignored. [`Short`]: the body ended before its announced length, so the part is incomplete.
//!
//! ## Cost
//! The list of ranges and `Content-Range` are allocated.

mod cut;
pub mod date;
pub mod list;
mod preconditions;
pub mod range;
mod shown;
mod window;

pub use cut::{Cut, Short};
pub use preconditions::{is_weak, opaque, strip_conditions};
pub use shown::{Shown, forbidden, judge, not_modified, partial, show, unsatisfiable};
pub use window::Window;

/// The error of bodies: that of a part, or one from inside.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
