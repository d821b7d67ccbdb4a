//! What the tests share.

#[path = "../common/mod.rs"]
mod common;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::Empty;
use propylon_exchange::Exchange;
use propylon_testkit::peer::{Plan, RawPeer};
use propylon_upstream::{Body, BoxError, Client, Error, Keepalive, Peer, Pool, Transport};
use tower::ServiceExt;

pub(crate) use self::common::{exchange, full, get, ours, read, settle};
use crate::ENGINE;

/// What most peers answer.
pub(crate) const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// The defaults, with the engine under test.
pub(crate) fn transport() -> Transport {
    Transport::new().engine(ENGINE)
}

/// A client with a pool of its own, and the peer that it talks to.
pub(crate) struct Fixture {
    pub(crate) raw: RawPeer,
    pub(crate) peer: Peer,
    pub(crate) pool: Pool,
    pub(crate) client: Client,
}

impl Fixture {
    pub(crate) fn new(plan: impl Fn(usize) -> Plan + Send + Sync + 'static) -> Self {
        Self::with(Keepalive::new(), transport(), plan)
    }

    pub(crate) fn with(
        keepalive: Keepalive,
        transport: Transport,
        plan: impl Fn(usize) -> Plan + Send + Sync + 'static,
    ) -> Self {
        let raw = RawPeer::tcp(plan);
        let pool = Pool::new(keepalive);
        let client = Client::new(pool.clone(), transport);
        Self { peer: raw.addr().into(), raw, pool, client }
    }

    /// A peer that answers every request with `OK`, for ever.
    pub(crate) fn ok() -> Self {
        Self::new(|_| answering(OK))
    }

    /// A peer that answers every request so, for ever, and closes when the client does.
    pub(crate) fn answering(response: &'static str) -> Self {
        Self::new(move |_| answering(response))
    }

    pub(crate) async fn send<B>(&self, request: Request<B>) -> Result<Response<Body>, BoxError>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        send(&self.client, &self.peer, request).await
    }

    /// Sends, reads the response to its end.
    pub(crate) async fn fetch<B>(&self, request: Request<B>) -> Result<String, Error>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let response = self.send(request).await.map_err(ours)?;
        read(response).await.map_err(ours)
    }

    /// Waits until so many connections are idle.
    pub(crate) async fn idle(&self, count: usize) {
        settle(|| self.pool.idle() == count).await;
    }
}

pub(crate) fn answering(response: &'static str) -> Plan {
    Plan::new().answer(move |_| response).forever()
}

pub(crate) async fn send<B>(
    client: &Client,
    peer: &Peer,
    mut request: Request<B>,
) -> Result<Response<Body>, BoxError>
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    request.extensions_mut().insert(peer.clone());
    client.clone().oneshot(request).await
}

pub(crate) fn empty(method: Method) -> Request<Empty<Bytes>> {
    Request::builder().method(method).uri("/").header("host", "h").body(Empty::new()).unwrap()
}

/// The peers and statuses of the tries.
pub(crate) fn tries(exchange: &Exchange) -> Vec<(String, Option<u16>)> {
    exchange.with_tries(|tries| {
        tries.iter().map(|t| (t.peer.to_string(), t.status.as_ref().map(StatusCode::as_u16))).collect()
    })
}
