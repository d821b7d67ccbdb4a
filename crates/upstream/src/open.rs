//! Having a connection: a kept one at once, or a new one to the first peer that can be reached.

use std::pin::Pin;
use std::sync::Arc;

use propylon_exchange::Exchange;

use crate::attempt::Attempt;
use crate::client::Route;
use crate::pool::Key;
use crate::round_robin::Turn;
use crate::{Error, Established, Peer};

/// The peers that a request may go to, in order, each once.
#[derive(Debug)]
pub(crate) enum Candidates {
    One(Option<Peer>),
    Turn(Turn),
}

impl Candidates {
    pub(crate) fn one(peer: Peer) -> Self {
        Self::One(Some(peer))
    }

    fn next(&mut self) -> Option<Peer> {
        match self {
            Self::One(peer) => peer.take(),
            Self::Turn(turn) => turn.next(),
        }
    }
}

/// What it takes to have a connection.
pub(crate) enum Opened {
    Now(Established),
    Later(Opening),
    Never(Error),
}

/// Connecting: the one slow path, boxed when it is taken.
pub(crate) type Opening = Pin<Box<dyn Future<Output = Result<Established, Error>> + Send>>;

impl Route {
    pub(crate) fn open(self: &Arc<Self>, mut candidates: Candidates, exchange: Option<&Exchange>) -> Opened {
        let Some(peer) = candidates.next() else { return Opened::Never(Error::NoPeers) };
        match self.try_peer(peer, exchange) {
            Ok(established) => Opened::Now(established),
            Err((peer, attempt)) => Opened::Later(Box::pin(connect(
                Arc::clone(self),
                candidates,
                peer,
                attempt,
                exchange.cloned(),
            ))),
        }
    }

    /// A kept connection to `peer`, or else the record of the try that begins.
    fn try_peer(
        self: &Arc<Self>,
        peer: Peer,
        exchange: Option<&Exchange>,
    ) -> Result<Established, (Peer, Option<Arc<Attempt>>)> {
        let attempt = Attempt::open(exchange, &peer);
        match self.pool.take(&Key::new(&peer, &self.transport)) {
            Some(lease) => Ok(Established::kept(lease, peer, Arc::clone(self), attempt)),
            None => Err((peer, attempt)),
        }
    }
}

/// Connects to `peer`, or to the next of the candidates that can be reached.
async fn connect(
    route: Arc<Route>,
    mut candidates: Candidates,
    mut peer: Peer,
    mut attempt: Option<Arc<Attempt>>,
    exchange: Option<Exchange>,
) -> Result<Established, Error> {
    loop {
        let error = match route.pool.connect(&peer, &route.transport).await {
            Ok(lease) => return Ok(Established::fresh(lease, peer, route, attempt)),
            Err(error) => error,
        };
        if let Some(attempt) = attempt.take() {
            attempt.failed(error.status());
        }
        let Some(next) = candidates.next() else { return Err(error) };
        match route.try_peer(next, exchange.as_ref()) {
            Ok(established) => return Ok(established),
            Err(next) => (peer, attempt) = next,
        }
    }
}
