//! TLS with [rustls](https://docs.rs/rustls), in the terms of nginx and OpenSSL: certificates by name, cipher lists, verification
//! depth, revocation, and descriptive errors.
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
//! - **Connections to peers**: [`Connector`]. By default, it verifies nothing, as nginx. If told to, it verifies the chain, validity, depth,
//!   revocation and name; errors have OpenSSL's numbers and messages. It sends SNI if asked to, presents a client certificate, and resumes
//!   sessions.
//! - **Connections from clients**: a [`Greeting`] is the ClientHello. The server name in it selects an [`Acceptor`], or the client is
//!   rejected with the appropriate alert. With several certificates, the first one that the client can verify is used. An OCSP response
//!   from a file is stapled.
//! - **Client certificates**: an acceptor may ask for them ([`AcceptorBuilder::ask_clients`]). The handshake succeeds in any case, and
//!   [`Handshake::client`] tells whose certificate it is and why it is not to be trusted, so that a rejected client can be told why:
//!   **the server decides**. The certificate of a resumed session is verified again.
//! - **QUIC**: [`QuicGreeting`] and [`QuicHandshake`] offer the same for a QUIC implementation.
//! - **Sessions**: [`Sessions`] outlive the acceptors. Tickets use keys that rotate, or keys from files. A session is resumed only
//!   for the same name, and only if the same is required of clients.
//! - **Key logging** to a file, for Wireshark, if enabled: [`AcceptorBuilder::key_log`], [`ConnectorBuilder::key_log`].
//! - **Encrypted keys** (PKCS #8), and certificates given inline instead of as files (`data:`): [`Identity`].
//! - **Names**: protocols, ciphers and curves have OpenSSL's names; `HIGH:!aNULL` and the like stand for the available suites. Names that
//!   only OpenSSL supports are ignored as long as something is left; an unknown name is an error that lists the known ones. Unlike in
//!   OpenSSL, a list may name TLS 1.3 ciphers, and then only those of them are used. `@SECLEVEL` has no effect, and Suite B lists are an
//!   error.
//!
//! ## What it does not
//! TLS 1.2 and 1.3 only, with authenticated suites that have forward secrecy; nothing older is available. The crate does not query OCSP
//! responders, has no early data, and does not read encrypted keys in formats older than PKCS #8 (the error says how to convert them). It does
//! not watch files: build again after a change.
//!
//! ## nginx
//! | nginx | here |
//! |---|---|
//! | `proxy_ssl_verify`, `_trusted_certificate`, `_verify_depth`, `_crl`, `_server_name`, `_certificate`, `_certificate_key`, `_protocols`, `_ciphers`, `_session_reuse`, `_key_log` | [`ConnectorBuilder`] |
//! | `ssl_certificate`, `ssl_certificate_key`, `ssl_password_file`, `ssl_stapling_file` | [`Identity`] |
//! | `ssl_protocols`, `ssl_ciphers`, `ssl_ecdh_curve`, `ssl_prefer_server_ciphers`, `ssl_session_tickets`, `ssl_session_timeout`, `ssl_verify_client`, `ssl_client_certificate`, `ssl_trusted_certificate`, `ssl_verify_depth`, `ssl_crl`, `ssl_key_log` | [`AcceptorBuilder`] |
//! | `ssl_session_cache`, `ssl_session_ticket_key` | [`Sessions`] |
//! | `ssl_reject_handshake` | [`Greeting::refuse`] |
//! | `$ssl_protocol`, `$ssl_cipher`, `$ssl_curve`, `$ssl_server_name`, `$ssl_session_reused`, … | [`Handshake`] |
//! | `$ssl_client_s_dn`, `$ssl_client_serial`, … | [`ClientCertificate`] |
//!
//! As in OpenSSL, and unlike in webpki alone: an X.509 version 1 certificate is accepted if it need not be verified, if it is itself trusted,
//! or if a trusted authority issued it directly (without intermediates, and with no revocation lists configured); a peer's name may be in
//! the subject alone (`CN`), if the certificate has no other names and `trusted_certificate` is set.
//!
//! Differences: if no trusted certificates are given for a peer, the system's are used; nginx rejects that configuration. A chain that is too
//! long is reported as such, where OpenSSL may report a missing issuer. Tickets are not compatible with nginx's, even with the same key files.
//! A connection that ends without TLS's `close_notify` reads as truncated; nginx treats it as a normal end.
//!
//! ## Errors
//! [`BuildError`] if a connector or acceptor cannot be built; [`BuildError::is_fault`] tells whether the environment is to blame (a missing or
//! unusable file). [`Error`] if a handshake fails, in nginx's words.
//!
//! ## Cost
//! rustls with aws-lc-rs: some 20 KiB for each connection in use. Files are read when a connector or an acceptor is built, not
//! later. The contents of a client's certificate are formatted once in each handshake, if the client presents one.

mod acceptor;
mod certificate;
mod cipher;
mod connector;
mod curve;
mod error;
mod greeting;
mod identity;
mod key_log;
mod odd;
mod pem;
mod quic;
mod sessions;
mod verify;

pub use acceptor::{Acceptor, AcceptorBuilder};
pub use certificate::ClientCertificate;
pub use connector::{ClientStream, Connector, ConnectorBuilder};
pub use error::{BuildError, Error};
pub use greeting::{Greeting, Handshake, ServerStream, accept};
pub use identity::Identity;
pub use quic::{NoGreeting, QuicGreeting, QuicHandshake, initial_suite};
pub use sessions::Sessions;
pub use verify::Refusal;
