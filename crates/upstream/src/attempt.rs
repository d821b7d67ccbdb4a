//! The tries of one request, as the exchange records them.

use http::{HeaderMap, StatusCode};
use propylon_exchange::{Exchange, Keep, Try};

use crate::Peer;
use crate::connection::Traffic;
use crate::pool::Lease;

/// The try that runs, with the bytes of its connections so far.
#[derive(Debug)]
pub(crate) struct Attempt {
    /// Always there, but where the record goes on without the connection.
    record: Option<Try>,
    sent: u64,
    received: u64,
    /// A connection that is in use, and what it had sent and received before.
    traffic: Option<(Traffic, u64, u64)>,
    /// Bytes of the heads, where the length of the body is what else is received.
    heads: Option<u64>,
}

impl Attempt {
    /// A connection is still to be had.
    pub(crate) fn open(exchange: &Exchange, peer: &Peer) -> Self {
        Self::new(exchange.open_try(peer.name().clone()))
    }

    fn new(record: Try) -> Self {
        Self { record: Some(record), sent: 0, received: 0, traffic: None, heads: None }
    }

    /// There is a connection: one that was kept, perhaps for another peer of the same address.
    pub(crate) fn connected(exchange: &Exchange, peer: &Peer, lease: &Lease) -> Self {
        let record = Some(exchange.open_connected_try(peer.name().clone()));
        let traffic = lease.connection.traffic();
        let (sent, received) = (traffic.sent(), traffic.received());
        Self { record, sent: 0, received: 0, traffic: Some((traffic, sent, received)), heads: None }
    }

    /// What was sent has failed with that status, and is sent again to the same peer: a try of its own.
    pub(crate) fn next(&mut self, status: StatusCode) {
        let Some(record) = &self.record else { return };
        record.failed(status);
        let exchange = record.exchange();
        let Some(peer) = exchange.last_peer() else { return };
        *self = Self::new(exchange.open_try(peer));
    }

    /// There is a connection now; what it carries from here on is the try's.
    pub(crate) fn has(&mut self, traffic: Traffic) {
        if let Some(record) = &self.record {
            record.connected();
        }
        self.settle();
        let (sent, received) = (traffic.sent(), traffic.received());
        self.traffic = Some((traffic, sent, received));
    }

    pub(crate) fn responded(&self, status: StatusCode, headers: &HeaderMap) {
        if let Some(record) = &self.record {
            record.head_received(status);
            record.exchange().upstream_responded(headers);
        }
    }

    /// There is a connection, for whatever is spoken on it.
    pub(crate) fn opened(&self) {
        if let Some(record) = &self.record {
            record.connected();
        }
    }

    /// Where there are no heads, the first byte is the response's beginning.
    pub(crate) fn began(&self) {
        if let Some(record) = &self.record {
            record.head_received(StatusCode::OK);
        }
    }

    /// The body is read from here on; the heads were this long.
    pub(crate) fn body_began(&mut self, heads: u64) {
        self.heads = Some(heads);
    }

    pub(crate) fn failed(&self, status: StatusCode) {
        if let Some(record) = &self.record {
            record.failed(status);
        }
    }

    /// More of the body was received, of which a connection does not tell.
    pub(crate) fn received(&self, bytes: u64) {
        if let Some(record) = &self.record {
            record.received(bytes);
        }
    }

    pub(crate) fn trailers(&self, trailers: &HeaderMap) {
        if let Some(record) = &self.record {
            record.exchange().upstream_trailers(trailers);
        }
    }

    /// The connection was another protocol's, and carried this much more.
    pub(crate) fn tunnelled(&mut self, sent: u64, received: u64) {
        self.sent += sent;
        self.received += received;
        self.settle();
        // Also if it was settled before.
        if let Some(record) = &self.record {
            record.over(self.sent, self.received);
        }
    }

    /// All of the response is here, of which the heads were this long. Gives the record, which is over, and how much of the wire
    /// the body was.
    pub(crate) fn arrived(
        mut self,
        status: StatusCode,
        headers: &HeaderMap,
        heads: u64,
    ) -> (Option<Try>, u64) {
        let received = self.count().unwrap_or_default();
        self.responded(status, headers);
        let record = self.record.take();
        if let Some(record) = &record {
            record.over(self.sent, self.received);
        }
        (record, received.saturating_sub(heads))
    }

    pub(crate) fn keeps(&self, what: Keep) -> bool {
        self.record.as_ref().is_some_and(|record| record.exchange().keeps(what))
    }

    pub(crate) fn finished(&mut self) {
        self.settle();
        if let Some(record) = &self.record {
            record.finished();
        }
    }

    /// Takes what the connection has carried for this try.
    fn settle(&mut self) {
        let Some(received) = self.count() else { return };
        let Some(record) = &self.record else { return };
        if let Some(heads) = self.heads {
            record.received(received.saturating_sub(heads));
        }
        record.carried(self.sent, self.received);
    }

    /// Counts what the connection has carried; gives what was received.
    fn count(&mut self) -> Option<u64> {
        let (traffic, sent, received) = self.traffic.take()?;
        let received = traffic.received() - received;
        self.sent += traffic.sent() - sent;
        self.received += received;
        Some(received)
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        self.settle();
    }
}
