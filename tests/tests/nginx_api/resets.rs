//! Statistics that begin anew.

use propylon_tests::{Client, LIMIT, Propylon, address, until};
use serde_json::{Value, json};

use crate::admin_support::{ask, get};
use crate::support::World;

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
    assert_eq!(world.order("DELETE", "http/requests", "").0, 204);
    let total = world.api("http/requests")["total"].as_u64().unwrap();
    assert!((1..4).contains(&total), "{total}: a connection that is being closed may be missed meanwhile");
    assert_eq!(world.order("DELETE", "workers", "").0, 204);
    let accepted = |worker: &Value| worker["connections"]["accepted"].as_u64().unwrap();
    let workers = world.api("workers");
    assert_eq!(
        workers.as_array().unwrap().iter().map(accepted).sum::<u64>(),
        1,
        "that which asks: {workers}"
    );
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
