//! `defer_sends`: what several tasks have to send is sent in a row.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "tests: helpers may fail, and what is read was written here"
)]

mod driver_support;

use std::sync::{Arc, Mutex};

use driver_support::*;
use http::{Request, Response};
use propylon_h1::client;

/// How much had been written, on all connections, when each of two requests was served.
async fn written_before_each(defer: bool) -> Vec<usize> {
    let (calls, seen) = (Arc::<Calls>::default(), Arc::<Mutex<Vec<usize>>>::default());
    let mut served = Vec::new();
    for _ in 0..2 {
        let (mut near, far) = tokio::io::duplex(1024);
        say(&mut near, "GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        let (writes, seen) = (calls.clone(), seen.clone());
        let service = move |_, _| {
            seen.lock().unwrap().push(writes.writes.lock().unwrap().len());
            async { Ok(Response::new(text("hello"))) }
        };
        let config = config(|config| config.defer_sends = defer);
        served.push(serve_on(Counted { io: far, calls: calls.clone() }, near, config, service));
    }
    for served in &mut served {
        hear(&mut served.client, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello").await;
    }
    let seen = seen.lock().unwrap();
    seen.clone()
}

#[tokio::test]
async fn a_server_decides_for_all_and_then_sends() {
    assert_eq!(written_before_each(true).await, [0, 0]);
    assert_eq!(written_before_each(false).await, [0, 1]);
}

/// How many requests were written when the second of two was about to be.
async fn written_before_the_second(defer: bool) -> usize {
    let calls = Arc::<Calls>::default();
    let mut config = client::Config::new();
    config.defer_sends = defer;
    let config = Arc::new(config);
    let mut peers = Vec::new();
    let tasks = [0, 1].map(|_| {
        let (near, far) = tokio::io::duplex(1024);
        peers.push(near);
        let io = Counted { io: far, calls: calls.clone() };
        let (config, calls) = (config.clone(), calls.clone());
        tokio::spawn(async move {
            let before = calls.writes.lock().unwrap().len();
            let request = Request::builder().uri("/").header("host", "a").body(empty()).unwrap();
            let response = client::Connection::with_config(io, config).send(request, ()).await.unwrap();
            (before, response.status().as_u16())
        })
    });
    for peer in &mut peers {
        hear(peer, "GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        say(peer, "HTTP/1.1 204 No Content\r\n\r\n").await;
    }
    let [first, second] = tasks;
    assert_eq!(first.await.unwrap(), (0, 204));
    let (before, status) = second.await.unwrap();
    assert_eq!(status, 204);
    before
}

#[tokio::test]
async fn a_client_writes_all_and_then_sends() {
    assert_eq!(written_before_the_second(true).await, 0);
    assert_eq!(written_before_the_second(false).await, 1);
}
