//! Questions whether a request may come in: what they are made of, what they cost whoever is asked, and what is left of them.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use std::fs;
use std::net::SocketAddr;
use std::process::Command;

use propylon_tests::{
    Client, LIMIT, Listener, Origin, Propylon, RawResponse, Stream, address, binary, check, lossy,
    raw_request, until,
};

fn ask(at: SocketAddr, request: &str) -> RawResponse {
    raw_request(at, request.as_bytes()).unwrap_or_else(|error| panic!("{request}: {error}"))
}

fn get(at: SocketAddr, path: &str, fields: &str) -> RawResponse {
    ask(at, &format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{fields}\r\n"))
}

/// A server that asks `authority`, with something of everything.
fn server(at: SocketAddr, authority: SocketAddr, origin: SocketAddr) -> String {
    format!(
        r#"
[log_format]
line = '$uri $status $request_id $upstream_status'
[[server]]
listen = ["{at}"]
access_log = {{ path = "@DIR@/access.log", format = "line" }}
auth_request = {{ uri = "/auth", set = {{ user = "$upstream_http_x_user", at = "$upstream_addr" }} }}
headers.set = {{ X-User = "$user", X-Id = "$request_id", Upgrade = "$http_upgrade", Connection = "$http_connection" }}
upstream.websocket = true
[[server.location]]
match = "/"
proxy_pass = "http://{origin}"
buffer.request_memory = "4k"
[[server.location]]
match = "/streamed"
proxy_pass = "http://{origin}"
buffer.request = false
[[server.location]]
match = "/logged"
auth_request.uri = "/auth/logged"
proxy_pass = "http://{origin}"
[[server.location]]
match = "/closed"
auth_request.uri = "/auth/closed"
proxy_pass = "http://{origin}"
[[server.location]]
match = "/open"
auth_request.uri = "off"
proxy_pass = "http://{origin}"
[[server.location]]
match = "/login"
auth_request.uri = "off"
return = [200, "who are you, $user at $at"]
[[server.location]]
match = "/paged"
proxy_pass = "http://{origin}"
error_page.pages = [{{ codes = [401], uri = "/login", status = 200 }}]
[[server.location]]
match = "/auth"
internal = true
proxy_pass = "http://{authority}/asked"
headers.set = {{ X-Id = "$request_id", X-Do = "$http_x_auth", X-Reply = "$http_x_auth_reply" }}
[[server.location.location]]
match = "/auth/logged"
log_subrequest = true
proxy_pass = "http://{authority}/asked"
[[server.location.location]]
match = "/auth/closed"
log_subrequest = true
return = [444]
"#
    )
}

#[test]
fn every_challenge_and_what_was_set_arrives() {
    let (authority, origin, at) = (Origin::start(), Origin::echo(), address());
    let gateway = Propylon::start(&server(at, authority.address(), origin.address()));
    let told = "X-Auth: status=401\r\nX-Auth-Reply: WWW-Authenticate: Basic realm=\"a\"\r\n";
    let answer = get(at, "/x", told);
    assert_eq!(
        (answer.status, answer.head.field("www-authenticate").as_deref()),
        (401, Some("Basic realm=\"a\""))
    );
    let paged = get(at, "/paged", "X-Auth: status=401\r\nX-Auth-Reply: X-User: nobody\r\n");
    assert_eq!(paged.text(), format!("who are you, nobody at {}", authority.address()));
    let allowed = get(at, "/x", "X-Auth: status=204\r\nX-Auth-Reply: X-User: ada\r\nX-User: me\r\n");
    let sent = allowed.text();
    assert!(
        allowed.status == 200 && sent.contains("X-User: ada\r\n") && !sent.contains("X-User: me"),
        "{sent}"
    );
    assert!(get(at, "/open", "X-Auth: status=403\r\n").status == 200);
    let failed = get(at, "/x", "X-Auth: status=404\r\n");
    assert_eq!(failed.status, 500);
    let why = "auth request unexpected status: 404";
    until("why is in the error log", LIMIT, || gateway.error_log().contains(why).then_some(()));
    assert_eq!(origin.heads(), 2, "the others reached nobody");
}

#[test]
fn several_challenges_are_passed_on() {
    let (upstream, origin, at) = (Listener::new(), Origin::echo(), address());
    let _gateway = Propylon::start(&server(at, upstream.address(), origin.address()));
    let mut client = Client::connect(at).unwrap();
    client.send(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let mut asked = upstream.accept();
    asked.head().unwrap().unwrap();
    asked
        .send(b"HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm=\"a\"\r\nWWW-Authenticate: Bearer\r\nContent-Length: 0\r\n\r\n")
        .unwrap();
    let answer = client.response(false).unwrap();
    let challenges = answer.head.by_name().remove("www-authenticate").unwrap();
    assert_eq!(
        challenges.iter().map(|value| lossy(value)).collect::<Vec<_>>(),
        ["Basic realm=\"a\"", "Bearer"]
    );
}

/// Whatever the request has of a body, the question has none, and needs no recipe for that; the body goes on whole.
#[test]
fn the_question_has_no_body_and_the_request_keeps_its_own() {
    let (authority, origin, at) = (Origin::start(), Origin::start(), address());
    let _gateway = Propylon::start(&server(at, authority.address(), origin.address()));
    let body: String = (0..40_000).map(|n| format!("{n} ")).collect();
    let chunks = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    for path in ["/x", "/streamed"] {
        for (framing, sent) in [
            (format!("Content-Length: {}", body.len()), &body),
            ("Transfer-Encoding: chunked".to_owned(), &chunks),
            (format!("Expect: 100-continue\r\nContent-Length: {}", body.len()), &body),
        ] {
            let head = format!("POST {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n");
            let answer = ask(at, &format!("{head}X-Auth: status=200 size=5000\r\n{framing}\r\n\r\n{sent}"));
            assert_eq!(answer.status, 200);
            let question = authority.take().pop().unwrap();
            assert!(question.head.start_line().starts_with(b"GET /asked HTTP/1."), "{:?}", question.head);
            for name in ["content-length", "transfer-encoding", "expect"] {
                assert_eq!(question.head.field(name), None, "{framing}");
            }
            let seen = origin.take();
            assert_eq!(seen.len(), 1);
            assert!(
                seen[0].whole && seen[0].body == body.as_bytes(),
                "{path} {framing}: {}",
                seen[0].body.len()
            );
            let before = origin.heads();
            let refused = ask(at, &format!("{head}X-Auth: status=403\r\n{framing}\r\n\r\n{sent}"));
            assert_eq!((refused.status, origin.heads()), (403, before));
            assert!(origin.take().is_empty());
        }
    }
    // Bodies of answers are read as far as they are there, and the connections used again.
    assert!(authority.connections() <= 2, "{}", authority.connections());
}

/// What asks for something of the thing itself is no part of the question: a 304, a 206 or a 101 is no answer.
#[test]
fn conditions_ranges_and_upgrades_are_not_asked() {
    let (authority, origin, at) = (Origin::start(), Origin::echo(), address());
    let _gateway = Propylon::start(&server(at, authority.address(), origin.address()));
    let fields = "If-None-Match: \"a\"\r\nIf-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT\r\nRange: bytes=0-1\r\n\
        Cookie: a=b\r\nAuthorization: Bearer x\r\n";
    assert_eq!(get(at, "/x", fields).status, 200);
    let seen = authority.take().pop().unwrap().head;
    for name in ["if-none-match", "if-modified-since", "range", "upgrade"] {
        assert_eq!(seen.field(name), None, "{name}");
    }
    assert_eq!(seen.field("cookie").as_deref(), Some("a=b"));
    assert_eq!(seen.field("authorization").as_deref(), Some("Bearer x"));
    let request = "GET /x HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: thing\r\n\r\n";
    let text = ask(at, request).text();
    assert!(text.to_ascii_lowercase().contains("upgrade: thing"), "{text}");
    assert_eq!(authority.take().pop().unwrap().head.field("upgrade"), None);
}

#[test]
fn a_client_that_leaves_takes_its_question_along() {
    let (upstream, origin, at) = (Listener::new(), Origin::echo(), address());
    let gateway = Propylon::start(&server(at, upstream.address(), origin.address()));
    let mut client = Client::connect(at).unwrap();
    client.send(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let mut asked = upstream.accept();
    asked.head().unwrap().unwrap();
    client.leave();
    let mut rest = Vec::new();
    asked.to_end(&mut rest).unwrap();
    assert!(rest.is_empty());
    let line = gateway.lines("access.log", 1).remove(0);
    assert!(line.starts_with("/x 499 "), "{line}");
    assert_eq!(origin.heads(), 0);
}

/// A line of its own only where it is wanted, and one name for all that is done for a request.
#[test]
fn questions_are_logged_where_that_is_wanted() {
    let (authority, origin, at) = (Origin::start(), Origin::echo(), address());
    let gateway = Propylon::start(&server(at, authority.address(), origin.address()));
    let text = get(at, "/x", "").text();
    let id = authority.take().pop().unwrap().head.field("x-id").unwrap();
    assert!(text.contains(&format!("X-Id: {id}\r\n")), "{id}: {text}");
    get(at, "/logged", "X-Auth: status=403\r\n");
    let mut lines = gateway.lines("access.log", 3); // of two workers, perhaps
    lines.sort();
    assert!(lines[0].starts_with("/auth/logged 403 ") && lines[0].ends_with(" 403"), "{lines:?}");
    assert!(lines[1].starts_with("/logged 403 ") && lines[1].ends_with(" -"), "{lines:?}");
    assert_eq!(lines[2], format!("/x 200 {id} 200"), "what others were asked is no try of its own");
}

/// Whoever closes the connection is not the client.
#[test]
fn a_question_that_closes_the_connection_is_logged_as_such() {
    let (authority, origin, at) = (Origin::start(), Origin::echo(), address());
    let gateway = Propylon::start(&server(at, authority.address(), origin.address()));
    let mut client = Client::connect(at).unwrap();
    client.send(b"GET /closed HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    assert!(client.closed());
    let mut lines = gateway.lines("access.log", 2);
    lines.sort();
    assert!(lines[0].starts_with("/auth/closed 444 ") && lines[1].starts_with("/closed 444 "), "{lines:?}");
}

/// What a FastCGI server is told of a body is what it gets.
#[test]
fn a_question_to_a_fastcgi_server_has_no_length() {
    let (upstream, origin, at) = (Listener::new(), Origin::start(), address());
    let _gateway = Propylon::start(&format!(
        r#"
[[server]]
listen = ["{at}"]
[[server.location]]
match = "/"
auth_request.uri = "/auth"
mirror = {{ to = ["/auth"], body = false }}
proxy_pass = "http://{}"
[[server.location]]
match = "= /auth"
internal = true
fastcgi_pass = "{}"
fastcgi.params = {{ CONTENT_LENGTH = "$content_length", CONTENT_TYPE = "$content_type" }}
"#,
        origin.address(),
        upstream.address(),
    ));
    let mut client = Client::connect(at).unwrap();
    let head = "POST /x HTTP/1.1\r\nHost: a\r\nContent-Type: text/x\r\nContent-Length: 5";
    client.send(format!("{head}\r\n\r\nhello").as_bytes()).unwrap();
    for what in ["the question", "the copy"] {
        let mut asked = upstream.accept();
        let (params, body) = fastcgi(&mut asked);
        let has = |text: &[u8]| params.windows(text.len()).any(|part| part == text);
        assert!(has(b"\x0e\0CONTENT_LENGTH\x0c\x06CONTENT_TYPEtext/x"), "{what}: {}", lossy(&params));
        assert_eq!(body, b"", "{what}");
        asked
            .send(b"\x01\x06\0\x01\0\x10\0\0Status: 204 No\n\n\x01\x03\0\x01\0\x08\0\0\0\0\0\0\0\0\0\0")
            .unwrap();
    }
    assert_eq!(client.response(false).unwrap().status, 200);
    assert_eq!(origin.take()[0].body, b"hello");
}

/// The params and the body of a FastCGI request.
fn fastcgi(peer: &mut Stream) -> (Vec<u8>, Vec<u8>) {
    let (mut params, mut body) = (Vec::new(), Vec::new());
    loop {
        let (mut header, mut content) = (Vec::new(), Vec::new());
        peer.exactly(8, &mut header).unwrap();
        let length = usize::from(u16::from_be_bytes([header[4], header[5]]));
        peer.exactly(length + usize::from(header[6]), &mut content).unwrap();
        content.truncate(length);
        match header[1] {
            4 => params.extend(content),
            5 if length == 0 => return (params, body),
            5 => body.extend(content),
            _ => {}
        }
    }
}

#[test]
fn who_is_asked_is_told_and_what_nobody_takes_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("c.toml");
    let text = server(address(), address(), address()).replace("@DIR@", &dir.path().to_string_lossy());
    fs::write(&path, &text).unwrap();
    let explain = |url: &str| {
        let output = Command::new(binary())
            .arg("explain")
            .arg("--config")
            .arg(&path)
            .args(["GET", url])
            .output()
            .unwrap();
        lossy(&output.stdout)
    };
    let told = explain("/x");
    assert!(told.contains("asks      /auth, line 7: location /auth, line"), "{told}");
    assert!(told.contains("auth_request.uri = \"/auth\""), "{told}");
    assert!(!explain("/open").contains("asks "), "{}", explain("/open"));
    assert!(!explain("/login").contains("asks "));
    let dump = Command::new(binary()).args(["check", "--dump", "--config"]).arg(&path).output().unwrap();
    assert!(lossy(&dump.stdout).contains("auth_request"), "{}", lossy(&dump.stderr));
    let wrong =
        text.replace("uri = \"/auth\"", "uri = \"/nowhere\"").replace("match = \"/\"", "match = \"/else\"");
    let report = lossy(&check(&wrong).stderr);
    assert!(report.contains("no location of this server matches `/nowhere`"), "{report}");
}

/// Answers may be kept: whoever is asked is asked once.
#[test]
fn answers_are_cached_as_any_other() {
    let (authority, origin, at) = (Origin::start(), Origin::echo(), address());
    let _gateway = Propylon::start(&format!(
        r#"
[cache_zone.answers]
path = "@DIR@/cache"
[[server]]
listen = ["{at}"]
[[server.location]]
match = "/"
auth_request.uri = "/auth"
proxy_pass = "http://{}"
[[server.location]]
match = "/auth"
internal = true
proxy_pass = "http://{}"
cache = {{ zone = "answers", key = "$cookie_id", valid = {{ any = "1m" }} }}
headers.set.X-Do = "$http_x_auth"
"#,
        origin.address(),
        authority.address(),
    ));
    for (id, told, expected) in
        [("a", "status=200 size=300000", 200), ("b", "status=403", 403), ("c", "status=401", 401)]
    {
        let fields = format!("Cookie: id={id}\r\nX-Auth: {told}\r\n");
        assert_eq!(get(at, "/x", &fields).status, expected);
        // A body that nobody wants to know is kept all the same.
        until("the answer to be kept", LIMIT, || {
            let before = authority.heads();
            assert_eq!(get(at, "/x", &fields).status, expected);
            (authority.heads() == before).then_some(())
        });
    }
}
