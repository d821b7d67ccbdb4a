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
    doc: "HTTP/3 with clients, where `listen` has `http3`: UDP, in addition to TCP from another `listen` at the same address, as in `listen \
          = [\"443 tls http2\", \"443 http3\"]`. Clients connect by TCP first and learn of HTTP/3 from a field: `headers.add.Alt-Svc = \
          'h3=\":443\"; ma=86400'`. For servers at the same address, the values of the default server apply. Limits on heads and timeouts \
          are set as for HTTP/1: by `limit`, `timeout` and `keepalive_requests`. Each worker has its own socket, whatever `reuseport` is. A \
          client whose port changes keeps its connection. A client whose IP address changes is disconnected at its next request and has to \
          connect again, so that address rules hold. On SIGUSR2, existing connections stay with the old process and new ones go to the new \
          process, except with systemd's sockets, which both processes share. After a reload that removes an HTTP/3 address, the port stays \
          in use until the last connection there has ended; a reload that adds the address again before that is refused (\"Address already \
          in use\"), and the configuration stays as it is. Early data (0-RTT) is not supported.",
    keys: &[
        Key {
            name: "max_concurrent_streams",
            kind: Kind::Integer { min: 1, max: 100_000 },
            need: Need::Default("128"),
            nginx: "http3_max_concurrent_streams",
            doc: "The maximum number of requests in flight on a client's connection.",
        },
        Key {
            name: "stream_buffer_size",
            kind: Kind::Size,
            need: Need::Default("\"64k\""),
            nginx: "http3_stream_buffer_size",
            doc: "How much of a request body may arrive before any of it is forwarded, from 1 to 1g. The limit for all bodies of a \
                  connection together is 1m, or this value if it is larger. Of responses, sixteen times this value, but at least 1m, may be \
                  unacknowledged by the client.",
        },
        Key {
            name: "retry",
            kind: Kind::Bool,
            need: Need::Default("false"),
            nginx: "quic_retry",
            doc: "Requires every client to prove its address first (QUIC Retry), which costs a round trip. While very many handshakes are in \
                  progress, this is always required.",
        },
        Key {
            name: "gso",
            kind: Kind::Bool,
            need: Need::Default("true"),
            nginx: "quic_gso",
            doc: "Passes several packets to the kernel in one call (generic segmentation offload), where it supports that.",
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
