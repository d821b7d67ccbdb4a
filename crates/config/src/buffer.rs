//! The table `buffer`: what is kept of bodies on their way.

use crate::key::{Key, Kind, Need, Table};
use crate::reader::{Scope, Value};
use crate::report::Diagnostic;
use crate::{shape, units};

/// What is kept of bodies on their way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Buffers {
    /// Whether a request body is read whole before the upstream is contacted.
    pub request: bool,
    /// How much of it is kept in memory; more goes to a file.
    pub request_memory: usize,
    /// Whether it is always kept in a file.
    pub request_in_file_only: bool,
    /// Whether responses are read as fast as they come.
    pub response: bool,
    /// How large a response head may be.
    pub header_size: usize,
    /// How many buffers a response has, at least 2.
    pub count: usize,
    /// How many bytes a buffer has.
    pub size: usize,
    /// How much of them is for what is on its way to the client.
    pub busy_size: usize,
    /// How large the file may be; 0: none.
    pub max_temp_file_size: u64,
    /// How much is written to it at once.
    pub temp_file_write_size: usize,
}

pub(crate) const TABLE: Table = Table {
    name: "buffer",
    doc: "Buffering of request and response bodies.",
    keys: &[
        Key {
            name: "request",
            kind: Kind::Bool,
            need: Need::Default("true"),
            nginx: "proxy_request_buffering",
            doc: "Reads the whole request body before contacting the upstream, so that the request can be retried. If false, the body is \
                  forwarded as it arrives, and a request is not retried once its body has begun, unless the body arrived in one piece, as a \
                  short one does with the head.",
        },
        Key {
            name: "request_memory",
            kind: Kind::Size,
            need: Need::Default("\"16k\""),
            nginx: "client_body_buffer_size",
            doc: "How much of a request body is kept in memory. A larger body spills to an unlinked file in `runtime.temp_path`.",
        },
        Key {
            name: "request_in_file_only",
            kind: Kind::Bool,
            need: Need::Default("false"),
            nginx: "client_body_in_file_only clean",
            doc: "Writes every request body to a file, however small it is.",
        },
        Key {
            name: "response",
            kind: Kind::Bool,
            need: Need::Default("true"),
            nginx: "proxy_buffering",
            doc: "Reads a response as fast as the upstream sends it; what the client has not taken yet waits in memory and in an unlinked \
                  file in `runtime.temp_path`. If false, the upstream is slowed down to the client's speed. Either way, data is forwarded as \
                  soon as it arrives. Event streams, gRPC and upgraded connections are never buffered. `X-Accel-Buffering: yes` or `no` \
                  decides for a single response.",
        },
        Key {
            name: "header_size",
            kind: Kind::Size,
            need: Need::Default("\"4k\""),
            nginx: "proxy_buffer_size",
            doc: "The maximum size of a response head; a larger one gives 502.",
        },
        Key {
            name: "count",
            kind: Kind::Integer { min: 2, max: 1_000_000 },
            need: Need::Default("8"),
            nginx: "proxy_buffers (number)",
            doc: "The number of buffers for a response, which uses at most `header_size` plus `count` times `size` of memory.",
        },
        Key {
            name: "size",
            kind: Kind::Size,
            need: Need::Default("\"16k\""),
            nginx: "proxy_buffers (size)",
            doc: "The size of a buffer.",
        },
        Key {
            name: "busy_size",
            kind: Kind::Size,
            need: Need::Optional,
            nginx: "proxy_busy_buffers_size",
            doc: "How much of the buffers may be taken up by data that is being sent to the client. Default: twice the larger of `size` and \
                  `header_size`, as far as there are that many buffers.",
        },
        Key {
            name: "max_temp_file_size",
            kind: Kind::Size,
            need: Need::Default("\"1g\""),
            nginx: "proxy_max_temp_file_size",
            doc: "The maximum size of the temporary file; when it is full, nothing more is read from the upstream until the client has taken \
                  all of it. \"0\": no file.",
        },
        Key {
            name: "temp_file_write_size",
            kind: Kind::Size,
            need: Need::Optional,
            nginx: "proxy_temp_file_write_size",
            doc: "How much is written to the file at once. Default: 64k, or `size` if that is larger.",
        },
    ],
    unbuilt: &[],
};

impl Buffers {
    pub(crate) fn read(scope: &mut Scope<'_>) -> Self {
        let memory = scope.size_if_set("request_memory");
        let mut buffers = Self {
            request: scope.bool("request"),
            request_memory: memory.and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(usize::MAX),
            request_in_file_only: scope.bool("request_in_file_only"),
            response: scope.bool("response"),
            header_size: at_least(scope, "header_size", 128, "enough for a status line and a header field")
                .unwrap_or_default(),
            count: scope.integer("count").and_then(|count| usize::try_from(count).ok()).unwrap_or(2),
            size: at_least(scope, "size", 512, "the smallest useful buffer").unwrap_or(512),
            busy_size: 0,
            max_temp_file_size: scope.size_if_set("max_temp_file_size").unwrap_or_default(),
            temp_file_write_size: 0,
        };
        let most = buffers.size.saturating_mul(buffers.count.saturating_sub(1));
        let largest = buffers.size.max(buffers.header_size);
        buffers.busy_size = busy_size(scope, largest, most);
        let written =
            at_least(scope, "temp_file_write_size", buffers.size, "the size of one buffer (`size`)");
        buffers.temp_file_write_size = written.unwrap_or(64 * 1024).max(buffers.size);
        buffers
    }
}

/// A size that makes no sense below `least`, which is `what`.
fn at_least(scope: &mut Scope<'_>, name: &'static str, least: usize, what: &str) -> Option<usize> {
    scope.read(name, |cx, value| {
        let bytes = size(value)?;
        if bytes < least {
            cx.push(
                Diagnostic::at(value.span(), format!("`{name}` is too small"))
                    .label(format!("expected at least {least} bytes, {what}")),
            );
        }
        Some(bytes.max(least))
    })
}

fn busy_size(scope: &mut Scope<'_>, largest: usize, most: usize) -> usize {
    let written = scope.read("busy_size", |cx, value| {
        let bytes = size(value)?;
        let wrong = if bytes < largest.min(most) {
            format!("expected at least {} bytes, the larger of `size` and `header_size`", largest.min(most))
        } else if bytes > most {
            format!("expected at most {most} bytes, all buffers but one")
        } else {
            return Some(bytes);
        };
        cx.push(Diagnostic::at(value.span(), "`busy_size` is out of range").label(wrong));
        None
    });
    written.unwrap_or_else(|| largest.saturating_mul(2).min(most))
}

fn size(value: &Value<'_>) -> Option<usize> {
    let bytes = match value.get_ref().as_str() {
        Some(text) => units::size(text).ok(),
        None => shape::integer(value.get_ref()),
    };
    usize::try_from(bytes?).ok()
}
