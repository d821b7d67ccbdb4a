//! What operators see and do: metrics, the API, the page, `stub_status`.
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
use propylon_testkit::gate::Gate;
use propylon_testkit::peer::{Plan, RawPeer};
use propylon_tests::{
    Client, LIMIT, Nginx, Propylon, Refusing, Signal, Stream, address, raw_request, until, workspace,
};
use serde_json::{Value, json};

#[test]
fn requests_are_counted_by_server_and_class_by_all_workers_and_over_reloads() {
    let (listen, admin, origin) = (address(), address(), peer("hello"));
    let config = |more: &str| {
        format!(
            "[runtime]\nworkers = 2\n[error_log]\npath = \"@DIR@/error.log\"\nlevel = \"info\"\n[admin]\nlisten = \"{admin}\"\n\
             [[server]]\nlisten = [\"{listen}\"]\nname = [\"a.test\"]\n{more}\
             [[server.location]]\nmatch = \"/\"\nproxy_pass = \"http://{}\"\n\
             [[server.location]]\nmatch = \"= /closed\"\nreturn = [444]\n\
             [[server]]\nlisten = [\"{listen}\"]\nname = [\"b.test\"]\nreturn = [404]\n",
            origin.addr()
        )
    };
    let gateway = Propylon::start(&config(""));
    for _ in 0..10 {
        assert_eq!(send(listen, "a.test", "/").0, 200);
        assert_eq!(send(listen, "b.test", "/").0, 404);
    }
    raw_request(listen, b"GET /closed HTTP/1.1\r\nHost: a.test\r\n\r\n").unwrap_err();
    raw_request(listen, b"nonsense\r\n\r\n").unwrap();
    let counts = |name: &str| {
        let server = get(admin, &format!("/api/v1/servers/{name}"));
        ["2xx", "4xx", "none", "total"].map(|class| server["responses"][class].as_u64().unwrap())
    };
    until("the last log line", LIMIT, || (counts("a.test") == [10, 1, 1, 12]).then_some(()));
    assert_eq!(counts("b.test"), [0, 10, 0, 10]);
    let server = get(admin, "/api/v1/servers")["a.test"].clone();
    assert!(server["sent"].as_u64() > Some(500) && server["received"].as_u64() > Some(300), "{server}");
    let now = get(admin, "/api/v1/connections");
    let numbers = ["accepted", "handled", "active", "requests"].map(|name| now[name].as_u64().unwrap());
    assert_eq!(numbers, [22, 22, 0, 22]);

    let metrics = Metrics::of(admin);
    assert_eq!(metrics.value("propylon_requests_total{server=\"a.test\",class=\"2xx\"}"), 10.0);
    assert_eq!(metrics.value("propylon_request_duration_seconds_count{server=\"a.test\"}"), 12.0);
    assert_eq!(metrics.value("propylon_connections_accepted_total"), 22.0);
    assert_eq!(metrics.value("propylon_connections{state=\"waiting\"}"), 0.0);
    assert_eq!(metrics.value("propylon_config_generation"), 1.0);
    assert!(metrics.value("process_resident_memory_bytes") > 1e6);

    gateway.reload(&config("keepalive_requests = 7\n"));
    assert_eq!(send(listen, "a.test", "/").0, 200);
    until("the count goes on", LIMIT, || (counts("a.test") == [11, 1, 1, 13]).then_some(()));
    let status = get(admin, "/api/v1/status");
    assert_eq!((status["generation"].as_u64(), status["reloads"]["succeeded"].as_u64()), (Some(2), Some(1)));
    assert_eq!((status["pid"].as_u64(), status["workers"].as_u64()), (Some(gateway.id().into()), Some(2)));
    // The name is another one: so is what is counted.
    gateway.reload(&config("").replace("a.test", "c.test"));
    assert!(get(admin, "/api/v1/servers").get("a.test").is_none());
    assert_eq!(counts("c.test"), [0, 0, 0, 0]);
}

