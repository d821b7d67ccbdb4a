//! CGI over sockets, from the web server's side: the [`Params`] of requests, the [heads](HeadReader) of responses (RFC 3875), and a
//! client connection for tower services that speaks uwsgi or SCGI. The parts that these share with FastCGI are here too.
//!
//! [`send`] sends a request with its [`Params`] on a [`Connection`] and returns an `http` response, whose [`Body`] owns the connection
//! until its end.
//!
//! ## Example
//! ```
//! use http_body_util::{BodyExt, Full};
//! use propylon_cgi::{Config, Connection, Params, send};
//! use tokio::io::{AsyncReadExt, AsyncWriteExt};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), propylon_cgi::BoxError> {
//! let (ours, mut application) = tokio::io::duplex(1024);
//! application.write_all(b"HTTP/1.1 404 Not Found\r\nX-A: b\r\n\r\nno").await?;
//! application.shutdown().await?; // which is where the body ends
//!
//! let mut request = http::Request::new(Full::<bytes::Bytes>::from("a=b"));
//! request.extensions_mut().insert(Params::builder().push("REQUEST_METHOD", "POST").build());
//! let response = send(Connection::new(ours), request, &Config::scgi()).await?;
//! assert_eq!((response.status().as_u16(), &response.headers()["x-a"]), (404, &"b".parse()?));
//! assert_eq!(response.into_body().collect().await?.to_bytes(), "no");
//!
//! let mut sent = String::new();
//! application.read_to_string(&mut sent).await?;
//! assert_eq!(sent, "44:CONTENT_LENGTH\x003\0SCGI\x001\0REQUEST_METHOD\0POST\0,a=b");
//! # Ok(())
//! # }
//! ```
//!
//! ## What it does
//! - **Sends** the params and the available part of the body in one write, and the rest of the body as it arrives, with back-pressure,
//!   while the response is already being read.
//! - **Parses** the head of the response (RFC 3875 6): the status is that of an HTTP status line, if there is one, else that of
//!   `Status`, else 302 with a `Location`, else 200. Lines may end in a bare line feed. `Connection` and `Transfer-Encoding` are
//!   dropped.
//! - **Detects truncation** where possible: a response with a `Content-Length` ends after that many bytes, and a shorter one is an
//!   error. Without it the response ends when the connection is closed, unless the connection fails ([`Config::abrupt_end`]).
//! - **Adds** the variables that SCGI requires: `CONTENT_LENGTH` first, and `SCGI`, once each.
//!
//! ## What it does not
//! Connections are not reused: neither protocol can. Bodies of unknown length cannot be sent, because neither protocol can mark their
//! end. There are no params of its own except the two of SCGI, no 101, no timeouts, no pool, and no FastCGI: use `propylon-fastcgi`.
//!
//! ## nginx
//! | nginx | here |
//! |---|---|
//! | `uwsgi_param`, `scgi_param` | [`Params`] |
//! | `uwsgi_modifier1`, `uwsgi_modifier2` | [`Config::uwsgi`] |
//! | `uwsgi_buffer_size`, `scgi_buffer_size` (as the limit of a head) | [`Config::max_head`] |
//!
//! Differences: a repeated `Content-Length`, or one that is not a number, is an error; so is a status below 200. `Status` never becomes
//! a response field. A NUL in an SCGI param is an error, and `SCGI` is sent whatever the params are.
//!
//! ## Errors
//! [`Error`], with the messages that nginx logs. A [`RequestFault`] means that nothing of the request was sent.
//!
//! ## Cost
//! A request without a body is one write. A request body costs one box, and up to sixteen frames go out in one call. A response costs a
//! read buffer of 8 KiB, which grows up to [`Config::read_buffer`] (64 KiB by default) while reads fill it. Data is passed on without a
//! copy, except for the head.

mod body;
mod config;
mod connection;
mod error;
mod head;
mod keeper;
mod left;
mod params;
mod scgi;
mod sending;
mod transfer;
mod upload;
mod uwsgi;

pub use body::Body;
pub use config::Config;
pub use connection::{Connection, Counters};
pub use error::{BoxError, Error, HeadFault, RequestFault};
pub use head::{Head, HeadReader, Reason};
pub use keeper::Keeper;
pub use left::Left;
pub use params::{Params, ParamsBuilder};
pub use sending::{Sending, send};
pub use transfer::Transfer;
pub use upload::{Bare, Framing};
