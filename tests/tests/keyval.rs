//! Keys and values that operators change while the gateway runs: decisions of both workers, files, reloads, and what the API refuses.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

mod admin_support;

use std::fs;
use std::net::SocketAddr;

use admin_support::{Asked, Metrics, ask, get, peer, send};
use propylon_tests::{LIMIT, Propylon, address, check, lossy, raw_request, until};
use serde_json::{Value, json};

const ZONE: &str = "/api/v1/keyvals/one";

/// A gateway of two workers that shows what a key of zone `one` leads to.
struct World {
    listen: SocketAddr,
    admin: SocketAddr,
}

impl World {
    fn new() -> Self {
        Self { listen: address(), admin: address() }
    }

    /// `zone`: the keys of `[keyval_zone.one]`.
    fn config(&self, zone: &str) -> String {
        let Self { listen, admin } = self;
        format!(
            "[runtime]\nworkers = 2\n[error_log]\npath = \"@DIR@/error.log\"\nlevel = \"info\"\n[admin]\nlisten = \"{admin}\"\n\
             [keyval_zone.one]\n{zone}\n[keyval.found]\nkey = \"$arg_key\"\nzone = \"one\"\n\
             [[server]]\nlisten = [\"{listen}\"]\nreturn = [200, \"<$found>\"]\n"
        )
    }

    fn order(&self, method: &str, body: &str) -> u16 {
        ask(self.admin, method, ZONE, body).status
    }

    /// What the gateway finds, whichever worker is asked: each request is one of a connection of its own.
    #[track_caller]
    fn finds(&self, key: &str, expected: &str) {
        for _ in 0..12 {
            let (_, found) = send(self.listen, "a", &format!("/?key={key}"));
            assert_eq!(found, format!("<{expected}>"), "{key}");
        }
    }

    /// A reload whose zones are opened, and which is refused then: a log cannot be.
    #[track_caller]
    fn refuses(&self, gateway: &Propylon, config: &str) {
        let wrong = "[[server.location]]\nmatch = \"/x\"\nreturn = [204]\naccess_log = { path = \"/nowhere/access.log\" }\n";
        gateway.rewrite(&format!("{config}{wrong}"));
        assert_eq!(ask(self.admin, "POST", "/api/v1/reload", "").status, 422);
    }

    fn holds(&self) -> Value {
        get(self.admin, ZONE)
    }
}

/// Denied by key, from one moment on; the value names the group of servers.
#[test]
fn both_workers_decide_by_what_was_just_said() {
    let (listen, admin, a, b) = (address(), address(), peer("a"), peer("b"));
    let _gateway = Propylon::start(&format!(
        r#"
[runtime]
workers = 2
[admin]
listen = "{admin}"
[keyval_zone.denied]
type = "ip"
[keyval_zone.pools]
type = "prefix"
[keyval.denied]
key = "$http_x_client"
zone = "denied"
[keyval.pool]
key = "$uri"
zone = "pools"
[upstream.a]
server = [{{ address = "{}" }}]
[upstream.b]
server = [{{ address = "{}" }}]
[[server]]
listen = ["{listen}"]
rewrite = [{{ if = "$denied", then = [{{ return = [403] }}] }}]
[[server.location]]
match = "/"
proxy_pass = "http://$pool"
"#,
        a.addr(),
        b.addr()
    ));
    let change = |method: &str, zone: &str, body: Value| {
        let asked = ask(admin, method, &format!("/api/v1/keyvals/{zone}"), &body.to_string());
        assert!(matches!(asked.status, 201 | 204), "{asked:?}");
    };
    let all = |client: &str, path: &str, expected: (u16, &str)| {
        for _ in 0..12 {
            let request =
                format!("GET {path} HTTP/1.1\r\nHost: a\r\nX-Client: {client}\r\nConnection: close\r\n\r\n");
            let answer = raw_request(listen, request.as_bytes()).unwrap();
            let text = if answer.status == 200 { answer.text() } else { String::new() };
            assert_eq!((answer.status, text.as_str()), expected, "{client} {path}");
        }
    };
    change("POST", "pools", json!({ "/": "a" }));
    all("192.0.2.7", "/x", (200, "a"));
    change("POST", "pools", json!({ "/new": "b" }));
    all("192.0.2.7", "/new/x", (200, "b"));
    all("192.0.2.7", "/ne", (200, "a"));
    change("PATCH", "pools", json!({ "/": "b", "/new": "a" }));
    all("192.0.2.7", "/new", (200, "a"));
    all("192.0.2.7", "/x", (200, "b"));
    change("POST", "denied", json!({ "192.0.2.0/24": "1" }));
    all("192.0.2.7", "/x", (403, ""));
    all("198.51.100.7", "/x", (200, "b"));
    change("POST", "denied", json!({ "192.0.2.7": "", "2001:db8::/32": 1 }));
    all("192.0.2.7", "/x", (200, "b")); // a smaller network says otherwise
    all("192.0.2.8", "/x", (403, ""));
    all("2001:db8::1", "/x", (403, ""));
    all("", "/x", (200, "b"));
    change("DELETE", "denied", json!({}));
    all("192.0.2.8", "/x", (200, "b"));
}

