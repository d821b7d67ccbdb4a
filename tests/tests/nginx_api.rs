//! nginx Plus' REST API in a location (`api`), read by an exporter that was written for nginx, beside the API of `[admin]`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

mod admin_support;

use std::collections::BTreeMap;
use std::net::SocketAddr;

use admin_support::{Asked, Metrics, ask, get, peer, send};
use propylon_testkit::gate::Gate;
use propylon_testkit::peer::{Plan, RawPeer};
use propylon_tests::{Client, Exporter, LIMIT, Propylon, address, raw_request, until};
use serde_json::{Value, json};

/// A gateway with something of everything, and two peers.
struct World {
    listen: SocketAddr,
    admin: SocketAddr,
    a: RawPeer,
    b: RawPeer,
    gateway: Propylon,
    config: String,
}

impl World {
    fn new() -> Self {
        let (listen, admin, a, b) = (address(), address(), peer("a"), peer("b"));
        let config = format!(
            r#"
[runtime]
workers = 2
[error_log]
path = "@DIR@/error.log"
level = "info"
[admin]
listen = "{admin}"
[keyval_zone.one]
timeout = "1h"
[keyval.found]
key = "$arg_key"
zone = "one"
[cache_zone.main]
[limit_zone.often]
key = "$arg_often"
rate = "1r/m"
[limit_zone.once]
key = "$arg_once"
[upstream.app]
queue = {{ size = 3 }}
server = [{{ address = "{}", route = "r" }}, {{ address = "{}", backup = true }}]

[[server]]
listen = ["{listen}"]
name = ["site", "_", "*.wild"]
status_zone = "front"
[[server.location]]
match = "/"
proxy_pass = "http://app"
status_zone = "root"
[[server.location.location]]
match = "/uncounted"
status_zone = "off"
return = [204]
[[server.location.location]]
match = "/inner"
return = [403]
[[server.location]]
match = "/moved"
error_page.pages = [{{ codes = [404], uri = "/inner" }}]
status_zone = "moved"
return = [404]
[[server.location]]
match = "/cached"
proxy_pass = "http://app"
cache = {{ zone = "main", key = "$uri", valid = {{ any = "1h" }} }}
[[server.location]]
match = "/often"
limit.requests = [{{ zone = "often" }}]
limit.requests_status = 429
proxy_pass = "http://app"
[[server.location]]
match = "/dry"
limit.requests = [{{ zone = "often", burst = 1 }}]
limit.requests_dry_run = true
proxy_pass = "http://app"
[[server.location]]
match = "/key"
return = [200, "<$found>"]
[[server.location]]
match = "/look"
api = {{}}
[[server.location]]
match = "/elsewhere"
rewrite = [["^/elsewhere/(.*)", "/$1", "break"]]
api = {{}}
[[server.location]]
match = "/api/"
api = {{ write = true }}
"#,
            a.addr(),
            b.addr()
        );
        Self { listen, admin, a, b, gateway: Propylon::start(&config), config }
    }

    fn api(&self, path: &str) -> Value {
        get(self.listen, &format!("/api/9/{path}"))
    }

    fn order(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let asked = ask(self.listen, method, &format!("/api/9/{path}"), body);
        let has_body = asked.field("content-length").is_some_and(|length| length != "0");
        (asked.status, if has_body { asked.json() } else { Value::Null })
    }

    fn sends(&self, path: &str) -> u16 {
        send(self.listen, "site", path).0
    }

    fn refuses(&self, method: &str, path: &str, body: &str, status: u16, code: &str) {
        let (found, json) = self.order(method, path, body);
        let error = &json["error"];
        assert_eq!((found, error["code"].as_str()), (status, Some(code)), "{method} {path} {body}: {json}");
        assert_eq!(error["status"], status);
        assert!(error["text"].as_str().is_some_and(|text| !text.is_empty()));
    }
}

