//! Kept connections that are no more: what is sent again, and what never is.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::Full;
use propylon_testkit::gate::Gate;
use propylon_testkit::peer::Plan;
use propylon_upstream::{
    Body, BoxError, Error, Established, Handshake, Keepalive, Party, Secure, Socket, secured,
};
use tower::{Layer, Service, ServiceExt};

use crate::support::{Fixture, OK, answering, empty, exchange, full, get, read, settle, transport, tries};

/// A peer whose first connection answers once and then goes on by `then`; the others answer for ever.
fn once_then(then: impl Fn(Plan) -> Plan + Send + Sync + 'static) -> Fixture {
    Fixture::new(move |n| if n == 0 { then(Plan::new().answer(|_| OK)) } else { answering(OK) })
}

#[tokio::test]
async fn a_closed_idle_connection_is_noticed() {
    let close = Gate::new();
    let closing = close.clone();
    let fixture = once_then(move |plan| plan.wait(&closing).close());
    fixture.fetch(get("/")).await.unwrap();
    assert_eq!(fixture.pool.idle(), 1);
    close.open();
    fixture.idle(0).await;
    fixture.fetch(get("/")).await.unwrap();
    assert_eq!(fixture.raw.accepted(), 2);
}

#[tokio::test]
async fn it_is_noticed_after_every_use() {
    let close = Gate::new();
    let closing = close.clone();
    let fixture = Fixture::new(move |_| {
        Plan::new().answer(|_| OK).answer(|_| OK).answer(|_| OK).wait(&closing).close()
    });
    for _ in 0..3 {
        fixture.fetch(get("/")).await.unwrap();
        // Whoever watches has seen it idle, and is done.
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert_eq!(fixture.pool.idle(), 1);
    }
    close.open();
    fixture.idle(0).await;
    assert_eq!(fixture.raw.accepted(), 1);
}

/// Security that hides what is beneath, and secures nothing.
#[derive(Debug)]
struct Veil;

impl Secure for Veil {
    fn handshake<'a>(&'a self, socket: Socket, _: Party<'a>) -> Handshake<'a> {
        Box::pin(async move { Ok(secured(socket, |socket| socket)) })
    }
}

/// The peer has closed, and nothing of ours had a chance to notice before the request is sent.
async fn race(method: Method, body: &'static str, secure: Option<Arc<dyn Secure>>) {
    let (close, closed) = (Gate::new(), Gate::new());
    let (closing, reached) = (close.clone(), closed.clone());
    let fixture = Fixture::with(Keepalive::new(), transport().secure(secure), move |n| match n {
        0 => Plan::new().answer(|_| OK).wait(&closing).half_close().wait(&closed),
        _ => answering(OK),
    });
    let exchange = exchange();
    fixture.fetch(get("/first")).await.unwrap();
    close.open();
    while !reached.was_reached() {
        // Not awaiting: the connection's task must not run.
        std::thread::yield_now();
    }
    assert_eq!(fixture.pool.idle(), 1, "not noticed yet");
    let mut request = full(method.clone(), body);
    request.extensions_mut().insert(exchange.clone());
    assert_eq!(fixture.fetch(request).await.unwrap(), "ok", "{method}");
    reached.open();

    let requests = fixture.raw.requests();
    assert_eq!(requests.len(), 2);
    assert!(requests[1].ends_with(body.as_bytes()));
    assert_eq!(fixture.raw.accepted(), 2);
    exchange.with_tries(|tries| {
        // What was written to the dead connection is a try of its own; what never was is none.
        let statuses: Vec<u16> = tries.iter().map(|t| t.status.unwrap().as_u16()).collect();
        assert_eq!(statuses, if method.is_idempotent() { vec![502, 200] } else { vec![200] }, "{method}");
        assert!(tries.iter().all(|t| t.bytes_sent == requests[1].len() as u64), "{method}");
    });
}

#[tokio::test]
async fn a_request_that_meets_a_closed_connection_is_sent_again_whatever_it_is() {
    for secure in [None, Some(Arc::new(Veil) as Arc<dyn Secure>)] {
        race(Method::GET, "", secure.clone()).await;
        race(Method::POST, "", secure.clone()).await;
        race(Method::POST, "body", secure.clone()).await;
        race(Method::PATCH, "body", secure).await;
    }
}

/// A layer that takes its time: the connection is there, and nothing is sent yet.
#[derive(Clone)]
struct Hesitant {
    close: Gate,
    closed: Gate,
}

struct HesitantService(Hesitant, Option<Established>);

impl Layer<Established> for Hesitant {
    type Service = HesitantService;

    fn layer(&self, inner: Established) -> HesitantService {
        HesitantService(self.clone(), Some(inner))
    }
}

impl Service<Request<Full<Bytes>>> for HesitantService {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Full<Bytes>>) -> Self::Future {
        let (Hesitant { close, closed }, mut inner) = (self.0.clone(), self.1.take().unwrap());
        Box::pin(async move {
            close.open();
            settle(|| closed.was_reached()).await;
            // The runtime hears of it.
            for _ in 0..1000 {
                tokio::task::yield_now().await;
            }
            inner.call(request).await
        })
    }
}

