//! The table `limit`: how much is allowed.

use crate::key::{Key, Kind, Need, Table};
use crate::reader::Scope;
use crate::{shape, units};

/// How much is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// How large a request body may be; `None`: any size.
    pub body_size: Option<u64>,
    /// What a request's head may take.
    pub head: HeadLimit,
}

/// What a request's head may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadLimit {
    /// Bytes of a line.
    pub line: usize,
    /// Bytes of all lines.
    pub size: usize,
    /// How many fields.
    pub fields: usize,
}

pub(crate) const TABLE: Table = Table {
    name: "limit",
    doc: "How much is allowed.",
    keys: &[
        Key {
            name: "body_size",
            kind: Kind::Either(&[Kind::Size, Kind::Choice { built: &["unlimited"], unbuilt: &[] }]),
            need: Need::Default("\"1m\""),
            nginx: "client_max_body_size",
            doc: "How large a request body may be; a larger one gets 413. \"unlimited\" or 0: any size.",
        },
        Key {
            name: "header_buffers",
            kind: Kind::Integer { min: 1, max: 1024 },
            need: Need::Default("4"),
            nginx: "large_client_header_buffers",
            doc: "How many times `header_buffer_size` a request's head may take; a larger one gets 400. Of a server: locations \
                  are chosen later.",
        },
        Key {
            name: "header_buffer_size",
            kind: Kind::Size,
            need: Need::Default("\"8k\""),
            nginx: "large_client_header_buffers",
            doc: "How long a line of a request's head may be; a longer request line gets 414, another line 400.",
        },
        Key {
            name: "headers",
            kind: Kind::Integer { min: 1, max: 100_000 },
            need: Need::Default("1000"),
            nginx: "max_headers",
            doc: "How many fields a request may have; one with more gets 400.",
        },
    ],
    unbuilt: &["rate", "rate_after", "upstream_rate", "requests", "connections"],
};

impl Limit {
    pub(crate) fn read(scope: &mut Scope<'_>) -> Self {
        let size = scope.read("body_size", |_, value| match value.get_ref().as_str() {
            Some(text) => units::size(text).ok(),
            None => shape::integer(value.get_ref()),
        });
        let number = |value: Option<u64>| value.and_then(|value| usize::try_from(value).ok());
        let line = number(scope.size_if_set("header_buffer_size")).unwrap_or(8 << 10).clamp(64, 16 << 20);
        let buffers = number(scope.integer("header_buffers")).unwrap_or(4);
        let head = HeadLimit {
            line,
            size: line.saturating_mul(buffers),
            fields: number(scope.integer("headers")).unwrap_or(1000),
        };
        Self { body_size: size.filter(|&bytes| bytes > 0), head }
    }
}
