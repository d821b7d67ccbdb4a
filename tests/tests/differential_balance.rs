//! nginx and Propylon with the same upstreams and the same requests: the same peers, one after the other.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::Path;

use propylon_testkit::peer::{Plan, RawPeer};
use propylon_tests::{Client, Nginx, Pair, Propylon, Refusing, address, addresses, raw_request};

/// How many requests are compared.
const REQUESTS: usize = 120;

/// One upstream: the method in both languages, and the parameters of its servers, each in both languages.
struct Case {
    name: &'static str,
    nginx: &'static str,
    toml: &'static str,
    /// `A` to `E` are servers that answer, `X` refuses, `N` is a name, `U` a unix socket.
    servers: &'static [(char, &'static str, &'static str)],
}

const fn case(
    name: &'static str,
    nginx: &'static str,
    toml: &'static str,
    servers: &'static [(char, &'static str, &'static str)],
) -> Case {
    Case { name, nginx, toml, servers }
}

const PLAIN: &[(char, &str, &str)] = &[('A', "", ""), ('B', "", ""), ('C', "", "")];
const WEIGHTED: &[(char, &str, &str)] =
    &[('A', "weight=5", "weight = 5"), ('B', "weight=2", "weight = 2"), ('C', "", "")];
const FAILING: &[(char, &str, &str)] =
    &[('A', "weight=3", "weight = 3"), ('X', "weight=4", "weight = 4"), ('B', "", "")];
const NEVER_MARKED: &[(char, &str, &str)] =
    &[('A', "weight=2", "weight = 2"), ('X', "max_fails=0", "max_fails = 0"), ('B', "", "")];
const SOME_DOWN: &[(char, &str, &str)] = &[
    ('A', "down", "down = true"),
    ('B', "", ""),
    ('C', "weight=2", "weight = 2"),
    ('D', "down", "down = true"),
];
const BACKED: &[(char, &str, &str)] =
    &[('X', "", ""), ('A', "backup", "backup = true"), ('B', "backup weight=2", "backup = true, weight = 2")];
const NAMES: &[(char, &str, &str)] =
    &[('N', "", ""), ('A', "weight=2", "weight = 2"), ('U', "", ""), ('B', "", "")];

const CASES: [Case; 17] = [
    case("rr", "", "", PLAIN),
    case("rr-weighted", "", "", WEIGHTED),
    case("rr-failing", "", "", FAILING),
    case("rr-never-marked", "", "", NEVER_MARKED),
    case("rr-down", "", "", SOME_DOWN),
    case("rr-backup", "", "", BACKED),
    case("least-conn", "least_conn;", "method = \"least_conn\"", WEIGHTED),
    case("least-conn-failing", "least_conn;", "method = \"least_conn\"", FAILING),
    case("ip-hash", "ip_hash;", "method = \"ip_hash\"", PLAIN),
    case("ip-hash-weighted", "ip_hash;", "method = \"ip_hash\"", WEIGHTED),
    case("ip-hash-down", "ip_hash;", "method = \"ip_hash\"", SOME_DOWN),
    case("hash", "hash $arg_k;", "method = { hash = \"$arg_k\" }", WEIGHTED),
    case("hash-failing", "hash $arg_k;", "method = { hash = \"$arg_k\" }", FAILING),
    case("ring", "hash $arg_k consistent;", "method = { hash = \"$arg_k\", consistent = true }", PLAIN),
    case(
        "ring-weighted",
        "hash $arg_k consistent;",
        "method = { hash = \"$arg_k\", consistent = true }",
        WEIGHTED,
    ),
    case("ring-names", "hash $arg_k consistent;", "method = { hash = \"$arg_k\", consistent = true }", NAMES),
    case(
        "ring-failing",
        "hash $arg_k consistent;",
        "method = { hash = \"$arg_k\", consistent = true }",
        FAILING,
    ),
];

struct Servers {
    at: [SocketAddr; 5],
    refusing: Refusing,
    directory: tempfile::TempDir,
}

impl Servers {
    fn new() -> Self {
        Self { at: addresses(), refusing: Refusing::new(), directory: tempfile::tempdir().unwrap() }
    }

    fn socket(&self) -> String {
        self.directory.path().join("u.sock").display().to_string()
    }

    fn written(&self, server: char) -> String {
        match server {
            'X' => self.refusing.address().to_string(),
            'N' => format!("localhost:{}", self.at[4].port()),
            'U' => format!("unix:{}", self.socket()),
            letter => self.at[usize::from(u8::try_from(letter).unwrap() - b'A')].to_string(),
        }
    }

    /// nginx as all the servers and as the reference in one.
    fn nginx(&self, listen: SocketAddr) -> Nginx {
        let mut text =
            String::from("http { access_log off; set_real_ip_from 127.0.0.1; real_ip_header X-Real-IP;\n");
        for (index, at) in self.at.iter().enumerate() {
            // The one behind a name must be where the name leads.
            let listens = if index == 4 {
                format!("listen 127.0.0.1:{0}; listen [::1]:{0};", at.port())
            } else {
                format!("listen {at};")
            };
            let letter = if index == 4 { 'N' } else { char::from(b'A' + u8::try_from(index).unwrap()) };
            writeln!(text, "server {{ {listens} return 200 {letter}; }}").unwrap();
        }
        writeln!(text, "server {{ listen unix:{}; return 200 U; }}", self.socket()).unwrap();
        for case in &CASES {
            let servers: String = case
                .servers
                .iter()
                .map(|(name, nginx, _)| format!("server {} {nginx}; ", self.written(*name)))
                .collect();
            writeln!(text, "upstream {} {{ {} {servers} }}", case.name, case.nginx).unwrap();
        }
        writeln!(text, "server {{ listen {listen};").unwrap();
        for case in &CASES {
            writeln!(text, "location /{0}/ {{ proxy_pass http://{0}; }}", case.name).unwrap();
        }
        text.push_str("} }");
        Nginx::start(&text)
    }

