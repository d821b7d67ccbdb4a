//! One nginx.conf with a `stream` block, run by nginx, by the gateway as it is, and by the gateway once it is imported: the same bytes, the
//! same log.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

mod streams_support;

use std::fs;
use std::net::{Shutdown, SocketAddr};
use std::process::{Command, Output};

use propylon_testkit::certificates::Authority;
use propylon_tests::{
    LIMIT, Listener, Nginx, Process, Propylon, Refusing, Stream, addresses, binary, exactly, fill, lossy,
    raw_request, silent,
};
use streams_support::MODULE;

/// `http` and `stream` have a map, a format and an upstream of the same name each, which are not the same.
const CONF: &str = r#"
http {
    log_format main '$request_uri';
    access_log off;
    map $arg_a $backend { default web; }
    upstream first { server 127.0.0.1:9; }
    server { listen @HTTP@; location / { return 200 "$backend\n"; } }
}
stream {
    log_format main '$remote_addr $server_port $protocol $status $bytes_sent "$upstream_addr" '
                    '$upstream_bytes_received [$backend] $proxy_protocol_addr';
    access_log @DIR@/access.log main;
    proxy_timeout 20s;
    map $ssl_preread_server_name $backend { hostnames; default first; .b.test second; }
    limit_conn_zone $server_port zone=one:1m;
    upstream first { server @REFUSING@; server @ONE@ backup; }
    upstream second { server @TWO@; }
    server { listen @BYNAME@; ssl_preread on; proxy_pass $backend; }
    server { listen @PLAIN@; proxy_pass first; proxy_half_close on; }
    server { listen @ANSWER@; return "$remote_addr $server_port $protocol\n"; }
    server { listen @CLOSED@; deny all; proxy_pass second; }
    server { listen @PROXIED@ proxy_protocol; set_real_ip_from 127.0.0.0/8; proxy_protocol on; proxy_pass second; }
    server { listen @LIMITED@; limit_conn one 1; proxy_pass @TWO@; }
}
"#;

const PLACES: [&str; 7] = ["HTTP", "BYNAME", "PLAIN", "ANSWER", "CLOSED", "PROXIED", "LIMITED"];

/// A hello of TLS 1.2 that asks for this name of six letters.
fn hello(name: &str) -> Vec<u8> {
    let mut hello = b"\x16\x03\x01\x00\x42\x01\x00\x00\x3e\x03\x03\
        0123456789abcdef0123456789abcdef\x00\x00\x02\x13\x01\x01\x00\x00\x13\x00\x00\x00\x0b\x00\x09\x00\x00\x06"
        .to_vec();
    hello.extend_from_slice(name.as_bytes());
    hello.extend_from_slice(b"\x00\x17\x00\x00");
    hello
}

struct World {
    refusing: Refusing,
    one: Listener,
    two: Listener,
}

/// Where one of the three listens.
type At = [SocketAddr; PLACES.len()];

impl World {
    fn conf(&self, at: &At) -> String {
        let at = at.map(|at| at.to_string());
        let places: Vec<_> = PLACES.into_iter().zip(at.iter().map(String::as_str)).collect();
        let upstreams =
            [self.refusing.address(), self.one.address(), self.two.address()].map(|at| at.to_string());
        let upstreams: Vec<_> =
            ["REFUSING", "ONE", "TWO"].into_iter().zip(upstreams.iter().map(String::as_str)).collect();
        fill(&fill(CONF, &places), &upstreams)
    }

