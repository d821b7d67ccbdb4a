//! Copies of requests: what they are, and that nobody waits for them.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use std::net::SocketAddr;

use propylon_tests::{
    Client, LIMIT, Listener, Origin, Pair, Propylon, Seen, address, check, lossy, raw_request, until,
};

fn server(at: SocketAddr, origin: SocketAddr, mirror: SocketAddr) -> String {
    format!(
        r#"
[runtime]
workers = 1
[log_format]
line = '$uri $args $status'
[[server]]
listen = ["{at}"]
access_log = {{ path = "@DIR@/access.log", format = "line" }}
mirror = {{ to = ["/copy"], at_once = 2 }}
buffer.request_memory = "4k"
limit.body_size = "1m"
[[server.location]]
match = "/"
proxy_pass = "http://{origin}"
[[server.location]]
match = "/streamed"
proxy_pass = "http://{origin}"
buffer.request = false
[[server.location]]
match = "/heads"
proxy_pass = "http://{origin}"
mirror.body = false
[[server.location]]
match = "/two"
proxy_pass = "http://{origin}"
mirror.to = ["/copy/one", "/copy/two?own"]
[[server.location]]
match = "/off"
proxy_pass = "http://{origin}"
mirror.to = []
[[server.location]]
match = "/refused"
proxy_pass = "http://{origin}"
access.rules = ["deny all"]
[[server.location]]
match = "/copy"
internal = true
log_subrequest = true
proxy_pass = "http://{mirror}"
access.rules = ["deny all"]
"#
    )
}

/// So many requests, whose bodies have come.
fn seen(origin: &Origin, count: usize) -> Vec<Seen> {
    let mut all = Vec::new();
    until("requests", LIMIT, || {
        all.extend(origin.take());
        (all.len() >= count).then_some(())
    });
    assert_eq!(all.len(), count, "{all:?}");
    all
}

/// The mirror gets what the upstream gets, byte for byte, however it came and wherever it is kept.
#[test]
fn both_get_the_same_request() {
    let (origin, mirror, at) = (Origin::start(), Origin::start(), address());
    let _gateway = Propylon::start(&server(at, origin.address(), mirror.address()));
    for size in [0, 10, 40_000, 300_000] {
        let body: String = (0..size / 10).map(|n| format!("{n:9} ")).collect();
        let chunks = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
        let chunks = if size == 0 { "0\r\n\r\n".to_owned() } else { chunks };
        for path in ["/x?a=b", "/streamed?a=b", "/heads?a=b"] {
            for (framing, sent) in [
                (format!("Content-Length: {}", body.len()), &body),
                ("Transfer-Encoding: chunked".to_owned(), &chunks),
                (format!("Expect: 100-continue\r\nContent-Length: {}", body.len()), &body),
            ] {
                let request = format!(
                    "PUT {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-Own: yes\r\n{framing}\r\n\r\n{sent}"
                );
                let answer = raw_request(at, request.as_bytes()).unwrap();
                assert_eq!(answer.status, 200, "{path} {framing}");
                let own = seen(&origin, 1).remove(0);
                assert!(own.whole && own.body == body.as_bytes(), "{path} {framing} {}", own.body.len());
                let copy = seen(&mirror, 1).remove(0);
                assert!(copy.head.start_line().starts_with(b"PUT /copy?a=b HTTP/"), "{:?}", copy.head);
                assert_eq!(copy.head.field("x-own").as_deref(), Some("yes"));
                assert_eq!(copy.head.field("expect"), None);
                let expected = if path.starts_with("/heads") { "" } else { &body };
                assert!(
                    copy.whole && copy.body == expected.as_bytes(),
                    "{path} {framing} {}",
                    copy.body.len()
                );
            }
        }
    }
    let large = format!("PUT /x HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n{}", "x".repeat(1000));
    assert_eq!(Client::connect(at).unwrap().ask(large.as_bytes()).unwrap().status, 413);
    assert!(origin.take().is_empty() && mirror.take().is_empty());
}

