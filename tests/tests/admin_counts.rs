//! What is counted, and who is told: by the API, by `/metrics`, by `stub_status`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test"
)]

mod admin_support;

use std::io::Write;
use std::net::TcpListener;

use admin_support::{Metrics, ask, get, peer, send};
use propylon_testkit::gate::Gate;
use propylon_testkit::peer::{Plan, RawPeer};
use propylon_tests::{
    Client, LIMIT, Listener, Nginx, Propylon, Refusing, Stream, address, raw_request, until,
};
use serde_json::json;

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
    let connections = || {
        let now = get(admin, "/api/v1/connections");
        ["accepted", "handled", "active", "requests"].map(|name| now[name].as_u64().unwrap())
    };
    until("everything is over", LIMIT, || {
        let servers = (counts("a.test"), counts("b.test"));
        (servers == ([10, 1, 1, 12], [0, 10, 0, 10]) && connections() == [22, 22, 0, 22]).then_some(())
    });
    let server = get(admin, "/api/v1/servers")["a.test"].clone();
    assert!(server["sent"].as_u64() > Some(500) && server["received"].as_u64() > Some(300), "{server}");

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
    let (first, second) = until("the last log line", LIMIT, || {
        let now = app();
        (now[0]["responses"]["2xx"] == 8 && now[0]["active"] == 0).then(|| (now[0].clone(), now[1].clone()))
    });
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

/// The same conf, the same requests, the same text.
/// Those that have no answer when their client leaves, and those whose answer is stored.
#[test]
fn requests_that_go_on_without_their_clients_are_counted() {
    let (listen, admin, origin) = (address(), address(), TcpListener::bind(address()).unwrap());
    let _gateway = Propylon::start(&format!(
        "[runtime]\nworkers = 2\n[admin]\nlisten = \"{admin}\"\n[[server]]\nlisten = [\"{listen}\"]\n\
         [[server.location]]\nmatch = \"/\"\nproxy_pass = \"http://{0}\"\nupstream.ignore_client_abort = true\n\
         [[server.location]]\nmatch = \"/stored/\"\nproxy_pass = \"http://{0}\"\nstore.to = \"@DIR@/www$uri\"\n",
        origin.local_addr().unwrap()
    ));
    let counts = |expected: [f64; 3]| {
        until("it is counted", LIMIT, || {
            let metrics = Metrics::of(admin);
            let count = |name: &str| metrics.value(&format!("propylon_detached_requests_{name}"));
            (["total", "dropped_total", "running"].map(count) == expected).then_some(())
        });
    };
    let begun = |path: &str| {
        let mut client = Client::connect(listen).unwrap();
        client.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes()).unwrap();
        (client, origin.accept().unwrap().0)
    };
    let (client, mut stream) = begun("/a");
    client.leave();
    counts([0.0, 0.0, 1.0]);
    stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n").unwrap();
    counts([1.0, 0.0, 0.0]);
    let (mut client, mut stream) = begun("/stored/a");
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel").unwrap();
    client.stream().head().unwrap().unwrap();
    client.leave();
    counts([1.0, 0.0, 1.0]);
    stream.write_all(b"lo").unwrap();
    counts([2.0, 0.0, 0.0]);
}

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

#[test]
fn streams_are_counted_while_they_run_and_when_they_are_over() {
    let (listen, other, admin) = (address(), Refusing::new(), address());
    let origin = Listener::new();
    let at = origin.address();
    let _gateway = Propylon::start(&format!(
        "[admin]\nlisten = \"{admin}\"\n[[upstream.group.server]]\naddress = \"{at}\"\n\
         [[stream]]\nlisten = [\"{listen}\"]\nproxy_pass = \"group\"\n\
         [[stream]]\nlisten = [\"unix:@DIR@/a.sock\"]\nproxy_pass = \"{}\"\n",
        other.address()
    ));
    let stream = || get(admin, &format!("/api/v1/streams/{listen}"));
    let mut client = Stream::connect(listen).unwrap();
    client.send(b"hello").unwrap();
    let mut upstream = origin.accept();
    upstream.exactly(5, &mut Vec::new()).unwrap();
    until("it runs", LIMIT, || (stream()["active"] == 1).then_some(()));
    assert_eq!(
        (&stream()["sessions"]["total"], get(admin, "/api/v1/connections")["writing"].as_u64()),
        (&json!(0), Some(1))
    );
    upstream.send(b"good day").unwrap();
    client.exactly(8, &mut Vec::new()).unwrap();
    drop((client, upstream));
    until("it is over", LIMIT, || (stream()["active"] == 0).then_some(()));
    let told = stream();
    assert_eq!(
        (&told["sessions"]["2xx"], &told["received"], &told["sent"]),
        (&json!(1), &json!(5), &json!(8))
    );
    assert_eq!(told["addresses"], json!([listen.to_string()]));
    assert_eq!(get(admin, "/api/v1/streams").as_object().unwrap().len(), 2);
    let metrics = Metrics::of(admin);
    assert_eq!(
        metrics.value(&format!("propylon_stream_sessions_total{{stream=\"{listen}\",class=\"2xx\"}}")),
        1.0
    );
    assert_eq!(metrics.value(&format!("propylon_stream_sent_bytes_total{{stream=\"{listen}\"}}")), 8.0);
    assert_eq!(metrics.value(&format!("propylon_stream_sessions_active{{stream=\"{listen}\"}}")), 0.0);
    // Its peer has served somebody.
    let peer = &get(admin, "/api/v1/upstreams/group")["peers"][0];
    assert_eq!(
        (&peer["responses"]["2xx"], &peer["received"], &peer["sent"]),
        (&json!(1), &json!(8), &json!(5))
    );
}