#[test]
fn peers_tell_what_they_did_and_what_became_of_them() {
    let (listen, admin, good, gone) = (address(), address(), peer("good"), Refusing::new());
    let _gateway = Propylon::start(&format!(
        "[runtime]\nworkers = 2\n[admin]\nlisten = \"{admin}\"\n\
         [upstream.app]\nserver = [{{ address = \"{}\", max_fails = 0 }}, {{ address = \"{}\", fail_timeout = \"1h\" }}]\n\
         [upstream.checked]\nserver = [{{ address = \"{}\" }}]\nhealth_check = {{ interval = \"20ms\", uri = \"/ill\", match = {{ status = [\"200\"] }} }}\n\
         [[server]]\nlisten = [\"{listen}\"]\n\
         [[server.location]]\nmatch = \"/\"\nproxy_pass = \"http://app\"\n\
         [[server.location]]\nmatch = \"/checked\"\nproxy_pass = \"http://checked\"\n\
         [[server.location]]\nmatch = \"/direct\"\nproxy_pass = \"http://{}\"\n",
        good.addr(),
        gone.address(),
        good.addr(),
        good.addr()
    ));
    for _ in 0..8 {
        assert_eq!(send(listen, "a", "/").0, 200);
    }
    assert_eq!(send(listen, "a", "/direct").0, 200);
    let app = || get(admin, "/api/v1/upstreams/app")["peers"].clone();
    until("the last log line", LIMIT, || (app()[0]["responses"]["2xx"] == 8).then_some(()));
    let (first, second) = (app()[0].clone(), app()[1].clone());
    assert_eq!(
        (&first["state"], &second["state"]),
        (&json!("up"), &json!("unavailable")),
        "{first} {second}"
    );
    assert_eq!((&first["requests"], &first["failures"], &first["active"]), (&json!(8), &json!(0), &json!(0)));
    assert_eq!(second["responses"]["none"], second["requests"], "it never answered");
    assert!(second["failures"].as_u64() >= Some(1) && second["unavailable"] == 1, "{second}");
    assert!(first["received"].as_u64() > Some(8 * 40) && first["sent"].as_u64() > Some(8 * 20), "{first}");
    assert!(first["header_time_ms"].as_f64() > Some(0.0) && second["header_time_ms"].is_null());
    let direct = get(admin, &format!("/api/v1/upstreams/{}", good.addr()));
    assert_eq!(
        (&direct["named"], &direct["peers"][0]["requests"]),
        (&json!(false), &json!(1)),
        "its own count"
    );
    until("the probes' verdict", LIMIT, || {
        let checked = get(admin, "/api/v1/upstreams/checked")["peers"][0].clone();
        let well = &checked["health_checks"];
        (checked["state"] == "unhealthy" && well["healthy"] == false && well["failures"].as_u64() > Some(0))
            .then_some(())
    });
    let metrics = Metrics::of(admin);
    let labels = format!("upstream=\"app\",peer=\"{}\"", gone.address());
    let state =
        |state: &str| metrics.value(&format!("propylon_upstream_peer_state{{{labels},state=\"{state}\"}}"));
    assert_eq!((state("unavailable"), state("up")), (1.0, 0.0));
    let labels = format!("upstream=\"app\",peer=\"{}\"", good.addr());
    assert_eq!(
        metrics.value(&format!("propylon_upstream_peer_responses_total{{{labels},class=\"2xx\"}}")),
        8.0
    );
    assert_eq!(metrics.value(&format!("propylon_upstream_peer_header_seconds_count{{{labels}}}")), 8.0);
}

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