#[test]
fn copies_go_where_they_are_wanted_and_are_logged_there() {
    let (origin, mirror, at) = (Origin::start(), Origin::start(), address());
    let gateway = Propylon::start(&server(at, origin.address(), mirror.address()));
    let get = |path: &str| {
        raw_request(at, format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").as_bytes())
            .unwrap()
            .status
    };
    assert_eq!((get("/two?x"), get("/off"), get("/refused"), get("/copy")), (200, 200, 403, 404));
    let mut lines: Vec<_> = seen(&mirror, 2).iter().map(|seen| lossy(seen.head.start_line())).collect();
    lines.sort();
    assert_eq!(lines, ["GET /copy/one?x HTTP/1.1", "GET /copy/two?own HTTP/1.1"]);
    let mut lines = gateway.lines("access.log", 6);
    lines.sort();
    let expected =
        ["/copy - 404", "/copy/one x 200", "/copy/two own 200", "/off - 200", "/refused - 403", "/two x 200"];
    assert_eq!(lines, expected);
    assert_eq!(origin.heads(), 2);
}

/// A mirror that does not answer holds up neither its request nor the next one; what is more than may be is dropped.
#[test]
fn nobody_waits_for_a_mirror() {
    let (origin, mirror, at) = (Origin::start(), Listener::new(), address());
    let gateway = Propylon::start(&server(at, origin.address(), mirror.address()));
    let mut client = Client::connect(at).unwrap();
    for _ in 0..5 {
        assert_eq!(client.ask(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n").unwrap().status, 200);
    }
    let mut held = [mirror.accept(), mirror.accept()];
    for copy in &mut held {
        assert!(copy.head().unwrap().is_some());
    }
    assert!(mirror.try_accept().is_none());
    let told = "mirrored request dropped: 2 mirrored requests are under way";
    until("the error log", LIMIT, || gateway.error_log().contains(told).then_some(()));
    held[0].send(b"HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\nno").unwrap();
    // Its place, and its connection, are free again.
    until("another copy", LIMIT, || {
        assert_eq!(client.ask(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n").unwrap().status, 200);
        held[0].set_limit(std::time::Duration::from_millis(100)).unwrap();
        held[0].head().ok().flatten()
    });
}

/// The body has come, so the copy is complete whatever becomes of the request.
#[test]
fn a_client_that_leaves_does_not_cancel_copies() {
    let (upstream, mirror, at) = (Listener::new(), Listener::new(), address());
    let _gateway = Propylon::start(&server(at, upstream.address(), mirror.address()));
    let mut client = Client::connect(at).unwrap();
    client.send(b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc").unwrap();
    let (mut own, mut copy) = (upstream.accept(), mirror.accept());
    own.head().unwrap();
    client.leave();
    own.to_end(&mut Vec::new()).unwrap();
    copy.head().unwrap().unwrap();
    let mut body = Vec::new();
    copy.exactly(3, &mut body).unwrap();
    assert_eq!(body, b"abc");
    copy.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").unwrap();
    // The connection is kept: the next copy comes on it.
    let mut client = Client::connect(at).unwrap();
    client.send(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    assert!(copy.head().unwrap().is_some());
}

/// A client that leaves in the middle of its body has sent no request: there is nothing to copy.
#[test]
fn half_a_body_is_not_copied() {
    let (origin, mirror, at) = (Origin::start(), Origin::start(), address());
    let gateway = Propylon::start(&server(at, origin.address(), mirror.address()));
    let mut client = Client::connect(at).unwrap();
    client.send(b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 30\r\n\r\nabc").unwrap();
    client.leave();
    assert_eq!(gateway.lines("access.log", 1), ["/x - 400"]);
    assert_eq!((origin.heads(), mirror.heads()), (0, 0));
}

/// A body that is read for its copies fails as it does on its way to an upstream: its request is the same, and never one without a body.
#[test]
fn a_body_that_does_not_come_is_the_error_that_it_is_without_copies() {
    let (origin, mirror, at) = (Origin::start(), Origin::start(), address());
    let location = |name: &str, more: &str| {
        let to = origin.address();
        format!(
            "[[server.location]]\nmatch = \"{name}\"\nproxy_pass = \"http://{to}\"\n{more}\n\
             [[server.location]]\nmatch = \"{name}/named\"\nproxy_pass = \"http://{to}\"\n{more}\n\
             error_page.pages = [{{ codes = [408, 413], uri = \"@there\", status = \"from_page\" }}]\n\
             [[server.location]]\nmatch = \"{name}/page\"\nproxy_pass = \"http://{to}\"\n{more}\n\
             error_page.pages = [{{ codes = [408, 413], uri = \"/got\" }}]\n"
        )
    };
    let _gateway = Propylon::start(&format!(
        "[[server]]\nlisten = [\"{at}\"]\nlimit.body_size = 100\ntimeout.client_body = \"100ms\"\nheaders.proxy_status = \"gw\"\n{}{}\
         [[server.location]]\nmatch = \"@there\"\nproxy_pass = \"http://{to}\"\nlimit.body_size = \"1m\"\n\
         [[server.location]]\nmatch = \"/got\"\nproxy_pass = \"http://{to}\"\n\
         [[server.location]]\nmatch = \"/copy\"\nproxy_pass = \"http://{}\"\n",
        location("/plain", ""),
        location("/mirrored", "mirror.to = [\"/copy\"]"),
        mirror.address(),
        to = origin.address(),
    ));
    for body in [
        "Content-Length: 200\r\n\r\n".to_owned(),
        format!("Transfer-Encoding: chunked\r\n\r\nc8\r\n{}\r\n0\r\n\r\n", "x".repeat(200)),
        "Content-Length: 20\r\n\r\nsome of it".to_owned(),
    ] {
        for page in ["", "/named", "/page"] {
            let [plain, mirrored] = ["/plain", "/mirrored"].map(|path| {
                let answer =
                    raw_request(at, format!("POST {path}{page} HTTP/1.1\r\nHost: a\r\n{body}").as_bytes());
                let answer = answer.unwrap();
                let seen: Vec<_> = origin
                    .take()
                    .iter()
                    .map(|seen| {
                        (lossy(seen.head.start_line()), seen.head.field("content-length"), seen.body.len())
                    })
                    .collect();
                let told = answer.head.field("proxy-status");
                (answer.status, told, answer.text().replace(path, "/"), seen)
            });
            assert_eq!(mirrored, plain, "{page} {body}");
            match page {
                "" => assert!(
                    mirrored.1.as_ref().is_some_and(|told| told.starts_with("\"gw\"; error=")),
                    "{mirrored:?}"
                ),
                "/named" => assert_eq!(mirrored.0, 500, "{mirrored:?}"),
                _ => assert_eq!(mirrored.3, [("GET /got HTTP/1.1".to_owned(), None, 0)], "{body}"),
            }
        }
    }
    assert_eq!(mirror.heads(), 0);
}

/// Whoever closes the connection is not the client.
#[test]
fn a_copy_whose_location_closes_connections_is_logged_as_such() {
    let (origin, at) = (Origin::start(), address());
    let gateway = Propylon::start(&format!(
        "[log_format]\nline = '$uri $status'\n[[server]]\nlisten = [\"{at}\"]\n\
         access_log = {{ path = \"@DIR@/access.log\", format = \"line\" }}\n\
         [[server.location]]\nmatch = \"/\"\nproxy_pass = \"http://{}\"\nmirror.to = [\"/copy\"]\n\
         [[server.location]]\nmatch = \"/copy\"\nlog_subrequest = true\nreturn = [444]\n",
        origin.address()
    ));
    assert_eq!(
        raw_request(at, b"GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap().status,
        200
    );
    let mut lines = gateway.lines("access.log", 2);
    lines.sort();
    assert_eq!(lines, ["/copy 444", "/x 200"]);
}

#[test]
fn what_nobody_takes_is_an_error() {
    let text = server(address(), address(), address());
    let wrong =
        text.replace("match = \"/\"", "match = \"/else\"").replace("to = [\"/copy\"]", "to = [\"/nowhere\"]");
    let report = lossy(&check(&wrong).stderr);
    assert!(report.contains("no location of this server matches `/nowhere`"), "{report}");
}

const CONF: &str = r#"
http {
    access_log off;
    server {
        listen @LISTEN@;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        root @FILES@;
        mirror /mirror;
        location /proxied/ { proxy_pass http://@ORIGIN@; }
        location /file/ { alias @FILES@/; index a.txt; }
        location /several/ { mirror /mirror/one; mirror /mirror/two; proxy_pass http://@ORIGIN@; }
        location /off/ { mirror off; proxy_pass http://@ORIGIN@; location /off/on/ { mirror /mirror; proxy_pass http://@ORIGIN@; } }
        location /heads/ { mirror_request_body off; mirror /mirror-heads; proxy_pass http://@ORIGIN@; }
        location /page/ { error_page 404 /proxied/page; try_files /none =404; }
        location /returned/ { return 200 "said"; }
        location /denied/ { deny all; proxy_pass http://@ORIGIN@; }
        location /tried/ { try_files /none @there; }
        location @there { proxy_pass http://@ORIGIN@; }
        location /mirror {
            internal;
            proxy_pass http://@ORIGIN@;
            proxy_set_header Connection "";
            proxy_set_header X-Copy "$request_method $request_uri $uri $args";
        }
        location /mirror-heads {
            internal;
            proxy_pass http://@ORIGIN@;
            proxy_pass_request_body off;
            proxy_set_header Content-Length "";
            proxy_set_header Connection "";
            proxy_set_header X-Copy "$request_method $request_uri $uri $args";
        }
    }
}
"#;

#[test]
fn copies_are_as_those_of_nginx() {
    let (origin, files) = (Origin::start(), tempfile::tempdir().unwrap());
    std::fs::write(files.path().join("a.txt"), "a text").unwrap();
    let holes = [("ORIGIN", &*origin.address().to_string()), ("FILES", &*files.path().to_string_lossy())];
    let pair = Pair::start(CONF, &holes);
    let mut wrong = Vec::new();
    for (path, count) in [
        ("proxied/x?y=z", 2),
        ("file/a.txt", 1),
        ("file/", 2),
        ("several/x?y", 3),
        ("off/x", 1),
        ("off/on/x", 2),
        ("heads/x?y", 2),
        ("page/x", 2),
        ("returned/x", 0),
        ("denied/x", 0),
        ("tried/x?y", 2),
        ("mirror", 0),
    ] {
        for (method, rest) in [("GET", "\r\n"), ("HEAD", "\r\n"), ("POST", "Content-Length: 5\r\n\r\nhello")]
        {
            if path.starts_with("file") && method == "POST" || path == "returned/x" && method == "HEAD" {
                continue;
            }
            let request =
                format!("{method} /{path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-Own: yes\r\n{rest}");
            let mut show = pair.at.map(|at| {
                let status = raw_request(at, request.as_bytes()).unwrap().status;
                let got = seen(&origin, count);
                let mut got: Vec<_> = got
                    .iter()
                    .map(|seen| {
                        let mut fields = seen.head.fields();
                        fields.retain(|(name, _)| name != "host");
                        fields.sort();
                        let line = lossy(seen.head.start_line());
                        format!(
                            "{line} {:?} {}",
                            fields.iter().map(|(n, v)| (n, lossy(v))).collect::<Vec<_>>(),
                            lossy(&seen.body)
                        )
                    })
                    .collect();
                got.sort();
                (status, got)
            });
            let [ours, theirs] = &mut show;
            if ours != theirs {
                wrong.push(format!("{method} {path}\n  propylon {ours:#?}\n  nginx    {theirs:#?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}
