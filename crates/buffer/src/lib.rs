//! Bodies that are kept on their way, in memory up to a limit, then in an unlinked file: requests whole, so that they can be
//! sent again; responses as fast as they come, so that a slow client holds nothing of the upstream's.
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
//! - [`Mode::Stream`]: passes the body on as it comes. It can be sent to another peer as long as nobody has begun to read
//!   it, and after that if it came in one piece, which is kept (nginx: a body that came with its head).
//! - [`Mode::StreamAnnounced`]: the one or the other, by whether the body says how long it is.
//! - [`max_size`](RequestBufferLayer::max_size): refuses larger bodies, before reading where the length is announced.
//! - An empty body goes through as it is. Trailers are kept.
//!
//!
//! [`ResponseBufferLayer`]:
//! - gives the client what comes when it comes, and reads on while the client is busy with that. Whoever waits reads: the client's
//!   own task, else one of the runtime, which ends with the body.
//! - What fits into `count` times `size` stays in memory; of more, most is in a file of up to `max_temp_file_size`; then the upstream
//!   waits. At its end the inner body is dropped, however much the client has still to get.
//! - Event streams, gRPC, upgrades and `X-Accel-Buffering: no` are passed on as they are: see [`Way`].
//! - An error comes after all that came before it.
//!
//! ## What it does not
//! It does not decide whether a request is sent again; a retry layer does. It does not limit the time that a body takes. It holds
//! no byte back to make larger pieces. It has no say over what the client's connection holds: see
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
//! [`Error`], boxed: too large, a temporary file that failed, a streamed body asked for twice. Errors of the body pass as they
//! are, and the inner service is not called. A response's file that cannot be made or written is no error: the upstream waits for
//! the client instead, and [`Event`] tells.
//!
//! ## Cost
//! An empty body: nothing. A whole one: one future on the heap, one copy into memory; in a file, besides, 64 KiB of
//! memory and a task switch for each 64 KiB written or read. Memory a request: `memory` or 64 KiB, and the frame at hand.
//!
//! A response: one allocation and, from the first frame on that is not the last, a task; no copy while the client is as fast as the
//! upstream, one copy of what has to wait. Memory a response: `count` times `size`.

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
