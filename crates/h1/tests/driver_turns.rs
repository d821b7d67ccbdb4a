//! `defer_sends`: what many tasks have to send is sent in a row.
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

const MANY: usize = 40;
const ROUNDS: usize = 3;

/// How much had been written, on all connections, when each thing was decided.
type Seen = Arc<Mutex<Vec<usize>>>;

/// How much was written between the first and the last decision.
fn spread(seen: &Seen) -> usize {
    let seen = std::mem::take(&mut *seen.lock().unwrap());
    assert_eq!(seen.len(), MANY);
    seen.iter().max().unwrap() - seen.iter().min().unwrap()
}

async fn written_while_served(defer: bool) -> usize {
    let (calls, seen) = (Arc::<Calls>::default(), Seen::default());
    let mut served: Vec<Served> = (0..MANY)
        .map(|_| {
            let (near, far) = tokio::io::duplex(1024);
            let (writes, seen) = (calls.clone(), seen.clone());
            let service = move |_, _| {
                seen.lock().unwrap().push(writes.writes.lock().unwrap().len());
                async { Ok(Response::new(text("hello"))) }
            };
            let config = config(|config| config.defer_sends = defer);
            serve_on(Counted { io: far, calls: calls.clone() }, near, config, service)
        })
        .collect();
    let mut last = 0;
    for _ in 0..ROUNDS {
        for served in &mut served {
            say(&mut served.client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        }
        for served in &mut served {
            hear(&mut served.client, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello").await;
        }
        last = spread(&seen);
    }
    last
}

#[tokio::test]
async fn a_server_decides_for_all_and_then_sends() {
    assert_eq!(written_while_served(true).await, 0);
    assert_eq!(written_while_served(false).await, MANY - 1);
}

async fn written_while_asked(defer: bool) -> usize {
    let (calls, seen) = (Arc::<Calls>::default(), Seen::default());
    let mut config = client::Config::new();
    config.defer_sends = defer;
    let config = Arc::new(config);
    let mut peers: Vec<_> = (0..ROUNDS).map(|_| Vec::new()).collect();
    let mut tasks = Vec::new();
    for _ in 0..MANY {
        let mut streams = Vec::new();
        for round in &mut peers {
            let (near, far) = tokio::io::duplex(1024);
            round.push(near);
            streams.push(Counted { io: far, calls: calls.clone() });
        }
        let (config, calls, seen) = (config.clone(), calls.clone(), seen.clone());
        tasks.push(tokio::spawn(async move {
            for io in streams {
                seen.lock().unwrap().push(calls.writes.lock().unwrap().len());
                let request = Request::builder().uri("/").header("host", "a").body(empty()).unwrap();
                let connection = client::Connection::with_config(io, config.clone());
                let response = connection.send(request, ()).await.unwrap();
                assert_eq!(response.status().as_u16(), 204);
            }
        }));
    }
    let mut last = 0;
    for round in &mut peers {
        for peer in &mut *round {
            hear(peer, "GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        }
        last = spread(&seen);
        for peer in round {
            say(peer, "HTTP/1.1 204 No Content\r\n\r\n").await;
        }
    }
    for task in tasks {
        task.await.unwrap();
    }
    last
}

#[tokio::test]
async fn a_client_writes_all_and_then_sends() {
    assert_eq!(written_while_asked(true).await, 0);
    assert_eq!(written_while_asked(false).await, MANY - 1);
}
