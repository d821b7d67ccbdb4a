//! CGI over sockets, from the web server's side: the [`Params`] of requests, the [heads](HeadReader) of responses (RFC 3875), and a
//! client connection for tower services that speaks uwsgi or SCGI. What FastCGI has in common with them is here too.
//!
//! [`send`] sends a request with its [`Params`] on a [`Connection`] and gives back an `http` response, whose [`Body`] has the
//! connection until its end.
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
//! - **Sends** the params and the body, what there is of them in one write; the body as it comes, with back-pressure, while the
//!   response is read already.
//! - **Reads** the head of the response (RFC 3875 6): a status line of HTTP, if there is one, else `Status`, else 302 with a `Location`,
//!   else 200; a line may end in a line feed alone. `Connection` and `Transfer-Encoding` are left out.
//! - **Cuts, never completes**, where it can be told: a response with a `Content-Length` is over when that much has come, and one that
//!   is shorter is an error. Without one it is over with its connection, unless that fails ([`Config::abrupt_end`]).
//! - **Says** in SCGI what the protocol asks for: `CONTENT_LENGTH` first, and `SCGI`, each once.
//!
//! ## What it does not
//! No connection is kept: neither protocol can. No body of unknown length, for neither has an end of it. No params of its own but
//! those two, no 101, no limits of time, no pool, no FastCGI: `propylon-fastcgi` is that.
//!
//! ## nginx
//! | nginx | here |
//! |---|---|
//! | `uwsgi_param`, `scgi_param` | [`Params`] |
//! | `uwsgi_modifier1`, `uwsgi_modifier2` | [`Config::uwsgi`] |
//! | `uwsgi_buffer_size`, `scgi_buffer_size` (as the limit of a head) | [`Config::max_head`] |
//!
//! Differences: a `Content-Length` that stands there twice, or is no number, is an error; so is a status below 200. `Status` is never a
//! field of the response. A NUL in a param of SCGI is an error, and `SCGI` is sent whatever the params are.
//!
//! ## Errors
//! [`Error`], with the texts that nginx logs: among them [`RequestFault`], of a request of which nothing was sent.
//!
//! ## Cost
//! A request without a body is one write. A body: one box, up to sixteen frames in one call. The response: a read buffer of 8 KiB, up
//! to [`Config::read_buffer`] while reads fill it; data is passed on without a copy, but for the head.

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
