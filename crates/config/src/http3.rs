//! The table `http3`: HTTP/3 with clients, where a `listen` says so.

use crate::effective::Effective;
use crate::http2::within;
use crate::key::{Key, Kind, Need, Table};
use crate::reader::{Context, Levels, Scope, below};

/// HTTP/3 with clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Http3 {
    /// How many requests may be in flight on a connection.
    pub max_concurrent_streams: u32,
    /// Bytes of a request's body that may come before any of it is passed on.
    pub stream_buffer_size: u32,
    /// Whether clients have to show first that they are where they say.
    pub retry: bool,
    /// Whether the kernel cuts what is sent into packets.
    pub gso: bool,
}

pub(crate) const TABLE: Table = Table {
    name: "http3",
    doc: "HTTP/3 with clients, where `listen` says `http3`: UDP, beside the TCP of another `listen` at the same address, as in \
          `listen = [\"443 tls http2\", \"443 http3\"]`. Clients come by TCP first, and are told of it by a field: \
          `headers.add.Alt-Svc = 'h3=\":443\"; ma=86400'`. Of servers at one address, the values of the default server count. What heads \
          may take, and how long clients may, is said where it is for HTTP/1: `limit`, `timeout`, `keepalive_requests`. Each worker has a \
          socket of its own, whatever `reuseport` says. A client that comes from another port keeps its connection; from another IP address \
          it is sent away with its next request, and connects anew, so that rules of addresses hold. With USR2, connections stay with the \
          process that has them, and whoever is new comes to the new one (not with sockets of systemd's, which are one for both). After a \
          reload that takes an address of HTTP/3 away, the port is in use until the last connection there has ended: a reload that brings \
          it back before that is refused (\"Address already in use\"), and the configuration stays as it is. There is no early data (0-RTT).",
    keys: &[
        Key {
            name: "max_concurrent_streams",
            kind: Kind::Integer { min: 1, max: 100_000 },
            need: Need::Default("128"),
            nginx: "http3_max_concurrent_streams",
            doc: "How many requests a client may have in flight on one connection.",
        },
        Key {
            name: "stream_buffer_size",
            kind: Kind::Size,
            need: Need::Default("\"64k\""),
            nginx: "http3_stream_buffer_size",
            doc: "How much of a request's body may come before any of it is passed on, from 1 to 1g. All bodies of a connection together \
                  have 1m, or this if it is more; of responses a client may owe sixteen times as much an acknowledgment, or 1m.",
        },
        Key {
            name: "retry",
            kind: Kind::Bool,
            need: Need::Default("false"),
            nginx: "quic_retry",
            doc: "Whether every client has to show first that it is where it says, which takes a round trip more. While very many \
                  handshakes are under way all have to.",
        },
        Key {
            name: "gso",
            kind: Kind::Bool,
            need: Need::Default("true"),
            nginx: "quic_gso",
            doc: "Whether the kernel may be given several packets in one go, where it can do that.",
        },
    ],
    unbuilt: &[],
};

/// The largest window.
const MOST: u64 = 1 << 30;

impl Http3 {
    pub(crate) fn read(cx: &mut Context, levels: &Levels<'_>, effective: &mut Effective) -> Self {
        let scope = &mut Scope::inherited(cx, &TABLE, below(levels, "http3"), effective);
        let streams = scope.integer("max_concurrent_streams").and_then(|streams| u32::try_from(streams).ok());
        let buffer = scope.read("stream_buffer_size", |cx, value| within(cx, value, MOST, "1073741824"));
        Self {
            max_concurrent_streams: streams.unwrap_or(128),
            stream_buffer_size: buffer.and_then(|buffer| u32::try_from(buffer).ok()).unwrap_or(64 << 10),
            retry: scope.bool("retry"),
            gso: scope.bool("gso"),
        }
    }
}
