//! What the exchange is told.

use std::sync::Arc;
use std::task::{Context, Poll};

use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::BodyExt;
use propylon_exchange::Keep;
use propylon_testkit::gate::Gate;
use propylon_testkit::peer::Plan;
use propylon_upstream::{Body, BoxError, Client, Engine, Established, Keepalive, Pool};
use tower::{Layer, Service, ServiceExt};

use crate::ENGINE;
use crate::support::{Fixture, OK, answering, exchange, get, read, send, transport, tries};

#[tokio::test]
async fn a_try_from_its_start_to_its_true_end() {
    let fixture = Fixture::ok();
    for _ in 0..2 {
        let exchange = exchange();
        exchange.keep(Keep::UPSTREAM_HEAD);
        let mut request = get("/");
        request.extensions_mut().insert(exchange.clone());
        let response = fixture.send(request).await.unwrap();
        exchange.with_tries(|tries| {
            assert_eq!(&**tries[0].peer, fixture.raw.addr().to_string());
            assert!(tries[0].connect().is_some() && tries[0].header().is_some());
            assert_eq!(tries[0].status, Some(StatusCode::OK));
            // One that came whole with its head is done with the connection already.
            assert_eq!(tries[0].response().is_some(), ENGINE == Engine::H1);
            assert_eq!(tries[0].length, 0, "nobody has read the body");
        });
        assert_eq!(exchange.with_upstream_headers(|h: &HeaderMap| h["content-length"].clone()).unwrap(), "2");
        let mut body = response.into_body();
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "ok");
        exchange.with_tries(|tries| {
            assert_eq!(tries.len(), 1);
            assert_eq!(tries[0].length, 2);
            assert_eq!(tries[0].bytes_received, OK.len() as u64, "also on a kept connection");
            assert_eq!(tries[0].bytes_sent, "GET / HTTP/1.1\r\nHost: h\r\n\r\n".len() as u64);
            assert!(tries[0].response().is_some(), "though the body is still held");
        });
        drop(body);
    }
    assert_eq!(fixture.raw.accepted(), 1);
}

/// A kept connection serves all peers of its address, whoever had it opened: two servers of an upstream may share one.
#[tokio::test]
async fn a_try_is_that_of_the_peer_that_was_asked_for() {
    // The last request comes on the kept connection, is read, and has to be sent again.
    let fixture = Fixture::new(|connection| match connection {
        0 => Plan::new().answer(|_| OK).answer(|_| OK).read_request().close(),
        _ => answering(OK),
    });
    let first = fixture.peer.clone();
    let second = first.called(&**first.name());
    assert!(first == second && !Arc::ptr_eq(first.name(), second.name()));
    for (peer, tried) in [(&first, 1), (&second, 1), (&second, 2)] {
        let exchange = exchange();
        let mut request = get("/");
        request.extensions_mut().insert(exchange.clone());
        assert_eq!(read(send(&fixture.client, peer, request).await.unwrap()).await.unwrap(), "ok");
        exchange.with_tries(|tries| {
            assert_eq!(tries.len(), tried);
            assert!(tries.iter().all(|it| Arc::ptr_eq(it.peer, peer.name())), "{tried}");
        });
        fixture.idle(1).await;
    }
    assert_eq!(fixture.raw.accepted(), 2);
}

/// nginx counts a response's body as it came, its framing included.
#[tokio::test]
async fn the_length_is_that_of_the_wire() {
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let body = "2\r\nab\r\n3;x\r\ncde\r\n0\r\nT: v\r\n\r\n";
    let gate = Gate::new();
    let later = gate.clone();
    let fixture = Fixture::new(move |_| {
        let interim = "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n";
        let (now, rest) = body.split_at(9);
        Plan::new().read_request().write(format!("{interim}{head}{now}")).wait(&later).write(rest).hang()
    });
    let exchange = exchange();
    let mut request = get("/");
    request.extensions_mut().insert(exchange.clone());
    let response = fixture.send(request).await.unwrap();
    gate.open();
    assert_eq!(read(response).await.unwrap(), "abcde");
    // hyper tells the decoded bytes only.
    let expected = if ENGINE == Engine::H1 { body.len() as u64 } else { 5 };
    exchange.with_tries(|tries| assert_eq!(tries[0].length, expected));
    assert_eq!(fixture.pool.idle(), 1);
}

#[tokio::test]
async fn a_try_that_was_cut() {
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc";
    let fixture = Fixture::new(move |_| Plan::new().answer(move |_| answer).hang());
    let exchange = exchange();
    let mut request = get("/");
    request.extensions_mut().insert(exchange.clone());
    let response = fixture.send(request).await.unwrap();
    drop(response);
    exchange.with_tries(|tries| {
        assert_eq!(tries[0].length, 0, "nobody has read it");
        assert_eq!(tries[0].bytes_received, answer.len() as u64);
        assert_eq!(tries[0].status, Some(StatusCode::OK));
        assert!(tries[0].response().is_some(), "closed by dropping");
    });
}

#[tokio::test]
async fn a_try_that_failed() {
    let fixture = Fixture::new(|_| Plan::new().answer(|_| "garbage\r\n\r\n").hang());
    let exchange = exchange();
    let mut request = get("/");
    request.extensions_mut().insert(exchange.clone());
    fixture.fetch(request).await.unwrap_err();
    assert_eq!(tries(&exchange), [(fixture.raw.addr().to_string(), Some(502))]);
    exchange.with_tries(|tries| {
        assert!(tries[0].connect().is_some() && tries[0].header().is_none());
        assert_eq!((tries[0].bytes_received, tries[0].length), (11, 0));
    });
}

/// A layer that waits for the connection and then fails, as a timeout does.
#[derive(Clone, Debug)]
struct Impatient;

#[derive(Debug, thiserror::Error)]
#[error("too late")]
struct TooLate;

struct ImpatientService(Established);

impl Layer<Established> for Impatient {
    type Service = ImpatientService;

    fn layer(&self, inner: Established) -> ImpatientService {
        ImpatientService(inner)
    }
}

impl<B> Service<Request<B>> for ImpatientService
where
    Established: Service<Request<B>, Response = Response<Body>>,
{
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = std::future::Ready<Result<Response<Body>, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        drop(self.0.call(request));
        std::future::ready(Err(TooLate.into()))
    }
}

#[tokio::test]
async fn a_layer_s_error_passes_with_the_status_that_it_stands_for() {
    let fixture = Fixture::ok();
    let client = Client::new(Pool::new(Keepalive::new()), transport()).layer(Impatient);
    let late = |error: &BoxError| error.is::<TooLate>().then_some(StatusCode::GATEWAY_TIMEOUT);
    for (client, status) in [(client.clone(), 502), (client.failure_status(late), 504)] {
        let exchange = exchange();
        let mut request = get("/");
        request.extensions_mut().insert(exchange.clone());
        request.extensions_mut().insert(fixture.peer.clone());
        let error = client.oneshot(request).await.unwrap_err();
        assert!(error.is::<TooLate>());
        assert_eq!(tries(&exchange)[0].1, Some(status));
    }
    fixture.raw.wait_closed(2).await;
}
