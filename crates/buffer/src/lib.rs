//! Request bodies that can be sent again: kept in memory up to a limit, then in an unlinked file.
//!
//! ## Example
//! ```
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body::Body;
//! use http_body_util::Full;
//! use propylon_buffer::{RequestBody, RequestBufferLayer};
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), propylon_buffer::BoxError> {
//! let service = RequestBufferLayer::new(std::env::temp_dir()).memory(4).layer(service_fn(
//!     |request: Request<RequestBody<Full<Bytes>>>| async move {
//!         let body = request.into_body();
//!         let again = body.clone(); // the same, from its beginning, as often as you like
//!         assert!(again.can_be_read());
//!         Ok::<_, propylon_buffer::BoxError>(Response::new(body.size_hint().exact()))
//!     },
//! ));
//! let response = service.oneshot(Request::new(Full::from("more than four bytes"))).await?;
//! assert_eq!(response.into_body(), Some(20));
//! # Ok(())
//! # }
//! ```
//!
//! ## What it does
//! - [`Mode::Whole`]: reads the body to its end before the inner service is called. It has a length then, however it came.
//!   Up to [`memory`](RequestBufferLayer::memory) bytes stay in memory; a larger one is in a file as a whole, which has no name
//!   and is gone with the last clone, whatever happens to the process. Files are written and read on tokio's blocking threads.
//! - [`Mode::Stream`]: passes the body on as it comes. It can be sent to another peer as long as nobody has begun to read it.
//! - [`max_size`](RequestBufferLayer::max_size): refuses larger bodies, before reading where the length is announced.
//! - An empty body goes through as it is. Trailers are kept.
//!
//! ## What it does not
//! It does not decide whether a request is sent again; a retry layer does. It does not limit the time that a body takes.
//!
//! ## nginx
//! | nginx | here |
//! |---|---|
//! | `proxy_request_buffering` | [`RequestBufferLayer::mode`] |
//! | `client_body_buffer_size` | [`RequestBufferLayer::memory`] |
//! | `client_body_in_file_only clean` | [`RequestBufferLayer::in_file_only`] |
//! | `client_body_temp_path` | [`RequestBufferLayer::new`] |
//! | `client_max_body_size` | [`RequestBufferLayer::max_size`] |
//!
//! ## Errors
//! [`Error`], boxed: too large, a temporary file that failed, a streamed body asked for twice. Errors of the body pass as they
//! are, and the inner service is not called.
//!
//! ## Cost
//! An empty body: nothing. A whole one: one future on the heap, one copy into memory; in a file, besides, 64 KiB of
//! memory and a task switch for each 64 KiB written or read. Memory a request: `memory` or 64 KiB, and the frame at hand.

mod error;
mod replay;
mod request;
mod spill;

pub use error::{BoxError, Error};
pub use replay::Replay;
pub use request::{Begun, Mode, RequestBody, RequestBuffer, RequestBufferLayer, ResponseFuture};
