//! The table `timeout`.

use std::time::Duration;

use crate::key::{Key, Kind, Need, Table};
use crate::reader::Scope;

/// How long to wait, on both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timeout {
    /// For a connection to the upstream.
    pub connect: Duration,
    /// Between two writes to the upstream.
    pub send: Duration,
    /// Between two reads from the upstream.
    pub read: Duration,
    /// For the whole head of a client's request.
    pub client_header: Duration,
    /// Between two reads of a client's body.
    pub client_body: Duration,
    /// Between two writes to a client.
    pub client_send: Duration,
    /// How long an idle client connection is kept; `None`: closed after each response.
    pub keepalive: Option<Duration>,
}

const WAIT: Kind = Kind::Duration { zero: false };

pub(crate) const TABLE: Table = Table {
    name: "timeout",
    doc: "Timeouts. `connect`, `send` and `read` apply to the upstream, the others to the client. Those that apply before a \
          request's server is known (`client_header`, `keepalive`) are taken from the listener's default server.",
    keys: &[
        Key {
            name: "connect",
            kind: WAIT,
            need: Need::Default("\"60s\""),
            nginx: "proxy_connect_timeout",
            doc: "The maximum time to connect to the upstream, including the TLS handshake.",
        },
        Key {
            name: "send",
            kind: WAIT,
            need: Need::Default("\"60s\""),
            nginx: "proxy_send_timeout",
            doc: "The maximum time between two writes to the upstream.",
        },
        Key {
            name: "read",
            kind: WAIT,
            need: Need::Default("\"60s\""),
            nginx: "proxy_read_timeout",
            doc: "The maximum time between two reads from the upstream.",
        },
        Key {
            name: "client_header",
            kind: WAIT,
            need: Need::Default("\"60s\""),
            nginx: "client_header_timeout",
            doc: "The maximum time to receive a request's whole head. Only the value of the address's default server counts; not in locations.",
        },
        Key {
            name: "client_body",
            kind: WAIT,
            need: Need::Default("\"60s\""),
            nginx: "client_body_timeout",
            doc: "The maximum time between two reads of a request body.",
        },
        Key {
            name: "client_send",
            kind: WAIT,
            need: Need::Default("\"60s\""),
            nginx: "send_timeout",
            doc: "The maximum time between two writes to the client.",
        },
        Key {
            name: "keepalive",
            kind: Kind::Duration { zero: true },
            need: Need::Default("\"75s\""),
            nginx: "keepalive_timeout",
            doc: "How long an idle client connection is kept open; \"0\": connections are closed after each response. Over HTTP/2 and HTTP/3, the value of the address's default server counts.",
        },
    ],
    unbuilt: &[],
};

impl Timeout {
    pub(crate) fn read(scope: &mut Scope<'_>) -> Self {
        Self {
            connect: scope.duration("connect"),
            send: scope.duration("send"),
            read: scope.duration("read"),
            client_header: scope.duration("client_header"),
            client_body: scope.duration("client_body"),
            client_send: scope.duration("client_send"),
            keepalive: Some(scope.duration("keepalive")).filter(|limit| !limit.is_zero()),
        }
    }
}
