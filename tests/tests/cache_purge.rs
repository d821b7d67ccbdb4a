//! What removes what is kept: PURGE, conditions, an action of a location, tags, softly, and who may.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use std::net::SocketAddr;

use propylon_tests::{Origin, Propylon, address, raw_request};

const CONFIG: &str = r#"
[cache_zone.main]
ZONE
[defaults.cache]
zone = "main"
key = "$host$request_uri"
valid = "1h"
[defaults.headers]
add_always = { X-Status = "$upstream_cache_status" }
[[server]]
listen = ["LISTEN"]
[[server.location]]
match = "/"
proxy_pass = "http://ORIGIN"
cache.purge = { when = ["$http_x_purge"], allow = ["127.0.0.0/8"] }
[[server.location]]
match = "/simple/"
proxy_pass = "http://ORIGIN"
cache.purge = true
[[server.location]]
match = "/off/"
proxy_pass = "http://ORIGIN"
[[server.location]]
match = "/method/"
proxy_pass = "http://ORIGIN"
cache = { key = "$request_method$host$request_uri", purge = true }
[[server.location]]
match = "/closed/"
proxy_pass = "http://ORIGIN"
cache.purge = { allow = ["192.0.2.1"], token = "secret" }
[[server.location]]
match = "/soft/"
proxy_pass = "http://ORIGIN"
cache = { use_stale = ["error"], purge = { soft = true, allow = ["all"] } }
[[server.location]]
match = "~ ^/purge(/.*)"
purge = { zone = "main", key = "$host$1" }
[[server.location]]
match = "/purge-tags"
purge = { zone = "main", tags = "$arg_tags", allow = ["all"] }
"#;

struct Gateway {
    _gateway: Propylon,
    _origin: Origin,
    at: SocketAddr,
}

impl Gateway {
    fn start(zone: &str) -> Self {
        let (origin, at) = (Origin::start(), address());
        let config =
            CONFIG.replace("LISTEN", &at.to_string()).replace("ORIGIN", &origin.address().to_string());
        Self { _gateway: Propylon::start(&config.replace("ZONE", zone)), _origin: origin, at }
    }

    #[track_caller]
    fn is(&self, line: &str, fields: &str, expected: &str) {
        let fields: String =
            fields.split('|').filter(|field| !field.is_empty()).map(|field| format!("{field}\r\n")).collect();
        let text = format!("{line} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{fields}\r\n");
        let answer = raw_request(self.at, text.as_bytes()).unwrap();
        let cache = answer.head.field("x-status").filter(|status| !status.is_empty());
        let found = cache.map_or(answer.status.to_string(), |cache| format!("{} {cache}", answer.status));
        assert_eq!(found, expected, "{line} {fields:?}: {:?}", answer.head);
    }
}

fn both(test: impl Fn(&Gateway)) {
    for zone in ["", "path = \"@DIR@/cache\""] {
        test(&Gateway::start(zone));
    }
}

#[test]
fn what_is_named_is_gone() {
    both(|gateway| {
        for (line, purge, fields) in [
            ("GET /a", "PURGE /a", ""),
            ("GET /a", "GET /a", "X-Purge: 1"),
            ("GET /simple/a", "PURGE /simple/a", ""),
            ("GET /a", "GET /purge/a", ""),
            ("GET /method/a", "PURGE /method/a", ""),
        ] {
            gateway.is(line, "", "200 MISS");
            gateway.is(line, "", "200 HIT");
            gateway.is(purge, fields, "204");
            gateway.is(purge, fields, "404");
            gateway.is(line, "", "200 MISS");
            gateway.is(purge, fields, "204");
        }
        gateway.is("GET /a", "X-Purge: 0", "200 MISS"); // no order
        gateway.is("PURGE /off/a", "", "200");
    });
}

#[test]
fn many_at_once() {
    both(|gateway| {
        for name in ["/x/a", "/x/b", "/x/c?d", "/y/a"] {
            gateway.is(&format!("GET {name}"), "", "200 MISS");
        }
        gateway.is("PURGE /x/*", "", "204");
        gateway.is("GET /x/a", "", "200 MISS");
        gateway.is("GET /x/c?d", "", "200 MISS");
        gateway.is("GET /y/a", "", "200 HIT");
        gateway.is("GET /purge/y*", "", "204");
        gateway.is("GET /y/a", "", "200 MISS");
    });
}

