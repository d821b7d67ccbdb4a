//! Names that `http` and `stream` both have.

use propylon_config::{Destination, StreamPass};

use crate::{converted, load, notes};

const TWICE: &str = "
    stream {
        log_format main '$protocol $kind'; log_format same '$status'; log_format combined '$status $host';
        map $ssl_preread_server_name $kind { default web; a.test $host; }
        map $ssl_preread_server_name $host { default x; }
        map $remote_addr $both { default y; }
        limit_conn_zone $kind zone=other:1m;
        upstream WEB { server 127.0.0.1:2; }
        upstream db { server 127.0.0.1:3; }
        server { listen 1; proxy_pass $kind; access_log a.log main; access_log b.log same; access_log c.log combined; limit_conn other 1; }
        server { listen 2; proxy_ssl on; proxy_pass web; access_log d.log main if=$both; }
        server { listen 3; proxy_pass db; }
    }";

const HTTP: &str = "
    http {
        log_format main '$request'; log_format same '$status';
        map $http_x $kind { default 1; }
        map $remote_addr $both { default y; }
        limit_req_zone $kind zone=other:1m rate=1r/s;
        upstream web { server 127.0.0.1:1; }
        server { listen 80; location / { proxy_pass http://web; } }
    }";

#[test]
fn names_that_http_has_too() {
    for text in [format!("{TWICE}{HTTP}"), format!("{HTTP}{TWICE}")] {
        let config = load(&text);
        let mut upstreams: Vec<_> = config.upstreams.keys().map(|name| &**name).collect();
        upstreams.sort_unstable();
        assert_eq!(upstreams, ["db", "stream_WEB", "web"]);
        let pass = |at: usize| config.streams[at].pass().unwrap();
        assert!(matches!(pass(0), StreamPass::Dynamic { target, .. } if target.source() == "$stream_kind"));
        let web = Destination::Upstream("stream_WEB".into());
        assert_eq!(*pass(1), StreamPass::Static { secure: true, to: web });
        assert_eq!(pass(2).upstream(), Some("db"));
        assert_eq!(config.formats["stream_main"].template.source(), "$protocol $stream_kind");
        assert_eq!(config.formats["stream_combined"].template.source(), "$status $stream_host");
        assert!(!config.formats.contains_key("stream_same"));
        let logs = config.streams[0].settings.access_logs.iter().map(|log| &*log.format.name);
        assert_eq!(logs.collect::<Vec<_>>(), ["stream_main", "same", "stream_combined"]);
        assert_eq!(&*config.streams[0].settings.limit.connections[0].zone.name, "stream_other");
        let log = &config.streams[1].settings.access_logs[0];
        assert_eq!(log.condition.as_ref().map(|when| when.source()), Some("$both"));
        let toml = converted(&text).toml().to_owned();
        assert!(
            toml.contains("values.\"a.test\" = \"$stream_host\"")
                && toml.contains("default = \"stream_WEB\""),
            "{toml}"
        );
        let server = &config.servers[0].locations[0];
        assert!(format!("{:?}", server.action).contains("Upstream(\"web\")"));
    }
    let told = notes(&format!("{TWICE}{HTTP}"));
    let told: Vec<_> = told.iter().filter(|note| note.contains("the name is used in `http`")).collect();
    assert_eq!(told.len(), 6, "{told:#?}");
    assert!(told[0].starts_with("log_format Different: renamed to `stream_"), "{told:#?}");
}

/// What says the same says something else once what it names has another name.
#[test]
fn names_that_new_names_tell_apart() {
    let same = "map $remote_addr $to { default web; } map $remote_addr $by_name { default $backend; }
        map $remote_addr $alike { default a; } log_format line '$status $backend'; log_format alike '$alike';";
    let streams = format!(
        "stream {{ {same} map $remote_port $backend {{ default WEB; }} upstream web {{ server 127.0.0.1:2; }}
         server {{ listen 1; proxy_pass $to; access_log a.log line; access_log b.log alike; }}
         server {{ listen 2; proxy_pass $by_name; access_log c.log line if=$alike; }} }}"
    );
    let http = format!(
        "http {{ {same} map $http_x $backend {{ default web; }} upstream web {{ server 127.0.0.1:1; }}
         server {{ listen 80; access_log d.log line; location / {{ proxy_pass http://$to; }} location /b {{ proxy_pass http://$by_name; }} }} }}"
    );
    for text in [format!("{streams}{http}"), format!("{http}{streams}")] {
        let config = load(&text);
        let targets = config.streams.iter().map(|stream| match stream.pass() {
            Some(StreamPass::Dynamic { target, .. }) => target.source(),
            other => panic!("{other:?}"),
        });
        assert_eq!(targets.collect::<Vec<_>>(), ["$stream_to", "$stream_by_name"]);
        let logs = config.streams.iter().flat_map(|stream| &stream.settings.access_logs);
        let logs: Vec<_> = logs.map(|log| (&*log.format.name, log.format.template.source())).collect();
        let line = ("stream_line", "$status $stream_backend");
        assert_eq!(logs, [line, ("alike", "$alike"), line]);
        let toml = converted(&text).toml().to_owned();
        for part in [
            "[map.stream_to]\nkey = \"$remote_addr\"\ndefault = \"stream_web\"",
            "[map.stream_by_name]\nkey = \"$remote_addr\"\ndefault = \"$stream_backend\"",
            "[map.stream_backend]\nkey = \"$remote_port\"\ndefault = \"stream_web\"",
            "[map.to]\nkey = \"$remote_addr\"\ndefault = \"web\"",
            "[map.by_name]\nkey = \"$remote_addr\"\ndefault = \"$backend\"",
        ] {
            assert!(toml.contains(part), "{part}: {toml}");
        }
        assert!(!toml.contains("stream_alike"), "{toml}");
    }
}

/// `http` defines what streams have of themselves: each has its own.
#[test]
fn names_that_streams_have_of_themselves() {
    let config = load(
        "http {
            map $scheme $protocol { default s; } log_format same '$protocol';
            server { listen 80; set $session_time soon; return 200 $protocol$session_time; access_log a.log same; }
        }
        stream {
            map $protocol $kind { TCP 1; } log_format b '$remote_addr $protocol $session_time $kind'; log_format same '$protocol';
            server { listen 90; proxy_pass 127.0.0.1:1; access_log b.log b; access_log c.log same; }
        }",
    );
    let logs = config.streams[0].settings.access_logs.iter();
    let logs: Vec<_> = logs.map(|log| (&*log.format.name, log.format.template.source())).collect();
    assert_eq!(logs, [("b", "$remote_addr $protocol $session_time $kind"), ("same", "$protocol")]);
}

#[test]
fn variables_that_are_looked_up_elsewhere() {
    let stream = "stream {
        keyval_zone zone=pools:1m; keyval $remote_addr $pool zone=pools;
        geoip2 /a/Country.mmdb { $country default=XX country iso_code; } geoip2_proxy 10.0.0.0/8;
        geoip2 /a/City.mmdb { $city city names en; }
        server { listen 1; proxy_pass $pool; access_log a.log a; } log_format a '$country $city';
    }";
    let config = load(stream);
    assert!(config.keyval_zones.contains_key("pools"));
    assert_eq!(config.geoip_databases.keys().map(|name| &**name).collect::<Vec<_>>(), ["Country", "City"]);
    assert_eq!(config.streams[0].settings.access_logs.len(), 1);
    let http = "http {
        keyval_zone zone=pools:2m; keyval $uri $pool zone=pools;
        geoip2 /a/Country.mmdb { $country default=XX country iso_code; } geoip2_proxy 10.0.0.0/8;
        geoip2 /b/City.mmdb { $city city names en; }
        server { listen 2; add_header A $pool$city; return 204; }
    }";
    let converted = converted(&format!("{http}{stream}"));
    let config =
        converted.load().unwrap_or_else(|problems| panic!("{}\n{}", problems[0], converted.toml())).config;
    assert_eq!(config.geoip_databases.len(), 3, "{}", converted.toml());
    let mut databases: Vec<_> = config.geoip.iter().map(|variable| &*variable.database.name).collect();
    databases.sort_unstable();
    assert_eq!(databases, ["City", "Country", "stream_City"], "the country is one for both");
    let toml = converted.toml();
    for part in [
        "[keyval.stream_pool]\nkey = \"$remote_addr\"\nzone = \"stream_pools\"\n",
        "[geoip.stream_city]\ndatabase = \"stream_City\"\n",
        "proxy_pass = \"$stream_pool\"",
        "a = \"$country $stream_city\"",
    ] {
        assert!(toml.contains(part), "{part}: {toml}");
    }
}

/// What `http` sets elsewhere than in a map, and what says so.
const SET: [&str; 9] = [
    "server { listen 80; set $kind 1; return 200 $kind; }",
    "server { listen 80; location / { if ($http_x ~ ^(?<KIND>.)) { return 200 $kind; } } }",
    "server { listen 80; location ~ ^/(?<kind>[^/]+) { return 200 $kind; } }",
    "server { listen 80; location / { if ($http_x) { set $kind 1; add_header A $kind; } proxy_cookie_path ~(?<other>.) /$other; proxy_pass http://127.0.0.1:1; } }",
    "server { listen 80; server_name ~^(?<kind>.+)$; return 200 $kind; }",
    "server { listen 80; rewrite ^/(?<kind>.*) /x/$kind last; }",
    "server { listen 80; auth_request /a; auth_request_set $kind $upstream_status; add_header A $kind; }",
    "map $http_x $mapped { ~^(?<kind>.) $kind; } server { listen 80; return 200 $mapped$kind; }",
    "auth_jwt_claim_set $Kind kind; server { listen 80; add_header A $kind; }",
];

#[test]
fn names_that_http_sets() {
    const STREAM: &str = "stream { map $remote_addr $kind { default x; } log_format line '$kind';
        server { listen 90; proxy_pass $kind:1; access_log a.log line; } }";
    for http in SET {
        for text in [format!("http {{ {http} }} {STREAM}"), format!("{STREAM} http {{ {http} }}")] {
            let config = load(&text);
            assert_eq!(config.formats["line"].template.source(), "$stream_kind", "{http}");
            let told = notes(&text);
            assert_eq!(
                told.iter().filter(|note| note.contains("renamed to `stream_kind`")).count(),
                1,
                "{told:#?}"
            );
        }
    }
}

