//! What clients ask of a response that is there: only if it has changed, or only a part of it (RFC 9110 13 and 14). Functions of
//! heads that know no clock and no I/O; whoever has a response, from a cache or an upstream, judges by them.
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
//! - [`judge`]: `If-Match`, `If-Unmodified-Since`, `If-None-Match`, `If-Modified-Since`, then `Range` with `If-Range`, in the order of RFC 9110
//!   13.2.2. The dates of the RFC in all three forms, and nothing else that looks like one; tags as bytes.
//! - [`show`]: the head that a response has then, of [`partial`], [`unsatisfiable`], [`not_modified`], [`forbidden`], and what of its body goes with it.
//! - [`Window`]: cuts a part out of what comes in pieces; [`Cut`]: out of a body.
//! - [`range`], [`date`], [`list`]: what these are made of.
//!
//! ## What it does not
//! It knows no clock, and writes no `multipart/byteranges`: [`Shown::Parts`] says which ranges these would be.
//!
//! ## nginx
//! | nginx | here |
//! |---|---|
//! | the filter of conditions | [`judge`] |
//! | the filter of ranges | [`range::select`] |
//!
//! Differences: a `Range` that cannot be read is ignored, as RFC 9110 14.2 has it, where nginx answers 416; ranges are for GET alone; at most 16
//! of them.
//!
//! ## Errors
//! What cannot be read is not asked for. [`Short`], when a body ends before its length says: a part that is not whole is no part.
//!
//! ## Cost
//! The list of ranges, and a `Content-Range`, are allocated.

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
