//! Which error log a line goes to, in nginx and here: one nginx.conf with logs on every level, the same requests, the same lines.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use propylon_tests::{LIMIT, Nginx, Propylon, Refusing, Signal, Stream, addresses, fill, raw_request, until};

const CONF: &str = r#"
http {
    access_log off;
    error_log @DIR@/http.log info;
    upstream group { server @NOBODY@ max_fails=1 fail_timeout=1h; server @NOBODY2@ max_fails=1 fail_timeout=1h; }
    server {
        listen @LISTEN@;
        server_name first;
        error_log @DIR@/first.log info;
        location /refused/ { proxy_pass http://@NOBODY@; }
        location /own/ { error_log @DIR@/own.log; proxy_pass http://@NOBODY@; }
        location /crit/ { error_log @DIR@/crit.log crit; proxy_pass http://@NOBODY@; }
        location /off/ { error_log off; proxy_pass http://@NOBODY@; }
        location /denied/ { deny all; }
        location /denied-own/ { error_log @DIR@/denied.log; deny all; }
        location /files/ { error_log @DIR@/files.log; root @DIR@; }
        location /two/ { error_log @DIR@/one.log; error_log @DIR@/two.log info; proxy_pass http://@NOBODY@; }
        location /group/ { error_log @DIR@/group.log warn; proxy_pass http://group; }
        location /page/ { error_log @DIR@/page.log; error_page 502 = @named; proxy_pass http://@NOBODY@; }
        location @named { error_log @DIR@/named.log; proxy_pass http://@NOBODY@; }
        location /asks/ { error_log @DIR@/asks.log; auth_request /asked/; root @DIR@; }
        location /asked/ { error_log @DIR@/asked.log; proxy_pass http://@NOBODY@; }
        location /outer/ {
            error_log @DIR@/outer.log;
            location /outer/inner/ { proxy_pass http://@NOBODY@; }
        }
        location /rewritten/ { error_log @DIR@/rewritten.log; rewrite ^/rewritten/(.*) /own/$1 last; }
    }
    server {
        listen @LISTEN@;
        server_name second;
        error_log @DIR@/second.log;
        location / { proxy_pass http://@NOBODY@; }
    }
    server {
        listen @LISTEN@;
        server_name third;
        location / { proxy_pass http://@NOBODY@; }
    }
}
"#;

/// What is looked for in lines.
const KINDS: [&str; 5] =
    ["connect() failed", "access forbidden by rule", "open() ", "client sent", "temporarily disabled"];

const REQUESTS: [(&str, &str); 18] = [
    ("first", "/refused/a"),
    ("first", "/own/a"),
    ("first", "/crit/a"),
    ("first", "/off/a"),
    ("first", "/denied/a"),
    ("first", "/denied-own/a"),
    ("first", "/files/a"),
    ("first", "/nowhere"),
    ("first", "/two/a"),
    ("first", "/group/a"),
    ("first", "/page/a"),
    ("first", "/asks/a"),
    ("first", "/outer/a"),
    ("first", "/outer/inner/a"),
    ("first", "/rewritten/a"),
    ("second", "/a"),
    ("third", "/a"),
    ("unknown", "/own/b"),
];

/// What is no request of any server's: the default server's log hears of it, whatever it says.
const BAD: [&str; 3] = [
    "GET / HTTP/1.1\r\nHost: unknown\r\nHost: unknown\r\n\r\n",
    "BAD\x01 / HTTP/1.1\r\nHost: second\r\n\r\n",
    "GET / HTTP/1.1\r\n\r\n",
];

/// The lines of each log: of which kind, of which request, and how they end: tools such as fail2ban go by that.
fn lines(dir: &Path) -> BTreeMap<String, Vec<String>> {
    let files = fs::read_dir(dir).unwrap().chain(fs::read_dir(dir.join("logs")).into_iter().flatten());
    let mut found = BTreeMap::new();
    for file in files.map(Result::unwrap).filter(|file| file.path().is_file()) {
        let text = String::from_utf8_lossy(&fs::read(file.path()).unwrap()).into_owned();
        let mut lines: Vec<String> = text
            .lines()
            .filter_map(|line| {
                let kind = KINDS.iter().find(|kind| line.contains(*kind))?;
                let of = line.split("request: \"GET ").nth(1).and_then(|rest| rest.split(' ').next());
                let of = of.filter(|_| !matches!(*kind, "client sent" | "temporarily disabled"));
                let end = of.and_then(|_| line.split_once("\", host: ")).map(|(_, end)| end);
                Some(format!("{kind} {} {}", of.unwrap_or_default(), end.unwrap_or_default()))
            })
            .collect();
        lines.sort_unstable(); // whether a try is told of before its peer is given up is each one's own
        let name = file.file_name().to_string_lossy().into_owned();
        if !lines.is_empty() || name == "crit.log" {
            found.insert(name, lines);
        }
    }
    found
}

fn ask_all(at: SocketAddr) {
    for (host, path) in REQUESTS {
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nReferer: http://{host}{path}\r\nConnection: close\r\n\r\n"
        );
        let answer = raw_request(at, request.as_bytes()).unwrap();
        assert!(answer.status >= 400, "{host} {path}: {}", answer.status);
    }
    for request in BAD {
        let mut client = Stream::connect(at).unwrap();
        client.send(request.as_bytes()).unwrap();
        client.to_end(&mut Vec::new()).unwrap();
    }
}

#[test]
fn lines_go_where_nginx_has_them() {
    let (nobody, other, [theirs, ours]) = (Refusing::new(), Refusing::new(), addresses());
    let conf = |listen: SocketAddr| {
        let [listen, nobody, other] = [listen, nobody.address(), other.address()].map(|at| at.to_string());
        fill(CONF, &[("LISTEN", &listen), ("NOBODY", &nobody), ("NOBODY2", &other)])
    };
    let nginx = Nginx::start(&conf(theirs));
    ask_all(theirs);
    let expected = lines(nginx.dir());
    let files: Vec<&str> = expected.keys().map(String::as_str).collect();
    assert_eq!(
        files,
        [
            "asks.log",
            "crit.log",
            "denied.log",
            "files.log",
            "first.log",
            "group.log",
            "http.log",
            "named.log",
            "off",
            "one.log",
            "outer.log",
            "own.log",
            "page.log",
            "second.log",
            "two.log"
        ],
        "{expected:#?}"
    );
    assert!(expected["crit.log"].is_empty());

    let mut propylon = Propylon::start_nginx(&format!("worker_processes 1; events {{ }}\n{}", conf(ours)));
    ask_all(ours);
    // What is written is written by a thread of its own, which is done when the process is.
    propylon.signal(Signal::QUIT);
    propylon.ended(LIMIT);
    assert_eq!(lines(propylon.dir()), expected);
}

#[test]
fn a_stream_has_logs_of_its_own() {
    let conf = "stream {
        error_log @DIR@/streams.log info;
        server { listen @ONE@; proxy_pass @NOBODY@; }
        server { listen @TWO@; error_log @DIR@/own.log; proxy_pass @NOBODY@; }
        server { listen @THREE@; error_log @DIR@/denied.log; deny all; proxy_pass @NOBODY@; }
    }";
    let nobody = Refusing::new();
    let fill_in = |at: [SocketAddr; 3]| {
        let [one, two, three] = at.map(|at| at.to_string());
        fill(
            conf,
            &[("ONE", &one), ("TWO", &two), ("THREE", &three), ("NOBODY", &nobody.address().to_string())],
        )
    };
    let come = |at: [SocketAddr; 3]| {
        for at in at {
            let mut client = Stream::connect(at).unwrap();
            let _ = client.to_end(&mut Vec::new()); // a reset is an end as well
        }
    };
    let [a, b, c, d, e, f] = addresses();
    let (theirs, ours) = ([a, b, c], [d, e, f]);
    let nginx = Nginx::start_with(&[("ngx_stream_module.so", "libnginx-mod-stream")], &fill_in(theirs));
    come(theirs);
    // The client's end comes before the line.
    let expected = until("nginx's lines", LIMIT, || {
        Some(lines(nginx.dir())).filter(|lines| lines.values().flatten().count() == 3)
    });
    let files: Vec<&str> = expected.keys().map(String::as_str).collect();
    assert_eq!(files, ["denied.log", "own.log", "streams.log"], "{expected:#?}");

    let mut propylon = Propylon::start_nginx(&format!("worker_processes 1; events {{ }}\n{}", fill_in(ours)));
    come(ours);
    until("the lines", LIMIT, || Some(()).filter(|()| lines(propylon.dir()).values().flatten().count() >= 3));
    propylon.signal(Signal::QUIT);
    propylon.ended(LIMIT);
    assert_eq!(lines(propylon.dir()), expected);
}
