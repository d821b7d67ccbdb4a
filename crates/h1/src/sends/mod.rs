//! Small sends of many connections, done in a row.
//!
//! A thread that serves many connections reads, decides and sends for one after the other, and each send finds the core's caches full of
//! everything else. A [`SendQueue`] takes what is small, and sends all of it when every task that can run has: the kernel's code for
//! sending is fetched once for many, and the CPU time of a small exchange falls.
//!
//! ```
//! use propylon_h1::sends::SendQueue;
//! use tokio::io::AsyncWriteExt;
//! use tokio::net::{TcpListener, TcpStream};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let sends = SendQueue::new();
//! tokio::spawn({
//!     let sends = sends.clone();
//!     async move { sends.run().await }
//! });
//! let listener = TcpListener::bind("127.0.0.1:0").await?;
//! let mut stream = sends.stream(TcpStream::connect(listener.local_addr()?).await?);
//! stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await?; // to be sent, where many are to be
//! # std::io::Result::Ok(())
//! # })?;
//! # std::io::Result::Ok(())
//! ```

mod crowd;
mod queue;
mod socket;
mod stream;

pub use queue::SendQueue;
pub(crate) use socket::unsent;
pub use stream::QueuedStream;
