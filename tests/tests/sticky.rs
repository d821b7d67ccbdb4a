//! Clients come back to the server that they had: by cookie, by route, by what servers say.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

use std::net::SocketAddr;

use propylon_testkit::peer::{Plan, RawPeer};
use propylon_tests::{Propylon, RawResponse, address, raw_request};

/// A peer that answers with its number, and begins the session `s` and its number when it is asked for `/login`.
fn numbered(n: usize) -> RawPeer {
    RawPeer::tcp(move |_| {
        Plan::new()
            .answer(move |request| {
                let login = request.starts_with(b"GET /login");
                let cookie = if login { format!("Set-Cookie: sid=s{n}\r\n") } else { String::new() };
                format!("HTTP/1.1 200 OK\r\n{cookie}Content-Length: 1\r\n\r\n{n}")
            })
            .forever()
    })
}

/// A configuration with three peers, each with what is said of it.
fn toml(listen: SocketAddr, peers: &[RawPeer; 3], of: [&str; 3], upstream: &str, location: &str) -> String {
    let servers: Vec<_> =
        peers.iter().zip(of).map(|(peer, of)| format!("{{ address = \"{}\" {of} }}", peer.addr())).collect();
    format!(
        "[runtime]\nworkers = 1\n[error_log]\npath = \"@DIR@/error.log\"\nlevel = \"info\"\n\
         [upstream.u]\nserver = [{}]\n{upstream}\n\
         [[server]]\nlisten = [\"{listen}\"]\n[[server.location]]\nmatch = \"/\"\nproxy_pass = \"http://u\"\n{location}\n",
        servers.join(", ")
    )
}

fn get(listen: SocketAddr, target: &str, cookie: &str) -> RawResponse {
    let cookie = if cookie.is_empty() { String::new() } else { format!("Cookie: {cookie}\r\n") };
    let request = format!("GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{cookie}\r\n");
    raw_request(listen, request.as_bytes()).unwrap()
}

/// Who answers such requests, one after the other.
fn who(listen: SocketAddr, target: &str, cookie: &str, times: usize) -> String {
    (0..times).map(|_| get(listen, target, cookie).text().chars().last().unwrap()).collect()
}

fn peers() -> [RawPeer; 3] {
    [numbered(1), numbered(2), numbered(3)]
}

#[test]
fn a_cookie_leads_back() {
    let (listen, peers) = (address(), peers());
    let cookie = "sticky = { cookie = { name = \"srv\", expires = \"1h\", domain = \"$arg_d\", path = \"/\", secure = true, \
                  httponly = true, samesite = \"$arg_s\" } }";
    let routes = [", route = \"r1\"", "", ""];
    let _gateway = Propylon::start(&toml(listen, &peers, routes, cookie, "headers.set = { Cookie = \"\" }"));
    let first = get(listen, "/?d=a.test&s=lax", "");
    assert!(first.text().ends_with('1'));
    let field = first.head.field("set-cookie").unwrap();
    assert!(field.starts_with("srv=r1; expires="), "{field}");
    assert!(
        field.ends_with("; max-age=3600; domain=a.test; httponly; secure; samesite=lax; path=/"),
        "{field}"
    );
    let second = get(listen, "/?s=odd", "");
    let field = second.head.field("set-cookie").unwrap();
    assert!(field.contains("; samesite=strict;") && !field.contains("domain"), "{field}");
    let value = field.strip_prefix("srv=").unwrap().split(';').next().unwrap();
    assert_eq!(value.len(), 32, "the MD5 of its address: {field}");
    assert_eq!(
        who(listen, "/", &format!("a=b; srv={value}"), 4),
        "2222",
        "whatever is passed on of the fields"
    );
    assert_eq!(who(listen, "/", "srv=r1", 4), "1111");
    let unknown = get(listen, "/", "srv=unknown");
    assert_eq!(
        unknown.head.fields().iter().filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie")).count(),
        1
    );
}

#[test]
fn a_route_leads_there_until_its_server_is_gone() {
    let (listen, [first, second, third]) = (address(), peers());
    let all = [first, second, third];
    let sticky = "sticky = { route = [\"$cookie_route\", \"$arg_route\"] }";
    let routes = [", route = \"a\"", ", route = \"b\"", ", route = \"c\""];
    let text = toml(listen, &all, routes, sticky, "retry.on = [\"error\"]");
    let gateway = Propylon::start(&text);
    assert_eq!(who(listen, "/?route=b", "route=c", 3), "333", "the first that is not empty");
    assert_eq!(who(listen, "/?route=b", "", 3), "222");
    let turns = who(listen, "/", "", 12);
    for peer in ['1', '2', '3'] {
        assert!((3..=5).contains(&turns.matches(peer).count()), "who is not bound goes round: {turns}");
    }
    let draining = [", route = \"a\"", ", route = \"b\", drain = true", ", route = \"c\", down = true"];
    gateway.reload(&toml(listen, &all, draining, sticky, "retry.on = [\"error\"]"));
    assert_eq!(who(listen, "/?route=b", "", 3), "222", "it drains: who had it stays");
    assert_eq!(who(listen, "/", "", 3), "111", "nobody else comes");
    assert_eq!(who(listen, "/?route=c", "", 3), "111", "it is down");
    gateway.reload(&text);
    let [first, second, third] = all;
    drop(second);
    let answers = who(listen, "/?route=b", "", 4);
    assert!(!answers.contains('2') && answers.len() == 4, "others stand in for it: {answers}");
    drop((first, third));
}

#[test]
fn sessions_are_learnt_and_live_over_a_reload() {
    let (listen, peers) = (address(), peers());
    let sticky = "sticky = { learn = { create = [\"$upstream_cookie_sid\"], lookup = [\"$cookie_sid\"], zone = \"64k\" } }";
    let text = |more: &str| toml(listen, &peers, [""; 3], &format!("{sticky}\n{more}"), "");
    let gateway = Propylon::start(&text(""));
    assert_eq!(who(listen, "/", "sid=s2", 3), "123", "nobody has begun it yet");
    assert_eq!(who(listen, "/login", "", 3), "123");
    for (session, expected) in [("s1", "111"), ("s2", "222"), ("s3", "333")] {
        assert_eq!(who(listen, "/", &format!("sid={session}"), 3), expected);
    }
    gateway.reload(&text("keepalive = 7"));
    assert_eq!(who(listen, "/", "sid=s3", 3), "333");
    gateway.reload(&toml(listen, &peers, [""; 3], "", ""));
    // It was given turns that others had to wait for: now they come first.
    assert_ne!(who(listen, "/", "sid=s3", 3), "333", "it is off");
    gateway.reload(&text(""));
    assert_ne!(who(listen, "/", "sid=s3", 3), "333", "and was forgotten");
}
