//! A worker's end of QUIC at one address: whoever comes shakes hands, and is served.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use aws_lc_rs::{hkdf, hmac, rand};
use propylon_config::ListenAddress;
use propylon_exchange::{Address, Connection};
use propylon_tls::Handshake;
use quinn::crypto::{HandshakeTokenKey, HmacKey};
use quinn::{ConnectionError, EndpointConfig, Incoming, ServerConfig, TokioRuntime};
use socket2::Socket;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use super::crypto::{Serving, V1};
use super::driver;
use super::ids::Ids;
use crate::edge::Edge;
use crate::error_log;
use crate::handshake;
use crate::router::Listener;
use crate::tally::Open;
use crate::worker::Worker;

/// With how many handshakes under way clients have to show first that they are where they say (RFC 9000 8.1.2): whoever only
/// pretends to be somewhere has the gateway do nothing any more.
const MANY_HANDSHAKES: usize = 256;

/// Of more than this at once nothing is heard.
const MOST_HANDSHAKES: usize = 4096;

/// How much of packets may wait to be looked at, before there is a connection that they are of.
const WAITING: u64 = 1024 * 1024;

/// Which of the sockets of an address a worker has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seat {
    pub(crate) number: u16,
    pub(crate) of: u16,
}

/// The keys of a process by which it knows what it has said to clients before there is a connection, or when there is none any more.
pub(crate) struct Keys {
    reset: Arc<dyn HmacKey>,
    token: Arc<dyn HandshakeTokenKey>,
}

impl Keys {
    pub(crate) fn new() -> io::Result<Self> {
        let mut secrets = [[0; 64]; 2];
        for secret in &mut secrets {
            rand::fill(secret).map_err(|_| io::Error::other("random numbers are unavailable"))?;
        }
        let [reset, token] = &secrets;
        Ok(Self {
            reset: Arc::new(hmac::Key::new(hmac::HMAC_SHA256, reset)),
            token: Arc::new(hkdf::Salt::new(hkdf::HKDF_SHA256, &[]).extract(token)),
        })
    }
}

/// A worker's end of QUIC at one address.
pub(crate) struct Endpoint {
    quic: quinn::Endpoint,
    local: SocketAddr,
    serving: Arc<Serving>,
    /// What all connections have in common.
    config: ServerConfig,
}

impl Endpoint {
    /// Takes a socket into the current runtime.
    pub(crate) fn new(socket: Socket, seat: Seat, keys: &Keys) -> io::Result<Self> {
        let serving = Serving::nobody()?;
        let mut config = ServerConfig::new(serving.clone(), keys.token.clone());
        config.max_incoming(MOST_HANDSHAKES).incoming_buffer_size_total(WAITING);
        let mut endpoint = EndpointConfig::new(keys.reset.clone());
        endpoint.supported_versions(vec![V1]);
        endpoint.cid_generator(move || Box::new(Ids::new(seat.number, seat.of)));
        let socket = std::net::UdpSocket::from(socket);
        let local = socket.local_addr()?;
        let quic = quinn::Endpoint::new(endpoint, Some(config.clone()), socket, Arc::new(TokioRuntime))?;
        Ok(Self { quic, local, serving, config })
    }

