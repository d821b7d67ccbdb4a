//! A tower layer that asks for large responses in slices and puts these together for the client: nginx's `slice`. A cache inside keeps each
//! slice by itself: of a large file it has what was asked for, and a client that looks at the end does not wait for the beginning.
//!
//! ## Example
//! ```
//! use std::num::NonZeroU64;
//! use bytes::Bytes;
//! use http::{Request, Response, StatusCode, header};
//! use http_body_util::{BodyExt, Full, Limited};
//! use propylon_slice::{Slice, SliceLayer};
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), propylon_slice::BoxError> {
//! const ALL: &[u8] = b"0123456789abcdef";
//! let origin = service_fn(|request: Request<Full<Bytes>>| async move {
//!     let slice = request.extensions().get::<Slice>().expect("it is asked for slices").within(16);
//!     let said = format!("bytes {}-{}/16", slice.start, slice.end - 1);
//!     let part = &ALL[slice.start as usize..slice.end as usize];
//!     Response::builder().status(206).header(header::CONTENT_RANGE, said).body(Full::<Bytes>::from(part))
//! });
//! let service = SliceLayer::new(NonZeroU64::new(4).unwrap()).layer(origin);
//!
//! let request = Request::get("/").header(header::RANGE, "bytes=6-9").body(Full::default())?;
//! let response = service.oneshot(request).await?;
//! assert_eq!(response.status(), StatusCode::PARTIAL_CONTENT);
//! assert_eq!(response.headers()[header::CONTENT_RANGE], "bytes 6-9/16");
//! # #[expect(clippy::disallowed_methods, reason = "it is limited")]
//! let body = Limited::new(response.into_body(), 100).collect().await?.to_bytes();
//! assert_eq!(body, "6789");
//! # Ok(())
//! # }
//! ```
//!
//! ## What it does
//! - GET and HEAD: the inner service is asked for the slice that the answer begins with, by `Range`, without the client's own ranges and
//!   conditions. These are judged here, by the first slice's head (RFC 9110 13 and 14): the client gets 200, 206, 304, 412 or 416.
//! - Each of the other slices is asked for when the one before it has been read. So many are as the client wants, and no more.
//! - Slices have to be of one representation: the same length, `ETag`, and, where that is not a strong one, `Last-Modified`. What does not go with the
//!   others, is no slice, or is not whole, ends the response with an [error](Error): the message is cut, never complete.
//! - What is not answered with 206 passes as it is; of a 200, which knows no ranges, the client gets the part that it wants.
//! - Where a part of nothing is refused (416, `bytes */0`), all of it is asked for.
//!
//! ## What it does not
//! It keeps nothing: that is for a cache inside, whose key tells slices apart (see [`Slice`] and [`SliceLayer::asking`]). It gives several ranges
//! at once as the whole, and asks for nothing ahead. Requests with a body, other methods and upgrades pass as they are.
//!
//! ## nginx
//! | nginx | here |
//! |---|---|
//! | `slice` | [`SliceLayer::new`] |
//! | `$slice_range` | [`Slice`], as a text |
//!
//! Differences: nginx compares entity tags alone; it passes conditions on; a first slice that is none closes its client's connection, where here
//! an error is what the request ends with.
//!
//! ## Errors
//! [`Error`], boxed, for what is no slice: as the request's before the head, as the body's behind it. Errors of the inner service and of its
//! bodies pass as they are.
//!
//! ## Cost
//! A clone of the request's fields, one of its extensions, and two boxes; for each slice behind the first a request with a clone of both, and two
//! boxes. Nothing is copied.

mod body;
mod error;
mod future;
mod layer;
mod rest;
mod service;
mod slice;

pub use body::ResponseBody;
pub use error::Error;
pub use future::ResponseFuture;
pub use layer::SliceLayer;
pub use rest::InSlices;
pub use service::Slices;
pub use slice::Slice;

/// The error of the service and of bodies: one of this crate's, or one from inside.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
