//! The client's side of a connection: one request after the other, without a task or a channel.
//!
//! A connection is an object. It is taken to send a request, lives in the response's body while that is read, and is given
//! back by [`Keeper::give_back`] when it can serve another request.
//!
//! ```
//! use std::sync::{Arc, Mutex};
//!
//! use bytes::Bytes;
//! use http::Request;
//! use http_body_util::{BodyExt, Empty};
//! use propylon_h1::client::Connection;
//! use tokio::io::{AsyncReadExt, AsyncWriteExt};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (stream, mut peer) = tokio::io::duplex(4096);
//! tokio::spawn(async move {
//!     let mut request = [0; 256];
//!     let _ = peer.read(&mut request).await;
//!     let _ = peer.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello").await;
//!     std::future::pending::<()>().await
//! });
//!
//! let pool = Arc::new(Mutex::new(Vec::new()));
//! let keeper = {
//!     let pool = Arc::clone(&pool);
//!     move |connection| pool.lock().unwrap().push(connection)
//! };
//! let request = Request::builder().uri("/").header("host", "a").body(Empty::<Bytes>::new())?;
//! let response = Connection::new(stream).send(request, keeper).await.map_err(|failure| failure.error)?;
//! assert_eq!(response.into_body().into_bytes().unwrap(), "hello");
//! assert_eq!(pool.lock().unwrap().len(), 1, "it came with its head: the connection is back already");
//! # Ok(())
//! # }
//! ```

mod body;
mod connection;
mod counters;
mod error;
mod keeper;
mod request;
mod sending;
mod upload;

pub use body::{Body, Upgraded};
pub use connection::{Config, Connection};
pub use counters::Counters;
pub use error::{BoxError, Error, Failure, Progress};
pub use keeper::Keeper;
pub use request::Unsent;
pub use sending::Sending;
