//! The log line of a connection that is passed on.

use std::num::NonZeroU64;
use std::sync::Arc;

use http::{HeaderMap, StatusCode};
use propylon_config::Amount;
use propylon_exchange::{Connection, End, Exchange};
use propylon_tunnel::Counts;

use super::At;
use crate::route::{self, LimitsSeen};
use crate::tally::Open;

/// The log line of a connection: written when this drops, however it ended.
pub(super) struct Line {
    pub(super) at: Arc<At>,
    pub(super) exchange: Exchange,
    /// nginx's 200 is whatever had a beginning and an end.
    pub(super) status: StatusCode,
    pub(super) end: End,
    /// How much of what was read ahead is a hello of TLS.
    pub(super) hello: usize,
    /// What went through the tunnel.
    pub(super) counts: Arc<Counts>,
    /// What came without one, and what was sent.
    pub(super) received: u64,
    pub(super) sent: u64,
    /// The places that limits have given it.
    pub(super) seen: LimitsSeen,
    pub(super) open: Open,
}

impl Line {
    pub(super) fn new(at: Arc<At>, connection: &Connection, open: Open) -> Self {
        if let Some(tally) = &at.stream.tally {
            tally.begin();
        }
        Self {
            exchange: begin(&at, connection),
            at,
            status: StatusCode::OK,
            end: End::ClientClosed, // unless it ends otherwise
            hello: 0,
            counts: Arc::default(),
            received: 0,
            sent: 0,
            seen: LimitsSeen::default(),
            open,
        }
    }

    /// Bytes a second, if that is limited.
    pub(super) fn rate(&self, amount: &Option<Amount>) -> Option<NonZeroU64> {
        NonZeroU64::new(route::amount(amount.as_ref()?, &self.exchange))
    }

    /// More is known of the connection now: that it speaks TLS.
    pub(super) fn knows(&mut self, connection: &Connection) {
        let exchange = begin(&self.at, connection);
        propylon_vars::give_back(&self.exchange, &exchange); // what limits have decided
        self.exchange = exchange;
    }
}

fn begin(at: &At, connection: &Connection) -> Exchange {
    let started = connection.since;
    let exchange = Exchange::stream(at.server.clone(), Arc::new(connection.clone()), started);
    if let Some(logs) = &at.stream.errors {
        exchange.set_error_log(Some(logs.clone()));
    }
    if let Some(address) = at.stream.real_ip.as_ref().and_then(|real_ip| real_ip.address(&exchange)) {
        exchange.set_client(address);
    }
    exchange
}

impl Drop for Line {
    fn drop(&mut self) {
        let exchange = &self.exchange;
        let sent = self.counts.to_client() + self.sent;
        exchange.body_received(self.counts.to_upstream() + self.received);
        exchange.set_sent(sent, sent);
        exchange.responded(self.status, &HeaderMap::new());
        exchange.ended(self.end);
        let stream = &self.at.stream;
        if let Some(tally) = &stream.tally {
            tally.count(exchange);
        }
        stream.logs.write(exchange);
    }
}
