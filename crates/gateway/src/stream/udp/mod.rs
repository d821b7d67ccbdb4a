//! UDP that is passed on. There are no connections: what comes from one client to one of our addresses is a session, until it is over.
//!
//! A worker has a socket at each address, and finds the session that a datagram is of, by a look into a table (`table.rs`). If the session has
//! a server by then, the datagram goes on to that from here: no task, no queue and no copy is between. A session is a task that finds the
//! server, passes on what this answers, and knows when all has passed (`session.rs`, `account.rs`).

mod account;
mod front;
mod session;
mod shared;
mod table;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use propylon_config::ListenAddress;
use propylon_exchange::{Address, Connection};
use socket2::Socket;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::front::{Client, Front};
use self::session::Session;
use self::shared::Shared;
use self::table::Table;
use super::line::Line;
use super::{Action, At};
use crate::failures::AcceptFailures;
use crate::tally::Open;
use crate::worker::{Place, Worker};

/// How many datagrams are looked at before others have their turn.
const BATCH: usize = 32;

/// No datagram is longer.
const LONGEST: usize = 65_535;

/// How often the error log tells of datagrams that are dropped.
const TOLD: Duration = Duration::from_secs(1);

/// What the sessions at an address have in common.
struct Desk {
    front: Front,
    table: Arc<Table>,
    /// Where a datagram is while it is passed on.
    buffer: Mutex<Box<[u8]>>,
    /// Cancelled when nobody listens there any more.
    cut: CancellationToken,
}

/// A worker's end of UDP at one address.
pub(crate) struct Endpoint {
    desk: Arc<Desk>,
    address: ListenAddress,
    overflow: Overflow,
}

/// Datagrams that no session has room for.
#[derive(Default)]
struct Overflow {
    dropped: u64,
    told: Option<Instant>,
}

impl Endpoint {
    /// Takes a socket into the current runtime.
    pub(crate) fn new(address: ListenAddress, socket: Socket) -> io::Result<Self> {
        let desk = Desk {
            front: Front::new(socket)?,
            table: Arc::default(),
            buffer: Mutex::new(vec![0; LONGEST].into()),
            cut: CancellationToken::new(),
        };
        Ok(Self { desk: Arc::new(desk), address, overflow: Overflow::default() })
    }

    /// Serves whoever sends something until there has been `enough`. Then sessions end, unless the worker is to finish what it has begun.
    pub(crate) async fn run(mut self, worker: Arc<Worker>, enough: CancellationToken) {
        let place = worker.place(&self.address);
        let mut failures = AcceptFailures::at(self.address.clone());
        loop {
            let read = tokio::select! {
                biased;
                () = enough.cancelled() => break,
                readable = self.desk.front.readable() => readable.and_then(|()| self.receive(Some((&worker, &place)))),
            };
            match read {
                Ok(()) => failures.over(),
                Err(error) => failures.pause(&error).await,
            }
        }
        if !worker.draining().is_cancelled() {
            self.desk.cut.cancel();
        } else if !worker.is_handed_over() {
            self.finish().await;
        }
    }

    /// What is for sessions that there are goes on to them until they are over.
    async fn finish(mut self) {
        let desk = self.desk.clone();
        loop {
            let read = tokio::select! {
                biased;
                () = desk.table.empty() => return,
                readable = desk.front.readable() => readable.and_then(|()| self.receive(None)),
            };
            if read.is_err() {
                return desk.table.empty().await;
            }
        }
    }

    /// Receives what is there, but not more than many at once; whoever is new is served by `open`.
    fn receive(&mut self, open: Option<(&Arc<Worker>, &Place)>) -> io::Result<()> {
        let desk = self.desk.clone();
        let mut buffer = desk.buffer.lock();
        for _ in 0..BATCH {
            let (length, client) = match desk.front.try_receive(&mut buffer) {
                Ok(received) => received,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            let datagram = buffer.get(..length).unwrap_or_default();
            let now = Instant::now();
            match (desk.table.find(&client), open) {
                (Some(shared), _) => {
                    if shared.take(datagram, now) {
                        desk.table.unbind(&client, &shared);
                    }
                }
                (None, Some((worker, place))) => {
                    if let Some(at) = place.stream() {
                        self.begin(client, datagram, at, worker);
                    }
                }
                (None, None) => {}
            }
        }
        Ok(())
    }

    /// A session begins with its first datagram.
    fn begin(&mut self, client: Client, datagram: &[u8], at: Arc<At>, worker: &Arc<Worker>) {
        let most = at.stream.config.datagrams.sessions.get();
        if self.desk.table.live() >= most {
            return self.overflow.drop_one(most, &self.address);
        }
        let shared = Arc::new(Shared::new(&at.stream.config));
        let is_full = shared.take(datagram, Instant::now());
        // Who is answered with a text is answered once.
        let is_bound = !is_full && matches!(at.stream.action, Action::Pass(_));
        let place = self.desk.table.begin(client, shared.clone(), is_bound);
        let local = self.desk.front.local(&client);
        let connection = Connection::datagrams(
            worker.next_connection(),
            Address::from(client.address),
            Address::from(local),
        );
        let line = Line::new(at, &connection, Open::new(worker.ledger()));
        worker.run(Session::new(self.desk.clone(), shared, place, line).serve());
    }
}

impl Overflow {
    fn drop_one(&mut self, sessions: usize, address: &ListenAddress) {
        self.dropped += 1;
        let now = Instant::now();
        if self.told.is_none_or(|told| now >= told + TOLD) {
            self.told = Some(now);
            let dropped = std::mem::take(&mut self.dropped);
            tracing::warn!(
                target: "propylon_gateway",
                "{dropped} datagrams are dropped at {address}: {sessions} sessions are not enough"
            );
        }
    }
}
