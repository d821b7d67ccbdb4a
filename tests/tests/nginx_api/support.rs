//! A gateway that is asked, and what it says.

use std::net::SocketAddr;

use propylon_testkit::peer::RawPeer;
use propylon_tests::{Propylon, address};
use serde_json::Value;

use crate::admin_support::{ask, get, peer, send};

/// A gateway with something of everything, and two peers.
pub(crate) struct World {
    pub(crate) listen: SocketAddr,
    pub(crate) admin: SocketAddr,
    pub(crate) a: RawPeer,
    pub(crate) b: RawPeer,
    pub(crate) gateway: Propylon,
    pub(crate) config: String,
}

impl World {
    pub(crate) fn new() -> Self {
        let (listen, admin, a, b) = (address(), address(), peer("a"), peer("b"));
        let config = format!(
            r#"
[runtime]
workers = 2
[error_log]
path = "@DIR@/error.log"
level = "info"
[admin]
listen = "{admin}"
[keyval_zone.one]
timeout = "1h"
[keyval.found]
key = "$arg_key"
zone = "one"
[cache_zone.main]
[limit_zone.often]
key = "$arg_often"
rate = "1r/m"
[limit_zone.once]
key = "$arg_once"
[upstream.app]
queue = {{ size = 3 }}
server = [{{ address = "{}", route = "r" }}, {{ address = "{}", backup = true }}]

[[server]]
listen = ["{listen}"]
name = ["site", "_", "*.wild"]
status_zone = "front"
[[server.location]]
match = "/"
proxy_pass = "http://app"
status_zone = "root"
[[server.location.location]]
match = "/uncounted"
status_zone = "off"
return = [204]
[[server.location.location]]
match = "/inner"
return = [403]
[[server.location]]
match = "/moved"
error_page.pages = [{{ codes = [404], uri = "/inner" }}]
status_zone = "moved"
return = [404]
[[server.location]]
match = "/cached"
proxy_pass = "http://app"
cache = {{ zone = "main", key = "$uri", valid = {{ any = "1h" }} }}
[[server.location]]
match = "/often"
limit.requests = [{{ zone = "often" }}]
limit.requests_status = 429
proxy_pass = "http://app"
[[server.location]]
match = "/dry"
limit.requests = [{{ zone = "often", burst = 1 }}]
limit.requests_dry_run = true
proxy_pass = "http://app"
[[server.location]]
match = "/key"
return = [200, "<$found>"]
[[server.location]]
match = "/look"
api = {{}}
[[server.location]]
match = "/elsewhere"
rewrite = [["^/elsewhere/(.*)", "/$1", "break"]]
api = {{}}
[[server.location]]
match = "/api/"
api = {{ write = true }}
"#,
            a.addr(),
            b.addr()
        );
        Self { listen, admin, a, b, gateway: Propylon::start(&config), config }
    }

    pub(crate) fn api(&self, path: &str) -> Value {
        get(self.listen, &format!("/api/9/{path}"))
    }

    pub(crate) fn order(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let asked = ask(self.listen, method, &format!("/api/9/{path}"), body);
        let has_body = asked.field("content-length").is_some_and(|length| length != "0");
        (asked.status, if has_body { asked.json() } else { Value::Null })
    }

    pub(crate) fn sends(&self, path: &str) -> u16 {
        send(self.listen, "site", path).0
    }

    pub(crate) fn refuses(&self, method: &str, path: &str, body: &str, status: u16, code: &str) {
        let (found, json) = self.order(method, path, body);
        let error = &json["error"];
        assert_eq!((found, error["code"].as_str()), (status, Some(code)), "{method} {path} {body}: {json}");
        assert_eq!(error["status"], status);
        assert!(error["text"].as_str().is_some_and(|text| !text.is_empty()));
    }
}
