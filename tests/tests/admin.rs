//! What operators see and do with the API and its page; what is counted is in `admin_counts.rs`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test"
)]

mod admin_support;

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use admin_support::{Asked, Metrics, ask, get, peer, same_shape, send};
use propylon_tests::{Client, LIMIT, Propylon, Signal, Stream, address, raw_request, until, workspace};
use serde_json::{Value, json};

#[test]
fn peers_are_drained_taken_out_and_weighted_until_the_configuration_says_otherwise() {
    let (listen, admin, a, b) = (address(), address(), peer("a"), peer("b"));
    let config = |weight: u32, more: &str| {
        format!(
            "[runtime]\nworkers = 1\n[error_log]\npath = \"@DIR@/error.log\"\nlevel = \"info\"\n[admin]\nlisten = \"{admin}\"\n\
             [upstream.app]\nserver = [{{ address = \"{}\", weight = {weight} }}, {{ address = \"{}\" }}]\n{more}\
             [[server]]\nlisten = [\"{listen}\"]\n[[server.location]]\nmatch = \"/\"\nproxy_pass = \"http://app\"\n",
            a.addr(),
            b.addr()
        )
    };
    let gateway = Propylon::start(&config(1, ""));
    let served = |count: usize| (0..count).map(|_| send(listen, "a", "/").1).collect::<String>();
    let change = |peer: &str, order: &str| {
        let asked = ask(admin, "PATCH", &format!("/api/v1/upstreams/app/peers/{peer}"), order);
        assert_eq!(asked.status, 200, "{asked:?}");
        asked.json()
    };
    assert_eq!(served(4).matches('a').count(), 2);
    assert_eq!(change("0", "{\"state\": \"down\"}")["state"], "down");
    assert_eq!(served(4), "bbbb");
    let now = change(&b.addr().to_string(), "{\"weight\": 3}");
    assert_eq!((&now["weight"], &now["set"]), (&json!(3), &json!({ "state": null, "weight": 3 })));
    assert_eq!(change("0", "{\"state\": \"up\"}")["state"], "up");
    assert_eq!(served(8).matches('b').count(), 6);
    assert_eq!(change("0", "{\"state\": \"drain\"}")["state"], "draining");
    assert_eq!(served(4), "bbbb");
    // A reload that changes the group but not the server changes nothing; one that says something else of it does.
    gateway.reload(&config(1, "keepalive = 7\n"));
    assert_eq!(served(4), "bbbb");
    gateway.reload(&config(2, "keepalive = 7\n"));
    let peers = get(admin, "/api/v1/upstreams/app/peers");
    assert_eq!(
        (&peers[0]["state"], &peers[0]["set"], &peers[1]["weight"]),
        (&json!("up"), &json!(null), &json!(3))
    );
    assert_eq!(served(5).matches('a').count(), 2);
    let now = change("1", "{\"weight\": null}");
    assert_eq!((&now["weight"], &now["set"]), (&json!(1), &json!(null)));
    assert_eq!(served(3).matches('a').count(), 2);
    let refused = |path: &str, order: &str| {
        let asked = ask(admin, "PATCH", &format!("/api/v1/upstreams/{path}"), order);
        (asked.status, asked.json()["error"]["text"].as_str().unwrap().to_owned())
    };
    assert_eq!(refused("none/peers/0", "{\"weight\": 1}"), (404, "there is no such upstream".into()));
    assert_eq!(refused("app/peers/9", "{\"weight\": 1}"), (404, "there is no such peer".into()));
    assert_eq!(refused("app/peers/0", "{}").0, 400);
    for order in
        ["{\"weight\": 0}", "{\"weight\": 65536}", "{\"state\": \"gone\"}", "{\"wait\": 1}", "[]", "{"]
    {
        let (status, text) = refused("app/peers/0", order);
        assert!(status == 400 && !text.is_empty(), "{order}: {text}");
    }
}

