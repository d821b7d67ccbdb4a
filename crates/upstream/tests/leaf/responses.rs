//! What comes back, well-formed.

use http::{Method, StatusCode, Version};
use http_body::Body as _;
use http_body_util::BodyExt;
use propylon_exchange::Keep;
use propylon_testkit::gate::Gate;
use propylon_testkit::peer::{Plan, RawPeer};
use propylon_upstream::{Client, Peer, Pool};

use crate::support::{Fixture, OK, empty, exchange, get, read, send, transport};

#[tokio::test]
async fn a_body_with_a_length() {
    let fixture = Fixture::ok();
    let response = fixture.send(get("/a?b")).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.version(), Version::HTTP_11);
    assert_eq!(response.body().size_hint().exact(), Some(2));
    assert_eq!(read(response).await.unwrap(), "ok");
    assert_eq!(fixture.raw.requests(), ["GET /a?b HTTP/1.1\r\nHost: h\r\n\r\n"]);
}

#[tokio::test]
async fn a_chunked_body_with_trailers() {
    let fixture = Fixture::answering(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x\r\n\r\n2\r\nok\r\n0\r\nX: y\r\n\r\n",
    );
    let exchange = exchange();
    exchange.keep(Keep::UPSTREAM_HEAD);
    for _ in 0..2 {
        let mut request = get("/");
        request.extensions_mut().insert(exchange.clone());
        let mut body = fixture.send(request).await.unwrap().into_body();
        assert_eq!(body.size_hint().exact(), None);
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "ok");
        assert_eq!(body.frame().await.unwrap().unwrap().into_trailers().unwrap()["x"], "y");
        assert!(body.frame().await.is_none());
        assert!(body.is_end_stream());
    }
    assert_eq!(fixture.raw.accepted(), 1, "kept, trailers and all");
    assert_eq!(exchange.with_upstream_trailers(|trailers| trailers["x"].clone()).unwrap(), "y");
}

#[tokio::test]
async fn a_body_that_ends_with_the_connection() {
    let fixture = Fixture::new(|_| Plan::new().answer(|_| "HTTP/1.1 200 OK\r\n\r\nall of it").close());
    assert_eq!(fixture.fetch(get("/")).await.unwrap(), "all of it");
    assert_eq!(fixture.pool.idle(), 0);
}

#[tokio::test]
async fn no_body_where_none_belongs() {
    let cases = [
        (Method::HEAD, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", Some("10")),
        (Method::HEAD, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", None),
        (Method::GET, "HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n", Some("10")),
        (Method::GET, "HTTP/1.1 204 No Content\r\nContent-Length: 10\r\n\r\n", None),
        (Method::GET, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", Some("0")),
    ];
    for (method, answer, length) in cases {
        let fixture = Fixture::answering(answer);
        for _ in 0..2 {
            let response = fixture.send(empty(method.clone())).await.unwrap();
            assert!(response.body().is_end_stream(), "{answer}");
            let kept = response.headers().get("content-length").map(|v| v.to_str().unwrap());
            assert_eq!(kept, length, "{answer}");
            assert_eq!(read(response).await.unwrap(), "");
        }
        assert_eq!(fixture.raw.accepted(), 1, "reused: {answer}");
    }
}

#[tokio::test]
async fn interim_responses_are_swallowed_up_to_eight() {
    let fixture = Fixture::new(|_| {
        let interim = "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n".repeat(8);
        Plan::new().answer(move |_| format!("{interim}{OK}")).forever()
    });
    for _ in 0..2 {
        let response = fixture.send(get("/")).await.unwrap();
        assert!(!response.headers().contains_key("link"));
        assert_eq!(read(response).await.unwrap(), "ok");
    }
    assert_eq!(fixture.raw.accepted(), 1, "they count anew for each request");
}

#[tokio::test]
async fn the_reason_phrase_is_kept() {
    let fixture = Fixture::answering("HTTP/1.1 200 Fine\r\nContent-Length: 0\r\n\r\n");
    let response = fixture.send(get("/")).await.unwrap();
    let reason = response.extensions().get::<hyper::ext::ReasonPhrase>().unwrap();
    assert_eq!(reason.as_bytes(), b"Fine");
}

#[tokio::test]
async fn repeated_fields_and_odd_values_pass() {
    let fixture = Fixture::answering(
        "HTTP/1.1 200 OK\r\nSet-Cookie: a\r\nX-Empty:\r\nSet-Cookie: b\r\nX: \u{e4}\r\nContent-Length: 0\r\n\r\n",
    );
    let response = fixture.send(get("/")).await.unwrap();
    let cookies: Vec<_> = response.headers().get_all("set-cookie").iter().collect();
    assert_eq!(cookies, ["a", "b"]);
    assert_eq!(response.headers()["x-empty"], "");
    assert_eq!(response.headers()["x"].as_bytes(), "\u{e4}".as_bytes());
}

#[tokio::test]
async fn a_body_that_trickles_passes_as_it_comes() {
    let gate = Gate::new();
    let later = gate.clone();
    let fixture = Fixture::new(move |_| {
        Plan::new()
            .read_request()
            .write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab")
            .wait(&later)
            .write("cd")
            .hang()
    });
    let mut body = fixture.send(get("/")).await.unwrap().into_body();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "ab");
    assert_eq!(body.size_hint().exact(), Some(2));
    assert!(!body.is_end_stream());
    gate.open();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "cd");
    assert!(body.is_end_stream());
}

#[tokio::test]
async fn over_a_unix_socket() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("app.sock");
    let raw = RawPeer::unix(&path, |_| Plan::new().answer(|_| OK).forever());
    let client = Client::new(Pool::new(<_>::default()), transport());
    let peer = Peer::unix(&path);
    for _ in 0..2 {
        let response = send(&client, &peer, get("/")).await.unwrap();
        assert_eq!(read(response).await.unwrap(), "ok");
    }
    assert_eq!(raw.accepted(), 1);
    assert_eq!(peer.name().as_ref(), format!("unix:{}", path.display()));
}