    /// Serves whoever comes until there has been `enough`; ends when the last of them has.
    pub(crate) async fn run(self, address: ListenAddress, worker: Arc<Worker>, enough: CancellationToken) {
        let place = worker.place(&address);
        let edge = Edge::new(place.clone());
        let under_way = Arc::new(AtomicUsize::new(0));
        loop {
            let incoming = tokio::select! {
                biased;
                () = enough.cancelled() => break,
                incoming = self.quic.accept() => incoming,
            };
            let Some(incoming) = incoming else { break };
            let Some(listener) = place.listener() else {
                incoming.refuse();
                continue;
            };
            let doubted = listener.engine.http3.retry || under_way.load(Relaxed) >= MANY_HANDSHAKES;
            if under_way.load(Relaxed) >= MOST_HANDSHAKES {
                incoming.ignore();
            } else if doubted && !incoming.remote_address_validated() && incoming.may_retry() {
                // It fails only where it may not.
                let _ = incoming.retry();
            } else {
                let shaking = Shaking::begin(&under_way);
                let connection = self.connection(&incoming, worker.next_connection());
                let config = self.config(&listener, &connection);
                worker.spawn(serve(
                    incoming,
                    config,
                    (connection, shaking),
                    listener,
                    edge.clone(),
                    worker.clone(),
                ));
            }
        }
        let mut idle = pin!(self.quic.wait_idle());
        loop {
            tokio::select! {
                () = &mut idle => return,
                incoming = self.quic.accept() => match incoming {
                    Some(incoming) => incoming.refuse(), // so that it knows
                    None => return,
                },
            }
        }
    }

    fn connection(&self, incoming: &Incoming, id: u64) -> Connection {
        let local = incoming.local_ip().map_or(self.local, |ip| SocketAddr::new(ip, self.local.port()));
        Connection::new(id, Address::from(incoming.remote_address()), Address::from(local))
    }

    /// How a client is served by this listener.
    fn config(&self, listener: &Arc<Listener>, connection: &Connection) -> ServerConfig {
        let mut config = self.config.clone();
        config.crypto = self.serving.client(listener.clone(), connection.clone());
        config.transport = listener.engine.http3.transport.clone();
        config
    }
}

/// Shakes hands, and serves.
async fn serve(
    incoming: Incoming,
    config: ServerConfig,
    (mut connection, shaking): (Connection, Shaking),
    listener: Arc<Listener>,
    edge: Edge,
    worker: Arc<Worker>,
) {
    let open = Open::new(worker.ledger());
    let deadline = Instant::now() + listener.default_server().settings.timeout.client_header;
    let logs = listener.error_logs(None);
    drop(listener); // a configuration that was replaced is gone with its last request, not with its last connection
    let report = |connection: &Connection, error: &ConnectionError, open: &Open| {
        error_log::at(logs.as_ref(), || report(connection, error, open));
    };
    let connecting = match incoming.accept_with(Arc::new(config)) {
        Ok(connecting) => connecting,
        Err(error) => return report(&connection, &error, &open),
    };
    // Also while the worker drains: who has just come may have asked already, and is owed an answer.
    let quic = match timeout_at(deadline, connecting).await {
        Ok(Ok(quic)) => quic,
        Ok(Err(error)) => return report(&connection, &error, &open),
        Err(_) => return report(&connection, &ConnectionError::TimedOut, &open),
    };
    drop((shaking, logs));
    if let Some(facts) = quic.handshake_data().and_then(|facts| facts.downcast::<Handshake>().ok()) {
        open.ledger().shook_hands(facts.resumed);
        connection.tls = Some(handshake::facts(*facts));
    }
    let client = worker.client(connection, edge.place().clone(), open);
    driver::serve(quic, client, edge, worker.draining()).await;
}

fn report(connection: &Connection, error: &ConnectionError, open: &Open) {
    open.ledger().handshakes_failed.add(1);
    match error {
        ConnectionError::TimedOut => {
            tracing::info!(target: "propylon_gateway", client = %connection.peer, "client timed out (110: Connection timed out) while SSL handshaking");
        }
        error => {
            tracing::info!(target: "propylon_gateway", client = %connection.peer, "SSL_do_handshake() failed ({error}) while SSL handshaking");
        }
    }
}

/// A handshake under way.
struct Shaking(Arc<AtomicUsize>);

impl Shaking {
    fn begin(under_way: &Arc<AtomicUsize>) -> Self {
        under_way.fetch_add(1, Relaxed);
        Self(under_way.clone())
    }
}

impl Drop for Shaking {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}