#[test]
fn the_api_has_the_shapes_of_nginx() {
    let world = World::new();
    let gateway = Propylon::start(&format!(
        "{}[keyval_zone.two]\ntype = \"ip\"\n",
        world.config("size = \"32k\"\ntimeout = \"1h\"")
    ));
    let admin = world.admin;
    assert_eq!(get(admin, "/api/v1/keyvals"), json!({ "one": {}, "two": {} }));
    assert_eq!(get(admin, "/api/v1/keyvals?fields="), json!(["one", "two"]));
    world.finds("a", "");
    assert_eq!(world.order("POST", "{\"a\": \"1\", \"b/c d\": {\"value\": 2, \"expire\": 3600000}}"), 201);
    world.finds("a", "1");
    assert_eq!(world.holds(), json!({ "a": "1", "b/c d": "2" }));
    assert_eq!(get(admin, &format!("{ZONE}?key=b%2Fc%20d")), json!({ "b/c d": "2" }));
    assert_eq!(world.order("PATCH", "{\"a\": \"2\"}"), 204);
    world.finds("a", "2");
    assert_eq!(world.order("PATCH", "{\"a\": null}"), 204);
    world.finds("a", "");
    assert_eq!(world.holds(), json!({ "b/c d": "2" }));
    assert_eq!(ask(admin, "POST", "/api/v1/keyvals/two", "{\"10.1.2.3/8\": \"x\"}").status, 201);
    assert_eq!(get(admin, "/api/v1/keyvals/two"), json!({ "10.0.0.0/8": "x" }));
    assert_eq!(get(admin, "/api/v1/keyvals")["two"], json!({ "10.0.0.0/8": "x" }));
    let metrics = Metrics::of(admin);
    assert_eq!(metrics.value("propylon_keyval_zone_entries{zone=\"two\"}"), 1.0);
    assert_eq!(metrics.value("propylon_keyval_zone_size_bytes{zone=\"one\"}"), 32_768.0);
    assert!(metrics.value("propylon_keyval_zone_used_bytes{zone=\"one\"}") > 128.0);
    assert_eq!(world.order("DELETE", ""), 204);
    assert_eq!(world.holds(), json!({}));
    gateway.tells("the API: all 1 keys of keyval zone \"one\" are removed");
}

