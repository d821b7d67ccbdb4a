//! Several peers in turn.

use std::sync::Arc;
use std::task::{Context, Poll};

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::{Request, Response};
use parking_lot::Mutex;
use propylon_exchange::Exchange;
use tower_layer::{Identity, Layer};
use tower_service::Service;

use crate::future::ResponseFuture;
use crate::open::Candidates;
use crate::{BoxError, Client, Error, Established, Peer};

/// The peers of an upstream: a list that may change while requests are under way. A clone is the same list, shared by all
/// workers.
///
/// ```
/// use propylon_upstream::{Peer, Peers};
///
/// let peers = Peers::new("backend", vec![Peer::unix("/run/a.sock")]);
/// peers.set(vec![]); // from here on: "no live upstreams"
/// assert!(peers.load().is_empty());
/// ```
#[derive(Clone, Debug)]
pub struct Peers(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    name: Arc<str>,
    list: ArcSwap<Vec<Peer>>,
}

impl Peers {
    /// The peers of the upstream `name`, which is what logs print when there is no peer to name.
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>, peers: Vec<Peer>) -> Self {
        Self(Arc::new(Shared { name: name.into(), list: ArcSwap::from_pointee(peers) }))
    }

    /// The upstream's name.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.0.name
    }

    /// Replaces the list. Requests under way go on with the one that they began with.
    pub fn set(&self, peers: Vec<Peer>) {
        self.0.list.store(Arc::new(peers));
    }

    /// The list as it is now.
    #[must_use]
    pub fn load(&self) -> Arc<Vec<Peer>> {
        self.0.list.load_full()
    }
}

/// Whose turn it is: one for each worker and upstream; routes of the same upstream share it by cloning.
///
/// The sequence is nginx's (smooth weighted round robin with equal weights), also after a peer that failed.
#[derive(Clone, Debug)]
pub struct Rotation {
    peers: Peers,
    credits: Arc<Mutex<Credits>>,
}

/// What each peer of a list has earned by waiting: nginx's current weights. The lock is one worker's: nobody waits for it.
#[derive(Debug, Default)]
struct Credits {
    list: Arc<Vec<Peer>>,
    credits: Vec<isize>,
}

impl Rotation {
    /// Begins with the first of `peers`.
    #[must_use]
    pub fn new(peers: Peers) -> Self {
        Self { peers, credits: Arc::default() }
    }

    /// The peers in turn.
    #[must_use]
    pub fn peers(&self) -> &Peers {
        &self.peers
    }

    fn turn(&self) -> Turn {
        let list = self.peers.load();
        Turn { left: list.len(), list, tried: Vec::new(), credits: Arc::clone(&self.credits) }
    }
}

impl Credits {
    /// The peer that has waited longest among those that were not tried; it pays for all that take part.
    fn pick(&mut self, list: &Arc<Vec<Peer>>, tried: &[usize]) -> Option<usize> {
        if !Arc::ptr_eq(&self.list, list) {
            self.list = Arc::clone(list);
            self.credits = vec![0; list.len()];
        }
        let mut takes_part = 0;
        let mut best: Option<(usize, isize)> = None;
        for (index, credit) in self.credits.iter_mut().enumerate() {
            if tried.contains(&index) {
                continue;
            }
            *credit += 1;
            takes_part += 1;
            if best.is_none_or(|(_, most)| *credit > most) {
                best = Some((index, *credit));
            }
        }
        let (index, _) = best?;
        if let Some(credit) = self.credits.get_mut(index) {
            *credit -= takes_part;
        }
        Some(index)
    }
}

/// One request's way through the list.
#[derive(Debug)]
pub(crate) struct Turn {
    list: Arc<Vec<Peer>>,
    /// Filled by tries that failed: the first one allocates nothing.
    tried: Vec<usize>,
    left: usize,
    credits: Arc<Mutex<Credits>>,
}

impl Turn {
    /// The next peer, each once.
    pub(crate) fn next(&mut self) -> Option<Peer> {
        self.left = self.left.checked_sub(1)?;
        let index = self.credits.lock().pick(&self.list, &self.tried)?;
        if self.left > 0 {
            self.tried.push(index);
        }
        self.list.get(index).cloned()
    }
}

/// Sends each request to the peer whose turn it is, and to the next one if there is no connection to be had.
///
/// Each peer is tried at most once a request; the next one only when the request may be sent (again), which is when nothing of
/// it was sent, or as [`Established`] says when a kept connection turned out dead and cannot be replaced. When none can
/// be reached the last error is returned; an empty list is [`Error::NoPeers`].
#[derive(Clone, Debug)]
pub struct RoundRobin<L = Identity> {
    client: Client<L>,
    rotation: Rotation,
}

impl<L> RoundRobin<L> {
    /// Sends through `client` to the peers of `rotation`.
    #[must_use]
    pub fn new(client: Client<L>, rotation: Rotation) -> Self {
        Self { client, rotation }
    }
}

impl<L, B, R> Service<Request<B>> for RoundRobin<L>
where
    L: Layer<Established> + Clone,
    L::Service: Service<Request<B>, Response = Response<R>>,
    <L::Service as Service<Request<B>>>::Error: Into<BoxError>,
    B: http_body::Body<Data = Bytes>,
{
    type Response = Response<R>;
    type Error = BoxError;
    type Future = ResponseFuture<L, B>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let turn = self.rotation.turn();
        if turn.left == 0 {
            if let Some(exchange) = request.extensions().get::<Exchange>() {
                let name = Arc::clone(self.rotation.peers.name());
                exchange.open_try(name).failed(Error::NoPeers.status());
            }
            return ResponseFuture::failed(Error::NoPeers);
        }
        self.client.send(Candidates::Turn(Box::new(turn)), request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rotation(names: &[&str]) -> Rotation {
        let peers = names.iter().map(|name| Peer::tcp(*name, ([127, 0, 0, 1], 1).into())).collect();
        Rotation::new(Peers::new("u", peers))
    }

    /// Each number is how many peers a request tries.
    fn check(names: &[&str], tries: &[usize], expected: &str) {
        let rotation = rotation(names);
        let requests = tries.iter().map(|&n| {
            let mut turn = rotation.turn();
            std::iter::from_fn(|| turn.next().map(|peer| peer.name().to_string())).take(n).collect::<String>()
        });
        assert_eq!(requests.collect::<Vec<_>>().join(" "), expected);
    }

    #[test]
    fn each_in_turn() {
        check(&["a", "b", "c"], &[1, 1, 1, 1], "a b c a");
        check(&["a", "b", "c"], &[2, 1, 1, 1], "ab c b c");
        check(&["a", "b"], &[9, 1, 1, 1], "ab b a b");
        check(&["a"], &[1, 9], "a a");
        check(&[], &[9], "");
    }

    #[test]
    fn the_list_may_change() {
        let rotation = rotation(&["a", "b"]);
        let mut turn = rotation.turn();
        rotation.peers().set(vec![]);
        assert_eq!(turn.next().unwrap().name().as_ref(), "a", "a request keeps its list");
        assert!(rotation.turn().next().is_none());
    }
}
