//! The table `http2`: HTTP/2 with clients, where a `listen` says so.

use toml::de::DeValue;

use crate::effective::Effective;
use crate::key::{Key, Kind, Need, Table};
use crate::reader::{Context, Levels, Scope, Value, below};
use crate::report::Diagnostic;
use crate::{shape, units};

/// HTTP/2 with clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Http2 {
    /// How many requests may be in flight on a connection.
    pub max_concurrent_streams: u32,
    /// Bytes of a request's body that may come before any of it is passed on.
    pub body_preread_size: u32,
    /// Bytes of a response's body in one frame.
    pub chunk_size: usize,
}

pub(crate) const TABLE: Table = Table {
    name: "http2",
    doc: "HTTP/2 with clients, where `listen` has `http2`. For servers at the same address, the values of the default server apply. Limits \
          on heads and timeouts are set as for HTTP/1: by `limit`, `timeout` and `keepalive_requests`.",
    keys: &[
        Key {
            name: "max_concurrent_streams",
            kind: Kind::Integer { min: 1, max: 100_000 },
            need: Need::Default("128"),
            nginx: "http2_max_concurrent_streams",
            doc: "The maximum number of requests in flight on a client's connection.",
        },
        Key {
            name: "body_preread_size",
            kind: Kind::Size,
            need: Need::Default("\"256k\""),
            nginx: "http2_body_preread_size",
            doc: "How much of a request body may arrive before any of it is forwarded: the flow-control window of each stream, from 1 to 2g \
                  - 1. The window for all bodies of a connection together is 1m, or this value if it is larger.",
        },
        Key {
            name: "chunk_size",
            kind: Kind::Size,
            need: Need::Default("\"16k\""),
            nginx: "http2_chunk_size",
            doc: "The maximum size of a frame of a response body, from 1 to 16m - 1, and never more than the client accepts.",
        },
    ],
    unbuilt: &[],
};

/// The largest window (RFC 9113 6.9.1).
const MOST_WINDOW: u64 = (1 << 31) - 1;

/// The largest frame (RFC 9113 4.2).
const MOST_CHUNK: u64 = (1 << 24) - 1;

impl Http2 {
    pub(crate) fn read(cx: &mut Context, levels: &Levels<'_>, effective: &mut Effective) -> Self {
        let scope = &mut Scope::inherited(cx, &TABLE, below(levels, "http2"), effective);
        let streams = scope.integer("max_concurrent_streams").and_then(|streams| u32::try_from(streams).ok());
        let window =
            scope.read("body_preread_size", |cx, value| within(cx, value, MOST_WINDOW, "2147483647"));
        let chunk = scope.read("chunk_size", |cx, value| within(cx, value, MOST_CHUNK, "16777215"));
        Self {
            max_concurrent_streams: streams.unwrap_or(128),
            body_preread_size: window.and_then(|window| u32::try_from(window).ok()).unwrap_or(256 << 10),
            chunk_size: chunk.and_then(|chunk| usize::try_from(chunk).ok()).unwrap_or(16 << 10),
        }
    }
}

/// A size from 1 to `most`.
pub(crate) fn within(cx: &mut Context, value: &Value<'_>, most: u64, text: &str) -> Option<u64> {
    let size = match value.get_ref() {
        DeValue::String(text) => units::size(text).ok(),
        number => shape::integer(number),
    }?;
    if !(1..=most).contains(&size) {
        let diagnostic = Diagnostic::at(value.span(), "the size is out of range");
        cx.push(diagnostic.label(format!("expected a size from 1 to {text}")));
        return None;
    }
    Some(size)
}