/// The exporter, whose client refuses what is not in nginx's shapes, shows the numbers that `[admin]` has.
#[test]
fn an_exporter_for_nginx_reads_what_admin_says() {
    let world = World::new();
    for (path, count, status) in [("/", 3, 200), ("/ill", 1, 500), ("/inner", 2, 403), ("/uncounted", 1, 204)]
    {
        (0..count).for_each(|_| assert_eq!(world.sends(path), status, "{path}"));
    }
    assert_eq!(world.sends("/moved"), 403, "the page of its 404 is /inner");
    assert_eq!([world.sends("/cached"), world.sends("/cached")], [200, 200]);
    let often = [world.sends("/often?often=a"), world.sends("/often?often=a"), world.sends("/often")];
    assert_eq!(often, [200, 429, 200], "that of no key is not looked at");
    assert_eq!([world.sends("/dry?often=a"), world.sends("/dry?often=a")], [200, 200]);
    // The line of the last one is written before the next is served by the same worker, but there are two.
    let site = until("all counted", LIMIT, || {
        let site = get(world.admin, "/api/v1/servers/site");
        (site["requests"] == 15).then_some(site)
    });
    let exporter = Exporter::start(&format!("http://{}/look", world.listen));
    let samples: BTreeMap<String, f64> = exporter.samples().into_iter().collect();
    let is = |series: &str, expected: &Value| {
        let found =
            samples.get(&format!("nginxplus_{series}")).unwrap_or_else(|| panic!("{series}: {samples:#?}"));
        assert_eq!(Some(*found), expected.as_f64(), "{series}");
    };
    is("up", &json!(1));
    for (class, count) in [("2xx", 10), ("3xx", 0), ("4xx", 4), ("5xx", 1)] {
        assert_eq!(site["responses"][class], count, "{site}");
    }
    // The exporter's own questions are among those with 2xx.
    is("server_zone_responses{code=\"4xx\",server_zone=\"front\"}", &site["responses"]["4xx"]);
    is("server_zone_responses{code=\"5xx\",server_zone=\"front\"}", &site["responses"]["5xx"]);
    is("server_zone_responses_codes{code=\"429\",server_zone=\"front\"}", &json!(1));
    is("server_zone_responses_codes{code=\"403\",server_zone=\"front\"}", &json!(3));
    is("server_zone_discarded{server_zone=\"front\"}", &json!(0));
    // Counted where it ends: the page of /moved is one of the location that made it, which inherits its zone.
    is("location_zone_requests{location_zone=\"root\"}", &json!(7));
    is("location_zone_responses{code=\"4xx\",location_zone=\"root\"}", &json!(3));
    is("location_zone_requests{location_zone=\"moved\"}", &json!(0));
    assert_eq!(world.api("http/location_zones?fields="), json!(["root", "moved"]));
    let told = get(world.admin, "/api/v1/upstreams/app/peers/0");
    let server = format!("server=\"{}\",upstream=\"app\"", world.a.addr());
    for (name, key) in
        [("requests", "requests"), ("sent", "sent"), ("received", "received"), ("fails", "failures")]
    {
        is(&format!("upstream_server_{name}{{{server}}}"), &told[key]);
    }
    is(&format!("upstream_server_responses{{code=\"2xx\",{server}}}"), &told["responses"]["2xx"]);
    is(&format!("upstream_server_responses{{code=\"5xx\",{server}}}"), &json!(1));
    is(&format!("upstream_server_state{{{server}}}"), &json!(1));
    let zone = get(world.admin, "/api/v1/caches/main");
    assert_eq!(world.api("http/caches/main")["hit"], zone["outcomes"]["hit"]);
    assert_eq!(world.api("http/caches/main")["miss"]["responses"], 1);
    let limited =
        json!({ "passed": 1, "delayed": 0, "rejected": 1, "delayed_dry_run": 1, "rejected_dry_run": 1 });
    assert_eq!(world.api("http/limit_reqs"), json!({ "often": limited }));
    assert_eq!(get(world.admin, "/api/v1/limits")[0]["rejected_dry_run"], 1);
    let metrics = Metrics::of(world.admin);
    let series = "propylon_limit_zone_requests_total{zone=\"often\",kind=\"requests\",result=\"rejected\"}";
    assert_eq!(metrics.value(series), 1.0);
    assert_eq!(world.api("http/limit_conns"), json!({}), "nobody uses that zone");
}

