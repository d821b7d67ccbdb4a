//! Values stored in memcached, as HTTP responses: the client side of its text protocol, and a client connection for tower services.
//!
//! [`send`] requests the [`Key`] of a request on a [`Connection`] and returns an `http` response, whose [`Body`] owns the connection until
//! its end. A value that memcached has is a 200. A value that it does not have is a 404, so that another service can answer instead.
//!
//! ## Example
//!
//! ```
//! use http_body_util::BodyExt;
//! use propylon_memcached::{Config, Connection, Key, send};
//! use tokio::io::{AsyncReadExt, AsyncWriteExt};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (ours, mut memcached) = tokio::io::duplex(1024);
//! memcached.write_all(b"VALUE /a%20b 0 5\r\nhello\r\nEND\r\n").await?;
//!
//! let mut request = http::Request::new(());
//! request.extensions_mut().insert(Key::escaped(b"/a b").ok_or("no key")?);
//! let response = send(Connection::new(ours), request, Config::new(), ()).await?;
//! assert_eq!((response.status().as_u16(), &response.headers()["content-length"]), (200, &"5".parse()?));
//! assert_eq!(response.into_body().collect().await?.to_bytes(), "hello");
//!
//! let mut sent = String::new();
//! memcached.read_to_string(&mut sent).await?;
//! assert_eq!(sent, "get /a%20b\r\n");
//! # Ok(())
//! # }
//! ```
//!
//! ## What it does
//!
//! - **Requests** one key (`get`), in one write. No key can end the request line: [`Key::escaped`].
//! - **Reads** the value as it arrives, with back-pressure. A value that was stored compressed says so in its flags ([`Config::gzip_flag`])
//!   and gets `Content-Encoding: gzip`.
//! - **Truncates visibly**: the last piece of a value is held back until its terminator has arrived. A value that is shorter or longer than
//!   announced is an error; if all of it arrives together with the line before it, the error comes before the response.
//! - **Reuses** the connection, if the exchange ended cleanly: it is handed to the [`Keeper`].
//!
//! Dropping the response's future or body closes the connection.
//!
//! ## What it does not
//!
//! - It has no commands but `get`, does not request several keys at once, and does not support the binary protocol. It does not store
//!   values.
//! - The only fields are `Content-Length` and `Content-Encoding`: memcached knows neither types nor times.
//! - It has no timeouts, no pool and no retries: these are for layers around it.
//! - How connections are read and written is the responsibility of `propylon-cgi`.
//!
//! ## nginx
//!
//! | directive | here |
//! |---|---|
//! | `$memcached_key` | [`Key::escaped`] |
//! | `memcached_gzip_flag` | [`Config::gzip_flag`] |
//! | `memcached_buffer_size`, as the limit of a line | [`Config::max_head`] |
//! | `memcached_pass` | not here: the caller connects |
//!
//! Difference: if a value is longer than announced, nginx logs it and forwards the first part as if it were complete.
//!
//! ## Errors
//!
//! [`Error`], with the texts that nginx logs: `NoKey` (nothing was sent), `Closed`, `Io` and `Invalid` before there is a response; `Truncated`,
//! `BodyIo` and `InvalidBody` from the body. A missing value is not an error, but a 404.
//!
//! ## Cost
//!
//! A request takes one write and one box, and a response one box. The read buffer has 8 KiB and grows while reads fill it, up to
//! [`Config::read_buffer`]; data is passed on without a copy. An idle connection holds no buffer.

mod body;
mod config;
mod error;
mod key;
mod reply;
mod sending;

pub use body::Body;
pub use config::Config;
pub use error::{Error, Fault};
pub use key::Key;
pub use propylon_cgi::{Connection, Counters, Keeper};
pub use sending::{Sending, send};
