//! Who may change something.

use propylon_tests::raw_request;
use serde_json::json;

use crate::admin_support::{Asked, ask, send};
use crate::support::World;

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
