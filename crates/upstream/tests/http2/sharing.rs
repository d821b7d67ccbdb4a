//! Which requests share a connection, and when it ends.

use std::num::{NonZeroU32, NonZeroU64};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::join_all;
use propylon_testkit::gate::Gate;
use propylon_testkit::http2::{Frames, Http2Peer, kind};
use propylon_upstream::{Client, Error, Keepalive, Peer, Pool};
use tower::ServiceExt;

use crate::support::{Fixture, frames, get, ours, read, settle, soon, transport};

/// Answers all requests when so many are there.
async fn together(mut frames: Frames, count: usize) -> std::io::Result<()> {
    loop {
        let mut ids = Vec::new();
        while ids.len() < count {
            ids.push(frames.request().await?);
        }
        for id in ids {
            frames.answer(id, "ok").await?;
        }
    }
}

#[tokio::test]
async fn requests_at_once_share_one_connection() {
    let fixture = Fixture::frames(|_, frames| together(frames, 50));
    for _ in 0..2 {
        let answers = join_all((0..50).map(|_| fixture.fetch(get("/")))).await;
        assert!(answers.iter().all(|answer| matches!(answer.as_deref(), Ok("ok"))), "{answers:?}");
        assert_eq!((fixture.h2.accepted(), fixture.pool.idle()), (1, 1));
    }
}

/// How many connections it takes to have 30 requests under way at once.
async fn thirty(keepalive: Keepalive, server: &h2::server::Builder) -> usize {
    let (came, go) = (Arc::new(AtomicUsize::new(0)), Gate::new());
    let (count, gone) = (Arc::clone(&came), go.clone());
    let peer = Http2Peer::serving(server.clone(), move |_, mut respond| {
        let (count, gone) = (Arc::clone(&count), gone.clone());
        async move {
            count.fetch_add(1, SeqCst);
            gone.opened().await;
            let _ = respond.send_response(http::Response::new(()), true);
        }
    });
    let fixture = Fixture::with(keepalive, transport(), peer);
    let answers = join_all((0..30).map(|_| fixture.fetch(get("/"))));
    let (answers, ()) = tokio::join!(answers, async {
        settle(|| came.load(SeqCst) == 30).await;
        go.open();
    });
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    fixture.h2.accepted()
}

#[tokio::test]
async fn no_more_than_the_peer_takes_at_once() {
    let mut server = h2::server::Builder::new();
    server.max_concurrent_streams(10);
    assert_eq!(thirty(Keepalive::new(), &server).await, 3);
    server.max_concurrent_streams(1);
    assert_eq!(thirty(Keepalive::new(), &server).await, 30);
}

#[tokio::test]
async fn no_more_than_we_send_at_once() {
    let keepalive = |streams| Keepalive::new().streams(NonZeroU32::new(streams).unwrap());
    assert_eq!(thirty(keepalive(6), &h2::server::Builder::new()).await, 5);
    assert_eq!(thirty(keepalive(1), &h2::server::Builder::new()).await, 30);
}

#[tokio::test]
async fn a_limit_that_changes() {
    let fixture = Fixture::frames(|n, mut frames| async move {
        if n == 0 {
            let id = frames.request().await?;
            frames.settings(&[(3, 1)]).await?;
            frames.answer(id, "ok").await?;
        }
        together(frames, 1).await
    });
    assert_eq!(fixture.fetch(get("/")).await.unwrap(), "ok");
    let answers = join_all((0..3).map(|_| fixture.fetch(get("/")))).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
}

#[tokio::test]
async fn without_keepalive_each_request_has_a_connection() {
    let fixture = Fixture::with(Keepalive::off(), transport(), frames(|_, frames| together(frames, 1)));
    let answers = join_all((0..3).map(|_| fixture.fetch(get("/")))).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!((fixture.h2.accepted(), fixture.pool.idle()), (3, 0));
}