#[test]
fn by_tags() {
    both(|gateway| {
        gateway.is("GET /a", "X-Reply: Cache-Tag: one, two", "200 MISS");
        gateway.is("GET /b", "X-Reply: Surrogate-Key: two three", "200 MISS");
        gateway.is("GET /c", "X-Reply: Cache-Tag: four", "200 MISS");
        gateway.is("POST /purge-tags?tags=five", "Content-Length: 0", "404");
        gateway.is("POST /purge-tags?tags=one,three", "Content-Length: 0", "204");
        gateway.is("GET /a", "", "200 MISS");
        gateway.is("GET /b", "", "200 MISS");
        gateway.is("GET /c", "", "200 HIT");
    });
}

#[test]
fn who_may() {
    both(|gateway| {
        gateway.is("GET /closed/a", "", "200 MISS");
        gateway.is("PURGE /closed/a", "", "403");
        gateway.is("PURGE /closed/a", "Authorization: Bearer public", "403");
        gateway.is("PURGE /closed/a", "Authorization: Basic secret", "403");
        gateway.is("GET /closed/a", "", "200 HIT");
        gateway.is("PURGE /closed/a", "Authorization: bearer secret", "204");
        gateway.is("GET /closed/a", "", "200 MISS");
    });
}

/// What is purged softly is asked for again, and stands in for an upstream that fails.
#[test]
fn softly() {
    both(|gateway| {
        gateway.is("GET /soft/a", "X-Reply: ETag: \"x\"", "200 MISS");
        gateway.is("GET /soft/a", "", "200 HIT");
        gateway.is("PURGE /soft/a", "", "204");
        gateway.is("GET /soft/a", "X-Do: close", "200 STALE");
        gateway.is("GET /soft/a", "X-Do: status=304", "200 REVALIDATED");
        gateway.is("GET /soft/a", "", "200 HIT");
    });
}

/// The forms that nginx.conf files have.
#[test]
fn as_nginx_confs_have_it() {
    let (origin, at) = (Origin::start(), address());
    let conf = format!(
        "events {{}}
http {{
    proxy_cache_path @DIR@/cache keys_zone=cache_zone:1m;
    map $request_method $purges {{ PURGE 1; default 0; }}
    add_header X-Status $upstream_cache_status;
    server {{
        listen {at};
        location / {{
            proxy_pass http://{0};
            proxy_cache cache_zone;
            proxy_cache_key $uri;
            proxy_cache_valid 1h;
            proxy_cache_purge $purges;
        }}
        location ~ /purge(/.*) {{ proxy_cache_purge cache_zone $1; }}
        location /from/ {{
            proxy_pass http://{0};
            proxy_cache cache_zone;
            proxy_cache_key $uri;
            proxy_cache_valid 1h;
            proxy_cache_purge PURGE from 127.0.0.1;
            location /from/elsewhere/ {{
                proxy_pass http://{0};
                proxy_cache_purge PURGE from 10.0.0.0/8;
            }}
        }}
    }}
}}",
        origin.address()
    );
    let gateway = Gateway { _gateway: Propylon::start_nginx(&conf), _origin: origin, at };
    gateway.is("GET /a", "", "200 MISS");
    gateway.is("GET /a", "", "200 HIT");
    gateway.is("PURGE /a", "", "204");
    gateway.is("GET /a", "", "200 MISS");
    gateway.is("GET /purge/a", "", "204");
    gateway.is("GET /purge/a", "", "404");
    gateway.is("GET /a", "", "200 MISS");
    for (path, purged, then) in [("/from/a", "204", "200 MISS"), ("/from/elsewhere/a", "403", "200 HIT")] {
        gateway.is(&format!("GET {path}"), "", "200 MISS");
        gateway.is(&format!("GET {path}"), "", "200 HIT");
        gateway.is(&format!("PURGE {path}"), "", purged);
        gateway.is(&format!("GET {path}"), "", then);
    }
}
