//! Error pages and `$status` beside nginx.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use std::collections::BTreeSet;
use std::net::SocketAddr;

use propylon_tests::{Origin, Pair, lossy, raw_request};

const CONF: &str = r#"
http {
    access_log off;
    map $status $class { ~^2 fine; ~^3 moved; 000 nothing; default $status-error; }
    server {
        listen @LISTEN@;
        client_max_body_size 10;
        proxy_set_header X-Reply $http_x_reply;

        location / { return 200 "$status $class"; }
        location /nothing/ { return 200; }
        location /nothing-201/ { return 201; }
        location /nothing-204/ { return 204; }
        location /teapot/ { return 418 "$status"; }
        location /moved/ { return 302 "http://a.test/$status"; }
        location /added/ { return 200 text; add_header X-S "$status $class" always; }
        location /by-status/ {
            error_page 403 /by-status/text; error_page 402 =200 /by-status/text; error_page 405 = /by-status/text;
            error_page 406 =201 /by-status/fails; error_page 407 =200 /by-status/proxied; error_page 409 =202 /by-status/proxied;
            location /by-status/402 { return 402; }
            location /by-status/403 { return 403; }
            location /by-status/405 { return 405; }
            location /by-status/406 { return 406; }
            location /by-status/407 { return 407; }
            location /by-status/409 { return 409; }
            location /by-status/text { return 200 text; add_header X-Success $status; add_header X-Plain yes; expires epoch; add_trailer X-T yes; }
            location /by-status/fails { return 410; add_header X-Plain yes; expires epoch; }
            location /by-status/proxied { proxy_pass http://@ORIGIN@; add_header X-Plain yes; }
        }

        location /404/ { return 404; }
        location /fixed/ { error_page 404 =410 /said; return 404; }
        location /good/ { error_page 404 =200 /said; return 404; }
        location /own/ { error_page 404 = /said; return 404; }
        location /own-text/ { error_page 404 = /teapot/; return 404; }
        location /args/ { error_page 404 /said?of=$status; return 404; }
        location /away/ { error_page 404 http://b.test/$status; return 404; }
        location /moved-proxied/ { error_page 302 = /to-origin/; return 302 http://a.test/; }
        location /moved-proxied-200/ { error_page 302 =200 /to-origin/; return 302 http://a.test/$uri; }
        location /away-301/ { error_page 404 =301 http://b.test/$status; return 404; }
        location /chain/ { error_page 404 /chain/403; return 404; }
        location = /chain/403 { return 403; add_header X-S $status always; }
        location /recursive/ { recursive_error_pages on; error_page 404 /recursive/403; return 404; }
        location = /recursive/403 { recursive_error_pages on; error_page 403 =410 /said; return 403; }
        location /named/ { error_page 404 @named; return 404; }
        location @named { return 200 "$status $class $uri"; }
        location /moved-page/ { error_page 302 =200 /said; return 302 http://a.test/; }
        location /moved-own/ { error_page 302 = /said; return 302 http://a.test/; }
        location /proxied-page/ { error_page 404 /to-origin/; return 404; }
        location /proxied-own/ { error_page 404 = /to-origin/; return 404; }
        location /to-origin/ {
            proxy_pass http://@ORIGIN@; proxy_set_header X-Code "$status $class"; proxy_set_header X-Do "";
            proxy_set_header X-Reply ""; add_header X-S $status always;
        }
        location /gone/ { proxy_pass http://127.0.0.1:1; error_page 502 /said; }
        location /upload/ { proxy_pass http://@ORIGIN@; }
        location /file-404/ { error_page 404 /files/a.txt; return 404; }
        location /file-200/ { error_page 404 =200 /files/a.txt; return 404; }
        location /file-own/ { error_page 404 = /files/a.txt; return 404; }
        location /file-201/ { error_page 404 =201 /files/a.txt; return 404; }
        location /login/ { auth_basic r; auth_basic_user_file @FILES@/none; error_page 401 =200 /said; }
        error_page 404 413 /said;
        location = /said { return 200 "$status $class $args"; add_header X-S $status always; }
        location /files/ { alias @FILES@/; }

        location /intercepts/ {
            proxy_pass http://@ORIGIN@; proxy_intercept_errors on; add_header X-S $status always;
            error_page 401 403 503 /said; error_page 301 302 =200 /said; error_page 404 /to-origin/; error_page 410 = /said;
            error_page 500 /files/a.txt; error_page 429 http://b.test/$status; error_page 418 @named;
        }
        location /slash/ { proxy_pass http://@ORIGIN@; add_header X-S "$status $class"; add_header X-Always $status always; }
        location /cycle/files { try_files /none /cycle/files; error_page 500 /said; add_header X-S "$status $class" always; add_header X-No $status; }
        location /cycle/page { recursive_error_pages on; error_page 404 /cycle/page; add_header X-S $status always; return 404; }
        location /cycle/rewrite { rewrite ^ /cycle/rewrite last; error_page 500 /said; add_header X-S $status always; }
        location /cycle/other { rewrite ^ /cycle/another last; add_header X-S other always; }
        location /cycle/another { rewrite ^ /cycle/other last; add_header X-S another always; }
        location /cycle/named { try_files /none @cycle; add_header X-S $status always; }
        location @cycle { try_files /none @cycle; error_page 500 /said; add_header X-S "named $status" always; }
        location /cycle/accel { proxy_pass http://@ORIGIN@; proxy_set_header X-Reply "X-Accel-Redirect: /cycle/accel"; add_header X-S $status always; }
        location /ordered/ {
            proxy_pass http://@ORIGIN@; proxy_set_header X-Reply "X-Accel-Redirect: /to-origin/"; proxy_set_header X-Do "";
        }
    }
}
"#;

fn looks(at: SocketAddr, request: &str) -> (u16, BTreeSet<String>, String) {
    let answer = raw_request(at, request.as_bytes()).unwrap();
    let kept = |name: &str| !["server", "date", "connection", "content-length", "keep-alive"].contains(&name);
    let fields = answer.head.fields().into_iter().filter(|(name, _)| kept(name));
    let fields = fields.map(|(name, value)| format!("{name}: {}", lossy(&value))).collect();
    let text = answer.text();
    // What the origin was asked, and pages, are of each one's own; what it was told is not.
    let told = text
        .lines()
        .filter(|line| !line.starts_with('<'))
        .filter(|line| !text.contains("HTTP/1.") || line.to_ascii_lowercase().starts_with("x-code"));
    (answer.status, fields, told.map(|line| line.replace("X-Code", "x-code")).collect::<Vec<_>>().join("\n"))
}

#[test]
fn pages_and_their_status() {
    let origin = Origin::start();
    let files = tempfile::tempdir().unwrap();
    std::fs::write(files.path().join("a.txt"), "a text").unwrap();
    let holes = [("ORIGIN", &*origin.address().to_string()), ("FILES", &*files.path().to_string_lossy())];
    let pair = Pair::start(CONF, &holes);
    let [ours, theirs] = pair.at;
    let same = |request: &str| {
        let (ours, theirs) = (looks(ours, request), looks(theirs, request));
        assert_eq!(ours, theirs, "{request}: left is propylon, right is nginx");
        ours
    };
    let own = [
        "",
        "nothing/",
        "nothing-201/",
        "by-status/402",
        "by-status/403",
        "by-status/405",
        "by-status/406",
        "by-status/407",
        "by-status/409",
        "nothing-204/",
        "teapot/",
        "moved/",
        "added/",
        "404/",
        "fixed/",
        "good/",
        "own/",
        "own-text/",
        "args/",
        "away/",
        "away-301/",
        "chain/",
        "recursive/",
        "named/",
        "moved-page/",
        "moved-own/",
        "moved-proxied/",
        "moved-proxied-200/",
        "proxied-page/",
        "proxied-own/",
        "gone/",
        "file-404/",
        "file-200/",
        "file-own/",
        "file-201/",
        "ordered/",
        "slash",
        "slash?a=b",
        "cycle/files",
        "cycle/page",
        "cycle/rewrite",
        "cycle/other",
        "cycle/named",
        "cycle/accel",
        "to-origin/",
        "login/",
        "files/none",
    ];
    for path in own {
        for method in ["GET", "HEAD"] {
            same(&format!("{method} /{path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
        }
    }
    let body = "Content-Length: 11\r\n\r\n01234567890";
    let too_large = same(&format!("POST /upload/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{body}"));
    assert_eq!((too_large.0, &*too_large.2), (413, "413 413-error "));
    for status in [200, 301, 302, 401, 403, 404, 410, 418, 429, 500, 503] {
        for reply in [
            "X-Up: 1",
            "WWW-Authenticate: Basic x",
            "Location: http://q.test/",
            "Set-Cookie: a=b",
            "Retry-After: 3",
        ] {
            same(&format!(
                "GET /intercepts/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-Do: status={status} size=3\r\nX-Reply: {reply}\r\n\r\n"
            ));
        }
    }
}

/// nginx's gzip asks for the status that the client sees, and so does ours.
#[test]
fn pages_are_compressed_by_the_status_that_is_shown() {
    let text = "a page that is long enough to be worth it";
    let origin = Origin::start();
    let conf = format!(
        "http {{ access_log off; gzip on; gzip_types text/plain; server {{ listen @LISTEN@; \
         location = /page {{ return 200 \"{text}\"; }} location = /fails {{ return 410; }} \
         location = /404 {{ error_page 404 /page; return 404; }} location = /410 {{ error_page 410 /page; return 410; }} \
         location = /410-200 {{ error_page 410 =200 /page; return 410; }} location = /410-own {{ error_page 410 = /page; return 410; }} \
         location = /404-410 {{ error_page 404 =410 /page; return 404; }} location = /410-403 {{ error_page 410 =403 /page; return 410; }} \
         location = /404-fails {{ error_page 404 /fails; return 404; }} \
         location = /proxied {{ proxy_pass http://@ORIGIN@; proxy_intercept_errors on; error_page 500 /page; }} }} }}"
    );
    let pair = Pair::start(&conf, &[("ORIGIN", &*origin.address().to_string())]);
    let mut coded = Vec::new();
    for path in ["page", "404", "410", "410-200", "410-own", "404-410", "410-403", "404-fails", "proxied"] {
        let request = format!(
            "GET /{path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAccept-Encoding: gzip\r\nX-Do: status=500 size=3\r\n\r\n"
        );
        let [ours, theirs] = pair.at.map(|at| {
            let answer = raw_request(at, request.as_bytes()).unwrap();
            (answer.status, answer.head.field("content-encoding"))
        });
        assert_eq!(ours, theirs, "{path}: left is propylon, right is nginx");
        coded.extend(ours.1.map(|_| path));
    }
    assert_eq!(coded, ["page", "404", "410-200", "410-own", "410-403"]);
}