    /// What clients and upstreams see, and the log.
    fn script(&self, at: &At, process: &Process) -> Vec<String> {
        let [http, by_name, plain, answer, closed, proxied, limited] = *at;
        let lines = |count| process.lines("access.log", count);
        let mut seen = Vec::new();
        for (name, origin) in [("a.test", &self.one), ("b.test", &self.two)] {
            let mut client = Stream::connect(by_name).unwrap();
            client.send(&hello(name)).unwrap();
            let mut upstream = origin.accept();
            exactly(&mut upstream, &hello(name));
            upstream.send(name.as_bytes()).unwrap();
            exactly(&mut client, name.as_bytes());
            client.shutdown(Shutdown::Both);
            silent(&mut upstream);
            lines(seen.len() + 1);
            seen.push(String::new());
        }
        let mut client = Stream::connect(plain).unwrap();
        client.send(b"last words").unwrap();
        client.shutdown(Shutdown::Write);
        let mut upstream = self.one.accept();
        let mut words = Vec::new();
        upstream.to_end(&mut words).unwrap();
        upstream.send(&words).unwrap();
        exactly(&mut client, b"last words");
        upstream.shutdown(Shutdown::Both);
        silent(&mut client);
        lines(3);
        let mut text = Vec::new();
        Stream::connect(answer).unwrap().to_end(&mut text).unwrap();
        seen.push(lossy(&text));
        lines(4);
        silent(&mut Stream::connect(closed).unwrap());
        lines(5);
        let mut client = Stream::connect(proxied).unwrap();
        client.send(b"PROXY TCP4 203.0.113.9 198.51.100.7 56324 3306\r\nhello").unwrap();
        client.shutdown(Shutdown::Write);
        let mut text = Vec::new();
        let mut upstream = self.two.accept();
        upstream.to_end(&mut text).unwrap();
        silent(&mut client);
        seen.push(lossy(&text).replace(&proxied.ip().to_string(), "HERE"));
        lines(6);
        let (mut client, mut upstream) = (Stream::connect(limited).unwrap(), self.two.accept());
        upstream.send(b"one").unwrap();
        exactly(&mut client, b"one");
        silent(&mut Stream::connect(limited).unwrap());
        lines(7);
        client.shutdown(Shutdown::Both);
        silent(&mut upstream);
        // Its name is another one where `http` has an upstream of that name.
        seen.extend(lines(8).into_iter().map(|line| line.replace("[stream_first]", "[first]")));
        let answer = raw_request(http, b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
        seen.push(lossy(&answer.body));
        seen
    }
}

fn propylon(args: &[&str]) -> Output {
    Command::new(binary()).args(args).output().unwrap()
}

#[test]
fn a_conf_is_what_it_is_in_nginx_and_what_it_becomes() {
    let world = World { refusing: Refusing::new(), one: Listener::new(), two: Listener::new() };
    let places = PLACES.map(|_| addresses::<3>());
    let [theirs, direct, imported] = std::array::from_fn(|side| places.map(|place| place[side]));

    let nginx = Nginx::start_with(&[MODULE], &world.conf(&theirs));
    let expected = world.script(&theirs, &nginx);
    let logged = expected.iter().filter(|line| line.contains(" TCP "));
    let statuses: Vec<_> = logged.filter_map(|line| line.split(' ').nth(3)).collect();
    assert_eq!(statuses, ["200", "200", "200", "200", "403", "200", "503", "200"], "{expected:#?}");

    let events = "worker_processes 1;\nerror_log error.log;\nevents { }\n";
    let gateway = Propylon::start_nginx(&format!("{events}{}", world.conf(&direct)));
    assert_eq!(world.script(&direct, &gateway), expected, "a direct run, nginx");
    drop(gateway);

    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("nginx.conf");
    fs::write(&path, format!("{events}{}", world.conf(&imported))).unwrap();
    let import = propylon(&["import", path.to_str().unwrap()]);
    assert_eq!(import.status.code(), Some(0), "{}", lossy(&import.stderr));
    let told = lossy(&import.stderr);
    for name in ["stream_main", "stream_backend", "stream_first"] {
        assert!(told.contains(name), "{told}");
    }
    let toml = lossy(&import.stdout).replace("pid_file = \"logs/nginx.pid\"", "");
    let gateway = Propylon::start(&toml);
    assert_eq!(world.script(&imported, &gateway), expected, "an import, nginx: {toml}");
}

/// Nothing comes, or half of it: the time that is said for it, not the usual half a minute, which nobody here waits for.
#[test]
fn who_says_nothing_is_not_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let root = Authority::root("Root");
    let _ = root.server(&["a.test"]).write(dir.path(), "a.test");
    let certificate = dir.path().join("a.test").display().to_string();
    let [header, handshake, hello] = [(); 3].map(|()| addresses::<1>()[0]);
    let conf = format!(
        "events {{ }}
        stream {{
            proxy_protocol_timeout 1s; ssl_handshake_timeout 1s; preread_timeout 1s; ssl_preread on;
            log_format status '$server_port $status'; access_log @DIR@/access.log status;
            ssl_certificate {certificate}.pem; ssl_certificate_key {certificate}.key;
            server {{ listen {header} proxy_protocol; return header; }}
            server {{ listen {handshake} ssl; return handshake; }}
            server {{ listen {hello}; return hello; }}
        }}"
    );
    let gateway = Propylon::start_nginx(&conf);
    let begins: [(SocketAddr, &[u8], &str); 3] = [
        (header, b"PROXY TCP4 ", "200"),
        (handshake, b"\x16\x03\x01", "500"),
        (hello, b"\x16\x03\x01", "200"),
    ];
    for (count, (at, bytes, status)) in begins.into_iter().enumerate() {
        let mut client = Stream::connect(at).unwrap();
        client.set_limit(LIMIT / 2).unwrap();
        client.send(bytes).unwrap();
        silent(&mut client);
        let line = gateway.lines("access.log", count + 1).pop();
        assert_eq!(line.unwrap(), format!("{} {status}", at.port()));
    }
}

