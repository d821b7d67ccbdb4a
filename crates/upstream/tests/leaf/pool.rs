//! What the pool keeps, and for how long.

use std::num::NonZeroU64;
use std::time::Duration;

use futures_util::future::join_all;
use http_body::Body as _;
use propylon_testkit::gate::Gate;
use propylon_testkit::peer::Plan;
use propylon_upstream::{Client, Engine, Keepalive};
use tokio::runtime::Handle;

use crate::ENGINE;
use crate::support::{Fixture, OK, answering, exchange, get, read, send, settle, transport};

fn fixture(keepalive: Keepalive) -> Fixture {
    Fixture::with(keepalive, transport(), |_| answering(OK))
}

#[tokio::test]
async fn one_connection_serves_many() {
    let fixture = fixture(Keepalive::new());
    for _ in 0..50 {
        fixture.fetch(get("/")).await.unwrap();
    }
    assert_eq!(fixture.raw.accepted(), 1);
    assert_eq!(fixture.pool.idle(), 1);
}

#[tokio::test]
async fn it_is_back_before_an_empty_response_is_looked_at() {
    let fixture = Fixture::answering("HTTP/1.1 204 No Content\r\n\r\n");
    let first = fixture.send(get("/")).await.unwrap();
    let second = fixture.send(get("/")).await.unwrap();
    drop((first, second));
    assert_eq!(fixture.raw.accepted(), 1);
}

/// The own engine knows that all of the body is here.
#[tokio::test]
async fn it_is_back_before_a_small_response_is_passed_on() {
    let fixture = Fixture::ok();
    let exchange = exchange();
    let mut request = get("/");
    request.extensions_mut().insert(exchange.clone());
    let response = fixture.send(request).await.unwrap();
    let mut body = response.into_body();
    match body.take_bytes() {
        Some(bytes) => {
            assert_eq!(ENGINE, Engine::H1);
            assert_eq!(bytes, "ok");
            assert_eq!(fixture.pool.idle(), 1);
            assert!(body.is_end_stream());
        }
        None => assert_eq!(ENGINE, Engine::Hyper),
    }
    let text = if ENGINE == Engine::H1 { "" } else { "ok" };
    assert_eq!(read(http::Response::new(body)).await.unwrap(), text);
    exchange.with_tries(|tries| assert!(tries[0].response().is_some() && tries[0].length == 2));

    for answer in [
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok",
    ] {
        let fixture = Fixture::new(move |_| Plan::new().answer(move |_| answer).close());
        let response = fixture.send(get("/")).await.unwrap();
        assert_eq!(response.into_body().take_bytes(), None, "{answer}");
    }
}

/// So many requests at once, each on a connection of its own.
async fn at_once(fixture: &Fixture, requests: usize) {
    let all = (0..requests).map(|_| async { read(fixture.send(get("/")).await.unwrap()).await.unwrap() });
    join_all(all).await;
}

#[tokio::test]
async fn no_more_idle_than_configured() {
    for (limit, kept) in [(0, 0), (1, 1), (2, 2), (9, 3)] {
        let fixture = fixture(Keepalive::new().connections(limit));
        at_once(&fixture, 3).await;
        assert_eq!(fixture.pool.idle(), kept);
        fixture.raw.wait_closed(3 - kept).await;
    }
}

#[tokio::test]
async fn no_more_requests_than_configured() {
    let fixture = fixture(Keepalive::new().requests(NonZeroU64::new(2).unwrap()));
    for _ in 0..5 {
        fixture.fetch(get("/")).await.unwrap();
    }
    assert_eq!(fixture.raw.accepted(), 3);
}

/// With a paused clock: only so many turns, as no timeout would end the wait.
async fn swept(fixture: &Fixture) {
    for _ in 0..1000 {
        if fixture.pool.idle() == 0 {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("{} connections still idle", fixture.pool.idle());
}

#[tokio::test]
async fn not_idle_for_longer_than_configured() {
    let fixture = fixture(Keepalive::new().timeout(Duration::from_secs(60)));
    fixture.fetch(get("/")).await.unwrap();
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(59)).await;
    tokio::task::yield_now().await;
    assert_eq!(fixture.pool.idle(), 1);
    tokio::time::advance(Duration::from_secs(2)).await;
    swept(&fixture).await;
    tokio::time::resume();
    fixture.raw.wait_closed(1).await;
    // The sweeper ended with the last idle connection; it comes back with the next.
    fixture.fetch(get("/")).await.unwrap();
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(61)).await;
    swept(&fixture).await;
}

#[tokio::test]
async fn not_kept_when_older_than_configured() {
    let keepalive = Keepalive::new().time(Duration::from_secs(60)).timeout(Duration::from_secs(600));
    let fixture = fixture(keepalive);
    fixture.fetch(get("/")).await.unwrap();
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(61)).await;
    tokio::time::resume();
    assert_eq!(fixture.pool.idle(), 1);
    fixture.fetch(get("/")).await.unwrap();
    assert_eq!(fixture.raw.accepted(), 1, "it serves one more request");
    assert_eq!(fixture.pool.idle(), 0, "and is not kept after it");
}