/// Two servers with one address are two peers, whether they are written alike or not.
#[test]
fn what_is_said_of_one_is_not_said_of_another_with_its_address() {
    for (first, second) in [("", ", weight = 2"), (", weight = 2", ""), ("", "")] {
        let (listen, admin, origin) = (address(), address(), peer("a"));
        let at = origin.addr();
        let config = |more: &str| {
            format!(
                "[error_log]\npath = \"@DIR@/error.log\"\nlevel = \"info\"\n[admin]\nlisten = \"{admin}\"\n\
                 [upstream.app]\nserver = [{{ address = \"{at}\"{first} }}, {{ address = \"{at}\"{second} }}]\n{more}\
                 [[server]]\nlisten = [\"{listen}\"]\n[[server.location]]\nmatch = \"/\"\nproxy_pass = \"http://app\"\n"
            )
        };
        let gateway = Propylon::start(&config(""));
        let change = |peer: u32, state: &str| {
            let path = format!("/api/v1/upstreams/app/peers/{peer}");
            let told = ask(admin, "PATCH", &path, &json!({ "state": state }).to_string()).json();
            assert_eq!(told["set"]["state"], state, "{told}");
        };
        let check = |states: [&str; 2], set: [Value; 2]| {
            let peers = get(admin, "/api/v1/upstreams/app/peers");
            let told = |peer: usize| (peers[peer]["state"].clone(), peers[peer]["set"].clone());
            let [one, other] = set;
            let expected = [(json!(states[0]), one), (json!(states[1]), other)];
            assert_eq!([told(0), told(1)], expected, "{first:?} {second:?}");
        };
        let said = |state: &str| json!({ "state": state, "weight": null });
        change(1, "down");
        check(["up", "down"], [json!(null), said("down")]);
        change(0, "drain");
        check(["draining", "down"], [said("drain"), said("down")]);
        change(1, "up");
        check(["draining", "up"], [said("drain"), said("up")]);
        gateway.reload(&config("keepalive = 7\n"));
        check(["draining", "up"], [said("drain"), said("up")]);
        change(0, "up");
        change(1, "drain");
        check(["up", "draining"], [said("up"), said("drain")]);
        assert_eq!(send(listen, "a", "/").1, "a");
    }
}