#[test]
fn paths_versions_and_fields_are_nginx_s() {
    let world = World::new();
    let listen = world.listen;
    assert_eq!(get(listen, "/look"), json!([1, 2, 3, 4, 5, 6, 7, 8, 9]));
    assert_eq!(get(listen, "/look/"), get(listen, "/api/"));
    let names = json!(["nginx", "processes", "connections", "slabs", "http", "resolvers", "ssl", "workers"]);
    assert_eq!((get(listen, "/look/9"), get(listen, "/look/9/")), (names.clone(), names));
    assert_eq!(
        get(listen, "/look/1/http"),
        json!(["requests", "server_zones", "caches", "keyvals", "upstreams"])
    );
    for (path, nothing) in
        [("slabs", json!({})), ("resolvers/", json!({})), ("processes", json!({ "respawned": 0 }))]
    {
        assert_eq!(world.api(path), nothing, "{path}");
    }
    let nginx = world.api("nginx?fields=address,build,nothing");
    assert_eq!(nginx, json!({ "address": listen.ip().to_string(), "build": "propylon" }));
    assert_eq!(world.api("http/upstreams?fields="), json!(["app"]));
    assert_eq!(
        world.api("http/upstreams?fields=queue"),
        json!({ "app": { "queue": { "size": 0, "max_size": 3 } } })
    );
    assert_eq!(world.api("http/server_zones/?fields=discarded"), json!({ "front": { "discarded": 0 } }));
    assert!(world.api("http/server_zones/front")["responses"]["codes"].is_object());
    let older = get(listen, "/look/6/http/server_zones/front");
    assert!(older["responses"]["total"].is_u64() && older["responses"]["codes"].is_null(), "{older}");
    let workers = world.api("workers");
    assert_eq!((workers[0]["id"].clone(), workers.as_array().unwrap().len()), (json!(0), 2));
    let accepted = |value: &Value| value["connections"]["accepted"].as_u64().unwrap();
    assert!(
        accepted(&workers[0]) + accepted(&workers[1])
            >= accepted(&json!({ "connections": world.api("connections") })) - 1
    );
    for (path, code) in [
        ("http/server_zones/no", "ServerZoneNotFound"),
        ("http/location_zones/no", "LocationZoneNotFound"),
        ("http/caches/no", "CacheNotFound"),
        ("http/limit_conns/no", "LimitConnNotFound"),
        ("http/limit_reqs/no", "LimitReqNotFound"),
        ("http/upstreams/no", "UpstreamNotFound"),
        ("http/upstreams/no/servers", "UpstreamNotFound"),
        ("http/upstreams/app/servers/7", "UpstreamServerNotFound"),
        ("http/keyvals/no", "KeyvalNotFound"),
        ("http/keyvals/one?key=no", "KeyvalKeyNotFound"),
        ("slabs/no", "SlabNotFound"),
        ("resolvers/no", "ResolverZoneNotFound"),
        ("workers/2", "WorkerNotFound"),
        ("stream", "PathNotFound"),
    ] {
        world.refuses("GET", path, "", 404, code);
    }
    world.refuses("GET", "http/upstreams/app/servers/x", "", 400, "UpstreamBadServerId");
    for path in ["/look/10/", "/look/x", "/look/0/nginx"] {
        assert_eq!(ask(listen, "GET", path, "").json()["error"]["code"], "UnknownVersion", "{path}");
    }
    // What is no UTF-8 is not found, in the same shape.
    let latin = |line: &[u8]| {
        let request = [line, b" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"].concat();
        Asked::from(raw_request(listen, &request).unwrap())
    };
    assert_eq!(latin(b"GET /look/9/nginx?fields=build,\xe9").json(), json!({ "build": "propylon" }));
    assert_eq!(latin(b"GET /look/9/%E9").json()["error"]["code"], "PathNotFound");
    assert_eq!(get(listen, "/elsewhere"), get(listen, "/look"));
    assert_eq!(ask(listen, "GET", "/elsewhere/9/nginx", "").status, 404, "it is /9/nginx by then");
    let error = ask(listen, "GET", "/look/3/no", "").json();
    assert_eq!((&error["path"], &error["method"]), (&json!(""), &json!("")), "{error}");
    let error = ask(listen, "GET", "/look/4/no", "").json();
    assert_eq!(error["path"], Value::Null);
    assert_eq!(error["request_id"].as_str().map(str::len), Some(32));
    assert!(error["href"].as_str().unwrap().starts_with("https://nginx.org/"));
}

