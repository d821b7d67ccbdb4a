//! An nginx.conf that nginx runs, and Propylon, and Propylon once it is imported: `if` blocks with settings, `limit_except`, passwords over levels.
#![allow(clippy::unwrap_used, clippy::panic, clippy::string_slice, reason = "a test")]

use std::net::SocketAddr;

use propylon_tests::{Nginx, Origin, Propylon, Refusing, addresses, binary, lossy, raw_request};

const CONF: &str = r#"
http {
    access_log off;
    default_type text/plain;
    proxy_http_version 1.1; # the default of 1.22 is another
    auth_basic_user_file @FILES@/users;
    server {
        listen @LISTEN@;
        add_header X-Server server;
        root @FILES@;
        location /if/ {
            add_header X-Own own;
            if ($arg_a) { add_header X-A a; }
            if ($arg_b) { set $b b; }
            if ($arg_c) { add_header X-C "c$b"; return 202 c; }
            if ($request_method = OPTIONS) { add_header X-Origin *; add_header X-Age 600 always; return 204; }
            if ($arg_p) { proxy_pass http://@ORIGIN@; }
            if ($arg_d) { error_page 502 =201 /page; proxy_pass http://@NOBODY@; }
            proxy_set_header X-Set own;
            proxy_pass http://@ORIGIN@/inner/;
            location /if/below/ { if ($arg_a) { add_trailer X-Below below; add_header X-Below below; } proxy_pass http://@ORIGIN@; }
        }
        location /files/ {
            if ($arg_t) { add_header X-Type t; error_page 404 =200 /files/a; }
            if ($arg_r) { root @FILES@/other; }
        }
        location /alias/ {
            alias @FILES@/files/;
            if ($arg_t) { add_header X-Type t; error_page 404 =200 /files/a; }
            if ($arg_r) { root @FILES@/other; }
        }
        location /proxied/ { if ($arg_a) { add_header X-A a; } proxy_pass http://@ORIGIN@; }
        location ~ ^/regex/(.) { if ($arg_a) { add_header X-One $1; } proxy_pass http://@ORIGIN@; }
        location /limited/ {
            limit_except GET { deny all; }
            proxy_pass http://@ORIGIN@;
            location /limited/inner/ { proxy_pass http://@ORIGIN@; }
        }
        location /asked/ { limit_except GET POST { auth_basic methods; } proxy_pass http://@ORIGIN@; }
        location /stepped/ {
            set $who own;
            limit_except GET { deny all; }
            if ($arg_a) { return 202 a; }
            proxy_set_header X-Who $who;
            proxy_pass http://@ORIGIN@;
            location /stepped/inner/ { proxy_pass http://@ORIGIN@; }
        }
        location ~ ^/r/(.*) { limit_except GET POST { deny all; } return 202 "captured $1"; }
        location ~ ^/r1/(.*) { limit_except POST { deny all; } set $one $1; return 202 "captured $one"; }
        location /elsewhere/ { return 202 own; limit_except GET { proxy_pass http://@ORIGIN@; auth_basic others; } }
        location /rewritten/ {
            set $who own; rewrite ^/rewritten/(.*) /free/$1 last;
            proxy_set_header X-Who "limited $who";
            limit_except POST { proxy_pass http://@ORIGIN@; }
        }
        location /nothing/ { limit_except POST { } proxy_pass http://@ORIGIN@; }
        location /closed/ {
            auth_basic closed;
            proxy_pass http://@ORIGIN@;
            location /closed/open/ { auth_basic off; proxy_pass http://@ORIGIN@; }
            location /closed/others/ { auth_basic_user_file @FILES@/others; proxy_pass http://@ORIGIN@; }
        }
        location = /page { return 200 page; }
        location /free/ { proxy_pass http://@ORIGIN@; }
    }
}
"#;

/// Status, the fields that the configuration makes, and the text.
fn ask(at: SocketAddr, method: &str, target: &str, password: &str) -> String {
    let user = match password {
        "" => String::new(),
        password => format!("Authorization: Basic {password}\r\n"),
    };
    let request = format!("{method} {target} HTTP/1.1\r\nHost: site.test\r\n{user}Connection: close\r\n\r\n");
    let answer = raw_request(at, request.as_bytes()).unwrap();
    let fields = answer.head.by_name().into_iter();
    let own = |name: &str| name.starts_with("x-") || ["www-authenticate", "content-type"].contains(&name);
    let fields = fields.filter(|(name, _)| own(name)).map(|(name, values)| {
        format!("{name}: {}", values.iter().map(|value| lossy(value)).collect::<Vec<_>>().join("|"))
    });
    let fields: Vec<String> = fields.filter(|_| answer.status != 404).collect();
    // What the origin saw, or the proxy's own words; of pages of errors the status is enough.
    let text = answer.text();
    let mut seen: Vec<&str> = text
        .lines()
        .filter(|line| {
            !line.to_ascii_lowercase().starts_with("host:")
                && !line.to_ascii_lowercase().starts_with("connection:")
        })
        .collect();
    seen.sort_unstable(); // the order in which fields are sent on is each one's own
    let text = if answer.status >= 300 { String::new() } else { seen.join("\n") };
    format!("{} {fields:?} {text}", answer.status)
}

#[test]
fn the_same_answers_as_nginx() {
    let files = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(files.path().join("files")).unwrap();
    std::fs::create_dir_all(files.path().join("other/files")).unwrap();
    std::fs::write(files.path().join("files/a"), "a file").unwrap();
    std::fs::write(files.path().join("other/files/a"), "another file").unwrap();
    std::fs::write(files.path().join("users"), "one:{PLAIN}first\n").unwrap();
    std::fs::write(files.path().join("others"), "two:{PLAIN}second\n").unwrap();
    let (origin, nobody, [theirs, ours, again]) = (Origin::echo(), Refusing::new(), addresses());
    let fill = |listen: SocketAddr| {
        CONF.replace("@FILES@", &files.path().to_string_lossy())
            .replace("@LISTEN@", &listen.to_string())
            .replace("@ORIGIN@", &origin.address().to_string())
            .replace("@NOBODY@", &nobody.address().to_string())
    };
    let _nginx = Nginx::start(&fill(theirs));
    let _propylon = Propylon::start_nginx(&format!("worker_processes 1; events {{ }}\n{}", fill(ours)));
    let (one, two) = ("b25lOmZpcnN0", "dHdvOnNlY29uZA==");
    let imported = tempfile::tempdir().unwrap();
    let path = imported.path().join("nginx.conf");
    std::fs::write(&path, format!("worker_processes 1; error_log stderr; events {{ }}\n{}", fill(again)))
        .unwrap();
    let toml = std::process::Command::new(binary()).arg("import").arg(&path).output().unwrap();
    assert!(toml.status.success(), "{}", lossy(&toml.stderr));
    let _imported = Propylon::start(&lossy(&toml.stdout).replace("pid_file = \"logs/nginx.pid\"", ""));
    let mut different = Vec::new();
    let mut statuses = std::collections::BTreeSet::new();
    let mut compare = |method: &str, target: &str, password: &str| {
        let [theirs, ours, again] = [theirs, ours, again].map(|at| ask(at, method, target, password));
        if ours != again {
            different.push(format!("{method} {target} {password}\n  direct   {ours}\n  imported {again}"));
        }
        statuses.insert(theirs[..3].to_owned());
        if theirs != ours {
            different.push(format!("{method} {target} {password}\n  nginx    {theirs}\n  propylon {ours}"));
        }
    };
    for arguments in
        ["", "a=1", "b=1", "a=1&b=1", "c=1", "b=1&c=1", "a=1&c=1", "p=1", "d=1", "p=1&d=1", "a=1&d=1"]
    {
        for method in ["GET", "OPTIONS", "HEAD"] {
            for path in ["/if/x", "/if/below/x", "/proxied/x", "/regex/y"] {
                compare(method, &format!("{path}?{arguments}"), "");
            }
        }
    }
    for arguments in ["", "t=1", "r=1", "t=1&r=1", "r=1&t=1"] {
        for path in ["/files/a", "/files/none", "/alias/a", "/alias/none"] {
            compare("GET", &format!("{path}?{arguments}"), "");
        }
    }
    for path in [
        "/limited/x",
        "/limited/inner/x",
        "/asked/x",
        "/stepped/x",
        "/stepped/x?a=1",
        "/stepped/inner/x",
        "/r/x",
        "/r1/x",
        "/elsewhere/x",
        "/rewritten/x",
        "/nothing/x",
        "/closed/x",
        "/closed/open/x",
        "/closed/others/x",
        "/free/x",
    ] {
        for method in ["GET", "HEAD", "POST", "DELETE"] {
            for password in ["", one, two] {
                compare(method, path, password);
            }
        }
    }
    assert!(different.is_empty(), "{} differ:\n{}", different.len(), different.join("\n"));
    assert_eq!(statuses.into_iter().collect::<Vec<_>>(), ["200", "201", "202", "204", "401", "403", "404"]);
}
