//! What goes out, and what comes back.

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, Version};
use http_body::Frame;
use http_body_util::{Empty, StreamBody};
use propylon_exchange::Keep;
use propylon_testkit::http2::Http2Peer;
use propylon_upstream::{Error, Target};

use crate::support::{Fixture, exchange, full, get, ours, read, read_all};

#[tokio::test]
async fn a_request_and_its_answer() {
    let fixture = Fixture::echo();
    let mut request = get("/a?b");
    for (name, value) in [
        ("x-one", "1"),
        ("x-one", "2"),
        ("connection", "close, x-gone"),
        ("x-gone", "1"),
        ("te", "trailers, gzip"),
        ("cookie", "a=b; c=d"),
    ] {
        request.headers_mut().append(name, value.parse().unwrap());
    }
    let response = fixture.send(request).await.unwrap();
    assert_eq!((response.status(), response.version()), (StatusCode::OK, Version::HTTP_2));
    let answers: Vec<_> = response.headers().get_all("x-answer").iter().collect();
    assert_eq!(answers, ["a", "b"]);
    let (text, trailers) = read_all(response).await;
    assert_eq!(trailers.unwrap()["grpc-status"], "0");
    let mut lines: Vec<_> = text.trim_end().lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["GET http://h/a?b", "cookie: a=b; c=d", "te: trailers", "x-one: 1", "x-one: 2"]);
}

#[tokio::test]
async fn targets_go_out_as_they_are() {
    let fixture = Fixture::echo();
    for (target, expected) in [
        ("/a//b/../c?d=%zz&e=?", "http://h/a//b/../c?d=%zz&e=?"),
        ("/<a b>", "http://h/%3Ca%20b%3E"),
        ("/\u{e4}", "http://h/\u{e4}"),
    ] {
        let mut request = get("/other");
        request.extensions_mut().insert(Target(target.into()));
        let text = fixture.fetch(request).await.unwrap();
        assert_eq!(text.lines().next(), Some(&*format!("GET {expected}")));
    }
    let mut request = Request::options("/").header("host", "h").body(Empty::<Bytes>::new()).unwrap();
    request.extensions_mut().insert(Target("*".into()));
    assert!(fixture.fetch(request).await.unwrap().starts_with("OPTIONS "));
}

#[tokio::test]
async fn bodies_and_their_trailers() {
    let fixture = Fixture::echo();
    let text = fixture.fetch(full(Method::POST, "hello")).await.unwrap();
    assert_eq!(text, "POST http://h/\ncontent-length: 5\n\nhello");

    let mut trailers = HeaderMap::new();
    trailers.insert("x-sum", "1".parse().unwrap());
    trailers.insert("connection", "close".parse().unwrap());
    let frames = [Frame::data(Bytes::from("ab")), Frame::data("cd".into()), Frame::trailers(trailers)];
    let streamed = |frames: Vec<Frame<Bytes>>| {
        let frames = futures_util::stream::iter(frames.into_iter().map(Ok::<_, Error>));
        Request::post("/").header("host", "h").body(StreamBody::new(frames)).unwrap()
    };
    let [first, second, end] = frames;
    let text = fixture.fetch(streamed(vec![first, second, end])).await.unwrap();
    assert_eq!(text, "POST http://h/\n\nabcd\nx-sum: 1");
    let text = fixture.fetch(streamed(Vec::new())).await.unwrap();
    assert_eq!(text, "POST http://h/\n\n");
}

#[tokio::test]
async fn large_bodies_pass_through_small_windows() {
    let fixture = Fixture::echo();
    let body = "0123456789abcdef".repeat(64 * 1024);
    let text = fixture.fetch(full(Method::PUT, body.clone())).await.unwrap();
    let (head, echoed) = text.split_once("\n\n").unwrap();
    assert_eq!(head, "PUT http://h/\ncontent-length: 1048576");
    assert!(echoed == body, "{} bytes came back", echoed.len());
}