#[test]
fn who_may_only_look_changes_nothing_and_nor_does_a_page_elsewhere() {
    let world = World::new();
    let server = "{\"server\": \"127.0.0.1:1\"}";
    for (method, path, body) in [
        ("POST", "http/upstreams/app/servers", server),
        ("PATCH", "http/upstreams/app/servers/0", "{\"down\": true}"),
        ("DELETE", "http/upstreams/app/servers/0", ""),
        ("POST", "http/keyvals/one", "{\"a\": \"b\"}"),
        ("DELETE", "http/server_zones/front", ""),
        ("OPTIONS", "nginx", ""),
    ] {
        let asked = ask(world.listen, method, &format!("/look/9/{path}"), body);
        let error = asked.json()["error"].clone();
        assert_eq!((asked.status, &error["code"]), (405, &json!("MethodDisabled")), "{method} {path}");
        assert_eq!(asked.field("allow").as_deref(), Some("GET, HEAD"));
    }
    let wrong = ask(world.listen, "PUT", "/api/9/http/keyvals/one", "{}");
    assert_eq!(
        (wrong.status, wrong.field("allow").as_deref()),
        (405, Some("GET, HEAD, POST, PATCH, DELETE"))
    );
    assert_eq!(ask(world.listen, "POST", "/api/9/nginx", "{}").status, 405);
    let adds = |host: &str, field: &str| {
        let length = server.len();
        let request = format!(
            "POST /api/9/http/upstreams/app/servers HTTP/1.1\r\nHost: {host}\r\n{field}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{server}"
        );
        Asked::from(raw_request(world.listen, request.as_bytes()).unwrap())
    };
    let elsewhere = |field: &str| adds(&world.listen.to_string(), field).status;
    assert_eq!(elsewhere("Origin: http://elsewhere.test"), 403);
    assert_eq!(elsewhere("Sec-Fetch-Site: cross-site"), 403);
    // The page's own name leads here, and to a browser it is one origin.
    for host in
        ["rebound.test", "rebound.test:80", "_", "a.wild", "localhost.rebound.test", "127.0.0.1.rebound.test"]
    {
        let asked = adds(host, &format!("Origin: http://{host}\r\nSec-Fetch-Site: same-origin"));
        assert_eq!((asked.status, &asked.json()["error"]["code"]), (421, &json!("UnknownHost")), "{host}");
    }
    assert_eq!(send(world.listen, "rebound.test", "/api/9/http/keyvals").0, 200, "to look is no order");
    let long = format!("{{\"server\": \"{}\"}}", "a".repeat(64 << 10));
    world.refuses("POST", "http/upstreams/app/servers", &long, 413, "RequestEntityTooLarge");
    world.refuses("POST", "http/keyvals/one", &long, 413, "RequestEntityTooLarge");
    assert_eq!(world.api("http/upstreams/app/servers").as_array().unwrap().len(), 2, "nothing was added");
    assert_eq!(world.api("http/keyvals"), json!({ "one": {} }));
    assert_eq!(elsewhere(&format!("Origin: http://{}", world.listen)), 201);
    for host in ["site", "SITE:80", "localhost:1", "[::1]"] {
        assert_eq!(adds(host, &format!("Origin: http://{host}")).status, 409, "{host} is let in");
    }
}

