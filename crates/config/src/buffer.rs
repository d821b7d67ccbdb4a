//! The table `buffer`: what is kept of bodies on their way.

use crate::key::{Key, Kind, Need, Table};
use crate::reader::Scope;

/// What is kept of bodies on their way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Buffers {
    /// Whether a request body is read whole before the upstream is contacted.
    pub request: bool,
    /// How much of it is kept in memory; more goes to a file.
    pub request_memory: usize,
    /// Whether it is always kept in a file.
    pub request_in_file_only: bool,
}

pub(crate) const TABLE: Table = Table {
    name: "buffer",
    doc: "What is kept of bodies on their way.",
    keys: &[
        Key {
            name: "request",
            kind: Kind::Bool,
            need: Need::Default("true"),
            nginx: "proxy_request_buffering",
            doc: "Whether a request body is read whole before the upstream is contacted, so that it can be sent again; false: \
                  it is passed on as it comes, and a request whose body has begun is not tried again.",
        },
        Key {
            name: "request_memory",
            kind: Kind::Size,
            need: Need::Default("\"16k\""),
            nginx: "client_body_buffer_size",
            doc: "How much of a request body is kept in memory; a larger one is in an unlinked file in `runtime.temp_path`.",
        },
        Key {
            name: "request_in_file_only",
            kind: Kind::Bool,
            need: Need::Default("false"),
            nginx: "client_body_in_file_only clean",
            doc: "Whether each request body is kept in a file, however small.",
        },
    ],
    unbuilt: &[
        "response",
        "header_size",
        "count",
        "size",
        "busy_size",
        "max_temp_file_size",
        "temp_file_write_size",
    ],
};

impl Buffers {
    pub(crate) fn read(scope: &mut Scope<'_>) -> Self {
        let memory = scope.size_if_set("request_memory");
        Self {
            request: scope.bool("request"),
            request_memory: memory.and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(usize::MAX),
            request_in_file_only: scope.bool("request_in_file_only"),
        }
    }
}