#[test]
fn what_is_wrong_changes_nothing() {
    let world = World::new();
    let _gateway =
        Propylon::start(&format!("{}[keyval_zone.two]\ntype = \"ip\"\n", world.config("size = \"32k\"")));
    assert_eq!(world.order("POST", "{\"a\": \"1\"}"), 201);
    let refused = |method: &str, path: &str, body: &str, expected: (u16, &str)| {
        let asked = ask(world.admin, method, &format!("/api/v1/keyvals/{path}"), body);
        let error = asked.json()["error"].clone();
        assert_eq!((asked.status, error["code"].as_str().unwrap()), expected, "{method} {path} {body}");
        assert_eq!(error["status"], expected.0);
        error["text"].as_str().unwrap().to_owned()
    };
    let text = refused("POST", "one", "{\"a\": \"2\"}", (409, "exists"));
    assert_eq!(text, "key \"a\" already exists");
    refused("POST", "one", "{\"b\": \"2\", \"a\": \"2\"}", (409, "exists"));
    refused("PATCH", "one", "{\"a\": \"2\", \"b\": \"2\"}", (404, "not_found"));
    refused("PATCH", "one", "{\"b\": null}", (404, "not_found"));
    refused("GET", "one?key=b", "", (404, "not_found"));
    for method in ["GET", "POST", "PATCH", "DELETE"] {
        refused(method, "three", "{\"a\": \"1\"}", (404, "not_found"));
    }
    for body in ["", "{", "[]", "{}", "{\"b\": null}", "{\"b\": true}", "{\"b\": {}}", "{\"\": \"1\"}"] {
        refused("POST", "one", body, (400, "bad_request"));
    }
    let text = refused("POST", "one", "{\"b\": {\"value\": \"1\", \"expire\": 1000}}", (400, "bad_request"));
    assert_eq!(text, "the zone has no `timeout`, so keys cannot expire");
    refused("POST", "one", "{\"b\": {\"expire\": 1000}}", (400, "bad_request"));
    refused("POST", "two", "{\"localhost\": \"1\"}", (400, "bad_request"));
    let large = json!({ "b": "x".repeat(32_768) }).to_string();
    refused("POST", "one", &large, (507, "full"));
    refused("PATCH", "one", &large.replace("\"b\"", "\"a\""), (507, "full"));
    refused("POST", "one", &json!({ "b": "x".repeat(70_000) }).to_string(), (413, "too_long"));
    let asked = ask(world.admin, "PUT", ZONE, "{\"b\": \"1\"}");
    assert_eq!((asked.status, asked.json()["error"]["code"].as_str()), (405, Some("method_not_allowed")));
    let form = format!(
        "POST {ZONE} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: 8\r\n\r\n{{\"b\":\"1\"}}",
        world.admin
    );
    assert_eq!(raw_request(world.admin, form.as_bytes()).unwrap().status, 415);
    assert_eq!(world.holds(), json!({ "a": "1" }));
    world.finds("a", "1");
}

/// Whoever may look, but has no token.
#[test]
fn who_may_only_look_changes_nothing() {
    let world = World::new();
    let config = world.config("").replace("\n[keyval_zone", "\ntoken = \"secret\"\n[keyval_zone");
    let _gateway = Propylon::start(&config);
    let asks = |method: &str, token: &str, body: &str| {
        let length = body.len();
        let request = format!(
            "{method} {ZONE} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Type: application/json\r\n{token}\
             Content-Length: {length}\r\n\r\n{body}",
            world.admin
        );
        Asked::from(raw_request(world.admin, request.as_bytes()).unwrap()).status
    };
    let token = "Authorization: Bearer secret\r\n";
    assert_eq!(asks("POST", token, "{\"a\": \"1\"}"), 201);
    for method in ["POST", "PATCH", "DELETE"] {
        assert_eq!(asks(method, "", "{\"a\": null}"), 401, "{method}");
    }
    assert_eq!(asks("GET", "", ""), 200);
    world.finds("a", "1");
}

