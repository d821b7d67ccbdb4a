//! Peers, and a gateway before them.

use std::net::SocketAddr;

use propylon_testkit::peer::{Plan, RawPeer};
use propylon_tests::{LIMIT, Propylon, raw_request, until};

pub(crate) const GOOD: &str = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood";

pub(crate) fn numbered(n: usize) -> RawPeer {
    RawPeer::tcp(move |_| {
        Plan::new().answer(move |_| format!("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{n}")).forever()
    })
}

pub(crate) fn one(listen: SocketAddr, retry: &str, servers: &str, more: &str) -> Propylon {
    Propylon::start(&format!(
        "{more}\n[error_log]\npath = \"@DIR@/error.log\"\nlevel = \"info\"\n[upstream.u]\nserver = [{servers}]\n\
         [[server]]\nlisten = [\"{listen}\"]\n[[server.location]]\nmatch = \"/\"\nproxy_pass = \"http://u\"\n{retry}\n"
    ))
}

/// Waits for a line in the error log.
pub(crate) fn says(gateway: &Propylon, text: &str) {
    until(text, LIMIT, || gateway.error_log().contains(text).then_some(()));
}

pub(crate) fn get(listen: SocketAddr) -> (u16, String) {
    let answer = raw_request(listen, b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
    (answer.status, String::from_utf8_lossy(&answer.body).into_owned())
}
