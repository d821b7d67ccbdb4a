//! How requests get to the peers that `balance` chooses.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use propylon_balance::{Dispatch, Key, Outcome};
use propylon_config::{self as config, Template};
use propylon_exchange::Exchange;
use propylon_retry::{Condition, Conditions};
use propylon_stack::{Body, BoxError};
use propylon_timeout::TimeoutLayer;
use propylon_upstream::{Client, Peer};

use super::{retry, trace};

/// By what requests are bound to a peer.
#[derive(Clone, Debug)]
pub(crate) enum Bound {
    /// Nothing.
    Free,
    /// The client's address.
    Address,
    /// What this gives.
    Template(Template),
}

impl Bound {
    /// What binds an exchange to a peer; `bytes` is where it is kept.
    pub(crate) fn key<'a>(&self, exchange: &Exchange, bytes: &'a mut Bytes) -> Key<'a> {
        match self {
            Self::Free => Key::None,
            Self::Address => exchange.client().as_ip().map_or(Key::None, Key::Address),
            Self::Template(template) => {
                *bytes = template.eval(exchange);
                Key::Bytes(bytes)
            }
        }
    }
}

/// Sends to a peer, over the connections and with the timeouts of a route.
#[derive(Clone, Debug)]
pub(crate) struct ToPeer(Arc<Way>);

#[derive(Debug)]
struct Way {
    client: Client<TimeoutLayer>,
    bound: Bound,
    /// Which statuses are failures.
    on: Conditions,
    /// Whether peers may have to be told of requests' traces.
    tells: bool,
}

impl ToPeer {
    /// `tells`: peers are told of the traces of requests, if these are to be passed on.
    pub(crate) fn new(
        client: Client<TimeoutLayer>,
        bound: Bound,
        retry: &config::Retry,
        tells: bool,
    ) -> Self {
        Self(Arc::new(Way { client, bound, on: retry::conditions(&retry.on), tells }))
    }

    fn may_go_on(&self, status: StatusCode) -> bool {
        self.0.on.contains(Condition::Status(status)) && retry::is_failure(status)
    }

    /// By itself, for a request that may be changed is copied, whether it is or not.
    #[inline(never)]
    fn tell(&self, peer: &Peer, mut request: Request<Body>) -> <Self as Dispatch<Peer, Body>>::Future {
        trace::tell(&mut request);
        self.0.client.send(peer, request)
    }
}

impl Dispatch<Peer, Body> for ToPeer {
    type Future = propylon_upstream::ResponseFuture<TimeoutLayer, Body>;
    type Body = propylon_timeout::ResponseBody<propylon_upstream::Body>;
    type Error = BoxError;

    #[inline]
    fn send(&self, peer: &Peer, request: Request<Body>) -> Self::Future {
        if self.0.tells { self.tell(peer, request) } else { self.0.client.send(peer, request) }
    }

    fn with_key<R>(&self, request: &Request<Body>, pick: impl FnOnce(Key<'_>) -> R) -> R {
        let bound = !matches!(self.0.bound, Bound::Free);
        match bound.then(|| request.extensions().get::<Exchange>()).flatten() {
            Some(exchange) => pick(self.0.bound.key(exchange, &mut Bytes::new())),
            None => pick(Key::None),
        }
    }

    fn outcome(&self, result: Result<&Response<Self::Body>, &BoxError>) -> Outcome {
        match result {
            Err(error) if retry::is_peers(error) => Outcome::Failure,
            Err(_) => Outcome::Neutral,
            // Whether it is a failure is for `retry` to say: only if it goes to another peer because of it.
            Ok(response) if self.may_go_on(response.status()) => Outcome::Open,
            Ok(_) => Outcome::Success,
        }
    }

    fn waited(&self, request: &Request<Body>, time: Duration) {
        if let Some(exchange) = request.extensions().get::<Exchange>() {
            exchange.queued(time);
        }
    }
}
