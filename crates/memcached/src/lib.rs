//! What memcached keeps, as HTTP responses: its text protocol from the side of whoever asks, and a client connection for tower services.
//!
//! [`send`] asks for the [`Key`] of a request on a [`Connection`] and gives back an `http` response, whose [`Body`] has the connection until
//! its end. What memcached knows is a 200, what it does not is a 404, which is for another to answer.
//!
//! ## Example
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
//! - **Asks** for one key (`get`), in one write. Nothing in a key ends the request: [`Key::escaped`].
//! - **Reads** the value as it comes, with back-pressure. One that was stored compressed says so by its flags ([`Config::gzip_flag`]) and
//!   becomes `Content-Encoding: gzip`.
//! - **Cuts, never completes**: the last piece of a value waits for what ends it. What is shorter or longer than was said is an error, and if
//!   all of it is here with the line before it, one before there is a response.
//! - **Keeps** the connection for whoever wants it ([`Keeper`]), if all is in order.
//!
//! ## What it does not
//! No request but `get`, no values of several keys, no binary protocol. No fields but the two: no type, no time, for memcached knows none.
//! No limits of time, no pool, no other try: layers around it do that. How connections are read and written is `propylon-cgi`'s.
//!
//! ## nginx
//! | nginx | here |
//! |---|---|
//! | `$memcached_key` | [`Key::escaped`] |
//! | `memcached_gzip_flag` | [`Config::gzip_flag`] |
//! | `memcached_buffer_size` (as the limit of a line) | [`Config::max_head`] |
//!
//! Differences: nginx logs that a value is longer than was said, and passes the first part of it on as if it were all.
//!
//! ## Errors
//! [`Error`], with the texts that nginx logs; a value that is not there is none, but a 404.
//!
//! ## Cost
//! A request is one write and a box, and so is its response. A read buffer of 8 KiB, up to [`Config::read_buffer`] while reads fill it; data is
//! passed on without a copy. An idle connection holds no buffer.

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
