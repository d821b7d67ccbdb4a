//! Reads what a TLS client asks for before its TLS is terminated: the layer reads the ClientHello ahead, and the connection continues as if
//! nothing had been read. For services that route connections by the name (SNI) that clients ask for.
//!
//! ## Example
//!
//! ```
//! use propylon_stream::{Ahead, BoxError, ClientHello, Limits, PrereadLayer};
//! use tokio::io::AsyncReadExt;
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), BoxError> {
//! let route = service_fn(|(mut client, hello): (Ahead<&'static [u8]>, Option<ClientHello>)| async move {
//!     let name = hello.and_then(|hello| hello.server_name);
//!     let mut all = Vec::new();
//!     client.read_to_end(&mut all).await?; // here, to connect and to join both
//!     Ok::<_, BoxError>((name, all))
//! });
//! let service = PrereadLayer::new(Limits::new()).layer(route);
//!
//! let (name, all) = service.oneshot(&b"SSH-2.0-OpenSSH_9.6\r\n"[..]).await?;
//! assert_eq!((name, all.len()), (None, 21));
//! # Ok(())
//! # }
//! ```
//!
//! ## What it does
//!
//! - [`ClientHello::parse`] parses the first bytes of a connection, without I/O: the highest version that the client offers, the server
//!   name (SNI), and the protocols (ALPN). The message may be split across records anywhere, and may be an SSL 2 one.
//! - [`preread`] reads as much of a connection as the parser needs, within [`Limits`], and returns the connection
//!   [with the bytes read so far](Ahead).
//! - [`PrereadLayer`] does this as a tower layer: its service accepts connections, and the inner service gets them together with what their
//!   clients ask for.
//! - Bytes that are not TLS, or are malformed, are not an error: the connection continues unchanged, without a [`ClientHello`].
//!
//! ## What it does not
//!
//! It does not terminate TLS, does not judge names, and does not connect anywhere: the example `standalone` does that with a few lines of
//! tokio.
//!
//! ## nginx
//!
//! | nginx | here |
//! |---|---|
//! | `ssl_preread` | [`PrereadLayer`] |
//! | `preread_buffer_size`, `preread_timeout` | [`Limits`] |
//! | `$ssl_preread_protocol`, `_server_name`, `_alpn_protocols` | the fields of [`ClientHello`] |
//!
//! Difference: if a client lists its supported versions, nginx reports TLS 1.3 whatever they are.
//!
//! ## Errors
//!
//! [`Error`]: the client closed the connection, the connection failed, the client took too long, or it sent too many bytes. The layer returns
//! it in a [`BoxError`], like the errors of the inner service.
//!
//! ## Cost
//!
//! For each connection: the bytes read ahead, kept until they are read, in steps of 2 KiB up to the limit; a timer; and with the layer one
//! box.

mod ahead;
mod error;
mod hello;
mod layer;
mod read;
mod reader;
mod service;

pub use ahead::Ahead;
pub use error::{BoxError, Error};
pub use hello::{ClientHello, Parsed};
pub use layer::PrereadLayer;
pub use read::{Limits, preread};
pub use service::{Preread, ServiceFuture};
