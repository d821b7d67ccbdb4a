//! Peers that do what nginx would not.

use propylon_testkit::gate::Gate;
use propylon_tests::{Client, End, LIMIT, Propylon, Signal, addresses, lossy, on_hyper, until};

use crate::support::{gateway, get, location, peer, whole};

/// As a gRPC call: a stream of messages, a response that is trailers as well, and one that is nothing else.
#[test]
fn calls_with_trailers() {
    let peer = peer(|_, mut frames| async move {
        loop {
            let id = whole(&mut frames).await?;
            if id == 1 {
                frames.head(id, &[(":status", "200"), ("content-type", "application/grpc")], false).await?;
                frames.data(id, b"\0\0\0\0\x02hi", false).await?;
                frames.head(id, &[("grpc-status", "0"), ("grpc-message", "fine")], true).await?;
            } else {
                frames
                    .head(
                        id,
                        &[(":status", "200"), ("content-type", "application/grpc"), ("grpc-status", "12")],
                        true,
                    )
                    .await?;
            }
        }
    });
    let [listen] = addresses();
    let _gateway =
        gateway(listen, &location(&format!("http://{}", peer.addr()), "buffer = { request = false }"));
    let mut client = Client::connect(listen).unwrap();
    let head = "POST /svc/Call HTTP/1.1\r\nHost: a.test\r\nTE: trailers\r\nConnection: te\r\n\
                Content-Type: application/grpc\r\nTransfer-Encoding: chunked\r\n\r\n";
    let answer = client.ask(format!("{head}5\r\n\0\0\0\0\0\r\n0\r\nX-Sum: 1\r\n\r\n").as_bytes()).unwrap();
    assert_eq!((answer.status, &*answer.body), (200, &b"\0\0\0\0\x02hi"[..]));
    // hyper's server passes only trailers that the head has announced.
    let trailers = lossy(&answer.trailers).to_ascii_lowercase();
    assert!(on_hyper() || trailers == "grpc-status: 0\r\ngrpc-message: fine\r\n", "{trailers}");
    let answer = client.ask(format!("{head}0\r\n\r\n").as_bytes()).unwrap();
    assert_eq!((answer.status, answer.head.field("grpc-status").as_deref()), (200, Some("12")));
    assert_eq!(answer.body, b"");
}

#[test]
fn a_reload_cuts_nothing() {
    let go = Gate::new();
    let gone = go.clone();
    let peer = peer(move |_, mut frames| {
        let gone = gone.clone();
        async move {
            let id = frames.request().await?;
            frames.head(id, &[(":status", "200"), ("content-length", "4")], false).await?;
            frames.data(id, b"ha", false).await?;
            gone.opened().await;
            frames.data(id, b"lf", true).await?;
            let id = frames.request().await?;
            frames.answer(id, "new").await
        }
    });
    let [listen] = addresses();
    let text = |generation: u32| {
        format!(
            "[[server]]\nlisten = [\"{listen}\"]\n[[server.location]]\nmatch = \"/\"\nproxy_pass = \"http://{}\"\n\
             buffer.response = false\nupstream.http_version = \"2\"\n\
             [[server.location]]\nmatch = \"= /generation\"\nreturn = [200, \"{generation}\"]\n",
            peer.addr()
        )
    };
    let gateway = Propylon::start(&("[runtime]\nworkers = 1\n".to_owned() + &text(0)));
    let mut client = Client::connect(listen).unwrap();
    client.send(b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").unwrap();
    let head = client.stream().head().unwrap().unwrap();
    gateway.rewrite(&("[runtime]\nworkers = 1\n".to_owned() + &text(1)));
    gateway.signal(Signal::HUP);
    until("the reload", LIMIT, || (0..8).all(|_| get(listen, "/generation").text() == "1").then_some(()));
    go.open();
    let answer = client.body(head, false).unwrap();
    assert_eq!((&*answer.body, answer.end), (&b"half"[..], End::Complete));
    assert_eq!(get(listen, "/").text(), "new");
    assert_eq!(peer.accepted(), 1, "the connection is kept over the reload");
}