#[test]
fn servers_come_change_and_go() {
    let world = World::new();
    let (servers, c) = ("http/upstreams/app/servers", peer("c"));
    let first = json!({
        "id": 0, "server": world.a.addr().to_string(), "weight": 1, "max_conns": 0, "max_fails": 1, "fail_timeout": "10s",
        "slow_start": "0s", "route": "r", "backup": false, "down": false
    });
    assert_eq!(world.api(&format!("{servers}/0")), first);
    let new = format!(
        "{{\"server\": \"{}\", \"weight\": 3, \"max_fails\": 0, \"fail_timeout\": \"1500ms\", \"slow_start\": 0, \"route\": \"\", \"down\": true}}",
        c.addr()
    );
    let (status, added) = world.order("POST", &format!("{servers}/"), &new);
    let id = added["id"].as_u64().unwrap();
    let expected = json!({
        "id": id, "server": c.addr().to_string(), "weight": 3, "max_conns": 0, "max_fails": 0, "fail_timeout": "1500ms",
        "slow_start": "0s", "route": "", "backup": false, "down": true
    });
    assert_eq!((status, &added), (201, &expected));
    assert_eq!(get(world.admin, &format!("/api/v1/upstreams/app/peers/{id}"))["added"], true);
    world.refuses("POST", servers, &new, 409, "EntryExists");
    let served = || (0..4).map(|_| send(world.listen, "site", "/").1).collect::<String>();
    assert_eq!(served(), "aaaa");
    let own = format!("{servers}/{id}");
    // As a client of Go says it: all that it knows of the server.
    let change = format!(
        "{{\"id\": {id}, \"server\": \"{}\", \"down\": false, \"max_conns\": 9, \"backup\": false}}",
        c.addr()
    );
    let (status, now) = world.order("PATCH", &own, &change);
    assert_eq!(
        (status, &now["down"], &now["max_conns"], &now["weight"]),
        (200, &json!(false), &json!(9), &json!(3))
    );
    assert_eq!(world.order("PATCH", &format!("{servers}/0"), "{\"drain\": true}").1["drain"], true);
    assert_eq!(served(), "cccc");
    let (status, now) = world.order(
        "PATCH",
        &format!("{servers}/0"),
        "{\"drain\": false, \"fail_timeout\": 7, \"slow_start\": \"1m\"}",
    );
    let told = (&now["drain"], &now["fail_timeout"], &now["slow_start"]);
    assert_eq!((status, told), (200, (&Value::Null, &json!("7s"), &json!("60s"))));
    let said = json!({ "state": "up", "weight": null, "fail_timeout_ms": 7000, "slow_start_ms": 60000 });
    assert_eq!(get(world.admin, "/api/v1/upstreams/app/peers/0")["set"], said);
    world.refuses("PATCH", &own, "{\"server\": \"127.0.0.1:9\"}", 400, "UpstreamServerImmutable");
    for (body, code) in [
        ("{\"weight\": 0}", "UpstreamBadWeight"),
        ("{\"max_conns\": -1}", "UpstreamBadMaxConns"),
        ("{\"max_fails\": \"x\"}", "UpstreamBadMaxFails"),
        ("{\"fail_timeout\": \"x\"}", "UpstreamBadFailTimeout"),
        ("{\"slow_start\": \"x\"}", "UpstreamBadSlowStart"),
        ("{\"down\": 1}", "UpstreamConfFormatError"),
        ("{\"backup\": true}", "UpstreamConfFormatError"),
        ("{\"route\": \"s\"}", "UpstreamConfFormatError"),
        ("{\"nothing\": 1}", "UpstreamConfFormatError"),
        ("{\"weight\": [1]}", "UpstreamConfFormatError"),
    ] {
        world.refuses("PATCH", &own, body, 400, code);
    }
    world.refuses("PATCH", &own, "{", 415, "JsonError");
    world.refuses("POST", servers, "{\"weight\": 1}", 400, "UpstreamConfFormatError");
    world.refuses("POST", servers, "{\"server\": \"[\"}", 400, "UpstreamBadAddress");
    world.refuses("POST", "http/upstreams/no/servers", &new, 404, "UpstreamNotFound");
    world.refuses("DELETE", &format!("{servers}/0"), "", 400, "UpstreamServerImmutable");
    let (status, left) = world.order("DELETE", &own, "");
    assert_eq!((status, left.as_array().unwrap().len()), (200, 2), "{left}");
    world.refuses("DELETE", &own, "", 404, "UpstreamServerNotFound");
    assert_eq!((served().as_str(), world.b.accepted()), ("aaaa", 0));
}

