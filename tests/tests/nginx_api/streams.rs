//! What is under `/stream`.

use std::net::SocketAddr;

use propylon_tests::{Exporter, LIMIT, Propylon, Redis, Refusing, Stream, address, exactly, until};
use serde_json::{Value, json};

use crate::admin_support::{ask, get};

/// An nginx.conf with streams, one of whose upstreams HTTP shares.
struct World {
    http: SocketAddr,
    stream: SocketAddr,
    refused: SocketAddr,
    redis: Redis,
    _gateway: Propylon,
}

impl World {
    fn new() -> Self {
        let (http, stream, refused, redis) = (address(), address(), address(), Redis::start(&[]));
        let at = redis.address();
        let gateway = Propylon::start_nginx(&format!(
            "worker_processes 1; error_log @DIR@/error.log notice; pid propylon.pid; events {{ }}
            http {{ access_log off; limit_conn_zone $arg_a zone=ours:1m; keyval_zone zone=one:32k;
                upstream web {{ zone web 64k; server {at}; }}
                server {{ listen {http}; limit_conn ours 9;
                    location / {{ proxy_pass http://web; }}
                    location /api {{ api write=on; allow 127.0.0.1; deny all; }} }} }}
            stream {{ limit_conn_zone $remote_addr zone=theirs:1m;
                upstream redis {{ zone redis 64k; server {at} max_conns=7; }}
                server {{ listen {stream}; status_zone redis; limit_conn theirs 2; proxy_pass redis; }}
                server {{ listen {refused}; status_zone refused; deny all; proxy_pass redis; }} }}"
        ));
        Self { http, stream, refused, redis, _gateway: gateway }
    }

    fn api(&self, path: &str) -> Value {
        get(self.http, &format!("/api/9/{path}"))
    }

    fn order(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let asked = ask(self.http, method, &format!("/api/9/{path}"), body);
        let has_body = asked.field("content-length").is_some_and(|length| length != "0");
        (asked.status, if has_body { asked.json() } else { Value::Null })
    }

    /// A connection by which Redis has answered.
    fn ping(&self) -> Stream {
        let mut client = Stream::connect(self.stream).unwrap();
        client.send(b"PING\r\n").unwrap();
        exactly(&mut client, b"+PONG\r\n");
        client
    }

    /// What a zone has counted once so many connections are over.
    fn zone(&self, zone: &str, over: u64) -> Value {
        until("sessions that are over", LIMIT, || {
            let now = self.api(&format!("stream/server_zones/{zone}"));
            (now["sessions"]["total"] == over).then_some(now)
        })
    }
}

/// It is closed, and nothing came.
fn nothing(client: &mut Stream) {
    let mut all = Vec::new();
    client.to_end(&mut all).unwrap();
    assert_eq!(all, b"");
}

#[test]
fn connections_of_streams_are_told_in_nginx_s_shapes() {
    let world = World::new();
    assert_eq!(world.api("stream"), json!(["server_zones", "limit_conns", "keyvals", "upstreams"]));
    drop(world.ping());
    world.zone("redis", 1);
    let held = [world.ping(), world.ping()];
    let mut one_too_many = Stream::connect(world.stream).unwrap();
    nothing(&mut one_too_many);
    let zone = json!({
        "processing": 2, "connections": 4, "sessions": { "2xx": 1, "4xx": 0, "5xx": 1, "total": 2 },
        "discarded": 0, "received": 6, "sent": 7
    });
    assert_eq!(world.zone("redis", 2), zone);
    let mut denied = Stream::connect(world.refused).unwrap();
    nothing(&mut denied);
    assert_eq!(world.zone("refused", 1)["sessions"]["4xx"], 1);
    assert_eq!(world.api("stream/server_zones?fields="), json!(["redis", "refused"]));
    let limited = json!({ "passed": 3, "rejected": 1, "rejected_dry_run": 0 });
    assert_eq!(world.api("stream/limit_conns"), json!({ "theirs": limited }));
    assert_eq!(world.api("http/limit_conns?fields="), json!(["ours"]));
    // Each upstream is told where it is used.
    assert_eq!(world.api("stream/upstreams?fields="), json!(["redis"]));
    assert_eq!(world.api("http/upstreams?fields="), json!(["web"]));
    let peer = &world.api("stream/upstreams/redis")["peers"][0];
    let at = world.redis.address().to_string();
    for (key, expected) in [
        ("id", json!(0)),
        ("server", json!(at)),
        ("name", json!(at)),
        ("backup", json!(false)),
        ("weight", json!(1)),
        ("state", json!("up")),
        ("active", json!(2)),
        ("max_conns", json!(7)),
        ("connections", json!(3)),
        // Counted when a connection is over.
        ("sent", json!(6)),
        ("received", json!(7)),
        ("fails", json!(0)),
        ("unavail", json!(0)),
        ("requests", Value::Null),
        ("responses", Value::Null),
    ] {
        assert_eq!(peer[key], expected, "{key}: {peer}");
    }
    for time in ["connect_time", "first_byte_time", "response_time"] {
        assert!(peer[time].is_u64(), "{time}: {peer}");
    }
    assert_eq!(world.api("stream/keyvals"), json!({ "one": {} }));
    drop(held);
    // The exporter asks for it because it is listed.
    world.zone("redis", 4);
    let samples = Exporter::start(&format!("http://{}/api", world.http)).samples();
    let value = |series: &str| {
        let name = format!("nginxplus_stream_{series}");
        samples.iter().find(|(found, _)| *found == name).unwrap_or_else(|| panic!("{name}: {samples:#?}")).1
    };
    assert_eq!(value("server_zone_connections{server_zone=\"redis\"}"), 4.0);
    assert_eq!(value("server_zone_sessions{code=\"2xx\",server_zone=\"redis\"}"), 3.0);
    assert_eq!(value(&format!("upstream_server_connections{{server=\"{at}\",upstream=\"redis\"}}")), 3.0);
}

#[test]
fn statistics_of_streams_begin_anew() {
    let world = World::new();
    drop(world.ping());
    world.zone("redis", 1);
    for path in ["stream/server_zones/redis", "stream/upstreams/redis", "stream/limit_conns/theirs"] {
        assert_eq!(world.order("DELETE", path, "").0, 204, "{path}");
    }
    assert_eq!(world.zone("redis", 0)["connections"], 0);
    assert_eq!(world.api("stream/limit_conns/theirs")["passed"], 0);
    let held = world.ping();
    let zone = world.zone("redis", 0);
    assert_eq!((&zone["connections"], &zone["processing"]), (&json!(1), &json!(1)));
    let peer = &world.api("stream/upstreams/redis")["peers"][0];
    assert_eq!((&peer["connections"], &peer["active"], &peer["sent"]), (&json!(1), &json!(1), &json!(0)));
    assert!(peer["connect_time"].is_u64(), "times are no counters: {peer}");
    drop(held);
    for (path, code) in [
        ("stream/server_zones/no", "ServerZoneNotFound"),
        ("stream/limit_conns/ours", "LimitConnNotFound"),
        ("stream/upstreams/web", "UpstreamNotFound"),
        ("stream/zone_sync", "PathNotFound"),
    ] {
        let (status, body) = world.order("GET", path, "");
        assert_eq!((status, &body["error"]["code"]), (404, &json!(code)), "{path}");
    }
}

#[test]
fn servers_of_streams_come_change_and_go() {
    let world = World::new();
    let (servers, refusing) = ("stream/upstreams/redis/servers", Refusing::new());
    let first = json!({
        "id": 0, "server": world.redis.address().to_string(), "weight": 1, "max_conns": 7, "max_fails": 1,
        "fail_timeout": "10s", "slow_start": "0s", "backup": false, "down": false
    });
    assert_eq!(world.api(servers), json!([first]));
    let new = format!("{{\"server\": \"{}\", \"down\": true}}", refusing.address());
    let (status, added) = world.order("POST", servers, &new);
    assert_eq!((status, &added["down"]), (201, &json!(true)), "{added}");
    drop(world.ping());
    let own = format!("{servers}/{}", added["id"]);
    assert_eq!(world.order("PATCH", &format!("{servers}/0"), "{\"down\": true}").1["down"], true);
    assert_eq!(world.order("PATCH", &own, "{\"down\": false}").0, 200);
    let mut client = Stream::connect(world.stream).unwrap();
    nothing(&mut client);
    assert_eq!(world.zone("redis", 2)["sessions"]["5xx"], 1);
    for body in ["{\"drain\": true}", "{\"route\": \"a\"}"] {
        let (status, error) = world.order("PATCH", &own, body);
        assert_eq!((status, &error["error"]["code"]), (400, &json!("UpstreamConfFormatError")), "{body}");
    }
    assert_eq!(
        world.order("DELETE", &own, ""),
        (
            200,
            json!([{ "down": true, "id": 0,
        "server": world.redis.address().to_string(), "weight": 1, "max_conns": 7, "max_fails": 1,
        "fail_timeout": "10s", "slow_start": "0s", "backup": false }])
        )
    );
    assert_eq!(world.order("POST", "stream/upstreams/web/servers", &new).0, 404);
}
