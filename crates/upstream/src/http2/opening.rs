//! Having a part in a connection: one that is there, one that somebody makes, or one that we make.

use std::sync::Arc;
use std::time::Duration;

use h2::client::Builder;
use propylon_exchange::clock;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};

use super::driver::Driver;
use super::preface::Prefaced;
use super::shared::{Shared, Status};
use super::sharing::{Gate, Turn};
use super::slot::Slot;
use crate::connect::{Socket, connect as dial};
use crate::connection::Connection;
use crate::pool::{Key, Lease, Pool};
use crate::special::Special;
use crate::transport::{Fingerprint, Transport};
use crate::wire::Metered;
use crate::{Error, Peer};

/// What a peer may send of a response before it is read: RFC 9113's own default.
const WINDOW: u32 = 65_535;

/// How many requests are sent before the peer has said how many it takes (RFC 9113 6.5.2 wants peers to take so many).
const UNTOLD: usize = 100;

/// What waits to be sent of a request's body within the engine.
const SEND_BUFFER: usize = 64 * 1024;

/// A part in a connection that has room, at once.
pub(crate) fn share(
    pool: &Pool,
    peer: &Peer,
    transport: &Transport,
    special: Option<&Arc<Special>>,
) -> Option<Lease> {
    if !pool.keepalive().shares() {
        return None;
    }
    let is = |key: &Key| key.is(peer, transport, special);
    let room = pool.sharing().room(is, pool.keepalive(), clock::now());
    if let Some(shared) = room {
        return Some(Slot::new(shared, true).into_lease());
    }
    let (connection, requests) = pool.take(peer, transport, special)?.into_connection();
    let Connection::Http2(parked) = connection else { return None };
    let shared = parked.into_shared();
    pool.sharing().add(Arc::clone(&shared), requests + 1);
    Some(Slot::new(shared, true).into_lease())
}

/// A part in a connection, within the connect timeout.
pub(crate) async fn connect(
    pool: &Pool,
    peer: &Peer,
    transport: &Transport,
    special: Option<&Arc<Special>>,
) -> Result<Lease, Error> {
    let begun = Instant::now();
    let left = || transport.connect_timeout.saturating_sub(begun.elapsed());
    let is = |key: &Key| key.is(peer, transport, special);
    let key = || Key::new(peer, transport, special);
    let gate = loop {
        if !pool.keepalive().shares() {
            break None;
        }
        if let Some(lease) = share(pool, peer, transport, special) {
            return Ok(lease);
        }
        let turn = pool.sharing().turn(is, key, pool.keepalive().max_streams());
        let mut theirs = match turn {
            Turn::Ours(gate) => break Some(gate),
            Turn::Theirs(gate) => gate,
        };
        match timeout(left(), theirs.wait_for(|gate| *gate != Gate::Opening)).await {
            Err(_) => return Err(Error::ConnectTimeout),
            Ok(Ok(gate)) if *gate == Gate::Failed => break None,
            // There may be room now. Or whoever made it has left: it may be our turn.
            Ok(_) => {}
        }
    };
    match establish(pool, peer, transport, special, left()).await {
        Ok((shared, driver)) => {
            pool.sharing().add(Arc::clone(&shared), 1);
            tokio::spawn(Driver { gate, ..driver }.run(pool.forgetting()));
            Ok(Slot::new(shared, false).into_lease())
        }
        Err(error) => {
            if let Some(gate) = gate {
                gate.send_replace(Gate::Failed);
            }
            Err(error)
        }
    }
}

async fn establish(
    pool: &Pool,
    peer: &Peer,
    transport: &Transport,
    special: Option<&Arc<Special>>,
    left: Duration,
) -> Result<(Arc<Shared>, Driver), Error> {
    let transport = transport.clone().connect_timeout(left);
    let socket = dial(peer, &transport, special.map(|special| &**special)).await?;
    let key = Arc::new(Key::new(peer, &transport, special));
    speak(socket, transport.fingerprint, pool, key, left).await
}

async fn speak(
    socket: Socket,
    settings: Fingerprint,
    pool: &Pool,
    key: Arc<Key>,
    left: Duration,
) -> Result<(Arc<Shared>, Driver), Error> {
    let status = Arc::<Status>::default();
    let streams = pool.keepalive().max_streams();
    let mut builder = Builder::new();
    builder
        .enable_push(false)
        .initial_window_size(WINDOW)
        // What is not read of one response never holds up another.
        .initial_connection_window_size(WINDOW * streams)
        .initial_max_send_streams(UNTOLD)
        .max_send_buffer_size(SEND_BUFFER)
        // What is a little too large is told from what is malformed.
        .max_header_list_size(u32::try_from(settings.max_head.saturating_mul(2)).unwrap_or(u32::MAX));
    let io = Prefaced::new(Metered::new(socket, Arc::clone(&status.wire)), Arc::clone(&status));
    let begun = timeout(left, builder.handshake(io)).await.map_err(|_| Error::ConnectTimeout)?;
    let (sender, mut connection) = begun.map_err(|error| match error.into_io() {
        Some(source) => Error::Io { sent: false, source },
        None => Error::Closed { sent: false },
    })?;
    let pings = connection.ping_pong();
    let (alive, owner) = oneshot::channel();
    let shared = Shared {
        sender,
        status: Arc::clone(&status),
        key,
        opened: clock::now(),
        pool: pool.weak(),
        _owner: alive,
    };
    let driver = Driver { connection, pings, status, gate: None, owner, leaving: None };
    Ok((Arc::new(shared), driver))
}
