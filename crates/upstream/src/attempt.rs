//! The tries of one request, as the exchange records them.

use std::fmt;
use std::sync::Arc;

use http::{HeaderMap, StatusCode};
use parking_lot::Mutex;
use propylon_exchange::{Exchange, Try};

use crate::Peer;
use crate::connection::Traffic;

/// The try that a request is in: at one peer, on one connection or, when a kept one turned out dead before anything was
/// sent, on two. Its record is closed when the next try begins, or when this drops.
pub(crate) struct Attempt(Mutex<Current>);

struct Current {
    record: Try,
    /// What the try's connections carried.
    sent: u64,
    received: u64,
    /// The connection in use, and what it had carried before.
    traffic: Option<(Traffic, u64, u64)>,
    /// Bytes of the response's heads, if the engine tells: what else came was its body.
    heads: Option<u64>,
}

impl Attempt {
    /// Opens a record, if there is an exchange to keep it.
    pub(crate) fn open(exchange: Option<&Exchange>, peer: &Peer) -> Option<Arc<Self>> {
        exchange.map(|exchange| Arc::new(Self(Mutex::new(Current::open(exchange, peer)))))
    }

    /// The try has failed, and one at `peer` begins.
    pub(crate) fn next(&self, status: StatusCode, peer: &Peer) {
        let mut current = self.0.lock();
        current.record.failed(status);
        let next = Current::open(current.record.exchange(), peer);
        *current = next;
    }

    /// There is a connection: the first, or one in place of a dead one.
    pub(crate) fn connected(&self, traffic: Traffic) {
        let mut current = self.0.lock();
        current.record.connected();
        current.settle();
        let (sent, received) = (traffic.sent(), traffic.received());
        current.traffic = Some((traffic, sent, received));
    }

    pub(crate) fn responded(&self, status: StatusCode, headers: &HeaderMap) {
        let current = self.0.lock();
        current.record.head_received(status);
        current.record.exchange().upstream_responded(headers);
    }

    /// The response's body is read: all that came and is not of the heads is counted as its.
    pub(crate) fn body_began(&self, heads: u64) {
        self.0.lock().heads = Some(heads);
    }

    pub(crate) fn failed(&self, status: StatusCode) {
        self.0.lock().record.failed(status);
    }

    pub(crate) fn received(&self, bytes: u64) {
        self.0.lock().record.received(bytes);
    }

    pub(crate) fn trailers(&self, trailers: &HeaderMap) {
        self.0.lock().record.exchange().upstream_trailers(trailers);
    }

    /// The connection, which has become another protocol's, is done with this try: what it carried since.
    pub(crate) fn tunnelled(&self, sent: u64, received: u64) {
        let mut current = self.0.lock();
        current.sent += sent;
        current.received += received;
        current.settle();
        // Also if it was settled before.
        current.record.carried(current.sent, current.received);
        current.record.finished();
    }

    /// All of the response is here, its heads of so many bytes and its body, and the connection is done with this try. Returns
    /// how much was body, which counts once somebody [reads](Self::received) it.
    pub(crate) fn arrived(&self, heads: u64) -> u64 {
        let mut current = self.0.lock();
        let before = current.received;
        current.settle();
        current.record.finished();
        (current.received - before).saturating_sub(heads)
    }

    /// The connection is done with this try.
    pub(crate) fn finished(&self) {
        let mut current = self.0.lock();
        current.settle();
        current.record.finished();
    }
}

impl fmt::Debug for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.lock().record.fmt(f)
    }
}

impl Current {
    fn open(exchange: &Exchange, peer: &Peer) -> Self {
        Self {
            record: exchange.open_try(Arc::clone(peer.name())),
            sent: 0,
            received: 0,
            traffic: None,
            heads: None,
        }
    }

    /// Lets go of the connection: what it carries from here on is another request's.
    fn settle(&mut self) {
        if let Some((traffic, sent, received)) = self.traffic.take() {
            let received = traffic.received() - received;
            self.sent += traffic.sent() - sent;
            self.received += received;
            if let Some(heads) = self.heads {
                self.record.received(received.saturating_sub(heads));
            }
            self.record.carried(self.sent, self.received);
        }
    }
}

impl Drop for Current {
    fn drop(&mut self) {
        self.settle();
    }
}
