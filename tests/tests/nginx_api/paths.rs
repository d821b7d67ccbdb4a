//! What is where.

use propylon_tests::raw_request;
use serde_json::{Value, json};

use crate::admin_support::{Asked, ask, get};
use crate::support::World;

#[test]
fn paths_versions_and_fields_are_nginx_s() {
    let world = World::new();
    let listen = world.listen;
    assert_eq!(get(listen, "/look"), json!([1, 2, 3, 4, 5, 6, 7, 8, 9]));
    assert_eq!(get(listen, "/look/"), get(listen, "/api/"));
    let names = json!([
        "nginx",
        "processes",
        "connections",
        "slabs",
        "http",
        "stream",
        "resolvers",
        "ssl",
        "workers"
    ]);
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
        ("stream/upstreams/app", "UpstreamNotFound"),
        ("license", "PathNotFound"),
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
