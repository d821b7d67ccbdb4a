//! A tower layer that requests large responses in slices and reassembles them for the client: nginx's `slice`. A cache inside the layer
//! stores each slice separately, so it holds only the requested parts of a large file, and a client that reads the end need not wait for
//! the beginning.
//!
//! ## Example
//!
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
//!
//! - For GET and HEAD, the layer requests the slice that the response begins with from the inner service, by `Range`, without the client's
//!   own ranges and conditions. It evaluates these itself, against the head of the first slice (RFC 9110 13 and 14): the client gets 200,
//!   206, 304, 412 or 416.
//! - Each following slice is requested when the one before it has been read, up to the end of what the client asked for and no further.
//! - All slices must belong to the same representation: the same length, `ETag` and, unless that is a strong one, `Last-Modified`. A
//!   response that does not match, is not a slice, or is incomplete ends the client's response with an [error](Error): the message is truncated,
//!   never apparently complete.
//! - Responses other than 206 pass unchanged, except a 200 from a server that does not support ranges: of that, the client gets the part
//!   that it asked for.
//! - If a range of an empty representation is rejected (416, `bytes */0`), the layer requests the whole representation.
//!
//! ## What it does not
//!
//! The layer stores nothing: a cache inside it does, with a key that distinguishes slices (see [`Slice`] and [`SliceLayer::asking`]). It
//! answers a request for several ranges with the whole representation, and does not prefetch. Requests with a body, other methods and
//! upgrades pass unchanged.
//!
//! ## nginx
//!
//! | nginx | here |
//! |---|---|
//! | `slice` | [`SliceLayer::new`] |
//! | `$slice_range` | [`Slice`], as text |
//!
//! Differences: nginx compares entity tags only, and forwards conditions. If the first response is not a slice, nginx closes the client's
//! connection; here the request fails with an error.
//!
//! ## Errors
//!
//! [`Error`], boxed, for a response that is not a slice: from the request before the head, from the body after it. Errors of the inner
//! service and of its bodies pass through unchanged.
//!
//! ## Cost
//!
//! A clone of the request's fields, one of its extensions, and two boxes. For each further slice, a request with a clone of both, and two
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