#[test]
fn the_api_reloads_and_tells_why_not() {
    let (listen, admin, moved) = (address(), address(), address());
    let config = |at: &str, status: u16| {
        format!(
            "[error_log]\npath = \"@DIR@/error.log\"\nlevel = \"info\"\n[admin]\nlisten = {at}\n\
             [[server]]\nlisten = [\"{listen}\"]\nreturn = [{status}]\n"
        )
    };
    let one = format!("\"{admin}\"");
    let gateway = Propylon::start(&config(&one, 201));
    let reload = |at| ask(at, "POST", "/api/v1/reload", "");
    gateway.rewrite(&config(&one, 202));
    assert_eq!(reload(admin).json(), json!({ "generation": 2 }));
    assert_eq!(send(listen, "a", "/").0, 202);
    until("who ordered it", LIMIT, || gateway.error_log().contains(": the API: reloaded ").then_some(()));
    gateway.rewrite(&config(&one, 999));
    let refused = reload(admin);
    let why = refused.json()["error"]["text"].as_str().unwrap().to_owned();
    assert!(refused.status == 422 && why.contains("invalid status 999"), "{why}");
    let reloads = get(admin, "/api/v1/status")["reloads"].clone();
    assert_eq!((&reloads["succeeded"], &reloads["failed"]), (&json!(1), &json!(1)));
    let first = why.lines().map(str::trim).find(|line| !line.is_empty()).unwrap();
    assert!(
        first.len() < why.len() && why.contains("return = [999]"),
        "whoever ordered it has it all: {why}"
    );
    assert_eq!((&reloads["last"]["successful"], &reloads["last"]["error"]), (&json!(false), &json!(first)));
    assert_eq!(Metrics::of(admin).value("propylon_last_reload_successful"), 0.0);
    // A second address comes, on a unix socket a third; the first one goes, its connection at the end of the answer.
    let three = format!("[\"{admin}\", \"{moved}\", \"unix:@DIR@/admin.sock\"]");
    gateway.rewrite(&config(&three, 203));
    assert_eq!(reload(admin).json(), json!({ "generation": 3 }));
    assert_eq!(get(moved, "/api/v1/status")["generation"], 3);
    let socket = gateway.path("admin.sock");
    let over_unix = || {
        let stream = Stream::connect_unix(&socket).unwrap();
        Client::over(stream)
            .ask(b"GET /api/v1/status HTTP/1.1\r\nHost: anything\r\nConnection: close\r\n\r\n")
            .unwrap()
    };
    assert_eq!(over_unix().status, 200);
    assert_eq!(std::fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
    gateway.rewrite(&config(&format!("\"{moved}\""), 204));
    assert_eq!(reload(admin).json(), json!({ "generation": 4 }));
    until("the first address is closed", LIMIT, || Client::connect(admin).is_err().then_some(()));
    assert!(!socket.exists());
    // Without [admin] there is nobody, and with it again nothing was lost of what is always counted.
    gateway.reload(&config("", 205).replace("[admin]\nlisten = \n", ""));
    until("nobody is there", LIMIT, || Client::connect(moved).is_err().then_some(()));
    assert_eq!(send(listen, "a", "/").0, 205);
    gateway.reload(&config(&one, 206));
    let accepted = get(admin, "/api/v1/connections")["accepted"].clone();
    assert_eq!((accepted, get(admin, "/api/v1/status")["generation"].clone()), (json!(2), json!(6)));
    // An address that is taken: the configuration before stays, with all its listeners.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    gateway.rewrite(&config(&format!("\"{}\"", taken.local_addr().unwrap()), 207));
    assert_eq!(reload(admin).status, 422);
    assert_eq!(
        (send(listen, "a", "/").0, get(admin, "/api/v1/status")["generation"].clone()),
        (206, json!(6))
    );
}

#[test]
fn who_may_not_is_told_why_in_json() {
    let admin = address();
    let _gateway = Propylon::start(&format!(
        "[admin]\nlisten = \"{admin}\"\ntoken = \"secret\"\n[[server]]\nlisten = [\"{}\"]\nreturn = [204]\n",
        address()
    ));
    let token = "Authorization: Bearer secret\r\n";
    let json = "Content-Type: application/json\r\nContent-Length: 0\r\n";
    let check = |line: &str, fields: &str, expected: (u16, &str)| {
        let request = format!("{line} HTTP/1.1\r\nConnection: close\r\n{fields}\r\n");
        let asked = Asked::from(raw_request(admin, request.as_bytes()).unwrap());
        let code = asked.json()["error"]["code"].as_str().unwrap_or_default().to_owned();
        assert_eq!((asked.status, code.as_str()), expected, "{request}");
        asked
    };
    let own = format!("Host: {admin}\r\n");
    check("GET /api/v1/status", &own, (200, ""));
    check("GET /api/v1/status", "Host: rebound.test\r\n", (421, "unknown_host"));
    check("GET /api/v1/status", "Host: a\r\nHost: b\r\n", (400, "bad_request"));
    let refused = check("POST /api/v1/reload", &format!("{own}{json}"), (401, "unauthorized"));
    assert_eq!(refused.field("www-authenticate").as_deref(), Some("Bearer"));
    check(
        "POST /api/v1/reload",
        &format!("{own}{json}{token}Origin: http://evil.test\r\n"),
        (403, "forbidden"),
    );
    check(
        "POST /api/v1/reload",
        &format!("{own}{token}Content-Length: 0\r\nContent-Type: text/plain\r\n"),
        (415, "no_json"),
    );
    check("POST /api/v1/reload", &format!("{own}{json}{token}Origin: http://{admin}\r\n"), (200, ""));
    check("GET /api/v1/nothing", &own, (404, "not_found"));
    check("GET /nothing", &own, (404, "not_found"));
    let wrong = check("DELETE /api/v1/reload", &format!("{own}{json}{token}"), (405, "method_not_allowed"));
    assert_eq!(wrong.field("allow").as_deref(), Some("POST"));
    let wrong = check(
        "POST /api/v1/upstreams/a/peers/0",
        &format!("{own}{json}{token}"),
        (405, "method_not_allowed"),
    );
    assert_eq!(wrong.field("allow").as_deref(), Some("GET,HEAD,PATCH,DELETE"));
    let long = format!("{own}{token}Content-Type: application/json\r\nContent-Length: 70000\r\n");
    check("POST /api/v1/reload", &long, (413, "too_long"));
    let head = format!("HEAD /metrics HTTP/1.1\r\nConnection: close\r\n{own}\r\n");
    let head = raw_request(admin, head.as_bytes()).unwrap();
    assert_eq!((head.status, head.body.len()), (200, 0));
}

/// What has no end does not keep others out.
#[test]
fn many_idle_connections_do_not_stop_the_gateway() {
    let (listen, admin) = (address(), address());
    let _gateway = Propylon::start(&format!(
        "[admin]\nlisten = \"{admin}\"\nallow = [\"127.0.0.1\"]\n[[server]]\nlisten = [\"{listen}\"]\nreturn = [204]\n"
    ));
    let stranger = || {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        socket.bind(&std::net::SocketAddr::from(([127, 0, 0, 2], 0)).into()).unwrap();
        socket.connect(&admin.into()).unwrap();
        std::net::TcpStream::from(socket)
    };
    let told = {
        let mut stranger = stranger();
        stranger.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
        let mut told = String::new();
        stranger.read_to_string(&mut told).unwrap();
        told
    };
    assert!(told.starts_with("HTTP/1.1 403 ") && told.contains("cache-control: no-store"), "{told}");
    let idle: Vec<_> = (0..100).map(|_| stranger()).collect();
    assert_eq!(send(listen, "a", "/").0, 204);
    assert_eq!(get(admin, "/api/v1/connections")["accepted"], 1);
    drop(idle);
}

/// A new binary has the socket of the old one.
#[test]
fn a_new_process_takes_over() {
    let (listen, admin) = (address(), address());
    let mut gateway = Propylon::start(&format!(
        "[admin]\nlisten = \"{admin}\"\n[[server]]\nlisten = [\"{listen}\"]\nreturn = [204]\n"
    ));
    let pid = || get(admin, "/api/v1/status")["pid"].as_u64().unwrap();
    let old = u64::from(gateway.id());
    gateway.signal(Signal::USR2);
    let new = until("the new process", LIMIT, || Some(pid()).filter(|pid| *pid != old));
    gateway.signal(Signal::QUIT);
    assert!(gateway.ended(LIMIT).success());
    assert_eq!((pid(), send(listen, "a", "/").0), (new, 204));
    let new = rustix::process::Pid::from_raw(i32::try_from(new).unwrap()).unwrap();
    rustix::process::kill_process(new, Signal::TERM).unwrap();
    until("the end", LIMIT, || Client::connect(admin).is_err().then_some(()));
}

const BROWSER: &str = "/usr/bin/chromium";

#[test]
fn a_browser_shows_the_page() {
    assert!(
        Path::new(BROWSER).exists(),
        "this test drives a browser that is not here; install it:\n    apt-get install -y chromium"
    );
    let (listen, admin, origin) = (address(), address(), peer("hello"));
    let gateway = Propylon::start(&format!(
        "[admin]\nlisten = \"{admin}\"\n[cache_zone.main]\n\
         [upstream.app]\nserver = [{{ address = \"{}\" }}, {{ address = \"127.0.0.1:1\", down = true }}]\n\
         [[server]]\nlisten = [\"{listen}\"]\nname = [\"a.test\"]\n[[server.location]]\nmatch = \"/\"\nproxy_pass = \"http://app\"\n",
        origin.addr()
    ));
    assert_eq!(send(listen, "a", "/").0, 200);
    let browser = Command::new(BROWSER)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--disable-background-networking",
        ])
        .args(["--disable-component-update", "--disable-sync", "--virtual-time-budget=10000", "--dump-dom"])
        .arg(format!("--user-data-dir={}", gateway.path("browser").display()))
        .arg(format!("http://{admin}/"))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let page = String::from_utf8_lossy(&browser.stdout);
    let shows = |text: &str| {
        assert!(page.contains(text), "{text}: {page}\n{}", String::from_utf8_lossy(&browser.stderr))
    };
    shows("<dt>Requests</dt><dd>1</dd>");
    shows("<th scope=\"row\">a.test</th>");
    shows(&format!("<th scope=\"row\">{}</th><td class=\"up left\">up</td>", origin.addr()));
    shows("<th scope=\"row\">127.0.0.1:1</th><td class=\"down left\">down</td>");
    shows("1 of 2 peers are up");
    shows("<th scope=\"row\">main</th>");
    let refreshed = page.split_once("data-refreshed=\"").unwrap().1.split('"').next().unwrap();
    assert!(refreshed.parse::<u32>().unwrap() >= 2, "it refreshes itself: {refreshed}");
}

