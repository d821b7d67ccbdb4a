//! What goes out.

use bytes::Bytes;
use http::{Method, Request};
use propylon_testkit::body::Script;
use propylon_testkit::gate::Gate;
use propylon_testkit::peer::Plan;
use propylon_upstream::{Client, Engine, Error, HttpVersion, Keepalive, Pool, Target, ToPeer};

use crate::ENGINE;
use crate::support::{Fixture, OK, answering, empty, full, get, ours, read, settle, transport};

fn with_body(method: Method, body: Script) -> Request<Script> {
    Request::builder().method(method).uri("/").body(body).unwrap()
}

#[tokio::test]
async fn fields_keep_their_order_and_get_title_case() {
    let fixture = Fixture::ok();
    let request = Request::get("/")
        .header("x-b", "1")
        .header("host", "example.com")
        .header("accept", "*/*")
        .header("x-b", "2")
        .body(String::new())
        .unwrap();
    fixture.fetch(request).await.unwrap();
    let expected = match ENGINE {
        Engine::H1 => "GET / HTTP/1.1\r\nHost: example.com\r\nX-B: 1\r\nX-B: 2\r\nAccept: */*\r\n\r\n",
        // It has no place for Host but the map's.
        Engine::Hyper => "GET / HTTP/1.1\r\nX-B: 1\r\nX-B: 2\r\nHost: example.com\r\nAccept: */*\r\n\r\n",
    };
    assert_eq!(fixture.raw.requests(), [expected]);
}

#[tokio::test]
async fn the_target_goes_out_byte_for_byte() {
    let fixture = Fixture::ok();
    // What an `http::Uri` cannot say, hyper cannot.
    let by_hyper = |encoded: &'static [u8], target| if ENGINE == Engine::Hyper { encoded } else { target };
    let odd: [&[u8]; 2] = [b"/<a>#b?\"<", b"/\xff\xfe?\xff"];
    for (target, line) in [
        (b"/a//b/%2F?x=%zz&{}|".as_slice(), b"/a//b/%2F?x=%zz&{}|".as_slice()),
        ("/\u{e4}?\u{f6}".as_bytes(), "/\u{e4}?\u{f6}".as_bytes()),
        (odd[0], by_hyper(b"/%3Ca%3E%23b?%22%3C", odd[0])),
        (odd[1], by_hyper(b"/%FF%FE?%FF", odd[1])),
        (b"/a b", b"/a%20b"),
        (b"*", b"*"),
    ] {
        let mut request = get("http://other.example/ignored");
        request.extensions_mut().insert(Target(Bytes::from_static(target)));
        fixture.fetch(request).await.unwrap();
        let request = fixture.raw.requests().pop().unwrap();
        let line = [b"GET ", line, b" HTTP/1.1\r\n"].concat();
        assert!(request.starts_with(&line), "{request:?}");
    }
}

#[tokio::test]
async fn without_a_target_the_path_and_query_of_the_uri() {
    let fixture = Fixture::ok();
    for (uri, line) in [("http://h/a?b", "GET /a?b "), ("http://h", "GET / "), ("/c?", "GET /c? ")] {
        fixture.fetch(get(uri)).await.unwrap();
        let request = fixture.raw.requests().pop().unwrap();
        assert!(request.starts_with(line.as_bytes()), "{request:?}");
    }
}

#[tokio::test]
async fn a_body_of_known_length_has_a_content_length() {
    let fixture = Fixture::ok();
    let request = with_body(Method::PUT, Script::new().data("ab").data("c").exact());
    fixture.fetch(request).await.unwrap();
    assert_eq!(fixture.raw.requests(), ["PUT / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"]);
    assert_eq!(fixture.pool.idle(), 1);
}

#[tokio::test]
async fn a_body_of_unknown_length_is_chunked_whatever_the_method() {
    let fixture = Fixture::ok();
    for method in [Method::POST, Method::GET] {
        let mut request = with_body(method.clone(), Script::new().data("ab").data("c").end_unannounced());
        request.headers_mut().insert("transfer-encoding", "gzip".parse().unwrap());
        fixture.fetch(request).await.unwrap();
        let expected = format!(
            "{method} / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"
        );
        assert_eq!(fixture.raw.requests().pop().unwrap(), expected);
    }
    assert_eq!(fixture.raw.accepted(), 1);
}

#[tokio::test]
async fn a_declared_length_is_kept_and_enforced() {
    let request = |body: Script| {
        let mut request = with_body(Method::POST, body);
        request.headers_mut().insert("content-length", "4".parse().unwrap());
        request
    };
    let fixture = Fixture::ok();
    fixture.fetch(request(Script::new().data("abcd"))).await.unwrap();
    assert_eq!(fixture.raw.requests(), ["POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\nabcd"]);

    for wrong in [
        Script::new().data("abc"),
        Script::new().data("abc").end_unannounced(),
        Script::new().data("ab").data("cdef"),
    ] {
        let error = fixture.fetch(request(wrong)).await.unwrap_err();
        assert!(matches!(error, Error::RequestBody { .. }), "{error:?}");
    }
    assert_eq!(fixture.raw.requests().len(), 1, "none of them looked complete");
}

