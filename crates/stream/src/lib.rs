//! What a client of TLS asks for, before anybody ends its TLS: the ClientHello is read ahead, and the connection goes on as if nobody had
//! looked. For whoever passes connections on by the name that their clients ask for.
//!
//! ## Example
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
//! - [`ClientHello::parse`] reads the first bytes of a connection, without I/O: the highest version that the client offers, the name
//!   that it asks for, and the protocols that it would speak. Records may split the message anywhere, and it may be of SSL 2.
//! - [`preread`] reads as much of a connection as that takes, within [`Limits`], and gives the connection back
//!   [with what was read](Ahead).
//! - [`PrereadLayer`] is the tower layer of it: its service takes connections, the one inside gets them with what their clients
//!   ask for.
//! - What is not TLS, or is malformed, is nobody's error: it goes on as it is, and there is no [`ClientHello`].
//!
//! ## What it does not
//! It ends no TLS, judges no names, and connects nowhere: the example `standalone` does that with a few lines of tokio.
//!
//! ## nginx
//! | nginx | here |
//! |---|---|
//! | `ssl_preread` | [`PrereadLayer`] |
//! | `preread_buffer_size`, `preread_timeout` | [`Limits`] |
//! | `$ssl_preread_protocol`, `_server_name`, `_alpn_protocols` | the fields of [`ClientHello`] |
//!
//! Differences: where a client lists the versions that it offers, nginx takes it to offer TLS 1.3, whatever they are.
//!
//! ## Errors
//! [`Error`]: the client has closed, its connection has failed, it took too long, or too many bytes. In a [`BoxError`] from the
//! layer, as are those of the service inside.
//!
//! ## Cost
//! A connection: what is read ahead is kept until somebody reads it, 2 KiB at once and no more than the limit; a timer; with the
//! layer a box.

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