#[test]
fn keys_are_added_changed_and_removed() {
    let world = World::new();
    let zone = "http/keyvals/one";
    let (found, none) = (|key: &str| send(world.listen, "site", &format!("/key?key={key}")).1, Value::Null);
    assert_eq!(
        world.order("POST", zone, "{\"a\": \"1\", \"b\": {\"value\": \"2\", \"expire\": 60000}}"),
        (201, none.clone())
    );
    assert_eq!((found("a"), found("b")), ("<1>".into(), "<2>".into()));
    assert_eq!(world.api(zone), get(world.admin, "/api/v1/keyvals/one"));
    assert_eq!(world.api(&format!("{zone}?key=b")), json!({ "b": "2" }));
    assert_eq!(world.api("http/keyvals?fields="), json!(["one"]));
    assert_eq!(world.order("PATCH", zone, "{\"a\": \"3\", \"b\": null}"), (204, none.clone()));
    assert_eq!(world.api("http/keyvals"), json!({ "one": { "a": "3" } }));
    world.refuses("POST", zone, "{\"a\": \"4\"}", 409, "KeyvalKeyExists");
    world.refuses("PATCH", zone, "{\"c\": \"4\"}", 404, "KeyvalKeyNotFound");
    world.refuses("POST", zone, "{}", 400, "KeyvalFormatError");
    world.refuses("POST", zone, "{\"c\": []}", 400, "KeyvalFormatError");
    world.refuses("POST", zone, "no", 415, "JsonError");
    world.refuses("POST", "http/keyvals/no", "{\"c\": \"1\"}", 404, "KeyvalNotFound");
    assert_eq!(world.order("DELETE", zone, ""), (204, none));
    assert_eq!((world.api(zone), found("a")), (json!({}), "<>".into()));
}

/// Statistics begin anew for whoever reads this API; counters of `[admin]` go on.
#[test]
fn what_is_reset_counts_from_there() {
    let world = World::new();
    (0..3).for_each(|_| assert_eq!(world.sends("/"), 200));
    assert_eq!([world.sends("/cached"), world.sends("/often?often=a")], [200, 200]);
    let root = || world.api("http/location_zones/root")["requests"].clone();
    until("all counted", LIMIT, || (root() == 3).then_some(()));
    for path in [
        "http/location_zones/root",
        "http/server_zones/front",
        "http/caches/main",
        "http/limit_reqs/often",
        "http/upstreams/app",
        "http/requests",
        "connections",
        "ssl",
        "processes",
        "workers/0",
    ] {
        assert_eq!(world.order("DELETE", path, "").0, 204, "{path}");
    }
    assert_eq!(root(), 0);
    assert_eq!(world.api("http/caches/main")["miss"], json!({ "responses": 0, "bytes": 0 }));
    assert_eq!(world.api("http/limit_reqs/often")["passed"], 0);
    let peers = || world.api("http/upstreams/app")["peers"].clone();
    assert_eq!((&peers()[0]["requests"], &peers()[0]["weight"]), (&json!(0), &json!(1)));
    assert!(world.api("http/requests")["total"].as_u64().unwrap() < 20);
    assert_eq!(world.sends("/"), 200);
    until("the next one", LIMIT, || (root() == 1).then_some(()));
    assert_eq!(world.api("http/location_zones/root")["responses"]["codes"], json!({ "200": 1 }));
    assert_eq!(peers()[0]["requests"], 1);
    assert_eq!(get(world.admin, "/api/v1/upstreams/app/peers/0")["requests"], 6);
    assert_eq!(get(world.admin, "/api/v1/caches/main")["outcomes"]["miss"]["responses"], 1);
    // Over a reload all of it goes on, from where it was.
    let before = world.api("nginx");
    world.gateway.reload(&format!("{}\n# another\n", world.config));
    let now = world.api("nginx");
    assert_eq!((&before["generation"], &now["generation"]), (&json!(1), &json!(2)));
    assert!(before["load_timestamp"].as_str() < now["load_timestamp"].as_str(), "{before} {now}");
    assert_eq!((root(), &peers()[0]["requests"]), (json!(1), &json!(1)));
    world.refuses("DELETE", "http/caches/no", "", 404, "CacheNotFound");
    world.refuses("DELETE", "http/caches", "", 405, "MethodDisabled");
}