#[test]
fn what_cannot_be_is_said_before_it_starts() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("nginx.conf");
    let conf = path.to_str().unwrap().to_owned();
    let told = |stream: &str| {
        fs::write(&path, format!("events {{ }}\nstream {{\n{stream}\n}}\n")).unwrap();
        let check = propylon(&["check", "--nginx-conf", &conf, "--prefix", dir.path().to_str().unwrap()]);
        assert_eq!(check.status.code(), Some(1), "{stream}");
        lossy(&check.stderr) + &lossy(&check.stdout)
    };
    let check = |stream: &str, line: usize, part: &str| {
        let told = told(stream);
        assert!(told.contains(part) && told.contains(&format!("{conf}:{line}")), "{stream}: {told}");
    };
    check(
        "server { listen 127.0.0.1:53 udp;\nproxy_pass unix:/run/a.sock; }",
        4,
        "UDP cannot be proxied to a Unix socket",
    );
    check(
        "server {\nlisten 127.0.0.1:1;\nproxy_pass $host;\n}",
        5,
        "`$host` is available only for HTTP requests",
    );
    let twice = "server { listen 127.0.0.1:1; return a; }\nserver { listen 127.0.0.1:1; return b; }";
    check(twice, 4, "127.0.0.1:1 is already in use by another stream");
    check(
        "log_format main '$request';\nserver { listen 127.0.0.1:1; return a;\naccess_log a.log main; }",
        5,
        "`$request` is available only for HTTP requests",
    );
    check("server { listen 127.0.0.1:1 ssl;\nreturn a; }", 3, "this stream has no certificate for TLS");
    check(
        "server { listen 127.0.0.1:1;\nproxy_pas 127.0.0.1:2; return a; }",
        4,
        "did you mean \"proxy_pass\"?",
    );
}

/// Nobody but a stream names the group, and by a variable alone: its server knows no HTTP.
#[test]
fn a_server_that_variables_name_is_well_if_it_can_be_connected_to() {
    let (listen, quiet) = (addresses::<1>()[0], Listener::new());
    let at = quiet.address();
    let text = fill(
        "[error_log]\npath = \"@DIR@/error.log\"\nlevel = \"info\"\n[map.pool]\nkey = \"$remote_addr\"\ndefault = \"group\"\n\
         [upstream.group]\nhealth_check = { interval = \"100ms\", timeout = \"2s\", mandatory = true }\n\
         [[upstream.group.server]]\naddress = \"@AT@\"\n\
         [[stream]]\nlisten = [\"@LISTEN@\"]\nproxy_pass = \"$pool\"\n",
        &[("AT", &at.to_string()), ("LISTEN", &listen.to_string())],
    );
    let gateway = Propylon::start(&text);
    let log = gateway.tells(&format!("upstream server healthy: \"{at}\""));
    assert!(!log.contains("health check of"), "{log}");
}
