//! Having a connection: a kept one at once, or a new one to the first peer that can be reached.

use std::pin::Pin;
use std::sync::Arc;

use http::Extensions;
use propylon_exchange::Exchange;

use crate::attempt::Attempt;
use crate::client::Route;
use crate::pool::{Key, Lease};
use crate::round_robin::Turn;
use crate::special::Special;
use crate::{Error, Established, Peer};

/// The peers that a request may go to, in order, each once.
#[derive(Debug)]
pub(crate) enum Candidates {
    One(Option<Peer>),
    Turn(Box<Turn>),
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

/// Where a request goes: the peer whose turn it is, and those that come after it.
#[derive(Debug)]
pub(crate) struct Way {
    peer: Peer,
    candidates: Candidates,
    special: Option<Arc<Special>>,
    pub(crate) attempt: Option<Arc<Attempt>>,
}

/// What it takes to have a connection.
#[expect(
    clippy::large_enum_variant,
    reason = "a box would cost the hot path an allocation; it is moved once"
)]
pub(crate) enum Opened {
    Now(Established),
    Later(Opening),
    Never(Error),
}

/// Connecting: the one slow path, boxed when it is taken.
pub(crate) type Opening = Pin<Box<dyn Future<Output = Result<Established, Error>> + Send>>;

impl Way {
    /// A kept connection at once, or else a new one.
    pub(crate) fn open(mut candidates: Candidates, route: &Arc<Route>, extensions: &Extensions) -> Opened {
        let Some(peer) = candidates.next() else { return Opened::Never(Error::NoPeers) };
        let attempt = Attempt::open(extensions.get::<Exchange>(), &peer);
        let special = Special::of(&route.transport, extensions);
        let way = Self { peer, candidates, special, attempt };
        match way.kept(route) {
            Some(lease) => Opened::Now(Established::kept(lease, way, Arc::clone(route))),
            None => Opened::Later(Box::pin(way.connect(Arc::clone(route)))),
        }
    }

    fn kept(&self, route: &Route) -> Option<Lease> {
        route.pool.take(&Key::new(&self.peer, &route.transport, self.special.as_ref()))
    }

    /// A new connection to the peer, or any to the next that can be reached.
    async fn connect(mut self, route: Arc<Route>) -> Result<Established, Error> {
        loop {
            match route.pool.connect(&self.peer, &route.transport, self.special.as_ref()).await {
                Ok(lease) => return Ok(Established::fresh(lease, self, route)),
                Err(error) => self.advance(error)?,
            }
            if let Some(lease) = self.kept(&route) {
                return Ok(Established::kept(lease, self, route));
            }
        }
    }

    /// A new connection in place of a dead one: to the peer, or to the next that can be reached.
    pub(crate) async fn replace(&mut self, route: &Route) -> Result<Lease, Error> {
        loop {
            match route.pool.connect(&self.peer, &route.transport, self.special.as_ref()).await {
                Ok(lease) => return Ok(lease),
                Err(error) => self.advance(error)?,
            }
        }
    }

    /// The peer of the try under way.
    pub(crate) fn peer(&self) -> &Peer {
        &self.peer
    }

    /// On to the next peer, or the error of this one.
    fn advance(&mut self, error: Error) -> Result<(), Error> {
        let next = self.candidates.next();
        match (&self.attempt, &next) {
            (Some(attempt), Some(next)) => attempt.next(error.status(), next),
            (Some(attempt), None) => attempt.failed(error.status()),
            (None, _) => {}
        }
        self.peer = next.ok_or(error)?;
        Ok(())
    }
}
