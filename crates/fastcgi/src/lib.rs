//! FastCGI 1.0 from the web server's side: a codec without I/O, and a client connection for tower services on it.
//!
//! [`send`] sends a request with its [`Params`] on a [`Connection`] and gives back an `http` response, whose [`Body`] has the
//! connection until the application says that the request is over.
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
//! - **Sends** the params and the body in records, what there is of them in one write; the body as it comes, with back-pressure,
//!   while the response is read already.
//! - **Reads** the head of the response (RFC 3875 6): `Status`, else 302 with a `Location`, else 200; a line may end in a line feed
//!   alone. `Connection` and `Transfer-Encoding` of a script are left out.
//! - **Cuts, never completes**: a response is over when the application says so, not when its connection ends; one that is shorter
//!   than its `Content-Length` is an error, what is longer is cut off there.
//! - **Hears** the standard error ([`Stderr`]), and makes an error of what [`Config::catch_stderr`] names.
//! - **Keeps connections** if [`Config::keep_conn`] asks for it: one goes to the [`Keeper`] when the request was sent, the
//!   application has ended it, and nothing came behind.
//!
//! ## What it does not
//! No several requests on one connection, no roles but that of the responder, no params of its own, no limits of time, no pool.
//!
//! ## nginx
//! | nginx | here |
//! |---|---|
//! | `fastcgi_param` | [`Params`] |
//! | `fastcgi_keep_conn`, `fastcgi_catch_stderr` | [`Config`] |
//! | `fastcgi_buffer_size` (as the limit of a head) | [`Config::max_head`] |
//!
//! Differences: a `Content-Length` that stands there twice, or is no number, is an error; so are a status below 200 and output
//! behind the end of output.
//!
//! ## Errors
//! [`Error`], with the texts that nginx logs.
//!
//! ## Cost
//! A request without a body is one write, its end in the same piece as its beginning. A body: one box, two pieces for each frame,
//! sixteen of which go out in one call. The response: a read buffer of 8 KiB, up to [`Config::read_buffer`] while reads fill it; data
//! is passed on without a copy, but for the head. An idle connection holds no buffer.

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
