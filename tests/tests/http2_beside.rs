//! HTTP/2 from clients: questions whether a request may come in, and copies of it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

use std::net::SocketAddr;

use bytes::Bytes;
use h2::Reason;
use http::Request;
use propylon_tests::{LIMIT, Listener, Origin, Propylon, Seen, address, until};

mod http2_support;
use http2_support::{connect, gateway, get, text, upload, whole};

/// A server that asks `authority`, and sends copies to `mirror`.
fn server(listen: SocketAddr, authority: SocketAddr, origin: SocketAddr, mirror: SocketAddr) -> Propylon {
    gateway(
        &format!("{listen} http2"),
        &format!(
            r#"
limit.body_size = "unlimited"
auth_request = {{ uri = "/auth", set = {{ user = "$upstream_http_x_user" }} }}
mirror.to = ["/copy"]
headers.set = {{ Host = "$host", X-User = "$user" }}
[[server.location]]
match = "/"
proxy_pass = "http://{origin}"
[[server.location]]
match = "/streamed"
proxy_pass = "http://{origin}"
buffer.request = false
mirror.to = []
[[server.location]]
match = "/small"
proxy_pass = "http://{origin}"
limit.body_size = "10k"
[[server.location]]
match = "/closed"
proxy_pass = "http://{origin}"
auth_request.uri = "/none"
[[server.location]]
match = "/none"
return = [444]
[[server.location]]
match = "/auth"
internal = true
proxy_pass = "http://{authority}"
headers.set = {{ X-Do = "$http_x_auth", X-Reply = "$http_x_auth_reply" }}
[[server.location]]
match = "/copy"
internal = true
log_subrequest = true
proxy_pass = "http://{mirror}"
"#
        ),
    )
}

fn one(origin: &Origin) -> Seen {
    let mut all = Vec::new();
    until("a request", LIMIT, || {
        all.extend(origin.take());
        (!all.is_empty()).then_some(())
    });
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

fn post(path: &str, auth: &str) -> Request<()> {
    let request = Request::post(format!("http://a.test{path}")).header("x-auth", auth);
    request
        .header("x-auth-reply", "X-User: ada")
        .header("cookie", "a=1")
        .header("cookie", "b=2")
        .body(())
        .unwrap()
}

const LARGE: usize = 3 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn who_is_asked_gets_no_body_and_all_others_do() {
    let (authority, origin, mirror, listen) = (Origin::start(), Origin::start(), Origin::start(), address());
    let _gateway = server(listen, authority.address(), origin.address(), mirror.address());
    let mut sender = connect(listen).await;
    for (path, copied) in [("/x?a", true), ("/streamed", false)] {
        for size in [0, 5, LARGE] {
            let (response, body) = sender.send_request(post(path, "status=204"), false).unwrap();
            upload(body, size).await;
            let response = response.await.unwrap();
            assert_eq!(response.status(), 200, "{path} {size}");
            assert!(text(response).await.contains("X-User: ada\r\n"), "{path} {size}");
            let question = one(&authority).head;
            assert!(question.start_line().starts_with(b"GET /auth HTTP/1.1"), "{question:?}");
            assert_eq!(question.field("cookie").as_deref(), Some("a=1; b=2"));
            assert_eq!((question.field("content-length"), question.field("transfer-encoding")), (None, None));
            let own = one(&origin);
            assert!(own.whole && own.body == vec![b'y'; size], "{path} {size}: {}", own.body.len());
            if copied {
                let copy = one(&mirror);
                assert!(copy.head.start_line().starts_with(b"POST /copy?a HTTP/1.1"), "{:?}", copy.head);
                assert!(copy.whole && copy.body == own.body, "{size}: {}", copy.body.len());
            }
        }
    }
    let (response, _) = sender.send_request(get("/x"), true).unwrap();
    assert_eq!(response.await.unwrap().status(), 200);
    assert!(one(&mirror).head.start_line().starts_with(b"GET /copy HTTP/1.1"));
}

/// Streams that are refused leave the others, and their connection, alone.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_refused_is_told_so_whatever_is_on_its_way() {
    let (authority, origin, mirror, listen) = (Origin::start(), Origin::start(), Origin::start(), address());
    let _gateway = server(listen, authority.address(), origin.address(), mirror.address());
    let mut sender = connect(listen).await;
    for (auth, expected) in [("status=403", 403), ("status=401", 401), ("status=404", 500), ("close", 500)] {
        let (response, mut body) = sender.send_request(post("/x", auth), false).unwrap();
        body.send_data(Bytes::from_static(b"the first of many"), false).unwrap();
        let response = response.await.unwrap();
        assert_eq!(response.status().as_u16(), expected, "{auth}");
        assert!(whole(response.into_body()).await.is_ok(), "{auth}");
    }
    // Nor does anybody hear of what is larger than it may be.
    let (response, body) = sender.send_request(post("/small", "status=204"), false).unwrap();
    let uploading = tokio::spawn(async move {
        let mut body = body;
        while body.send_data(Bytes::from_static(&[b'y'; 1000]), false).is_ok() {
            tokio::task::yield_now().await;
        }
    });
    assert_eq!(response.await.unwrap().status(), 413);
    uploading.abort();
    // The configuration closes a stream as it closes a connection.
    let (response, _) = sender.send_request(get("/closed"), true).unwrap();
    let error = response.await.unwrap_err();
    assert!(error.is_reset() || error.is_go_away(), "{error}");
    assert_eq!((origin.heads(), mirror.heads()), (0, 0));
    let mut sender = connect(listen).await;
    let (response, _) = sender.send_request(get("/x"), true).unwrap();
    assert_eq!(response.await.unwrap().status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_is_reset_takes_its_question_along_and_leaves_its_copy() {
    let (authority, origin, mirror, listen) = (Listener::new(), Listener::new(), Listener::new(), address());
    let gateway = server(listen, authority.address(), origin.address(), mirror.address());
    let mut sender = connect(listen).await;
    let (response, mut body) = sender.send_request(post("/x", ""), false).unwrap();
    let mut asked = authority.accept();
    asked.head().unwrap().unwrap();
    body.send_reset(Reason::CANCEL);
    drop(response);
    let mut rest = Vec::new();
    asked.to_end(&mut rest).unwrap();
    assert!(rest.is_empty() && origin.try_accept().is_none());
    assert_eq!(gateway.lines("access.log", 1), ["\"POST /x HTTP/2.0\" 499 0"]);

    let (response, mut body) = sender.send_request(post("/x", ""), false).unwrap();
    body.send_data(Bytes::from_static(b"abc"), true).unwrap();
    let mut asked = authority.accept();
    asked.head().unwrap().unwrap();
    asked.send(b"HTTP/1.1 204 Yes\r\n\r\n").unwrap();
    let (mut own, mut copy) = (origin.accept(), mirror.accept());
    own.head().unwrap().unwrap();
    body.send_reset(Reason::CANCEL);
    drop(response);
    own.to_end(&mut Vec::new()).unwrap();
    copy.head().unwrap().unwrap();
    let mut sent = Vec::new();
    copy.exactly(3, &mut sent).unwrap();
    assert_eq!(sent, b"abc");
    copy.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").unwrap();
    let mut lines = gateway.lines("access.log", 3);
    lines.sort();
    assert_eq!(lines[0], "\"POST /x HTTP/2.0\" 200 0", "{lines:?}");
}
