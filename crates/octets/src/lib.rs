//! The octets of heads, sixteen at a time: where their lines end, and which of them are the values of fields.
//!
//! All `unsafe` of the workspace is here, in two functions.
//!
//! ## Example
//! ```
//! use bytes::Bytes;
//!
//! let value = propylon_octets::value(Bytes::from_static(b"text/html; charset=utf-8"))?;
//! assert_eq!(value, "text/html; charset=utf-8");
//! assert!(propylon_octets::value(Bytes::from_static(b"two\r\nlines")).is_err());
//! # Ok::<(), http::header::InvalidHeaderValue>(())
//! ```
//!
//! ## What it does
//! - [`value`] makes the value of a field (RFC 9110 5.5) of bytes without a copy of them, [`copied_value`] of a copy; [`is_value`] tells
//!   whether there could be one. What is accepted is what `http` accepts.
//! - [`feeds_and_colons`] tells where in sixteen bytes lines and names end.
//!
//! ## What it does not
//! It trims nothing: blanks around a value are a part of it.
//!
//! ## nginx
//! There is nothing of the kind: nginx copies a field's octets as they are, once they are no control characters.
//!
//! ## Errors
//! [`InvalidHeaderValue`](http::header::InvalidHeaderValue): there is a byte below the blank that is no tab, or 0x7F.
//!
//! ## Cost
//! `http` takes 8 instructions for each byte of a value, this a few for sixteen, if they are blanks and visible ASCII. Where there is any other
//! byte, `http` judges.

mod block;
mod value;

pub use block::feeds_and_colons;
pub use value::{copied_value, is_value, value};