#[tokio::test]
async fn a_connection_serves_so_many_requests() {
    let keepalive = Keepalive::new().requests(NonZeroU64::new(3).unwrap());
    let fixture = Fixture::with(keepalive, transport(), frames(|_, frames| together(frames, 1)));
    for n in 0..9 {
        fixture.fetch(get("/")).await.unwrap();
        assert_eq!(fixture.h2.accepted(), n / 3 + 1);
    }
    let answers = join_all((0..9).map(|_| fixture.fetch(get("/")))).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(fixture.pool.idle(), 0);
}

#[tokio::test]
async fn the_last_request_says_goodbye() {
    let said = Gate::new();
    let heard = said.clone();
    let peer = frames(move |_, mut frames| {
        let heard = heard.clone();
        async move {
            let id = frames.request().await?;
            frames.answer(id, "ok").await?;
            frames.next(kind::GOAWAY).await?;
            heard.open();
            Ok(())
        }
    });
    let keepalive = Keepalive::new().requests(NonZeroU64::MIN);
    let fixture = Fixture::with(keepalive, transport(), peer);
    fixture.fetch(get("/")).await.unwrap();
    settle(|| said.is_open()).await;
}

#[tokio::test]
async fn an_idle_connection_is_closed_in_time_or_with_the_pool() {
    let peer = frames(|_, frames| together(frames, 1));
    let keepalive = Keepalive::new().timeout(Duration::from_millis(20));
    let fixture = Fixture::with(keepalive, transport(), peer);
    fixture.fetch(get("/")).await.unwrap();
    fixture.idle(1).await;
    fixture.idle(0).await;
    fixture.fetch(get("/")).await.unwrap();
    assert_eq!(fixture.h2.accepted(), 2);
    fixture.pool.clear();
    assert_eq!(fixture.pool.idle(), 0);
}

#[tokio::test]
async fn what_is_under_way_outlives_the_pool() {
    let go = Gate::new();
    let gone = go.clone();
    let peer = frames(move |_, mut frames| {
        let gone = gone.clone();
        async move {
            let id = frames.request().await?;
            frames.head(id, &[(":status", "200")], false).await?;
            gone.opened().await;
            frames.data(id, b"late", true).await?;
            frames.hang().await
        }
    });
    let pool = Pool::new(Keepalive::new());
    let client = Client::new(pool.clone(), transport()).to(Peer::from(peer.addr()));
    let response = client.oneshot(get("/")).await.unwrap();
    drop(pool);
    go.open();
    assert_eq!(read(response).await.unwrap(), "late");
}

