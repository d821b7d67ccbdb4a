//! What applications that are asked in terms of CGI saw, behind the gateway and behind nginx.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

use std::net::SocketAddr;

use propylon_tests::{Pair, lossy, raw_request};
use regex::Regex;

const FIELDS: &str =
    "Host: a.test\r\nProxy: x\r\nX-Test: a, b\r\nCookie: a=1; b=2\r\nx_odd: 1\r\nX_Role: admin\r\n";

/// Fields that are each server's own.
const OWN: [&str; 5] = ["date", "server", "connection", "transfer-encoding", "etag"];

/// Requests with these lines (`GET /a?b`), all with the same fields, and with bodies of all kinds to `path`. `password`: whether one is
/// shown, too.
pub(crate) fn requests(
    path: &str,
    lines: impl IntoIterator<Item = String>,
    password: bool,
) -> impl Iterator<Item = String> {
    let fields = if password { format!("{FIELDS}Authorization: Basic YTpi\r\n") } else { FIELDS.to_owned() };
    let post = format!("POST {path}?a=1 HTTP/1.1\r\n{fields}Content-Type: text/x\r\n");
    let bodies = [
        "Content-Length: 3\r\n\r\nx=y",
        "Content-Length: 0\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n3\r\nx=y\r\n0\r\n\r\n",
    ];
    let old = format!("GET {path} HTTP/1.0\r\n\r\n");
    let asked = lines.into_iter().map(move |line| format!("{line} HTTP/1.1\r\n{fields}\r\n"));
    asked.chain(bodies.map(|body| format!("{post}{body}"))).chain([old])
}

/// Checks that all of them are answered alike by both. Apart from that are lines of the body that this regex is found in, and these fields.
pub(crate) fn alike(pair: &Pair, requests: impl Iterator<Item = String>, lines: &Regex, fields: &[&str]) {
    for request in requests {
        let [ours, theirs] = pair.at.map(|at| comparable(at, &request, lines, fields));
        assert_eq!(ours, theirs, "{request}: left is propylon, right is nginx");
    }
}

/// What is the same before both: status, fields, and what the application saw.
fn comparable(
    at: SocketAddr,
    request: &str,
    apart: &Regex,
    more: &[&str],
) -> (String, Vec<(String, String)>, Vec<String>) {
    let answer = raw_request(at, request.as_bytes()).unwrap();
    // What is kept has a length and an age here.
    let kept: &[&str] = if answer.head.field("age").is_some() { &["age", "content-length"] } else { &[] };
    let own = |name: &str| OWN.iter().chain(more).chain(kept).any(|own| *own == name);
    let fields = answer.head.fields().into_iter().filter(|(name, _)| !own(name));
    let mut fields: Vec<_> = fields.map(|(name, value)| (name, lossy(&value))).collect();
    fields.sort();
    let text = answer.text();
    let mut lines: Vec<_> = text.lines().filter(|line| !apart.is_match(line)).map(str::to_owned).collect();
    lines.sort();
    (lossy(answer.head.start_line()), fields, lines)
}
