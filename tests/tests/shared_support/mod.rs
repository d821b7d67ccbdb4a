//! Gateways with a zone that is shared, and what is asked of them.
#![allow(dead_code, reason = "each of them uses a part of this")]

use std::net::SocketAddr;

use propylon_tests::{LIMIT, Origin, Propylon, RawResponse, address, raw_request, until};
use serde_json::Value;

use crate::admin_support::get;

/// For tests in which nothing fails: a busy machine is no fault.
pub(crate) const PATIENT: &str =
    "timeout = \"20s\"\nbackground_timeout = \"20s\"\npoll = \"50ms\"\npause = \"100ms\"\n";

/// For tests in which something does.
pub(crate) const QUICK: &str =
    "timeout = \"1s\"\nbackground_timeout = \"1s\"\npoll = \"50ms\"\npause = \"100ms\"\n";

const CONFIG: &str = r#"
[runtime]
workers = 2
[error_log]
path = "@DIR@/error.log"
level = "info"
[admin]
listen = ["ADMIN"]
[cache_zone.main]
ZONE
[defaults.cache]
zone = "main"
key = "$host$uri"
valid = "1h"
lock_timeout = "20s"
[defaults.headers]
add_always = { X-Status = "$upstream_cache_status" }
[[server]]
listen = ["LISTEN"]
[[server.location]]
match = "/"
proxy_pass = "http://ORIGIN"
cache = { purge = true, use_stale = ["error"] }
[[server.location]]
match = "/soft/"
proxy_pass = "http://ORIGIN"
cache = { purge = { soft = true }, use_stale = ["error"] }
[[server.location]]
match = "/purge-tags"
purge = { zone = "main", tags = "$arg_tags" }
"#;

/// A zone's key `redis`.
pub(crate) fn zone(url: &str, more: &str) -> String {
    format!("[cache_zone.main.redis]\nurl = \"{url}\"\n{more}")
}

pub(crate) struct Gateway {
    gateway: Propylon,
    at: SocketAddr,
    pub(crate) admin: SocketAddr,
}

impl Gateway {
    pub(crate) fn start(origin: &Origin, zone: &str) -> Self {
        let (at, admin) = (address(), address());
        Self { gateway: Propylon::start(&config(origin, zone, at, admin)), at, admin }
    }

    pub(crate) fn reload(&self, origin: &Origin, zone: &str) {
        self.gateway.put_to_use(&config(origin, zone, self.at, self.admin));
    }

    pub(crate) fn ask(&self, line: &str, fields: &str) -> RawResponse {
        let fields: String =
            fields.split('|').filter(|field| !field.is_empty()).map(|field| format!("{field}\r\n")).collect();
        let text = format!("{line} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{fields}\r\n");
        raw_request(self.at, text.as_bytes()).unwrap()
    }

    /// The status, and what the cache had to do with it.
    pub(crate) fn said(&self, line: &str, fields: &str) -> (String, RawResponse) {
        let answer = self.ask(line, fields);
        let cache = answer.head.field("x-status").filter(|status| !status.is_empty());
        let found = cache.map_or(answer.status.to_string(), |cache| format!("{} {cache}", answer.status));
        (found, answer)
    }

    #[track_caller]
    pub(crate) fn is(&self, line: &str, fields: &str, expected: &str) -> RawResponse {
        let (found, answer) = self.said(line, fields);
        assert_eq!(found, expected, "{line} {fields:?}: {:?}\n{}", answer.head, self.gateway.error_log());
        answer
    }

    /// Waits until this is so.
    #[track_caller]
    pub(crate) fn becomes(&self, line: &str, fields: &str, expected: &str) {
        until(&format!("{line}: {expected}"), LIMIT, || {
            (self.said(line, fields).0 == expected).then_some(())
        });
    }

    /// How it and the server get on.
    pub(crate) fn tier(&self) -> Value {
        get(self.admin, "/api/v1/caches/main")["shared"].clone()
    }

    /// Waits until it has sent so many responses there.
    #[track_caller]
    pub(crate) fn keeps(&self, count: usize) {
        until("it is kept there", LIMIT, || (self.tier()["stores"]["stored"] == count).then_some(()));
    }

    /// Waits until it and the server get on, or do not.
    #[track_caller]
    pub(crate) fn is_up(&self, up: bool) {
        until("it is up, or not", LIMIT, || (self.tier()["up"] == up).then_some(()));
    }

    pub(crate) fn tells(&self, text: &str) -> String {
        self.gateway.tells(text)
    }

    /// How often its error log has this.
    pub(crate) fn told(&self, text: &str) -> usize {
        self.gateway.error_log().matches(text).count()
    }
}

fn config(origin: &Origin, zone: &str, at: SocketAddr, admin: SocketAddr) -> String {
    let (origin, at, admin) = (origin.address().to_string(), at.to_string(), admin.to_string());
    CONFIG.replace("LISTEN", &at).replace("ORIGIN", &origin).replace("ADMIN", &admin).replace("ZONE", zone)
}
