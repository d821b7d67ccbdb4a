//! `$request_body`: what it is where.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use std::net::SocketAddr;

use propylon_tests::{Client, LIMIT, Listener, Origin, Propylon, address, raw_request, until};

/// A gateway whose log shows bodies.
fn gateway(locations: &str) -> (Propylon, Origin, SocketAddr) {
    let (origin, listen) = (Origin::echo(), address());
    let text = format!(
        "[runtime]\ntemp_path = \"@DIR@\"\n[defaults.access_log]\npath = \"@DIR@/access.log\"\nformat = \"line\"\n[log_format]\n\
         line = '$uri <$request_body>'\n[[server]]\nlisten = [\"{listen}\"]\n{locations}"
    );
    let gateway = Propylon::start(&text.replace("ORIGIN", &origin.address().to_string()));
    (gateway, origin, listen)
}

fn post(at: SocketAddr, path: &str, fields: &str, body: &str) -> String {
    let length = body.len();
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\nContent-Length: {length}\r\n{fields}\r\n{body}"
    );
    let answer = raw_request(at, request.as_bytes()).unwrap();
    assert_eq!(answer.status, 200, "{path}");
    answer.text()
}

#[test]
fn a_body_that_a_proxy_has_read_is_known() {
    let (gateway, _origin, at) = gateway(
        r#"
        [[server.location]]
        match = "/kept"
        buffer.request_memory = "8"
        proxy_pass = "http://ORIGIN"
        [[server.location]]
        match = "/stream"
        buffer = { request = false, request_memory = "8" }
        proxy_pass = "http://ORIGIN"
        [[server.location]]
        match = "/own"
        return = [200, "own"]
        [[server.location]]
        match = "/lost"
        error_page = { pages = [{ codes = [502], uri = "/page", status = 200 }] }
        proxy_pass = "http://127.0.0.1:1"
        [[server.location]]
        match = "/page"
        return = [200, "page of $request_body"]
        "#,
    );
    post(at, "/kept", "", "12345678");
    post(at, "/kept", "", "123456789");
    post(at, "/kept", "", "");
    post(at, "/stream", "", "12345678");
    post(at, "/stream", "", "123456789");
    post(at, "/own", "", "12345678");
    assert_eq!(post(at, "/lost", "", "12345678"), "page of 12345678");
    let chunked =
        b"POST /stream HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n\
                    3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
    assert_eq!(raw_request(at, chunked).unwrap().status, 200);
    let mut lines = gateway.lines("access.log", 8);
    let mut expected = [
        "/kept <12345678>",
        "/kept <->", // it is in a file
        "/kept <->",
        "/stream <12345678>",
        "/stream <->", // too long
        "/own <->",    // nobody has read it
        "/page <12345678>",
        "/stream <abcde>",
    ];
    lines.sort(); // workers write in turns of their own
    expected.sort_unstable();
    assert_eq!(lines, expected);
}

#[test]
fn a_body_is_known_before_the_request_that_is_made_of_it() {
    let (gateway, origin, at) = gateway(
        r#"
        [[server.location]]
        match = "/wrapped"
        upstream.body = "<$request_body>"
        headers.set = { X-Body = "$request_body" }
        proxy_pass = "http://ORIGIN"
        [[server.location]]
        match = "/without"
        upstream.pass_body = false
        proxy_pass = "http://ORIGIN"
        "#,
    );
    let mut client = Client::connect(at).unwrap();
    for (path, sent, field) in [("/wrapped", "<abc>", Some("abc")), ("/without", "", None)] {
        let request = format!("POST {path} HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3\r\n\r\nabc");
        assert_eq!(client.ask(request.as_bytes()).unwrap().status, 200);
        let seen = origin.take().pop().unwrap();
        assert_eq!((seen.body.as_slice(), seen.head.field("x-body").as_deref()), (sent.as_bytes(), field));
    }
    let mut lines = gateway.lines("access.log", 2);
    lines.sort();
    assert_eq!(lines, ["/without <abc>", "/wrapped <abc>"]);
}

#[test]
fn a_body_is_in_a_file_if_it_is_to_be() {
    let upstream = Listener::new();
    let (gateway, _origin, at) = gateway(&format!(
        "[[server.location]]\nmatch = \"/memory\"\nproxy_pass = \"http://{0}\"\n\
         [[server.location]]\nmatch = \"/file\"\nbuffer.request_in_file_only = true\nproxy_pass = \"http://{0}\"\n",
        upstream.address()
    ));
    // What the files hold that have no name (any more).
    let files = || {
        let opened = std::fs::read_dir(format!("/proc/{}/fd", gateway.id())).unwrap();
        let texts = opened.filter_map(|file| {
            let path = file.unwrap().path();
            let target = std::fs::read_link(&path).ok()?.to_string_lossy().into_owned();
            let ours =
                target.starts_with(&*gateway.dir().to_string_lossy()) && target.ends_with(" (deleted)");
            ours.then(|| std::fs::read_to_string(path).unwrap())
        });
        texts.collect::<Vec<_>>()
    };
    for (path, expected) in [("/memory", &[][..]), ("/file", &["abc".to_owned()])] {
        let mut client = Client::connect(at).unwrap();
        let request = format!("POST {path} HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3\r\n\r\nabc");
        client.send(request.as_bytes()).unwrap();
        let mut peer = upstream.accept();
        peer.head().unwrap();
        let mut body = Vec::new();
        peer.exactly(3, &mut body).unwrap();
        assert_eq!((body.as_slice(), &*files()), (&b"abc"[..], expected), "{path}");
        peer.send(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
        assert_eq!(client.response(false).unwrap().status, 204);
    }
    until("the end of the file", LIMIT, || files().is_empty().then_some(()));
}