/// An nginx.conf as nginx's documentation has it, without an `[admin]`: what is counted is counted for this API.
#[test]
fn an_nginx_conf_is_enough() {
    let (listen, gate) = (address(), Gate::new());
    let held = gate.clone();
    let origin = RawPeer::tcp(move |_| {
        Plan::new().read_head().wait(&held).write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").close()
    });
    let gateway = Propylon::start_nginx(&format!(
        "worker_processes 1; error_log @DIR@/error.log notice; pid propylon.pid; events {{ }}
        http {{ access_log off; limit_conn_zone $arg_other zone=per:1m;
            upstream backend {{ zone backend 64k; server {}; }}
            server {{ listen {listen}; status_zone server_backend;
                location / {{ proxy_pass http://backend; status_zone all; limit_conn per 1; if ($arg_other) {{ status_zone other; }} }}
                location /api {{ api write=on; allow 127.0.0.1; deny all; }} }} }}",
        origin.addr()
    ));
    let api = |path: &str| get(listen, &format!("/api/9/http/{path}"));
    let zone = || api("server_zones/server_backend");
    let mut client = Client::connect(listen).unwrap();
    client.send(b"GET /?other=1 HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    until("a request under way", LIMIT, || gate.was_reached().then_some(()));
    // And that which asks.
    assert_eq!(zone()["processing"], 2);
    assert_eq!(api("upstreams/backend")["peers"][0]["active"], 1);
    assert_eq!(send(listen, "a", "/?other=1").0, 503);
    let limited = json!({ "passed": 1, "rejected": 1, "rejected_dry_run": 0 });
    assert_eq!(api("limit_conns"), json!({ "per": limited }));
    gate.open();
    assert_eq!(client.response(false).unwrap().status, 200);
    let now = until("its end", LIMIT, || Some(zone()).filter(|now| now["processing"] == 1));
    assert_eq!(now["requests"].as_u64().unwrap() - 1, now["responses"]["total"].as_u64().unwrap(), "{now}");
    let zones = api("location_zones");
    assert_eq!((&zones["other"]["requests"], &zones["all"]["requests"]), (&json!(2), &json!(0)), "{zones}");
    assert_eq!(ask(listen, "DELETE", "/api/9/http/server_zones/server_backend", "").status, 204);
    assert!(zone()["requests"].as_u64().unwrap() <= 2);
    drop(gateway);
}

/// A head that has begun counts as a request, and may be none in the end: what was reset stays so.
#[test]
fn clients_that_leave_undo_no_reset() {
    let (listen, admin) = (address(), address());
    let _gateway = Propylon::start(&format!(
        "[runtime]\nworkers = 1\n[admin]\nlisten = \"{admin}\"\n[[server]]\nlisten = [\"{listen}\"]\n\
         [[server.location]]\nmatch = \"/\"\napi = {{ write = true }}\n"
    ));
    // Asked by a socket that does not count.
    let reading = |expected: u64| {
        until("heads under way", LIMIT, || {
            let now = get(admin, "/api/v1/connections");
            (now["reading"] == expected && now["active"] == expected).then_some(())
        });
    };
    let mut clients: Vec<Client> = (0..5).map(|_| Client::connect(listen).unwrap()).collect();
    // A line before the head, after which none comes.
    clients.iter_mut().for_each(|client| client.send(b"\r\n").unwrap());
    reading(5);
    assert_eq!(ask(listen, "DELETE", "/9/workers/0", "").status, 204);
    drop(clients);
    reading(0);
    let now = get(listen, "/9/workers/0");
    assert_eq!(now["http"]["requests"]["total"], 0, "there were more when it was reset: {now}");
    assert_eq!(now["connections"]["accepted"], 1);
}