#[test]
fn entries_go_when_it_is_time() {
    let world = World::new();
    let _gateway = Propylon::start(&world.config("timeout = \"1h\""));
    assert_eq!(world.order("POST", "{\"a\": \"1\", \"b\": {\"value\": \"1\", \"expire\": 300}}"), 201);
    assert_eq!(world.order("POST", "{\"c\": {\"value\": \"1\", \"expire\": 3600000}}"), 201);
    until("the end of an entry", LIMIT, || (send(world.listen, "a", "/?key=b").1 == "<>").then_some(()));
    assert_eq!(world.holds(), json!({ "a": "1", "c": "1" }));
    assert_eq!(world.order("PATCH", "{\"c\": {\"expire\": 1}}"), 204);
    until("the end of another", LIMIT, || (world.holds() == json!({ "a": "1" })).then_some(()));
    // Their room is free.
    until("the room", LIMIT, || {
        (Metrics::of(world.admin).value("propylon_keyval_zone_entries{zone=\"one\"}") == 1.0).then_some(())
    });
    world.finds("a", "1");
}

/// A process that is killed loses nothing that was answered.
#[test]
fn a_restart_reads_what_was_written() {
    let (world, directory) = (World::new(), tempfile::tempdir().unwrap());
    let path = directory.path().join("one.json");
    let config = world.config(&format!("timeout = \"1h\"\nstate = \"{}\"", path.display()));
    let gateway = Propylon::start(&config);
    assert_eq!(world.order("POST", "{\"a\": \"1\", \"b\": \"\\\"é\\n\"}"), 201);
    assert_eq!(world.order("PATCH", "{\"a\": \"2\"}"), 204);
    let written: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    assert_eq!((&written["a"]["value"], &written["b"]["value"]), (&json!("2"), &json!("\"é\n")));
    drop(gateway);
    let gateway = Propylon::start(&config);
    assert_eq!(world.holds(), json!({ "a": "2", "b": "\"é\n" }));
    world.finds("a", "2");
    assert_eq!(world.order("PATCH", "{\"a\": null, \"b\": null}"), 204);
    drop(gateway);
    let _gateway = Propylon::start(&config);
    assert_eq!(world.holds(), json!({}));
}

#[test]
fn a_reload_keeps_what_means_the_same() {
    let world = World::new();
    let gateway = Propylon::start(&world.config("type = \"string\""));
    assert_eq!(world.order("POST", "{\"a\": \"1\"}"), 201);
    let timed = "{\"b\": {\"value\": \"2\", \"expire\": 3600000}}";
    assert_eq!(world.order("POST", timed), 400);
    gateway.reload(&world.config("size = \"2m\"\ntimeout = \"1h\""));
    world.finds("a", "1");
    assert_eq!(world.order("POST", timed), 201, "its limits are new");
    world.finds("b", "2");
    // One that is refused changes nothing, whatever it says of the zone.
    world.refuses(&gateway, &world.config("type = \"prefix\""));
    world.finds("a", "1");
    gateway.reload(&world.config("type = \"prefix\""));
    world.finds("a", "");
    assert_eq!(world.order("POST", "{\"a\": \"3\"}"), 201);
    world.finds("ab", "3");
}

#[test]
fn a_damaged_file_is_told_and_stops_nobody() {
    let (world, directory) = (World::new(), tempfile::tempdir().unwrap());
    let path = directory.path().join("one.json");
    let config = world.config(&format!("state = \"{}\"", path.display()));
    let text = "{\n\"a\": \"1\",\n\"b\": \"";
    fs::write(&path, text).unwrap();
    let told = format!(
        "keyval zone \"one\" could not be loaded and is empty: {} is damaged: EOF while parsing a string at line 3",
        path.display()
    );
    let checked = check(&config);
    assert_eq!(checked.status.code(), Some(2), "{}", lossy(&checked.stderr));
    assert!(lossy(&checked.stderr).contains(&told), "{}", lossy(&checked.stderr));
    let gateway = Propylon::start(&config);
    gateway.tells(&told);
    world.finds("a", "");
    assert_eq!(fs::read_to_string(&path).unwrap(), text, "nothing was touched");
    assert_eq!(world.order("POST", "{\"c\": \"3\"}"), 201);
    world.finds("c", "3");
    assert_eq!(fs::read_to_string(directory.path().join("one.json.damaged")).unwrap(), text);
    drop(gateway);
    let gateway = Propylon::start(&config);
    world.finds("c", "3");
    assert!(!gateway.error_log().contains("is empty"), "{}", gateway.error_log());
    assert_eq!(check(&config).status.code(), Some(0));
}

