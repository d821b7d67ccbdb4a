//! A gateway with a zone of either kind.

use std::net::SocketAddr;

use propylon_tests::{Origin, Propylon, RawResponse, address, raw_request};

const CONFIG: &str = r#"
[cache_zone.memory]
[cache_zone.disk]
path = "@DIR@/cache"
[error_log]
path = "@DIR@/error.log"
level = "info"
[log_format]
seen = "$request_uri $status $upstream_cache_status"
[defaults.access_log]
path = "@DIR@/seen.log"
format = "seen"
[defaults.cache]
zone = "ZONE"
key = "$host$request_uri"
[defaults.headers]
add_always = { X-Status = "$upstream_cache_status" }
[[server]]
listen = ["LISTEN"]
[[server.location]]
match = "/"
proxy_pass = "http://ORIGIN"
[[server.location]]
match = "/valid/"
proxy_pass = "http://ORIGIN"
cache.valid = "1h"
[[server.location]]
match = "/lock/"
proxy_pass = "http://ORIGIN"
cache = { valid = "1h", lock = true, lock_timeout = "1h", lock_age = "1h" }
[[server.location]]
match = "/update/"
proxy_pass = "http://ORIGIN"
cache = { use_stale = ["updating"], background_update = true }
"#;

pub(crate) struct Gateway {
    pub(crate) gateway: Propylon,
    pub(crate) at: SocketAddr,
}

impl Gateway {
    pub(crate) fn start(zone: &str, origin: SocketAddr) -> Self {
        let at = address();
        Self { gateway: Propylon::start(&config(zone, at, origin)), at }
    }

    #[track_caller]
    pub(crate) fn ask(&self, line: &str, fields: &str) -> RawResponse {
        raw_request(self.at, &request(line, fields)).unwrap_or_else(|error| panic!("{line}: {error}"))
    }

    /// A request, its status, what the cache did, and which answer came.
    #[track_caller]
    pub(crate) fn is(&self, line: &str, fields: &str, status: u16, cache: &str, number: &str) -> RawResponse {
        let answer = self.ask(line, fields);
        let field = |name: &str| answer.head.field(name).unwrap_or_else(|| "-".to_owned());
        let found = (answer.status, field("x-status"), field("x-number"));
        assert_eq!(
            found,
            (status, cache.to_owned(), number.to_owned()),
            "{line} {fields:?}: {:?}",
            answer.head
        );
        answer
    }
}

pub(crate) fn config(zone: &str, at: SocketAddr, origin: SocketAddr) -> String {
    let text = CONFIG.replace("ZONE", zone).replace("LISTEN", &at.to_string());
    text.replace("ORIGIN", &origin.to_string())
}

pub(crate) fn request(line: &str, fields: &str) -> Vec<u8> {
    let fields: String =
        fields.split('|').filter(|field| !field.is_empty()).map(|field| format!("{field}\r\n")).collect();
    format!("{line} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{fields}\r\n").into_bytes()
}

pub(crate) const FRESH: &str = "X-Reply: Cache-Control: max-age=3600";
pub(crate) const STALE: &str = "X-Reply: Cache-Control: max-age=1|X-Reply: Age: 100|X-Reply: ETag: \"x\"";

pub(crate) fn both_zones(test: impl Fn(&Gateway, &Origin)) {
    for zone in ["memory", "disk"] {
        let origin = Origin::start();
        test(&Gateway::start(zone, origin.address()), &origin);
    }
}
