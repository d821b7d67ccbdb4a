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

use std::future::{pending, poll_fn};
use std::io;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use parking_lot::Mutex;
use propylon_config::ListenAddress;
use propylon_exchange::{Address, Connection};
use socket2::Socket;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use self::front::{Client, Front};
use self::session::Session;
use self::shared::{Shared, is_of_one};
use self::table::Table;
use super::line::Line;
use super::{Action, At};
use crate::error_log::{self, ErrorLogs};
use crate::failures::AcceptFailures;
use crate::tally::Open;
use crate::worker::{Place, Worker};

/// How many datagrams are looked at before others have their turn: whoever has as many gives it to them.
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
    /// How many sessions were too few.
    most: usize,
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
        let desk = self.desk.clone();
        loop {
            let read = tokio::select! {
                biased;
                () = enough.cancelled() => break,
                readable = desk.front.readable() => readable.and_then(|()| self.receive(Some((&worker, &place)))),
                () = self.overflow.is_due() => {
                    let at = place.stream();
                    let errors = at.as_ref().and_then(|at| at.stream.errors.as_ref());
                    self.overflow.tell(&self.address, errors);
                    continue;
                }
            };
            match read {
                Ok(is_more) => {
                    failures.over();
                    if is_more {
                        others_first().await;
                    }
                }
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
        let mut failures = AcceptFailures::at(self.address.clone());
        loop {
            let read = tokio::select! {
                biased;
                () = desk.table.empty() => return,
                readable = desk.front.readable() => readable.and_then(|()| self.receive(None)),
            };
            match read {
                Ok(true) => others_first().await,
                Ok(false) => {}
                Err(error) => failures.pause(&error).await,
            }
        }
    }

    /// Receives what is there, but not more than many at once, and says whether there may be more; whoever is new is served by `open`.
    fn receive(&mut self, open: Option<(&Arc<Worker>, &Place)>) -> io::Result<bool> {
        let desk = self.desk.clone();
        let mut buffer = desk.buffer.lock();
        let now = Instant::now();
        for _ in 0..BATCH {
            let (length, client) = match desk.front.try_receive(&mut buffer) {
                Ok(received) => received,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                // Nobody could be answered.
                Err(error) if is_of_one(&error) || error.kind() == io::ErrorKind::Unsupported => continue,
                Err(error) => return Err(error),
            };
            let datagram = buffer.get(..length).unwrap_or_default();
            match (desk.table.find(&client), open) {
                (Some(shared), _) => {
                    if shared.take(datagram, now) {
                        desk.table.unbind(&client, &shared);
                    }
                }
                (None, Some((worker, place))) => {
                    if let Some(at) = place.stream()
                        && self.begin(client, datagram, now, at, worker)
                    {
                        // It looks for its server first: what else its client has sent finds that there.
                        return Ok(true);
                    }
                }
                (None, None) => {}
            }
        }
        Ok(true)
    }

    /// A session begins with its first datagram, if there is room for one.
    fn begin(
        &mut self,
        client: Client,
        datagram: &[u8],
        now: Instant,
        at: Arc<At>,
        worker: &Arc<Worker>,
    ) -> bool {
        let most = at.stream.config.datagrams.sessions.get();
        if self.desk.table.live() >= most {
            self.overflow.drop_one(most, now, &self.address, at.stream.errors.as_ref());
            return false;
        }
        let shared = Arc::new(Shared::new(&at.stream.config, now));
        let is_full = shared.take(datagram, now);
        // Who is answered with a text is answered once.
        let is_bound = !is_full && matches!(at.stream.action, Action::Pass(_));
        let place = self.desk.table.begin(client, shared.clone(), is_bound);
        let local = self.desk.front.local(&client);
        let connection = Connection::datagrams(
            worker.next_connection(),
            Address::from(client.address),
            Address::from(local),
        );
        let logs = at.stream.errors.clone();
        let line = Line::new(at, &connection, Open::new(worker.ledger()));
        let session = Session::new(self.desk.clone(), shared, place, line);
        worker.run(error_log::within(logs, session.serve()));
        true
    }
}

/// Lets tasks that are ready have their turn first. Unlike `yield_now`, it does not look at the network each time, which would be a
/// call of the kernel for each session that begins: the runtime does so every now and then.
async fn others_first() {
    let mut had_theirs = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut had_theirs, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

impl Overflow {
    fn drop_one(
        &mut self,
        most: usize,
        now: Instant,
        address: &ListenAddress,
        errors: Option<&Arc<ErrorLogs>>,
    ) {
        self.dropped += 1;
        self.most = most;
        if self.told.is_none_or(|told| now >= told + TOLD) {
            self.tell(address, errors);
        }
    }

    /// Waits until those are to be told of that have been dropped since others were; for ever, if there are none.
    async fn is_due(&self) {
        match self.told.filter(|_| self.dropped > 0) {
            Some(told) => sleep_until(told + TOLD).await,
            None => pending().await,
        }
    }

    fn tell(&mut self, address: &ListenAddress, errors: Option<&Arc<ErrorLogs>>) {
        self.told = Some(Instant::now());
        let (dropped, most) = (std::mem::take(&mut self.dropped), self.most);
        error_log::at(errors, || {
            tracing::warn!(
                target: "propylon_gateway",
                "{dropped} datagrams dropped on {address}: the limit of {most} sessions is reached"
            );
        });
    }
}
