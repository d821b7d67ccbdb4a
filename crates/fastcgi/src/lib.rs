//! FastCGI 1.0 from the web server's side: a sans-I/O codec, and a client connection for tower services built on it.
//!
//! [`send`] sends a request with its [`Params`] on a [`Connection`] and returns an `http` response, whose [`Body`] owns the
//! connection until the application ends the request.
//!
//! ## Example
//! ```
//! use std::sync::Arc;
//! use http_body_util::{BodyExt, Full};
//! use propylon_fastcgi::{Config, Connection, Params, send};
//! use tokio::io::AsyncWriteExt;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), propylon_fastcgi::BoxError> {
//! let (ours, mut application) = tokio::io::duplex(1024);
//! let output = b"Status: 404 Not Found\r\nX-A: b\r\n\r\nno";
//! let mut answer = vec![1, 6, 0, 1, 0, output.len() as u8, 0, 0];
//! answer.extend(output);
//! answer.extend([1, 3, 0, 1, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]); // it is over
//! application.write_all(&answer).await?;
//!
//! let mut request = http::Request::new(Full::<bytes::Bytes>::from("a=b"));
//! request.extensions_mut().insert(Params::builder().push("REQUEST_METHOD", "POST").build());
//! let response = send(Connection::new(ours), request, Arc::new(Config::new()), ()).await?;
//! assert_eq!((response.status().as_u16(), &response.headers()["x-a"]), (404, &"b".parse()?));
//! assert_eq!(response.into_body().collect().await?.to_bytes(), "no");
//! # Ok(())
//! # }
//! ```
//!
//! ## What it does
//! - **Sends** the params and the available part of the body in one write, and the rest of the body as it arrives, in records, with
//!   back-pressure, while the response is already being read.
//! - **Parses** the head of the response (RFC 3875 6): the status is that of `Status`, else 302 with a `Location`, else 200. Lines
//!   may end in a bare line feed. `Connection` and `Transfer-Encoding` from the application are dropped.
//! - **Detects truncation**: a response ends when the application says so, not when its connection is closed. A body shorter than its
//!   `Content-Length` is an error; surplus data is discarded.
//! - **Reports** the standard error stream ([`Stderr`]), and fails if it contains, before the head, a text that
//!   [`Config::catch_stderr`] names.
//! - **Reuses connections** if [`Config::keep_conn`] is set: a connection is handed to the [`Keeper`] when the request has been sent,
//!   the application has ended it, and no further data followed.
//!
//! ## What it does not
//! No multiplexing of requests on one connection, no role other than responder, no params of its own, no timeouts, no pool.
//!
//! ## nginx
//! | nginx | here |
//! |---|---|
//! | `fastcgi_param` | [`Params`] |
//! | `fastcgi_keep_conn`, `fastcgi_catch_stderr` | [`Config`] |
//! | `fastcgi_buffer_size` (as the limit of a head) | [`Config::max_head`] |
//!
//! Differences: a repeated `Content-Length`, or one that is not a number, is an error; so are a status below 200 and output after the
//! end of output.
//!
//! ## Errors
//! [`Error`], with the messages that nginx logs.
//!
//! ## Cost
//! A request without a body is one write of a single piece. A request body costs one box and two pieces for each frame, and up to
//! sixteen pieces go out in one call. A response costs a read buffer of 8 KiB, which grows up to [`Config::read_buffer`] while reads
//! fill it. Data is passed on without a copy, except for the head. An idle connection holds no buffer.

mod body;
mod config;
mod error;
mod record;
mod sending;
mod stderr;
mod wire;

pub use body::Body;
pub use config::Config;
pub use error::{Error, Invalid};
pub use propylon_cgi::{BoxError, Connection, Counters, HeadFault, Keeper, Params, ParamsBuilder, Reason};
pub use sending::{Sending, send};
pub use stderr::Stderr;
