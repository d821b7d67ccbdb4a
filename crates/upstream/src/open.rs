//! Having a connection: a kept one at once, or a new one.

use std::pin::Pin;
use std::sync::Arc;

use http::{Extensions, StatusCode};
use propylon_exchange::Exchange;

use crate::attempt::Attempt;
use crate::client::Route;
use crate::pool::Lease;
use crate::special::Special;
use crate::{Error, Established, HttpVersion, Peer, http2};

/// Where a request goes.
#[derive(Debug)]
pub(crate) struct Way {
    peer: Peer,
    special: Option<Arc<Special>>,
    pub(crate) attempt: Option<Attempt>,
}

/// What it takes to have a connection.
pub(crate) enum Opened {
    Now(Established),
    Later(Opening),
}

/// Connecting: the one slow path, boxed when it is taken.
pub(crate) type Opening = Pin<Box<dyn Future<Output = Result<Established, Error>> + Send>>;

impl Way {
    /// A kept connection at once, or else a new one.
    pub(crate) fn open(
        peer: Peer,
        route: &Arc<Route>,
        exchange: Option<&Exchange>,
        extensions: &Extensions,
    ) -> Opened {
        let attempt = Attempt::open(exchange, &peer);
        let special = Special::of(&route.transport, extensions);
        let way = Self { peer, special, attempt };
        match way.kept(route) {
            Some(lease) => Opened::Now(Established::kept(lease, way, Arc::clone(route))),
            None => Opened::Later(Box::pin(way.connect(Arc::clone(route)))),
        }
    }

    fn kept(&self, route: &Route) -> Option<Lease> {
        let (pool, transport) = (&route.pool, &route.transport);
        if transport.http_version == HttpVersion::Http2 {
            return http2::share(pool, &self.peer, transport, self.special.as_ref());
        }
        pool.take(&self.peer, transport, self.special.as_ref())
    }

    async fn connect(self, route: Arc<Route>) -> Result<Established, Error> {
        let lease = self.dial(&route).await?;
        Ok(Established::fresh(lease, self, route))
    }

    /// A new connection: the first, or one in the place of a dead one.
    pub(crate) async fn dial(&self, route: &Route) -> Result<Lease, Error> {
        let (pool, transport, special) = (&route.pool, &route.transport, self.special.as_ref());
        let dialled = if transport.http_version == HttpVersion::Http2 {
            Box::pin(http2::connect(pool, &self.peer, transport, special)).await
        } else {
            pool.connect(&self.peer, transport, special).await
        };
        if let (Err(error), Some(attempt)) = (&dialled, &self.attempt) {
            attempt.failed(error.status());
        }
        dialled
    }

    /// What was sent has failed with that status, and is sent again.
    pub(crate) fn again(&mut self, status: StatusCode) {
        if let Some(attempt) = &mut self.attempt {
            attempt.next(status, &self.peer);
        }
    }
}