/// Streams set names too, by the groups of maps: what only maps of `http` and tokens have changes, or is built in.
#[test]
fn names_that_streams_set() {
    const STREAM: &str = r"stream { map $ssl_preread_server_name $to { ~^\(?<kind>(?<kind>.)(?P<kind_2>.) $kind$kind_2; ~(?'Kind'.)$ $kind; default $kind; }
        server { listen 90; ssl_preread on; proxy_pass $to:1; } }";
    let of_stream = |text: &str| {
        load(text);
        let toml = converted(text).toml().to_owned();
        toml.split_once("[map.to]\n").unwrap().1.split("\n\n").next().unwrap().to_owned()
    };
    let all_new = of_stream(&format!(
        "{STREAM} http {{ map $http_x $kind {{ default 1; }} map $http_x $stream_kind {{ default 1; }} server {{ listen 80; return 200 $kind; }} }}"
    ));
    for part in [
        r"~^\(?<kind>(?<stream_stream_kind>.)(?P<kind_2>.)",
        "~(?'stream_stream_kind'.)$",
        "\"$stream_stream_kind$kind_2\"",
        "default = \"$stream_stream_kind\"",
    ] {
        assert!(all_new.contains(part), "{part}: {all_new}");
    }
    let token = "auth_jwt_claim_set $kind kind; server { listen 80; add_header A $kind; }";
    assert!(of_stream(&format!("{STREAM} http {{ {token} }}")).contains("(?<stream_kind>."));
    // Each connection and each request has its own.
    let both = "server { listen 80; location ~ ^/(?<kind>.) { return 200 $kind; } }";
    assert!(of_stream(&format!("http {{ {both} }} {STREAM}")).contains(r"~^\(?<kind>(?<kind>.)"));
    let built_in = "stream { map $ssl_preread_server_name $to { ~^(?<host>.) $host; }
        server { listen 90; ssl_preread on; proxy_pass $to:1; } }";
    assert!(of_stream(built_in).contains("= \"$stream_host\""));
}