#[tokio::test]
async fn nobody_waits_for_a_peer_that_refuses_to_connect() {
    let addr = {
        let peer = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        peer.local_addr().unwrap()
    };
    let client = Client::new(Pool::new(Keepalive::new()), transport()).to(Peer::from(addr));
    let asked = (0..5).map(|_| client.clone().oneshot(get("/")));
    for answer in join_all(asked).await {
        let error = answer.map_err(ours).unwrap_err();
        assert!(matches!(error, Error::Connect { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn a_peer_that_says_nothing_holds_up_nobody_for_longer_than_connecting_may_take() {
    let peer = Http2Peer::frames(|_, mut frames| async move {
        loop {
            frames.read_silently().await?;
        }
    });
    let transport = transport().connect_timeout(Duration::from_millis(50));
    let fixture = Fixture::with(Keepalive::new(), transport, peer);
    let first = fixture.fetch(get("/"));
    let second = fixture.fetch(get("/"));
    tokio::select! {
        biased; // the first makes the connection
        _ = first => panic!("nobody answers"),
        second = second => {
            let error = second.unwrap_err();
            assert!(matches!(error, Error::ConnectTimeout), "{error:?}");
        }
    }
    assert_eq!(fixture.h2.accepted(), 1);
}

#[tokio::test]
async fn who_makes_the_connection_may_leave() {
    let go = Gate::new();
    let gone = go.clone();
    let peer = Http2Peer::frames(move |_, mut frames| {
        let gone = gone.clone();
        async move {
            gone.opened().await;
            frames.settings(&[]).await?;
            together(frames, 1).await
        }
    });
    let fixture = Fixture::new(peer);
    let first = Box::pin(fixture.fetch(get("/first")));
    let second = fixture.fetch(get("/second"));
    let both = async {
        tokio::select! {
            _ = first => panic!("nobody answers yet"),
            () = settle(|| fixture.h2.accepted() == 1) => {}
        }
        go.open();
    };
    let ((), second) = tokio::join!(both, second);
    assert_eq!(second.unwrap(), "ok");
}

#[tokio::test]
async fn nobody_joins_before_the_peer_has_said_how_many_it_takes() {
    let (came, say, done) = (Gate::new(), Gate::new(), Gate::new());
    let gates = [came.clone(), say.clone(), done.clone()];
    let peer = Http2Peer::frames(move |n, mut frames| {
        let [came, say, done] = gates.clone();
        async move {
            if n > 0 {
                frames.settings(&[]).await?;
                return together(frames, 1).await;
            }
            let id = loop {
                let frame = frames.read_silently().await?;
                if frame.kind == kind::HEADERS {
                    break frame.stream;
                }
            };
            came.open();
            say.opened().await;
            frames.settings(&[(3, 1)]).await?;
            done.opened().await;
            frames.answer(id, "first").await?;
            frames.hang().await
        }
    });
    let fixture = Fixture::new(peer);
    let second = async {
        settle(|| came.is_open()).await;
        let mut second = Box::pin(fixture.fetch(get("/second")));
        assert!((&mut second).now_or_never().is_none(), "it waits");
        say.open();
        assert_eq!(soon(second).await.unwrap(), "ok", "the first still waits for its answer");
        done.open();
    };
    let (first, ()) = tokio::join!(fixture.fetch(get("/first")), second);
    assert_eq!(first.unwrap(), "first");
    assert_eq!(fixture.h2.accepted(), 2);
}

#[tokio::test]
async fn a_connection_in_doubt_is_not_used_until_its_peer_answers() {
    let (asked, go) = (Gate::new(), Gate::new());
    let (ask, gone) = (asked.clone(), go.clone());
    let peer = frames(move |n, mut frames| {
        let (ask, gone) = (ask.clone(), gone.clone());
        async move {
            if n > 0 {
                return together(frames, 1).await;
            }
            let id = frames.request().await?;
            frames.answer(id, "first").await?;
            frames.request().await?;
            let ping = loop {
                let frame = frames.read_silently().await?;
                if frame.kind == kind::PING {
                    break frame;
                }
            };
            ask.open();
            gone.opened().await;
            frames.send(kind::PING, 1, 0, &ping.payload).await?;
            loop {
                let id = frames.request().await?;
                frames.answer(id, "as before").await?;
            }
        }
    });
    let fixture = Fixture::with(Keepalive::new().streams(NonZeroU32::MIN), transport(), peer);
    assert_eq!(fixture.fetch(get("/")).await.unwrap(), "first");
    // Somebody gives up waiting, and nothing at all has come meanwhile.
    assert!(tokio::time::timeout(Duration::from_millis(20), fixture.fetch(get("/"))).await.is_err());
    settle(|| asked.is_open()).await;
    for _ in 0..3 {
        assert_eq!(fixture.fetch(get("/")).await.unwrap(), "ok");
    }
    assert_eq!(fixture.h2.accepted(), 2);
    go.open();
    loop {
        // As many at once as there are connections: all of them are used, if they are good.
        let answers = join_all((0..fixture.h2.accepted()).map(|_| fixture.fetch(get("/")))).await;
        if answers.iter().any(|answer| matches!(answer.as_deref(), Ok("as before"))) {
            break;
        }
    }
}
