//! Having a connection: a kept one at once, or a new one.

use std::pin::Pin;
use std::sync::Arc;

use http::Extensions;
use propylon_exchange::Exchange;

use crate::attempt::Attempt;
use crate::client::Route;
use crate::pool::Lease;
use crate::special::Special;
use crate::{Error, Established, HttpVersion, Peer, http2};

/// A connection, or what it takes to have one.
pub(crate) enum Opened {
    Now(Established),
    Later(Opening),
}

/// Connecting: the one slow path, boxed when it is taken.
pub(crate) type Opening = Pin<Box<dyn Future<Output = Result<Established, Error>> + Send>>;

/// A kept connection at once, or else a new one.
pub(crate) fn open(
    peer: &Peer,
    route: &Arc<Route>,
    exchange: Option<&Exchange>,
    extensions: &Extensions,
) -> Opened {
    let special = Special::of(&route.transport, extensions);
    match kept(route, peer, special.as_ref()) {
        Some(lease) => {
            let attempt = exchange.map(|exchange| Attempt::connected(exchange, peer, &lease));
            Opened::Now(Established::kept(lease, attempt, Arc::clone(route)))
        }
        None => {
            let attempt = exchange.map(|exchange| Attempt::open(exchange, peer));
            Opened::Later(Box::pin(connect(Arc::clone(route), peer.clone(), special, attempt)))
        }
    }
}

fn kept(route: &Route, peer: &Peer, special: Option<&Arc<Special>>) -> Option<Lease> {
    let (pool, transport) = (&route.pool, &route.transport);
    if transport.http_version == HttpVersion::Http2 {
        return http2::share(pool, peer, transport, special);
    }
    pool.take(peer, transport, special)
}

async fn connect(
    route: Arc<Route>,
    peer: Peer,
    special: Option<Arc<Special>>,
    mut attempt: Option<Attempt>,
) -> Result<Established, Error> {
    let lease = dial(&route, &peer, special.as_ref(), attempt.as_mut()).await?;
    Ok(Established::fresh(lease, attempt, route))
}

/// A new connection: the first, or one in the place of a dead one. That, or why there is none, is the attempt's to record.
pub(crate) async fn dial(
    route: &Route,
    peer: &Peer,
    special: Option<&Arc<Special>>,
    attempt: Option<&mut Attempt>,
) -> Result<Lease, Error> {
    let (pool, transport) = (&route.pool, &route.transport);
    let dialled = if transport.http_version == HttpVersion::Http2 {
        Box::pin(http2::connect(pool, peer, transport, special)).await
    } else {
        pool.connect(peer, transport, special).await
    };
    match (&dialled, attempt) {
        (Ok(lease), Some(attempt)) => attempt.has(lease.connection.traffic()),
        (Err(error), Some(attempt)) => attempt.failed(error.status()),
        (_, None) => {}
    }
    dialled
}
