//! What clients ask of a response that is there: only if it has changed, or only a part of it (RFC 9110 13 and 14). Pure functions of
//! heads; whoever has a response, from a cache or an upstream, judges by them.
//!
//! ## Example
//! ```
//! use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
//! use propylon_conditions::{Shown, judge, partial};
//!
//! let request = HeaderMap::from_iter([(header::RANGE, HeaderValue::from_static("bytes=2-3"))]);
//! let mut response = Response::new("0123456789");
//! let shown = judge(&Method::GET, &request, response.status(), response.headers(), Some(10), 0);
//! assert_eq!(shown, Shown::Part(2..4, 10));
//! partial(&mut response, &(2..4), 10);
//! assert_eq!(response.status(), StatusCode::PARTIAL_CONTENT);
//! assert_eq!(response.headers()[header::CONTENT_RANGE], "bytes 2-3/10");
//! ```
//!
//! ## What it does
//! - [`judge`]: `If-Match`, `If-Unmodified-Since`, `If-None-Match`, `If-Modified-Since`, then `Range` with `If-Range`, in the order of RFC 9110
//!   13.2.2. The dates of the RFC in all three forms, and nothing else that looks like one; tags as bytes.
//! - [`partial`], [`unsatisfiable`], [`not_modified`], [`forbidden`]: the head that a response has then.
//! - [`Window`]: cuts a part out of a body that comes in pieces.
//! - [`range`], [`date`], [`list`]: what these are made of.
//!
//! ## What it does not
//! It reads no bodies, knows no clock, and writes no `multipart/byteranges`: [`Shown::Parts`] says which ranges these would be.
//!
//! ## nginx
//! | nginx | here |
//! |---|---|
//! | the filter of conditions | [`forbids`], [`client_has`] |
//! | the filter of ranges | [`range::select`] |
//!
//! Differences: a `Range` that cannot be read is ignored, as RFC 9110 14.2 has it, where nginx answers 416; ranges are for GET alone; at most 16
//! of them.
//!
//! ## Errors
//! None: what cannot be read is not asked for.
//!
//! ## Cost
//! Nothing is allocated but the list of ranges.

pub mod date;
pub mod list;
mod preconditions;
pub mod range;
mod shown;
mod window;

pub use preconditions::{client_has, forbids, is_weak, opaque, strip_conditions, strip_representation};
pub use shown::{Shown, forbidden, judge, not_modified, partial, unsatisfiable};
pub use window::Window;