#[test]
fn caches_tell_what_they_keep_and_are_purged() {
    let (listen, admin) = (address(), address());
    let origin = RawPeer::tcp(|_| {
        let plan = Plan::new().read_request();
        plan.write("HTTP/1.1 200 OK\r\nCache-Tag: one, two\r\nContent-Length: 5\r\n\r\nhello").forever()
    });
    let _gateway = Propylon::start(&format!(
        "[runtime]\nworkers = 2\n[admin]\nlisten = \"{admin}\"\n[cache_zone.main]\n[cache_zone.files]\npath = \"@DIR@/cache\"\n\
         [[server]]\nlisten = [\"{listen}\"]\n[[server.location]]\nmatch = \"/\"\nproxy_pass = \"http://{0}\"\n\
         cache = {{ zone = \"main\", key = \"$uri\", valid = {{ any = \"1h\" }} }}\n\
         [[server.location]]\nmatch = \"/named/\"\nproxy_pass = \"http://{0}\"\n\
         cache = {{ zone = \"$arg_zone\", key = \"$uri\", valid = {{ any = \"1h\" }} }}\n",
        origin.addr()
    ));
    let fetch = |path: &str| assert_eq!(send(listen, "a", path), (200, "hello".into()));
    let outcomes = |zone: &str| {
        let outcomes = get(admin, &format!("/api/v1/caches/{zone}"))["outcomes"].clone();
        ["hit", "miss", "expired"].map(|name| outcomes[name]["responses"].as_u64().unwrap())
    };
    let told = |zone: &'static str, expected: [u64; 3]| {
        until(&format!("{expected:?} of {zone}"), LIMIT, || (outcomes(zone) == expected).then_some(()));
    };
    ["/a/1", "/a/2", "/b", "/a/1", "/a/1"].into_iter().for_each(fetch);
    told("main", [2, 3, 0]);
    fetch("/named/x?zone=files");
    until("the file", LIMIT, || (get(admin, "/api/v1/caches/files")["stored"] == 1).then_some(()));
    fetch("/named/x?zone=files");
    told("files", [1, 1, 0]);
    let main = get(admin, "/api/v1/caches/main");
    assert_eq!((&main["entries"], &main["stored"]), (&json!(3), &json!(3)), "{main}");
    assert_eq!(main["outcomes"]["hit"]["bytes"], 10);
    let purge = |order: &str| {
        let asked = ask(admin, "POST", "/api/v1/caches/main/purge", order);
        (asked.status, asked.json()["purged"].as_u64())
    };
    assert_eq!(purge("{\"key\": \"/nothing\"}"), (200, Some(0)));
    assert_eq!(purge("{\"prefix\": \"/a/\", \"soft\": true}"), (200, Some(2)));
    fetch("/a/1");
    told("main", [2, 3, 1]);
    assert_eq!(purge("{\"key\": \"/b\"}"), (200, Some(1)));
    fetch("/b");
    told("main", [2, 4, 1]);
    assert_eq!(purge("{\"tags\": [\"three\", \"two\"]}"), (200, Some(3)));
    fetch("/b");
    assert_eq!(purge("{\"all\": true}"), (200, Some(1)));
    assert_eq!(get(admin, "/api/v1/caches/main")["entries"], 0);
    for order in [
        "{}",
        "{\"all\": false}",
        "{\"key\": \"\"}",
        "{\"key\": \"a\", \"all\": true}",
        "{\"tags\": []}",
        "{\"soft\": 1, \"all\": true}",
    ] {
        assert_eq!(purge(order), (400, None), "{order}");
    }
    assert_eq!(ask(admin, "POST", "/api/v1/caches/none/purge", "{\"all\": true}").status, 404);
    let metrics = Metrics::of(admin);
    assert_eq!(metrics.value("propylon_cache_responses_total{cache=\"files\",outcome=\"HIT\"}"), 1.0);
    assert_eq!(metrics.value("propylon_cache_entries{cache=\"main\"}"), 0.0);
}

