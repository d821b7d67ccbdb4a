//! A handshake with a client.

use std::borrow::Cow;
use std::io;
use std::sync::Arc;

use rustls::CommonState;
use rustls::server::ClientHello;
use rustls_pki_types::UnixTime;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio_rustls::{LazyConfigAcceptor, StartHandshake};

use crate::acceptor::Acceptor;
use crate::certificate::ClientCertificate;
use crate::cipher;
use crate::curve;
use crate::verify::{Role, Trust};

/// A TLS connection from a client.
pub type ServerStream<IO> = tokio_rustls::server::TlsStream<IO>;

/// The alert of a server that does not go by that name (RFC 6066 3).
const UNRECOGNIZED_NAME: u8 = 112;

/// The alert of a server that has troubles of its own.
const INTERNAL_ERROR: u8 = 80;

/// What the names of sessions are derived with.
const SESSION_LABEL: &[u8] = b"EXPERIMENTAL propylon session";

/// What a handshake brought.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Handshake {
    /// OpenSSL's name of the protocol (nginx: `$ssl_protocol`).
    pub protocol: &'static str,
    /// OpenSSL's name of the cipher (nginx: `$ssl_cipher`).
    pub cipher: &'static str,
    /// OpenSSL's name of the group of the key exchange; empty if there was none (nginx: `$ssl_curve`).
    pub curve: Cow<'static, str>,
    /// The protocol above TLS, if the two agreed on one (nginx: `$ssl_alpn_protocol`).
    pub alpn: Option<Box<[u8]>>,
    /// The name that the client asked for (nginx: `$ssl_server_name`).
    pub server_name: Option<Box<str>>,
    /// Whether the session was resumed (nginx: `$ssl_session_reused`).
    pub resumed: bool,
    /// A name of the session that both ends can make (RFC 5705), and nobody else (nginx: `$ssl_session_id`).
    pub session_id: Option<[u8; 32]>,
    /// The ciphers that the client offered, with colons between (nginx: `$ssl_ciphers`).
    pub offered_ciphers: Box<str>,
    /// The groups that the client offered, with colons between (nginx: `$ssl_curves`).
    pub offered_curves: Box<str>,
    /// The certificate that the client showed, if it was asked for one.
    pub client: Option<Arc<ClientCertificate>>,
}

/// What a client said first: it waits to hear how it is served.
#[derive(Debug)]
pub struct Greeting<IO> {
    start: StartHandshake<IO>,
}

impl<IO> Greeting<IO>
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    /// Reads what the client says first.
    ///
    /// # Errors
    /// If it does not speak TLS, or leaves.
    pub async fn read(io: IO) -> io::Result<Self> {
        let start = LazyConfigAcceptor::new(rustls::server::Acceptor::default(), io).await?;
        Ok(Self { start })
    }

    /// The name that it asks for.
    #[must_use]
    pub fn server_name(&self) -> Option<Box<str>> {
        self.start.client_hello().server_name().map(Into::into)
    }

    /// Whether it offers to speak this above TLS (ALPN).
    #[must_use]
    pub fn offers(&self, protocol: &[u8]) -> bool {
        self.start.client_hello().alpn().is_some_and(|mut offered| offered.any(|name| name == protocol))
    }

    /// Serves it so.
    ///
    /// # Errors
    /// If the two cannot agree; an alert has told the client why.
    pub async fn accept(self, acceptor: &Acceptor) -> io::Result<(ServerStream<IO>, Handshake)> {
        let (offered_ciphers, offered_curves) = offered(&self.start.client_hello());
        let stream = self.start.into_stream(Arc::clone(&acceptor.config)).await?;
        let (_, connection) = stream.get_ref();
        let export = |label: &[u8]| connection.export_keying_material([0; 32], label, None).ok();
        let offered = (offered_ciphers, offered_curves);
        let handshake =
            facts(connection, connection.server_name(), export, offered, acceptor.clients.as_ref());
        Ok((stream, handshake))
    }

    /// Refuses it: nobody goes by that name (nginx: `ssl_reject_handshake`).
    ///
    /// # Errors
    /// If it cannot be told.
    pub async fn refuse(self) -> io::Result<()> {
        self.alert(UNRECOGNIZED_NAME).await
    }

    /// Tells it that something is wrong here.
    ///
    /// # Errors
    /// If it cannot be told.
    pub async fn fail(self) -> io::Result<()> {
        self.alert(INTERNAL_ERROR).await
    }

    /// A fatal alert, in the clear: nothing is agreed on yet.
    async fn alert(mut self, alert: u8) -> io::Result<()> {
        self.start.io.write_all(&[21, 3, 3, 0, 2, 2, alert]).await?;
        self.start.io.shutdown().await
    }
}

/// Makes TLS of a client's connection; `choose` gives the acceptor for the name that the client asks for, or none: it is
/// refused.
///
/// # Errors
/// If the client does not speak TLS, or the two cannot agree; an alert has told it why.
pub async fn accept<IO>(
    io: IO,
    choose: impl FnOnce(Option<&str>) -> Option<Acceptor>,
) -> io::Result<(ServerStream<IO>, Handshake)>
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    let greeting = Greeting::read(io).await?;
    match choose(greeting.server_name().as_deref()) {
        Some(acceptor) => greeting.accept(&acceptor).await,
        None => {
            greeting.refuse().await?;
            Err(io::Error::new(io::ErrorKind::PermissionDenied, "no server for this name"))
        }
    }
}

/// What a handshake brought.
pub(crate) fn facts(
    connection: &CommonState,
    server_name: Option<&str>,
    export: impl FnOnce(&[u8]) -> Option<[u8; 32]>,
    (offered_ciphers, offered_curves): (Box<str>, Box<str>),
    clients: Option<&Arc<Trust>>,
) -> Handshake {
    let suite = connection.negotiated_cipher_suite();
    let group = connection.negotiated_key_exchange_group();
    Handshake {
        protocol: connection.protocol_version().map_or("", cipher::protocol_name),
        cipher: suite.map_or("", |suite| cipher::name(suite.suite())),
        curve: group.map_or(Cow::Borrowed(""), |group| curve::name(group.name())),
        alpn: connection.alpn_protocol().map(Into::into),
        server_name: server_name.map(Into::into),
        session_id: export(SESSION_LABEL),
        resumed: connection.handshake_kind() == Some(rustls::HandshakeKind::Resumed),
        offered_ciphers,
        offered_curves,
        client: clients.and_then(|trust| client(trust, connection)),
    }
}

/// The certificate that the client showed, now or when its session began, judged by what is in force now.
fn client(trust: &Trust, connection: &CommonState) -> Option<Arc<ClientCertificate>> {
    let (certificate, intermediates) = connection.peer_certificates()?.split_first()?;
    let verified = trust.check(certificate, intermediates, UnixTime::now(), Role::Client);
    ClientCertificate::new(certificate, verified).map(Arc::new)
}

pub(crate) fn offered(hello: &ClientHello<'_>) -> (Box<str>, Box<str>) {
    fn list<'a>(names: impl Iterator<Item = Cow<'a, str>>) -> Box<str> {
        let mut list = String::with_capacity(256);
        for name in names {
            if !list.is_empty() {
                list.push(':');
            }
            list.push_str(&name);
        }
        list.into()
    }
    let ciphers = hello.cipher_suites().iter().map(|&suite| cipher::offered_name(suite));
    let curves = hello.named_groups().unwrap_or_default().iter().map(|&group| curve::name(group));
    (list(ciphers), list(curves))
}
