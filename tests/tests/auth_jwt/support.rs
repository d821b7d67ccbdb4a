//! A gateway that asks for tokens, and clients with and without one.

use std::fs;
use std::net::SocketAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use propylon_tests::{Origin, Propylon, RawResponse, address, raw_request};

pub(crate) fn get(at: SocketAddr, path: &str, fields: &str) -> RawResponse {
    let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{fields}\r\n");
    raw_request(at, request.as_bytes()).unwrap_or_else(|error| panic!("{request}: {error}"))
}

pub(crate) fn bear(at: SocketAddr, path: &str, token: &str) -> RawResponse {
    get(at, path, &format!("Authorization: Bearer {token}\r\n"))
}

/// Seconds since 1970, so far from now.
pub(crate) fn in_seconds(seconds: i64) -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    i64::try_from(now).unwrap() + seconds
}

pub(crate) const OTHERS: &str = "Bearer realm=\"closed site\", error=\"invalid_token\"";

/// A gateway on one worker, with these keys in a file, and these tables and keys of its server.
pub(crate) fn gateway(keys: &str, tables: &str, server: &str, origin: &Origin) -> (Propylon, SocketAddr) {
    let at = address();
    let gateway = Propylon::start(&format!(
        r#"
[runtime]
workers = 1
[log_format]
line = '$uri $status $jwt_claim_sub'
{tables}
[[server]]
listen = ["{at}"]
access_log = {{ path = "@DIR@/access.log", format = "line" }}
auth_jwt = {{ realm = "closed site", key_file = ["@DIR@/keys.json"] }}
headers.set = {{ X-Sub = "$jwt_claim_sub", X-Email = "$email", X-Key = "$jwt_header_kid", X-All = "$jwt_payload" }}
{server}
[[server.location]]
match = "/"
proxy_pass = "http://{}"
"#,
        origin.address()
    ));
    fs::write(gateway.path("keys.json"), keys).unwrap();
    (gateway, at)
}

pub(crate) const EMAIL: &str = "[jwt_claim_set]\nemail = [\"info\", \"e-mail\"]";