    fn propylon(&self, listen: SocketAddr) -> Propylon {
        let mut text = String::from("[runtime]\nworkers = 1\n[error_log]\npath = \"@DIR@/error.log\"\n");
        for case in &CASES {
            let servers: Vec<String> = case
                .servers
                .iter()
                .map(|(name, _, toml)| {
                    let comma = if toml.is_empty() { "" } else { ", " };
                    format!("{{ address = \"{}\"{comma}{toml} }}", self.written(*name))
                })
                .collect();
            writeln!(text, "[upstream.{}]\n{}\nserver = [{}]", case.name, case.toml, servers.join(", "))
                .unwrap();
        }
        writeln!(
            text,
            "[[server]]\nlisten = [\"{listen}\"]\nheaders = {{ real_ip_from = [\"127.0.0.1\"], real_ip_header = \"X-Real-IP\" }}"
        )
        .unwrap();
        for case in &CASES {
            writeln!(text, "[[server.location]]\nmatch = \"/{0}/\"\nproxy_pass = \"http://{0}\"", case.name)
                .unwrap();
        }
        Propylon::start(&text)
    }
}

/// Who answered each of the requests.
fn sequence(listen: SocketAddr, case: &Case) -> String {
    let mut client = Client::connect(listen).unwrap();
    let mut answered = String::new();
    for n in 0..REQUESTS {
        // Addresses of all kinds; keys of all lengths.
        let ip = match n % 3 {
            0 => format!("2001:db8::{n:x}:{:x}", n * 7919 % 65536),
            _ => format!("{}.{}.{}.9", 1 + n * 37 % 223, n * 101 % 256, n * 53 % 256),
        };
        let key = "k".repeat(n % 5) + &(n * n).to_string();
        let request = format!("GET /{}/?k={key} HTTP/1.1\r\nHost: a\r\nX-Real-IP: {ip}\r\n\r\n", case.name);
        let answer = client.ask(request.as_bytes()).unwrap();
        answered.push_str(match answer.status {
            200 => std::str::from_utf8(&answer.body).unwrap(),
            _ => "!",
        });
    }
    answered
}

/// Peers with a fault that nginx holds against them in some cases only: who answered each of the requests.
#[test]
fn the_same_marks() {
    let cut = RawPeer::tcp(|_| {
        Plan::new().read_request().write("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ncut").close()
    });
    let busy = RawPeer::tcp(|_| {
        Plan::new().read_request().write("HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy").close()
    });
    let good = RawPeer::tcp(|_| {
        Plan::new().answer(|_| "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood").forever()
    });
    let pair = Pair::start(
        "http { access_log off; proxy_buffering off; proxy_next_upstream error http_503;
            upstream cut { server @CUT@; server @GOOD@; }
            upstream busy { server @BUSY@; server @GOOD@; }
            server { listen @LISTEN@;
                location /cut/ { proxy_pass http://cut; }
                location /busy/ { proxy_pass http://busy; }
                location /once/ { proxy_pass http://once; proxy_next_upstream_tries 1; }
                location /off/ { proxy_pass http://off; proxy_next_upstream off; }
                location /post/ { proxy_pass http://post; }
            }
            upstream once { server @BUSY@; server @GOOD@; }
            upstream off { server @BUSY@; server @GOOD@; }
            upstream post { server @BUSY@; server @GOOD@; }
        }",
        &[
            ("CUT", &cut.addr().to_string()),
            ("BUSY", &busy.addr().to_string()),
            ("GOOD", &good.addr().to_string()),
        ],
    );
    for (method, path, expected) in [
        ("GET", "/cut/", "cut good cut good cut good"),
        ("GET", "/busy/", "good good good good good good"),
        ("GET", "/once/", "busy good busy good busy good"),
        ("GET", "/off/", "busy good busy good busy good"),
        ("POST", "/post/", "busy good busy good busy good"),
    ] {
        let before = busy.requests().len();
        let [ours, nginx] = pair.at.map(|listen| {
            let request = format!(
                "{method} {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            );
            let one = || {
                String::from_utf8_lossy(&raw_request(listen, request.as_bytes()).unwrap().body).into_owned()
            };
            (0..6).map(|_| one()).collect::<Vec<_>>().join(" ")
        });
        assert_eq!((ours.as_str(), nginx.as_str()), (expected, expected), "{method} {path}");
        if path == "/busy/" {
            assert_eq!(busy.requests().len() - before, 2, "each has asked it once, and marked it");
        }
    }
}

#[test]
fn the_same_peers_in_the_same_order() {
    let servers = Servers::new();
    let (reference, ours) = (address(), address());
    let (_nginx, propylon) = (servers.nginx(reference), servers.propylon(ours));
    assert!(Path::new(&servers.socket()).exists());
    let mut different = String::new();
    for case in &CASES {
        let (nginx, propylon) = (sequence(reference, case), sequence(ours, case));
        if nginx != propylon {
            writeln!(different, "{}:\n  nginx    {nginx}\n  propylon {propylon}", case.name).unwrap();
        }
    }
    assert!(different.is_empty(), "{different}\n{}", propylon.error_log());
}
