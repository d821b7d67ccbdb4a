//! memcached behind the gateway and behind nginx.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

use std::net::SocketAddr;
use std::thread;

use propylon_tests::{Listener, Memcached, Pair, lossy, raw_request};

const CONF: &str = r#"
http {
    access_log off; server_tokens off; default_type text/plain; types { text/html html; image/gif gif; }
    upstream kept { server @MEMCACHED@; keepalive 4; }
    server {
        listen @LISTEN@; server_name a.test;
        set $memcached_key $uri?$args;
        location / { memcached_pass kept; error_page 404 405 502 504 = @fallback; }
        location /plain/ { memcached_pass @MEMCACHED@; add_header X-Upstream $upstream_status always; }
        location /gzip/ { memcached_pass kept; memcached_gzip_flag 2; }
        location /empty/ { set $memcached_key ""; memcached_pass kept; error_page 500 =200 @fallback; }
        location /long/ { set $memcached_key "$arg_k$arg_k$arg_k$arg_k"; memcached_pass kept; }
        location /small/ { memcached_pass kept; memcached_buffer_size 128; memcached_next_upstream off; }
        location @fallback { return 200 "made anew: $request_method $uri"; }
    }
}
"#;

/// What is the same before both: of pages of errors not the words.
fn answer(at: SocketAddr, request: &str) -> (u16, Vec<(String, String)>, String) {
    let answer = raw_request(at, request.as_bytes()).unwrap();
    let own = ["date", "server", "connection", "transfer-encoding"];
    let page = answer.status >= 400;
    let fields = answer.head.fields().into_iter().filter(|(name, _)| {
        !(own.contains(&name.as_str()) || page && ["content-length", "content-type"].contains(&name.as_str()))
    });
    let mut fields: Vec<_> = fields.map(|(name, value)| (name, lossy(&value))).collect();
    fields.sort();
    let body = if page { String::new() } else { answer.text() };
    (answer.status, fields, body)
}

#[test]
fn values_are_as_nginx_has_them() {
    let memcached = Memcached::start();
    let large = "x".repeat(3_000_000);
    for (key, flags, value) in [
        ("/a.html?", 0, "a page"),
        ("/b?c=d&e", 0, "with arguments"),
        ("/%20blank%25?", 0, "escaped"),
        ("/empty?", 0, ""),
        ("/large.gif?", 0, large.as_str()),
        ("/end?", 0, "\r\nEND\r\n"),
        ("/plain/a?", 0, "plain"),
        ("/gzip/a?", 2, "not really"),
        ("/gzip/b?", 3, "not really"),
        ("/gzip/c?", 1, "nor this"),
    ] {
        memcached.set(key, flags, value.as_bytes());
    }
    let pair = Pair::start(CONF, &[("MEMCACHED", &memcached.address().to_string())]);
    let long = "k".repeat(80);
    for line in [
        "GET /a.html",
        "GET /a.html?",
        "GET /a.html?x",
        "GET /b?c=d&e",
        "GET /%20blank%25",
        "GET /%0d%0aget%20/a.html%3f",
        "GET /empty",
        "GET /large.gif",
        "GET /end",
        "GET /none",
        "HEAD /a.html",
        "HEAD /none",
        "HEAD /large.gif",
        "GET /a.html",
        "POST /a.html",
        "PUT /plain/a",
        "DELETE /plain/a",
        "OPTIONS /plain/a",
        "GET /plain/a",
        "GET /plain/none",
        "HEAD /plain/none",
        "GET /gzip/a",
        "GET /gzip/b",
        "GET /gzip/c",
        "GET /gzip/none",
        "GET /empty/a",
        &format!("GET /long/?k={long}"),
        &format!("GET /small/?{long}{long}"),
    ] {
        for fields in ["", "Range: bytes=2-4\r\n", "If-Modified-Since: Mon, 28 Sep 1970 06:00:00 GMT\r\n"] {
            if line.starts_with("HEAD") && fields.starts_with("Range") {
                continue; // ranges are GET's (RFC 9110 14.2); nginx has them of HEAD too
            }
            let request = format!("{line} HTTP/1.1\r\nHost: a.test\r\n{fields}Connection: close\r\n\r\n");
            let [ours, theirs] = pair.at.map(|at| answer(at, &request));
            assert_eq!(ours, theirs, "{request}: left is propylon, right is nginx");
        }
    }
    // With a body, which nobody asks for.
    let request = "GET /a.html HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3\r\nConnection: close\r\n\r\na=b";
    let [ours, theirs] = pair.at.map(|at| answer(at, request));
    assert_eq!(ours, theirs);
    assert_eq!(ours.2, "a page");
}

const WRONG: &str = r#"
http {
    access_log off; server_tokens off;
    server {
        listen @LISTEN@; server_name a.test; set $memcached_key $uri;
        location / { memcached_pass @PEER@; memcached_gzip_flag 2; }
        location /next/ { memcached_pass both; memcached_next_upstream invalid_response not_found error; }
    }
    upstream both { server @PEER@; server @PEER@ backup; }
}
"#;

/// Answers every request with what its key says, of which `|` are line ends.
fn echo(listener: &Listener) {
    while let Some(mut peer) = listener.try_accept() {
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") && peer.exactly(1, &mut line).is_ok() {}
        let key = lossy(&line).trim_start_matches("get /").trim_end().to_owned();
        let answer = key.trim_start_matches("next/").replace('|', "\r\n").replace('_', " ");
        let _ = peer.send(answer.replace('K', &format!("/{key}")).as_bytes());
    }
}

#[test]
fn what_is_wrong_is_wrong_for_both() {
    let listener = Listener::new();
    let at = listener.address();
    thread::spawn(move || echo(&listener));
    let pair = Pair::start(WRONG, &[("PEER", &at.to_string())]);
    for reply in [
        "END|",
        "ERROR|",
        "SERVER_ERROR_x|",
        "CLIENT_ERROR_x|",
        "END",
        "END_|",
        "VALUE_K_0_3|abc|END|",
        "VALUE_K_x_3|abc|END|",
        "VALUE_K_2_3|abc|END|",
        "VALUE_k_0_3|abc|END|",
        "VALUE_K_0_x|abc|END|",
        "VALUE_K_0_-3|abc|END|",
        "VALUE_K_0|abc|END|",
        "VALUE_K_0_3_4|abc|END|",
        "VALUE_Kx_0_3|abc|END|",
        "|",
        "",
        "VALUE_K_0_3",
    ] {
        for path in ["/", "/next/"] {
            let request = format!("GET {path}{reply} HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n");
            let [ours, theirs] = pair.at.map(|at| answer(at, &request));
            assert_eq!(ours, theirs, "{request}: left is propylon, right is nginx");
        }
    }
}
