//! One try, as the exchange records it.

use std::fmt;
use std::sync::Arc;

use http::{HeaderMap, StatusCode};
use parking_lot::Mutex;
use propylon_exchange::{Exchange, Try};

use crate::Peer;
use crate::wire::Wire;

/// One try at one peer, on one connection or, when a kept one turned out dead, on two. Closes its record when it drops.
pub(crate) struct Attempt {
    record: Try,
    meter: Mutex<Meter>,
}

/// What the try's connections carried.
#[derive(Default)]
struct Meter {
    sent: u64,
    received: u64,
    /// The connection in use, and what it had carried before.
    now: Option<(Arc<Wire>, u64, u64)>,
}

impl Attempt {
    /// Opens a record, if there is an exchange to keep it.
    pub(crate) fn open(exchange: Option<&Exchange>, peer: &Peer) -> Option<Arc<Self>> {
        exchange.map(|exchange| {
            let record = exchange.open_try(Arc::clone(peer.name()));
            Arc::new(Self { record, meter: Mutex::default() })
        })
    }

    /// There is a connection: the first, or one in place of a dead one.
    pub(crate) fn connected(&self, wire: &Arc<Wire>) {
        self.record.connected();
        let mut meter = self.meter.lock();
        meter.settle();
        meter.now = Some((Arc::clone(wire), wire.sent(), wire.received()));
    }

    pub(crate) fn responded(&self, status: StatusCode, headers: &HeaderMap) {
        self.record.head_received(status);
        self.record.exchange().upstream_responded(headers);
    }

    pub(crate) fn failed(&self, status: StatusCode) {
        self.record.failed(status);
    }

    pub(crate) fn received(&self, bytes: u64) {
        self.record.received(bytes);
    }

    pub(crate) fn trailers(&self, trailers: &HeaderMap) {
        self.record.exchange().upstream_trailers(trailers);
    }

    /// The connection is done with this try.
    pub(crate) fn finished(&self) {
        self.carried();
        self.record.finished();
    }

    fn carried(&self) {
        let mut meter = self.meter.lock();
        meter.settle();
        self.record.carried(meter.sent, meter.received);
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        self.carried();
    }
}

impl fmt::Debug for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.record.fmt(f)
    }
}

impl Meter {
    /// Lets go of the connection: what it carries from here on is another request's.
    fn settle(&mut self) {
        if let Some((wire, sent, received)) = self.now.take() {
            self.sent += wire.sent() - sent;
            self.received += wire.received() - received;
        }
    }
}
