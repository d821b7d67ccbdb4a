//! What the tests share.

#[path = "../common/mod.rs"]
mod common;

use std::future::Future;
use std::io;

use bytes::Bytes;
use h2::RecvStream;
use h2::server::SendResponse;
use http::{HeaderMap, Request, Response};
use http_body_util::BodyExt;
use propylon_exchange::Exchange;
use propylon_testkit::http2::{Frames, Http2Peer};
use propylon_upstream::{
    Body, BoxError, Client, Error, HttpVersion, Keepalive, Peer, Pool, ToPeer, Transport,
};
use tower::ServiceExt;

pub(crate) use self::common::{exchange, full, get, ours, read, settle, soon};

pub(crate) fn transport() -> Transport {
    Transport::new().http_version(HttpVersion::Http2)
}

/// A client with a pool of its own, and the peer that it talks to.
pub(crate) struct Fixture {
    pub(crate) h2: Http2Peer,
    pub(crate) pool: Pool,
    pub(crate) client: ToPeer,
}

impl Fixture {
    pub(crate) fn new(h2: Http2Peer) -> Self {
        Self::with(Keepalive::new(), transport(), h2)
    }

    pub(crate) fn with(keepalive: Keepalive, transport: Transport, h2: Http2Peer) -> Self {
        let pool = Pool::new(keepalive);
        let client = Client::new(pool.clone(), transport).to(Peer::from(h2.addr()));
        Self { h2, pool, client }
    }

    /// A peer that sends the frames of `script`, after its SETTINGS.
    pub(crate) fn frames<F, Fut>(script: F) -> Self
    where
        F: Fn(usize, Frames) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = io::Result<()>> + Send + 'static,
    {
        Self::new(frames(script))
    }

    /// A peer that answers each request with its head and body, and the trailers of its own.
    pub(crate) fn echo() -> Self {
        Self::new(Http2Peer::serving(h2::server::Builder::new(), echo))
    }

    pub(crate) async fn send<B>(&self, request: Request<B>) -> Result<Response<Body>, BoxError>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        self.client.clone().oneshot(request).await
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

/// A peer that sends the frames of `script`, after its SETTINGS.
pub(crate) fn frames<F, Fut>(script: F) -> Http2Peer
where
    F: Fn(usize, Frames) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = io::Result<()>> + Send + 'static,
{
    Http2Peer::frames(move |n, mut frames| {
        let script = script.clone();
        async move {
            frames.settings(&[]).await?;
            script(n, frames).await
        }
    })
}

/// Answers a request with its head and body.
pub(crate) async fn echo(request: Request<RecvStream>, mut respond: SendResponse<Bytes>) {
    let (parts, mut body) = request.into_parts();
    let mut text = format!("{} {}\n", parts.method, parts.uri);
    for (name, value) in &parts.headers {
        text += &format!("{name}: {}\n", value.to_str().unwrap());
    }
    text += "\n";
    while let Some(Ok(data)) = body.data().await {
        let _ = body.flow_control().release_capacity(data.len());
        text += &String::from_utf8_lossy(&data);
    }
    let trailers = body.trailers().await.unwrap().unwrap_or_default();
    for (name, value) in &trailers {
        text += &format!("\n{name}: {}", value.to_str().unwrap());
    }
    let response = Response::builder().header("x-answer", "a").header("x-answer", "b").body(()).unwrap();
    let Ok(mut stream) = respond.send_response(response, false) else { return };
    stream.send_data(text.into(), false).unwrap();
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", "0".parse().unwrap());
    stream.send_trailers(trailers).unwrap();
}

/// A body, and what it ends with.
pub(crate) async fn read_all(response: Response<Body>) -> (String, Option<HeaderMap>) {
    let mut body = response.into_body();
    let (mut text, mut trailers) = (Vec::new(), None);
    while let Some(frame) = body.frame().await {
        match frame.unwrap().into_data() {
            Ok(data) => text.extend_from_slice(&data),
            Err(frame) => trailers = frame.into_trailers().ok(),
        }
    }
    (String::from_utf8(text).unwrap(), trailers)
}

/// The statuses of the tries.
pub(crate) fn tries(exchange: &Exchange) -> Vec<Option<u16>> {
    exchange.with_tries(|tries| tries.iter().map(|t| t.status.map(|status| status.as_u16())).collect())
}
