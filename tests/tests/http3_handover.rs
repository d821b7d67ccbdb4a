//! HTTP/3 over an upgrade (SIGUSR2): whoever is there stays with the old process until it ends, whoever is new comes to the new one.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::thread;

use propylon_tests::{LIMIT, Listener, Propylon, Signal, Successor, address, until};

mod http3_support;
use http3_support::{Certificates, Client, ask, config, get, proxies, speak, whole};

async fn who(client: &Client, at: std::net::SocketAddr) -> String {
    let connection = client.connect(at, "a.test").await.unwrap();
    ask(&mut speak(connection).await, get("/")).await.unwrap().text()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_loses_no_connection() {
    let certificates = Certificates::new();
    let listen = address();
    let upstream = Listener::new();
    let late = proxies(upstream.address(), "").replace("match = \"/\"", "match = \"/late\"");
    let text = format!(
        "[runtime]\nworkers = 3\n{}",
        config(
            &certificates,
            listen,
            &format!("{late}[[server.location]]\nmatch = \"/\"\nreturn = [200, \"$pid\"]\n")
        )
    );
    let mut gateway = Propylon::start(&text);
    let client = certificates.client(None);
    let old = gateway.id().to_string();
    let endpoint = client.endpoint();
    let connection = endpoint.connect(listen, "a.test").unwrap().await.unwrap();
    let mut there = speak(connection).await;
    assert_eq!(ask(&mut there, get("/")).await.unwrap().text(), old);
    let mut in_flight = there.send_request(get("/late")).await.unwrap();
    in_flight.finish().await.unwrap();
    let mut stream = upstream.accept();
    let _ = stream.head().unwrap().unwrap();

    let successor = Successor::of(&gateway);
    let new = successor.id();
    let mut moving = Vec::new();
    for _ in 0..6 {
        assert_eq!(who(&client, listen).await, new, "whoever is new");
        // Whoever is there, wherever it comes from.
        endpoint.rebind(std::net::UdpSocket::bind("127.0.0.1:0").unwrap()).unwrap();
        assert_eq!(ask(&mut there, get("/")).await.unwrap().text(), old);
        let endpoint = client.endpoint();
        let connection = endpoint.connect(listen, "a.test").unwrap().await.unwrap();
        moving.push((endpoint, speak(connection).await));
    }
    gateway.signal(Signal::QUIT);
    let answering = thread::spawn(move || {
        stream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate").unwrap();
        stream
    });
    assert_eq!(whole(in_flight).await.unwrap().text(), "late");
    drop(answering.join().unwrap());
    assert!(gateway.ended(LIMIT).success());
    for (endpoint, sender) in &mut moving {
        endpoint.rebind(std::net::UdpSocket::bind("127.0.0.1:0").unwrap()).unwrap();
        assert_eq!(ask(sender, get("/")).await.unwrap().text(), new, "the old process is gone");
    }
    assert_eq!(who(&client, listen).await, new);
    assert!(successor.is_there());
    until("the port", LIMIT, || std::net::UdpSocket::bind(listen).is_err().then_some(()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_that_fails_leaves_all_as_it_was() {
    let certificates = Certificates::new();
    let listen = address();
    let text =
        format!("[runtime]\nworkers = 2\n{}", config(&certificates, listen, "return = [200, \"$pid\"]\n"));
    let gateway = Propylon::start(&text);
    let client = certificates.client(None);
    let old = gateway.id().to_string();
    let connection = client.connect(listen, "a.test").await.unwrap();
    let mut there = speak(connection).await;
    let successor = Successor::of(&gateway);
    let new = successor.id();
    assert_eq!(who(&client, listen).await, new);
    drop(successor);
    gateway.tells("the new process is not running");
    for _ in 0..6 {
        assert_eq!(who(&client, listen).await, old);
        assert_eq!(ask(&mut there, get("/")).await.unwrap().text(), old);
    }
}

/// An upgrade that is taken back in order: who is new comes to the old process at once, while the new one finishes.
#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_can_be_taken_back() {
    let certificates = Certificates::new();
    let listen = address();
    let upstream = Listener::new();
    let late = proxies(upstream.address(), "").replace("match = \"/\"", "match = \"/late\"");
    let rest = format!("{late}[[server.location]]\nmatch = \"/\"\nreturn = [200, \"$pid\"]\n");
    let text = format!("[runtime]\nworkers = 2\n{}", config(&certificates, listen, &rest));
    let gateway = Propylon::start(&text);
    let client = certificates.client(None);
    let old = gateway.id().to_string();
    let successor = Successor::of(&gateway);
    let mut sender = speak(client.connect(listen, "a.test").await.unwrap()).await;
    let mut in_flight = sender.send_request(get("/late")).await.unwrap();
    in_flight.finish().await.unwrap();
    let mut stream = upstream.accept();
    let _ = stream.head().unwrap().unwrap();
    successor.signal(Signal::QUIT);
    gateway.tells("draining for at most");
    // It has been said that it drains just before it does.
    let given_back = async {
        while client.connect(listen, "a.test").await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LIMIT, given_back).await.unwrap();
    for _ in 0..6 {
        assert_eq!(who(&client, listen).await, old);
    }
    assert!(successor.is_there(), "a request is in flight");
    stream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate").unwrap();
    assert_eq!(whole(in_flight).await.unwrap().text(), "late");
}
