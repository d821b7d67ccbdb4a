//! Whose numbers there are: those of `[admin]`, and of an nginx.conf that has none.

use std::collections::BTreeMap;

use propylon_testkit::gate::Gate;
use propylon_testkit::peer::{Plan, RawPeer};
use propylon_tests::{Client, Exporter, LIMIT, Propylon, address, until};
use serde_json::{Value, json};

use crate::admin_support::{Metrics, ask, get, send};
use crate::support::World;

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
