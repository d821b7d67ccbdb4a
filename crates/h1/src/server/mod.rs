//! The server's side of a connection: requests in, responses out, one task, until the connection is over.
//!
//! ```
//! use std::convert::Infallible;
//!
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body_util::Full;
//! use propylon_h1::server::{Connection, Context, RequestBody, Service};
//! use tokio::io::{AsyncReadExt, AsyncWriteExt};
//!
//! struct Hello;
//!
//! impl Service for Hello {
//!     type Body = Full<Bytes>;
//!     type Error = Infallible;
//!
//!     async fn call(
//!         &self,
//!         _: Request<RequestBody>,
//!         _: Context,
//!     ) -> Result<Response<Full<Bytes>>, Infallible> {
//!         Ok(Response::new(Full::from("hello")))
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let (mut client, server) = tokio::io::duplex(4096);
//! let serving = Connection::new(server, Hello, ()).run();
//! let asking = async {
//!     client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await?;
//!     let mut answer = String::new();
//!     client.read_to_string(&mut answer).await.map(|_| answer)
//! };
//! let (_, answer) = tokio::join!(serving, asking);
//! assert!(answer.unwrap().ends_with("\r\n\r\nhello"));
//! # }
//! ```

mod body;
mod closing;
mod config;
mod connection;
mod context;
mod date;
mod deadlines;
mod exchange;
mod flight;
mod handle;
mod interim;
mod observer;
mod reading;
mod sending;
mod service;
mod serving;
mod ticker;
mod upgrade;

pub use crate::io::{FilePart, SendFile};
pub use body::{RequestBody, RequestBodyError};
pub use config::{Config, ResponseTimeouts, SendBuffer, Timeouts};
pub use connection::{Closed, Connection};
pub use context::Context;
pub use date::now as date;
pub use deadlines::{Deadlines, OneTimer, Wait};
pub use handle::Handle;
pub use interim::{Interim, InterimRefused, SendInterim};
pub use observer::{End, Observer, Outcome, Rejected};
pub use service::{BoxError, Service, Tower};
pub use ticker::{Ticked, Ticker};
pub use upgrade::{OnUpgrade, Parts, UpgradeError, Upgraded};
