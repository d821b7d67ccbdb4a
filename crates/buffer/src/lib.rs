//! Buffers message bodies. Requests are read whole before they are forwarded, so that they can be retried; responses are read as fast
//! as the upstream sends them, so that a slow client does not tie up an upstream connection. Bodies stay in memory up to a limit,
//! then spill to an unlinked temporary file.
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
//! [`RequestBufferLayer`]:
//! - [`Mode::Whole`]: reads the body to its end before the inner service is called, so that its length is known however it was sent.
//!   Up to [`memory`](RequestBufferLayer::memory) bytes stay in memory; a larger body is written in full to an unlinked file, which
//!   disappears with the last clone, whatever happens to the process. Files are written and read on tokio's blocking threads.
//! - [`Mode::Stream`]: passes the body on as it arrives. It can be sent to another peer as long as nobody has begun to read it, and
//!   after that if it arrived in one piece, which is kept (nginx: a body that came with its head).
//! - [`Mode::StreamAnnounced`]: streams the body if its length is announced, else reads it whole.
//! - [`max_size`](RequestBufferLayer::max_size): refuses larger bodies, before reading them if the length is announced.
//! - An empty body is passed on unchanged. Trailers are kept.
//!
//! [`ResponseBufferLayer`]:
//! - Passes data to the client as it arrives, and keeps reading while the client is busy. The client's task reads while it is waiting
//!   for data; otherwise a task on the runtime reads, which ends with the body.
//! - Keeps what fits into `count` times `size` in memory. Most of what exceeds it goes to a file of up to `max_temp_file_size`; when
//!   that is full, the upstream has to wait. At its end the inner body is dropped, however much the client still has to receive.
//! - Passes event streams, gRPC, upgrades and responses with `X-Accel-Buffering: no` through unbuffered: see [`Way`].
//! - Delivers an error after all data that came before it.
//!
//! ## What it does not
//! The layers do not decide whether a request is retried; a retry layer does. They do not limit how long a body takes, and do not
//! hold data back to form larger pieces. They do not control how much data the client's connection holds: see
//! [`ResponseBufferLayer::busy_bytes`].
//!
//! ## nginx
//! | nginx | here |
//! |---|---|
//! | `proxy_request_buffering` | [`RequestBufferLayer::mode`] |
//! | `client_body_buffer_size` | [`RequestBufferLayer::memory`] |
//! | `client_body_in_file_only clean` | [`RequestBufferLayer::in_file_only`] |
//! | `client_body_temp_path` | [`RequestBufferLayer::new`] |
//! | `client_max_body_size` | [`RequestBufferLayer::max_size`] |
//! | `proxy_buffering` | [`ResponseBufferLayer::on`] |
//! | `proxy_buffers` | [`ResponseBufferLayer::count`], [`ResponseBufferLayer::size`] |
//! | `proxy_busy_buffers_size` | [`ResponseBufferLayer::busy_size`] |
//! | `proxy_max_temp_file_size` | [`ResponseBufferLayer::max_temp_file_size`] |
//! | `proxy_temp_file_write_size` | [`ResponseBufferLayer::temp_file_write_size`] |
//! | `proxy_temp_path` | [`ResponseBufferLayer::new`] |
//!
//! ## Errors
//! [`Error`], boxed: the body is too large, a temporary file failed, or a streamed body was requested twice. Errors of the body are
//! passed on unchanged, and the inner service is not called. If the temporary file of a response cannot be created or written, this
//! is not an error: the upstream waits for the client instead, and an [`Event`] is reported.
//!
//! ## Cost
//! An empty request body costs nothing. A body read whole costs one future on the heap and one copy into memory; in a file, also 64
//! KiB of memory and a task switch for each 64 KiB written or read. Memory per request: `memory` or 64 KiB, plus the current frame.
//!
//! A response costs one allocation and, unless its first frame is its last, a task. Data is not copied while the client keeps up with
//! the upstream; data that has to wait is copied once. Memory per response: `count` times `size`.

mod error;
mod replay;
mod request;
mod response;
mod spill;

pub use error::{BoxError, Error};
pub use replay::Replay;
pub use request::{Begun, Mode, RequestBody, RequestBuffer, RequestBufferLayer, ResponseFuture};
pub use response::{
    BufferedFuture, Event, Report, ResponseBody, ResponseBuffer, ResponseBufferLayer, Way, Why,
};
