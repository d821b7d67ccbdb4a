//! The beginning of a client's connection where TLS is spoken.

use std::io;
use std::sync::Arc;

use propylon_acme::ACME_TLS;
use propylon_exchange::{ClientCertificate, Connection, Refused, Tls};
use propylon_tls::{Greeting, Handshake, ServerStream};
use tokio::io::AsyncWriteExt;
use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout_at};

use crate::client::Stream;
use crate::error_log::{self, within};
use crate::proxy_protocol;
use crate::router::Listener;
use crate::tls::{Above, Serving};

/// What a TLS client says first.
const HANDSHAKE: u8 = 22;

/// What has become of a connection that is not to be served.
pub(crate) enum Unserved {
    /// It is over, before anybody spoke of TLS.
    Over,
    /// It is over, for the handshake of TLS has failed.
    Failed,
}

/// Hears what is said before any request, for all of which there is one limit: by a proxy in front, and then of TLS.
pub(crate) async fn begin(
    stream: Stream,
    mut connection: Connection,
    listener: &Arc<Listener>,
) -> Result<(Stream, Connection), Unserved> {
    let deadline = Instant::now() + listener.default_server().settings.timeout.client_header;
    if listener.proxy_protocol {
        let header = proxy_protocol::begin(&stream, &mut connection, deadline);
        if within(listener.error_logs(None), header).await.is_err() {
            return Err(Unserved::Over);
        }
    }
    if listener.tls { shake(stream, connection, listener, deadline).await } else { Ok((stream, connection)) }
}

/// Makes TLS of a connection, unless its client speaks plainly.
async fn shake(
    stream: Stream,
    mut connection: Connection,
    listener: &Arc<Listener>,
    deadline: Instant,
) -> Result<(Stream, Connection), Unserved> {
    if is_plain(&stream, deadline).await {
        return Ok((stream, connection)); // its requests are told so
    }
    // In a box, for it is over soon: a connection is as large as the largest of its steps for as long as it lasts.
    let mut asked = None;
    match over(timeout_at(deadline, Box::pin(hear(stream, &connection, listener, &mut asked))).await) {
        Ok(Heard::Client(accepted)) => {
            let (stream, handshake) = *accepted;
            connection.tls = Some(facts(handshake));
            Ok((Stream::Tls(Box::new(stream)), connection))
        }
        Ok(Heard::Challenge) => {
            tracing::info!(target: "propylon_gateway", client = %connection.peer, "an ACME challenge was answered");
            Err(Unserved::Over)
        }
        Err(why) => {
            error_log::at(listener.error_logs(asked.as_deref()).as_ref(), || {
                tracing::info!(target: "propylon_gateway", client = %connection.peer, "{why}");
            });
            Err(Unserved::Failed)
        }
    }
}

/// What a handshake was for.
enum Heard {
    /// A client that is to be served.
    Client(Box<(ServerStream<Stream>, Handshake)>),
    /// An authority's look at a challenge, and over.
    Challenge,
}

/// Shakes hands with whoever is there; what name he has `asked` for is known as soon as he has said it.
async fn hear(
    stream: Stream,
    connection: &Connection,
    listener: &Listener,
    asked: &mut Option<Box<str>>,
) -> io::Result<Heard> {
    let greeting = Greeting::read(stream).await?;
    *asked = greeting.server_name();
    if let Some(challenges) = &listener.challenges
        && greeting.offers(ACME_TLS)
        && let Some(config) = challenges.tls(asked.as_deref())
    {
        // An authority has seen what it came for: nothing follows (RFC 8737 3).
        let (mut stream, _) = greeting.accept(&config.into()).await?;
        stream.shutdown().await?;
        return Ok(Heard::Challenge);
    }
    let above = if listener.engine.http2.spoken { Above::Http2 } else { Above::Http1 };
    let logs = listener.error_logs(asked.as_deref());
    let accepted = within(logs, accept(greeting, connection, above, |name| listener.serving(name))).await?;
    Ok(Heard::Client(Box::new(accepted)))
}

/// Why a client's connection does not become one of TLS, in the words of nginx's log.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unshaken {
    #[error("SSL_do_handshake() failed ({0}) while SSL handshaking")]
    Failed(#[from] io::Error),
    #[error("client timed out (110: Connection timed out) while SSL handshaking")]
    Late(#[from] Elapsed),
}

/// What a handshake with a limit has come to.
pub(crate) fn over<T>(shaken: Result<io::Result<T>, Elapsed>) -> Result<T, Unshaken> {
    Ok(shaken??)
}

/// Shakes hands with a client that has greeted, as `serving` says for the name that it asks for; where nobody serves it, it is refused.
pub(crate) async fn accept(
    greeting: Greeting<Stream>,
    connection: &Connection,
    above: Above,
    serving: impl FnOnce(Option<&str>) -> Option<Arc<Serving>>,
) -> io::Result<(ServerStream<Stream>, Handshake)> {
    let name = greeting.server_name();
    let Some(serving) = serving(name.as_deref()).filter(|serving| !serving.rejects) else {
        greeting.refuse().await?;
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "no server for this name"));
    };
    match serving.acceptor(connection, name.as_deref(), above).await {
        Ok(acceptor) => greeting.accept(&acceptor).await,
        Err(error) => {
            tracing::error!(target: "propylon_gateway", client = %connection.peer, "{error} while SSL handshaking");
            greeting.fail().await?;
            Err(error)
        }
    }
}

/// What a handshake brought, as variables tell it.
pub(crate) fn facts(handshake: Handshake) -> Tls {
    let client = handshake.client.map(Arc::unwrap_or_clone);
    Tls {
        protocol: handshake.protocol,
        cipher: handshake.cipher,
        curve: handshake.curve,
        alpn: handshake.alpn,
        server_name: handshake.server_name,
        resumed: handshake.resumed,
        session_id: handshake.session_id,
        offered_ciphers: handshake.offered_ciphers,
        offered_curves: handshake.offered_curves,
        client: client.map(|client| {
            Box::new(ClientCertificate {
                refused: client.verified.err().map(|refusal| Refused {
                    code: refusal.code,
                    reason: refusal.reason,
                    for_trust: refusal.is_for_trust(),
                }),
                pem: client.pem,
                subject: client.subject,
                issuer: client.issuer,
                subject_legacy: client.subject_legacy,
                issuer_legacy: client.issuer_legacy,
                serial: client.serial,
                fingerprint: client.fingerprint,
                start: client.start,
                end: client.end,
                end_seconds: client.end_seconds,
            })
        }),
    }
}

/// Whether the client speaks, and not TLS.
async fn is_plain(stream: &Stream, deadline: Instant) -> bool {
    let mut first = [0];
    let peeked = timeout_at(deadline, stream.peek(&mut first)).await;
    matches!(peeked, Ok(Ok(1))) && first != [HANDSHAKE]
}