/// What the documentation shows is what is answered, key by key.
#[test]
fn the_documentation_is_true() {
    let page = std::fs::read_to_string(workspace().join("docs/admin.md")).unwrap();
    let blocks: Vec<(&str, &str)> = page
        .split("\n```")
        .skip(1)
        .step_by(2)
        .map(|block| block.split_once('\n').unwrap_or((block, "")))
        .collect();
    let (listen, admin, a, b) = (address(), address(), peer("a"), peer("b"));
    let stream = address().to_string();
    let toml = blocks.iter().filter(|(kind, _)| *kind == "toml").nth(2).unwrap().1;
    let toml = toml
        .replace("127.0.0.1:9180", &admin.to_string())
        .replace("127.0.0.1:8080", &listen.to_string())
        .replace("127.0.0.1:3306", &stream)
        .replace("127.0.0.1:8001", &a.addr().to_string())
        .replace("127.0.0.1:8002", &b.addr().to_string());
    let _gateway = Propylon::start(&toml);
    assert_eq!(send(listen, "example.com", "/news/1").0, 200);
    until("the log line", LIMIT, || {
        (get(admin, "/api/v1/servers/example.com")["requests"] == 1).then_some(())
    });
    let mut shown = 0;
    for pair in blocks.windows(2) {
        let [("http", request), ("json", answer)] = pair else { continue };
        let (head, body) = request.split_once("\n\n").unwrap_or((request, ""));
        let (method, path) = head.lines().next().unwrap().split_once(' ').unwrap();
        let asked = ask(admin, method, path, body.trim());
        let answer = answer.replace("127.0.0.1:3306", &stream);
        let expected: Value = serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{path}: {error}"));
        assert!(
            same_shape(&expected, &asked.json()),
            "{method} {path}: {} is not like {expected}",
            asked.json()
        );
        shown += 1;
    }
    assert!(shown >= 10, "{shown}");
    let metrics = Metrics::of(admin);
    for name in metrics.families() {
        assert!(page.contains(&format!("`{name}`")), "docs/admin.md lacks {name}");
    }
}