#[tokio::test]
async fn a_body_of_another_length_than_declared_is_an_error() {
    let fixture = Fixture::echo();
    for length in ["1", "9"] {
        let frames = [Frame::data(Bytes::from("abc"))].map(Ok::<_, Error>);
        let body = StreamBody::new(futures_util::stream::iter(frames));
        let request = Request::post("/").header("host", "h").header("content-length", length);
        let error = fixture.fetch(request.body(body).unwrap()).await.unwrap_err();
        assert!(matches!(error, Error::RequestBody { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn what_is_refused_before_it_is_sent() {
    let fixture = Fixture::echo();
    let connect = Request::connect("h:80").body(Empty::<Bytes>::new()).unwrap();
    let error = fixture.send(connect).await.map_err(ours).unwrap_err();
    assert!(matches!(error, Error::InvalidTarget), "{error:?}");
    let mut request = get("/");
    request.headers_mut().insert("host", "a b".parse().unwrap());
    let error = fixture.fetch(request).await.unwrap_err();
    assert!(matches!(error, Error::InvalidTarget), "{error:?}");
    assert_eq!(fixture.fetch(get("/")).await.unwrap(), "GET http://h/\n\n");
    assert_eq!(fixture.h2.accepted(), 1);
}

#[tokio::test]
async fn responses_without_a_body() {
    let fixture = Fixture::frames(|_, mut frames| async move {
        loop {
            let id = frames.request().await?;
            match id {
                1 => frames.head(id, &[(":status", "204"), ("content-length", "0")], true).await?,
                3 => frames.head(id, &[(":status", "304"), ("content-length", "5")], true).await?,
                5 => frames.head(id, &[(":status", "200"), ("content-length", "5")], true).await?,
                7 => {
                    // Nobody asked for this body.
                    frames.head(id, &[(":status", "200"), ("content-length", "5")], false).await?;
                    frames.data(id, b"", true).await?;
                }
                _ => frames.answer(id, "").await?,
            }
        }
    });
    for (method, status, length) in [
        (Method::GET, 204, None),
        (Method::GET, 304, Some("5")),
        (Method::HEAD, 200, Some("5")),
        (Method::HEAD, 200, Some("5")),
        (Method::GET, 200, Some("0")),
    ] {
        let request = Request::builder().method(method).uri("/").header("host", "h");
        let response = fixture.send(request.body(Empty::<Bytes>::new()).unwrap()).await.unwrap();
        assert_eq!(response.status(), status);
        let announced = response.headers().get("content-length").map(|length| length.to_str().unwrap());
        assert_eq!(announced, length);
        assert!(http_body::Body::is_end_stream(response.body()));
        assert_eq!(read(response).await.unwrap(), "");
    }
    assert_eq!(fixture.h2.accepted(), 1);
}

#[tokio::test]
async fn a_small_answer_is_there_whole() {
    let fixture = Fixture::frames(|_, mut frames| async move {
        let id = frames.request().await?;
        frames.answer(id, "hello").await?;
        frames.hang().await
    });
    // The peer's bytes may come in two reads: then it is read as any other.
    let mut response = fixture.send(get("/")).await.unwrap();
    assert_eq!(http_body::Body::size_hint(response.body()).exact(), Some(5));
    match response.body_mut().take_bytes() {
        Some(bytes) => assert_eq!(bytes, "hello"),
        None => assert_eq!(read(response).await.unwrap(), "hello"),
    }
}

#[tokio::test]
async fn what_is_recorded() {
    let fixture =
        Fixture::new(Http2Peer::serving(h2::server::Builder::new(), |request, mut respond| async move {
            drop(request);
            let response = http::Response::builder().header("x", "y").body(()).unwrap();
            let mut stream = respond.send_response(response, false).unwrap();
            stream.send_data("hello".into(), false).unwrap();
            let mut trailers = HeaderMap::new();
            trailers.insert("grpc-status", "0".parse().unwrap());
            stream.send_trailers(trailers).unwrap();
        }));
    for _ in 0..2 {
        let exchange = exchange();
        exchange.keep(Keep::UPSTREAM_HEAD);
        let mut request = full(Method::POST, "body");
        request.extensions_mut().insert(exchange.clone());
        fixture.fetch(request).await.unwrap();
        exchange.with_tries(|tries| {
            assert_eq!(tries.len(), 1);
            let t = &tries[0];
            assert_eq!(t.status, Some(StatusCode::OK));
            assert_eq!(t.length, 5);
            // A head's fields with four bytes each, as lines have; the method and the URI of a request.
            assert_eq!(
                t.bytes_sent,
                ("POST".len() + "http://h/".len() + "content-length".len() + 1 + 4 + 4) as u64
            );
            assert_eq!(t.bytes_received, ("x".len() + "y".len() + 4 + 5) as u64);
            assert!(t.connect().is_some() && t.header().is_some() && t.response().is_some());
        });
        assert_eq!(exchange.with_upstream_headers(|headers| headers["x"].clone()).unwrap(), "y");
        assert_eq!(exchange.with_upstream_trailers(|trailers| trailers["grpc-status"].clone()).unwrap(), "0");
    }
}