/// What a configuration that was refused has read is not what one that is put to use later finds.
#[test]
fn a_file_is_read_by_the_configuration_that_is_put_to_use() {
    let (world, directory) = (World::new(), tempfile::tempdir().unwrap());
    let path = directory.path().join("one.json");
    let state = format!("state = \"{}\"", path.display());
    let (plain, prefix) = (world.config(&state), world.config(&format!("type = \"prefix\"\n{state}")));
    let gateway = Propylon::start(&world.config(""));
    fs::write(&path, "{\"a\": ").unwrap();
    world.refuses(&gateway, &plain);
    gateway.tells("keyval zone \"one\" could not be loaded and is empty: ");
    fs::write(&path, "{\"a\": \"mended\"}").unwrap();
    gateway.reload(&plain);
    world.finds("a", "mended");
    world.refuses(&gateway, &prefix);
    assert_eq!(world.order("PATCH", "{\"a\": \"newer\"}"), 204);
    gateway.reload(&prefix);
    world.finds("ab", "newer");
    let written: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    assert_eq!(written, json!({ "a": "newer" }));
}

/// A change that is not in the file says so, and holds.
#[test]
fn what_cannot_be_written_is_told() {
    let (world, directory) = (World::new(), tempfile::tempdir().unwrap());
    let inner = directory.path().join("inner");
    let config = world.config(&format!("state = \"{}\"", inner.join("one.json").display()));
    let gateway = Propylon::start(&config);
    gateway.tells("keyval zone \"one\" could not be loaded and is empty: the directory of ");
    let asked = ask(world.admin, "POST", ZONE, "{\"a\": \"1\"}");
    assert_eq!((asked.status, asked.json()["error"]["code"].as_str()), (503, Some("not_saved")), "{asked:?}");
    world.finds("a", "1");
    gateway.tells("the API: the change took effect but was not saved to the file: ");
    fs::create_dir(&inner).unwrap();
    assert_eq!(world.order("POST", "{\"b\": \"2\"}"), 201);
    drop(gateway);
    let _gateway = Propylon::start(&config);
    assert_eq!(world.holds(), json!({ "a": "1", "b": "2" }));
}

/// As it stands in nginx's documentation, but for the API: it is that of the TOML that is made of it.
#[test]
fn an_nginx_conf_has_it() {
    let (listen, admin, directory) = (address(), address(), tempfile::tempdir().unwrap());
    let path = directory.path().join("nginx.conf");
    let conf = format!(
        "events {{ }}\nhttp {{\nkeyval_zone zone=one:32k state={}/one.keyval;\nkeyval $arg_text $text zone=one;\n\
         server {{ listen {listen}; location / {{ return 200 $text; }} }}\n}}\n",
        directory.path().display()
    );
    fs::write(&path, conf).unwrap();
    let converted =
        std::process::Command::new(propylon_tests::binary()).arg("import").arg(&path).output().unwrap();
    assert!(converted.status.success(), "{}", lossy(&converted.stderr));
    let toml: String = lossy(&converted.stdout)
        .lines()
        .filter(|line| !line.starts_with("pid_file"))
        .map(|line| format!("{line}\n"))
        .collect();
    let toml = toml.replace("logs/", "@DIR@/");
    let _gateway = Propylon::start(&format!("{toml}\n[admin]\nlisten = \"{admin}\"\n"));
    assert_eq!(ask(admin, "POST", ZONE, "{\"hello\": \"world\"}").status, 201);
    assert_eq!(send(listen, "a", "/?text=hello"), (200, "world".into()));
    assert!(
        fs::read_to_string(directory.path().join("one.keyval.json"))
            .unwrap()
            .contains("\"hello\": \"world\"")
    );
}
