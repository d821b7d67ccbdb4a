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
//! - **From clients**: [`Greeting`] is what the client says first; the name that it asks for chooses an [`Acceptor`], or it is
//!   refused with the alert that says so. Several certificates for one: the first that the client can verify. An OCSP response
//!   from a file goes with them.
//! - **Who clients are**: an acceptor may ask for certificates ([`AcceptorBuilder::ask_clients`]). The handshake succeeds whatever
//!   comes, and [`Handshake::client`] tells whose certificate it is and why it is not to be trusted, so that a client that is
//!   refused can be told why: **who serves it decides**. A resumed session's certificate is judged anew.
//! - **Over QUIC** the same: [`QuicGreeting`] and [`QuicHandshake`], for whoever speaks QUIC.
//! - **Sessions**: [`Sessions`] outlive the acceptors; tickets by keys that change, or by keys from files. A session is resumed only
//!   for the same name, and where the same is asked of clients.
//! - **Secrets in a file**, for Wireshark, if somebody wants them there: [`AcceptorBuilder::key_log`], [`ConnectorBuilder::key_log`].
//! - **Keys with passwords** (PKCS #8), certificates in the place of files (`data:`): [`Identity`].
//! - **Names**: protocols, ciphers and curves by OpenSSL's names; `HIGH:!aNULL` and the like stand for the suites that there are. What
//!   only OpenSSL has is passed over as long as something is left; a name that nobody knows is an error that lists those that are.
//!   Unlike OpenSSL's, a list may name ciphers of TLS 1.3, which are spoken alone then; `@SECLEVEL` means nothing, and Suite B's lists are an error.
//!
//! ## What it does not
//! TLS 1.2 and 1.3 only, with suites that have forward secrecy and authenticate: nothing older exists here. No OCSP responders are
//! asked, no early data, no keys with passwords in the form before PKCS #8 (the error says how to convert them). Files are not
//! watched: build again.
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
//! Differences: the system's trusted certificates stand in where none are given for a peer; nginx refuses that. A chain that is too
//! long is called so, where OpenSSL may say that an issuer is missing. Tickets are not nginx's, even with the same key files.
//!
//! ## Errors
//! [`BuildError`] when something is made, [`BuildError::is_fault`] if the world is to blame; [`Error`] of a handshake, in nginx's
//! words.
//!
//! ## Cost
//! rustls with aws-lc-rs: per connection some 20 KiB while it is used. Files are read when a connector or an acceptor is made, not
//! later. What a client's certificate says is written out once a handshake, if it shows one.

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
