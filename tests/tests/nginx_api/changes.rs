//! Servers of upstreams, and keys of zones.

use serde_json::{Value, json};

use crate::admin_support::{get, peer, send};
use crate::support::World;

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
