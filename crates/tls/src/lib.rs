//! TLS by [rustls](https://docs.rs/rustls) in the terms of nginx and OpenSSL: certificates by name, cipher lists, verification
//! depth, revocation, and errors that say why.
//!
//! ## Example
//! ```no_run
//! use propylon_tls::{Acceptor, Connector, Sessions, accept};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let connector = Connector::builder().verify(true).server_name(true).build()?;
//! let socket = tokio::net::TcpStream::connect("example.com:443").await?;
//! let stream = connector.connect(socket, "example.com").await?;
//!
//! let sessions = Sessions::new(10_000)?;
//! let acceptor = Acceptor::builder().identity("server.pem", "server.key").alpn(["http/1.1"]).build(&sessions)?;
//! let (socket, _) = tokio::net::TcpListener::bind("127.0.0.1:8443").await?.accept().await?;
//! let (stream, handshake) = accept(socket, |_name| Some(acceptor)).await?;
//! assert!(handshake.protocol.starts_with("TLSv1."));
//! # Ok(())
//! # }
//! ```
//!
//! ## What it does
//! - **To peers**: [`Connector`]. Verifies nothing unless it is told to, as nginx; then chain, validity, depth, revocation and
//!   name, with OpenSSL's numbers and words in the error. Tells the name (SNI) if asked to, shows a certificate of its own,
//!   resumes sessions.
//! - **From clients**: [`accept`] reads what the client says first, and has the caller choose an [`Acceptor`] by the name.
//!   Several certificates for one: the first that the client can verify. [`Sessions`] outlive the acceptors.
//! - **Names**: protocols and ciphers by OpenSSL's names; `HIGH:!aNULL` and the like stand for the suites that there are, and a
//!   name that has no suite is an error that lists them.
//!
//! ## What it does not
//! TLS 1.2 and 1.3 only, with suites that have forward secrecy and authenticate: nothing older exists here. No certificates of
//! clients, no OCSP, no keys with passwords, no key files for tickets.
//!
//! ## nginx
//! | nginx | here |
//! |---|---|
//! | `proxy_ssl_verify`, `_trusted_certificate`, `_verify_depth`, `_crl`, `_server_name`, `_certificate`, `_certificate_key`, `_protocols`, `_ciphers`, `_session_reuse` | [`ConnectorBuilder`] |
//! | `ssl_certificate`, `ssl_certificate_key`, `ssl_protocols`, `ssl_ciphers`, `ssl_prefer_server_ciphers`, `ssl_session_tickets` | [`AcceptorBuilder`] |
//! | `ssl_session_cache` | [`Sessions`] |
//! | `$ssl_protocol`, `$ssl_cipher`, `$ssl_server_name`, `$ssl_session_reused` | [`Handshake`] |
//!
//! Differences: the system's trusted certificates stand in where none are given; nginx refuses that.
//!
//! ## Errors
//! [`BuildError`] when something is made, [`BuildError::is_fault`] if the world is to blame; [`Error`] of a handshake, in nginx's
//! words.
//!
//! ## Cost
//! rustls with aws-lc-rs: per connection some 20 KiB while it is used. Files are read when a connector or an acceptor is made, not
//! later.

mod acceptor;
mod cipher;
mod connector;
mod error;
mod pem;
mod verify;

pub use acceptor::{Acceptor, AcceptorBuilder, Handshake, ServerStream, Sessions, accept};
pub use connector::{ClientStream, Connector, ConnectorBuilder};
pub use error::{BuildError, Error};