#[tokio::test]
async fn http_1_0_closes_and_never_chunks() {
    let transport = transport().http_version(HttpVersion::Http10);
    let fixture = Fixture::with(Keepalive::new(), transport, |_| answering(OK));
    assert_eq!(fixture.fetch(full(Method::POST, "abc")).await.unwrap(), "ok");
    let expected = match ENGINE {
        Engine::H1 => "POST / HTTP/1.0\r\nHost: h\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc",
        Engine::Hyper => "POST / HTTP/1.0\r\nHost: h\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc",
    };
    assert_eq!(fixture.raw.requests(), [expected]);
    assert_eq!(fixture.pool.idle(), 0);

    let unknown = with_body(Method::POST, Script::new().data("abc"));
    let error = fixture.fetch(unknown).await.unwrap_err();
    assert!(matches!(error, Error::LengthRequired), "{error:?}");
}

#[tokio::test]
async fn trailers_of_the_request_are_not_sent() {
    let fixture = Fixture::ok();
    let trailers = [("x".parse().unwrap(), "y".parse().unwrap())].into_iter().collect();
    let mut request = with_body(Method::POST, Script::new().data("abc").trailers(trailers));
    request.headers_mut().insert("trailer", "x".parse().unwrap());
    fixture.fetch(request).await.unwrap();
    assert!(fixture.raw.requests()[0].ends_with(b"\r\n\r\n3\r\nabc\r\n0\r\n\r\n"));
}

#[tokio::test]
async fn a_request_cut_short_never_looks_complete() {
    let fixture = Fixture::ok();
    let request = with_body(Method::POST, Script::new().data("abc").error("client gone"));
    let error = fixture.fetch(request).await.unwrap_err();
    let Error::RequestBody { source } = error else { panic!("{error:?}") };
    assert_eq!(source.downcast_ref::<std::io::Error>().unwrap().to_string(), "client gone");
    fixture.raw.wait_closed(1).await;
    assert!(!fixture.raw.received(0).ends_with(b"0\r\n\r\n"));
    assert_eq!(fixture.raw.requests().len(), 0);
}

#[tokio::test]
async fn a_request_that_fails_after_the_head_cuts_the_response() {
    let fixture = Fixture::new(|_| {
        Plan::new().read_head().write("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc").hang()
    });
    let gate = Gate::new();
    let request = with_body(Method::POST, Script::new().data("abc").wait(&gate).error("client gone"));
    let response = fixture.send(request).await.unwrap();
    gate.open();
    let error = ours(read(response).await.unwrap_err());
    assert!(matches!(error, Error::RequestBody { .. }), "{error:?}");
    fixture.raw.wait_closed(1).await;
}

#[tokio::test]
async fn an_early_response_passes_and_ends_the_connection() {
    let fixture = Fixture::new(|_| {
        Plan::new().read_head().write("HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno").hang()
    });
    let body = Script::new().data("abc").wait(&Gate::new()).data("def");
    let watch = body.watch();
    let response = fixture.send(with_body(Method::POST, body)).await.unwrap();
    assert_eq!(response.status(), 413);
    assert_eq!(read(response).await.unwrap(), "no");
    assert_eq!(fixture.pool.idle(), 0);
    settle(|| watch.dropped()).await;
    fixture.raw.wait_closed(1).await;
}

#[tokio::test]
async fn an_answer_is_read_though_the_peer_takes_no_more() {
    for _ in 0..20 {
        let fixture = Fixture::new(|_| {
            Plan::new().read_head().write("HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno").reset()
        });
        let piece = Bytes::from(vec![b'x'; 1 << 20]);
        let body = (0..64).fold(Script::new(), |body, _| body.data(piece.clone()));
        let response = fixture.send(with_body(Method::POST, body)).await.unwrap();
        assert_eq!(response.status(), 413);
        assert_eq!(read(response).await.unwrap(), "no");
        assert_eq!(fixture.pool.idle(), 0);
    }
}

#[tokio::test]
async fn an_empty_post_has_no_encoding() {
    let fixture = Fixture::ok();
    fixture.fetch(empty(Method::POST)).await.unwrap();
    let mut zero = empty(Method::POST);
    zero.headers_mut().insert("content-length", "0".parse().unwrap());
    fixture.fetch(zero).await.unwrap();
    let zero = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(fixture.raw.requests(), ["POST / HTTP/1.1\r\nHost: h\r\n\r\n", zero]);
}

#[test]
fn what_the_gateway_needs_can_cross_threads() {
    fn is_send<T: Send>(_: &T) {}
    fn is_shared<T: Clone + Send + Sync + 'static>() {}
    is_shared::<Client>();
    is_shared::<ToPeer>();
    let pool = Pool::new(Keepalive::new());
    let mut client = Client::new(pool, transport());
    is_send(&tower::Service::call(&mut client, full(Method::GET, "")));
    is_send::<Option<propylon_upstream::Body>>(&None);
}