/// What a cache had to do with a request is counted where it had, once.
#[test]
fn an_error_page_is_no_second_miss() {
    let (listen, admin, gone) = (address(), address(), Refusing::new());
    let _gateway = Propylon::start(&format!(
        "[runtime]\nworkers = 1\n[admin]\nlisten = \"{admin}\"\n[cache_zone.main]\n\
         [[server]]\nlisten = [\"{listen}\"]\ncache = {{ zone = \"main\", key = \"$uri\" }}\nerror_page = {{ pages = [{{ codes = [502], uri = \"/sorry\" }}] }}\n\
         [[server.location]]\nmatch = \"/\"\nproxy_pass = \"http://{}\"\n\
         [[server.location]]\nmatch = \"= /sorry\"\nreturn = [200, \"sorry\"]\n",
        gone.address()
    ));
    assert_eq!(send(listen, "a", "/"), (502, "sorry".into()));
    until("the log line", LIMIT, || {
        (get(admin, "/api/v1/servers")[listen.to_string()]["requests"] == 1).then_some(())
    });
    let miss = get(admin, "/api/v1/caches/main")["outcomes"]["miss"].clone();
    assert_eq!(miss["responses"], 1, "{miss}");
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
    gateway.rewrite(&config(&one, 999));
    let refused = reload(admin);
    let why = refused.json()["error"]["text"].as_str().unwrap().to_owned();
    assert!(refused.status == 422 && why.contains("999 is no status that can be returned"), "{why}");
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
    assert!(["GET,HEAD,PATCH", "PATCH,GET,HEAD"].contains(&&*wrong.field("allow").unwrap()), "{wrong:?}");
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

/// The same conf, the same requests, the same text.
#[test]
fn stub_status_is_nginxs() {
    let gate = Gate::new();
    let held = gate.clone();
    let origin = RawPeer::tcp(move |_| {
        Plan::new().read_request().wait(&held).write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    });
    let held = gate.clone();
    let switching = RawPeer::tcp(move |_| {
        let head = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: a\r\n\r\n";
        Plan::new().read_request().write(head).wait(&held)
    });
    let conf = |listen| {
        format!(
            "http {{ access_log off; server {{ listen {listen};
             location / {{ proxy_pass http://{}; }}
             location /tunnel {{ proxy_pass http://{}; proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade;
             proxy_set_header Connection upgrade; }} location /stub {{ stub_status; }} location /old {{ stub_status on; }} }} }}\n",
            origin.addr(),
            switching.addr()
        )
    };
    let scenario = |listen| {
        let mut asker = Client::connect(listen).unwrap();
        let mut asked = 0;
        let mut stub = |method: &str, path: &str| {
            asked += 1;
            let answer =
                asker.ask(format!("{method} {path} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes()).unwrap();
            let (kind, text) = (answer.head.field("content-type"), answer.text());
            // Without its own requests, for it asks as often as it takes.
            let requests = text.lines().nth(2).and_then(|line| line.split(' ').nth(3)?.parse::<u32>().ok());
            let requests = requests.map(|requests| requests - asked);
            let lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
            (answer.status, kind, lines, requests)
        };
        let mut answers = vec![stub("GET", "/stub"), stub("GET", "/old"), stub("HEAD", "/stub")];
        let mut waiting = Client::connect(listen).unwrap();
        assert_eq!(waiting.ask(b"GET /stub HTTP/1.1\r\nHost: a\r\n\r\n").unwrap().status, 200);
        let mut reading = Client::connect(listen).unwrap();
        reading.send(b"GET / HTTP/1.0\r\n").unwrap();
        let mut writing = Client::connect(listen).unwrap();
        writing.send(b"GET / HTTP/1.0\r\n\r\n").unwrap();
        let mut tunnel = Client::connect(listen).unwrap();
        tunnel.send(b"GET /tunnel HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: a\r\n\r\n").unwrap();
        assert_eq!(tunnel.response(true).unwrap().status, 101);
        let wanted = "Reading: 1 Writing: 3 Waiting: 1 ";
        let mut last =
            until(wanted, LIMIT, || Some(stub("GET", "/stub")).filter(|answer| answer.2[3] == wanted));
        last.2.remove(2); // how often it took is in there
        answers.iter_mut().for_each(|answer| answer.2.retain(|line| !line.starts_with(" ")));
        answers.push(last);
        assert_eq!(stub("POST", "/stub").0, 405);
        answers
    };
    let (ours, theirs) = (address(), address());
    let _gateway = Propylon::start_nginx(&format!("worker_processes 2; events {{}} {}", conf(ours)));
    let found = scenario(ours);
    let _nginx = Nginx::start(&conf(theirs));
    assert_eq!(found, scenario(theirs));
    assert_eq!((&*found[3].2[0], found[3].3), ("Active connections: 5 ", Some(4)), "{found:?}");
    gate.open();
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
    let toml = blocks.iter().filter(|(kind, _)| *kind == "toml").nth(2).unwrap().1;
    let toml = toml
        .replace("127.0.0.1:9180", &admin.to_string())
        .replace("127.0.0.1:8080", &listen.to_string())
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
        let expected: Value = serde_json::from_str(answer).unwrap_or_else(|error| panic!("{path}: {error}"));
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