#[tokio::test]
async fn not_kept_when_the_peer_closes() {
    for answer in [
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nConnection: x, Close\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok",
    ] {
        let fixture = Fixture::new(move |_| Plan::new().answer(move |_| answer).hang());
        assert_eq!(fixture.fetch(get("/")).await.unwrap(), "ok");
        assert_eq!(fixture.pool.idle(), 0);
        fixture.raw.wait_closed(1).await;
    }
}

#[tokio::test]
async fn not_kept_when_the_request_closes() {
    let fixture = Fixture::ok();
    let mut request = get("/");
    request.headers_mut().insert("connection", "close".parse().unwrap());
    fixture.fetch(request).await.unwrap();
    assert_eq!(fixture.pool.idle(), 0);
}

#[tokio::test]
async fn not_shared_between_different_transports() {
    let fixture = Fixture::ok();
    fixture.fetch(get("/")).await.unwrap();
    let other = Client::new(fixture.pool.clone(), transport().socket_keepalive(true));
    read(send(&other, &fixture.peer, get("/")).await.unwrap()).await.unwrap();
    assert_eq!(fixture.raw.accepted(), 2);
    let slower = Client::new(fixture.pool.clone(), transport().connect_timeout(Duration::MAX));
    read(send(&slower, &fixture.peer, get("/")).await.unwrap()).await.unwrap();
    assert_eq!(fixture.raw.accepted(), 2, "how long connecting may take is not the connection's");
}

#[tokio::test]
async fn not_shared_between_different_engines() {
    let fixture = Fixture::ok();
    for engine in [Engine::H1, Engine::Hyper, Engine::H1, Engine::Hyper] {
        let client = Client::new(fixture.pool.clone(), transport().engine(engine));
        read(send(&client, &fixture.peer, get("/")).await.unwrap()).await.unwrap();
    }
    assert_eq!(fixture.raw.accepted(), 2);
    assert_eq!(fixture.pool.idle(), 2);
}

#[tokio::test]
async fn many_idle_connections_are_all_watched() {
    let close = Gate::new();
    let closing = close.clone();
    let keepalive = Keepalive::new().connections(300).timeout(Duration::MAX);
    let fixture = Fixture::with(keepalive, transport(), move |n| {
        let plan = Plan::new().answer(|_| OK);
        if n % 2 == 0 { plan.wait(&closing).close() } else { plan.hang() }
    });
    at_once(&fixture, 300).await;
    assert_eq!(fixture.pool.idle(), 300);
    close.open();
    fixture.idle(150).await;
}

#[tokio::test]
async fn a_word_unasked_ends_an_idle_connection() {
    let gate = Gate::new();
    let later = gate.clone();
    let fixture = Fixture::new(move |n| {
        let plan = Plan::new().answer(|_| OK);
        if n == 0 {
            plan.wait(&later).write("HTTP/1.1 408 Request Timeout\r\n\r\n").hang()
        } else {
            plan.hang()
        }
    });
    fixture.fetch(get("/")).await.unwrap();
    assert_eq!(fixture.pool.idle(), 1);
    gate.open();
    fixture.idle(0).await;
    fixture.raw.wait_closed(1).await;
    assert_eq!(fixture.fetch(get("/")).await.unwrap(), "ok");
    assert_eq!(fixture.raw.accepted(), 2);
}

#[tokio::test]
async fn clearing_closes_what_is_idle() {
    let fixture = Fixture::ok();
    fixture.fetch(get("/")).await.unwrap();
    fixture.pool.clear();
    fixture.raw.wait_closed(1).await;
    fixture.fetch(get("/")).await.unwrap();
    assert_eq!(fixture.raw.accepted(), 2);
}

#[tokio::test]
async fn nothing_is_left_when_the_pool_is_gone() {
    let gate = Gate::new();
    let later = gate.clone();
    let Fixture { raw, peer, pool, client } = Fixture::new(move |n| {
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n";
        if n == 0 {
            Plan::new().read_request().write(head).wait(&later).write("ok").hang()
        } else {
            answering(OK)
        }
    });
    let under_way = send(&client, &peer, get("/")).await.unwrap();
    read(send(&client, &peer, get("/")).await.unwrap()).await.unwrap();
    assert!(Handle::current().metrics().num_alive_tasks() > 0);

    drop((pool, client));
    raw.wait_closed(1).await;
    gate.open();
    assert_eq!(read(under_way).await.unwrap(), "ok", "an exchange under way goes on");
    raw.wait_closed(2).await;
    settle(|| Handle::current().metrics().num_alive_tasks() == 0).await;
}