#[tokio::test]
async fn what_was_not_sent_is_no_try() {
    for method in [Method::GET, Method::POST] {
        let (close, closed) = (Gate::new(), Gate::new());
        let (closing, reached) = (close.clone(), closed.clone());
        let fixture = once_then(move |plan| plan.wait(&closing).half_close().wait(&reached));
        fixture.fetch(get("/")).await.unwrap();
        let client = fixture.client.clone().layer(Hesitant { close, closed });
        let exchange = exchange();
        let mut request = full(method.clone(), "");
        request.extensions_mut().insert(fixture.peer.clone());
        request.extensions_mut().insert(exchange.clone());
        let response = client.oneshot(request).await.unwrap();
        assert_eq!(read(response).await.unwrap(), "ok");
        assert_eq!(tries(&exchange).len(), 1, "{method}");
        assert_eq!(fixture.raw.accepted(), 2);
        assert_eq!(fixture.raw.requests().len(), 2);
    }
}

#[tokio::test]
async fn what_may_have_been_sent_is_repeated_when_it_does_no_harm() {
    for end in [Plan::close, Plan::reset] {
        for method in [Method::GET, Method::HEAD, Method::PUT, Method::DELETE, Method::OPTIONS] {
            let fixture = once_then(move |plan| end(plan.read_request()));
            let exchange = exchange();
            fixture.fetch(get("/")).await.unwrap();
            let mut request = empty(method.clone());
            request.headers_mut().insert("x", "y".parse().unwrap());
            request.extensions_mut().insert(exchange.clone());
            fixture.fetch(request).await.unwrap();
            let requests = fixture.raw.requests();
            assert_eq!(requests.len(), 3, "{method}");
            assert_eq!(requests[1], requests[2], "the same, byte for byte");
            assert_eq!(tries(&exchange).len(), 2, "as in nginx");
            exchange.with_tries(|tries| {
                assert!(tries.iter().all(|t| t.bytes_sent == requests[1].len() as u64));
            });
        }
    }
}

#[tokio::test]
async fn what_may_have_been_sent_is_never_repeated_when_it_does() {
    for request in [
        full(Method::POST, "body"),
        full(Method::POST, ""),
        full(Method::PATCH, ""),
        // Idempotent, but its body is gone.
        full(Method::PUT, "body"),
    ] {
        let fixture = once_then(|plan| plan.read_request().close());
        fixture.fetch(get("/")).await.unwrap();
        let error = fixture.fetch(request).await.unwrap_err();
        assert!(matches!(error, Error::Closed { sent: true }), "{error:?}");
        assert_eq!(fixture.raw.accepted(), 1);
        assert_eq!(fixture.raw.requests().len(), 2);
    }
}

#[tokio::test]
async fn an_answer_that_began_is_not_asked_for_again() {
    let fixture = once_then(|plan| plan.read_request().write("HTTP/1.1 2").close());
    fixture.fetch(get("/")).await.unwrap();
    let error = fixture.fetch(get("/")).await.unwrap_err();
    assert!(matches!(error, Error::Closed { sent: true }), "{error:?}");
    assert_eq!(fixture.raw.accepted(), 1);
}

#[tokio::test]
async fn it_is_repeated_once() {
    let fixture = Fixture::new(|n| {
        let plan = Plan::new();
        let plan = if n == 0 { plan.answer(|_| OK) } else { plan };
        plan.read_request().close()
    });
    fixture.fetch(get("/")).await.unwrap();
    let error = fixture.fetch(get("/")).await.unwrap_err();
    assert!(matches!(error, Error::Closed { .. }), "{error:?}");
    assert_eq!(fixture.raw.accepted(), 2);
}

#[tokio::test]
async fn bytes_after_the_body_never_become_an_answer() {
    for extra in ["EXTRA", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"] {
        let fixture = Fixture::new(move |n| {
            if n == 0 {
                Plan::new().answer(move |_| format!("{OK}{extra}")).read_request().hang()
            } else {
                answering(OK)
            }
        });
        for _ in 0..3 {
            assert_eq!(fixture.fetch(get("/")).await.unwrap(), "ok");
        }
        assert_eq!(fixture.raw.accepted(), 2);
        assert_eq!(fixture.raw.requests().len(), 3, "the first connection saw one request");
    }
}

#[tokio::test]
async fn a_body_where_none_belongs_never_becomes_an_answer() {
    for (method, answer) in [
        (Method::HEAD, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno"),
        (Method::GET, "HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\nno"),
        (Method::GET, "HTTP/1.1 204 No Content\r\n\r\nno"),
    ] {
        let fixture =
            Fixture::new(
                move |n| {
                    if n == 0 { Plan::new().answer(move |_| answer).hang() } else { answering(OK) }
                },
            );
        assert_eq!(fixture.fetch(empty(method)).await.unwrap(), "");
        assert_eq!(fixture.fetch(get("/")).await.unwrap(), "ok");
        assert_eq!(fixture.raw.accepted(), 2);
    }
}

#[tokio::test]
async fn a_peer_that_closes_as_it_likes_is_never_noticed_by_who_asks() {
    // Closes after one, two, three, ... answers, without telling.
    let fixture = Fixture::new(|n| (0..=n % 7).fold(Plan::new(), |plan, _| plan.answer(|_| OK)).close());
    let fixture = std::sync::Arc::new(fixture);
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let fixture = std::sync::Arc::clone(&fixture);
        clients.spawn(async move {
            for _ in 0..100 {
                assert_eq!(fixture.fetch(get("/")).await.unwrap(), "ok");
            }
        });
    }
    while let Some(client) = clients.join_next().await {
        client.unwrap();
    }
    assert_eq!(fixture.raw.requests().len(), 800, "none was answered twice");
}
