//! Where a connection of FastCGI or of memcached is between its requests: no task has it, it moves through the exchange and comes back.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;
use propylon_cgi::{Connection, Counters};

use crate::connect::Socket;
use crate::idle::State;

/// A connection's place, and what passed on it.
#[derive(Debug)]
pub(crate) struct Place {
    /// While nothing is under way on it; else it is with whoever sends or reads.
    connection: Arc<Mutex<Option<Connection<Socket>>>>,
    counters: Arc<Counters>,
}

/// Brings the connection back.
pub(crate) struct Keeper(Arc<Mutex<Option<Connection<Socket>>>>);

impl propylon_cgi::Keeper<Socket> for Keeper {
    fn give_back(self, connection: Connection<Socket>) {
        *self.0.lock() = Some(connection);
    }
}

impl Place {
    pub(crate) fn new(socket: Socket) -> Self {
        let connection = Connection::new(socket);
        let counters = Arc::clone(connection.counters());
        Self { connection: Arc::new(Mutex::new(Some(connection))), counters }
    }

    pub(crate) fn state(&self) -> State {
        let idle = self.poll_idle(&mut Context::from_waker(Waker::noop())).is_pending();
        if idle { State::Ready } else { State::Dead }
    }

    /// Ready when the peer has closed it or said something unasked, and when it did not come back.
    pub(crate) fn poll_idle(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut connection = self.connection.lock();
        connection.as_mut().map_or(Poll::Ready(()), |connection| connection.poll_idle(cx))
    }

    pub(crate) fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    /// The connection, for a request.
    pub(crate) fn take(&self) -> Option<Connection<Socket>> {
        self.connection.lock().take()
    }

    /// Whom it is to go back to.
    pub(crate) fn keeper(&self) -> Keeper {
        Keeper(Arc::clone(&self.connection))
    }
}
