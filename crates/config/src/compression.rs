//! The table `compression`: which responses are compressed, and how.

use propylon_pattern::Pattern;

use crate::key::{Key, Kind, Need, Table};
use crate::pattern;
use crate::reader::Scope;

/// Which responses are compressed, and how.
#[derive(Clone, Debug, PartialEq)]
pub struct Compression {
    /// The codings, the one that is preferred among equals first; none: nothing is compressed.
    pub codings: Vec<Coding>,
    /// The media types; "*": any.
    pub types: Vec<Box<str>>,
    /// The least length.
    pub min_length: u64,
    /// How hard it tries.
    pub level: u8,
    /// Whether `Vary: Accept-Encoding` is sent.
    pub vary: bool,
    /// What is compressed for proxies, by nginx's names.
    pub proxied: Vec<&'static str>,
    /// Whether HTTP/1.0 gets compressed responses.
    pub http_1_0: bool,
    /// The clients that get none: regexes for `User-Agent`, which the configuration has checked.
    pub disable: Vec<Box<str>>,
}

/// A content coding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Coding {
    /// gzip
    Gzip,
    /// Brotli
    Brotli,
    /// Zstandard
    Zstd,
}

const CODINGS: &[&str] = &["gzip", "br", "zstd"];
const PROXIED: &[&str] =
    &["off", "expired", "no-cache", "no-store", "private", "no_last_modified", "no_etag", "auth", "any"];

pub(crate) const TABLE: Table = Table {
    name: "compression",
    doc: "Compresses responses with status 200, 403 and 404, except those with `no-transform`, event streams, gRPC and responses that are \
          already compressed.",
    keys: &[
        Key {
            name: "codings",
            kind: Kind::List(&Kind::Choice { built: CODINGS, unbuilt: &[] }),
            need: Need::Default("[]"),
            nginx: "gzip",
            doc: "The codings to use. The client's preference decides; among equal ones, the order of this list. []: nothing is compressed.",
        },
        Key {
            name: "types",
            kind: Kind::List(&Kind::Text { hint: "a media type such as \"text/css\", or \"*\"" }),
            need: Need::Default("[\"text/html\"]"),
            nginx: "gzip_types",
            doc: "The media types to compress; \"*\": all.",
        },
        Key {
            name: "min_length",
            kind: Kind::Size,
            need: Need::Default("\"20\""),
            nginx: "gzip_min_length",
            doc: "The minimum length of responses to compress, where the length is known.",
        },
        Key {
            name: "level",
            kind: Kind::Integer { min: 1, max: 9 },
            need: Need::Default("1"),
            nginx: "gzip_comp_level",
            doc: "The compression level: 1 is the fastest, 9 gives the smallest responses.",
        },
        Key {
            name: "vary",
            kind: Kind::Bool,
            need: Need::Default("true"),
            nginx: "gzip_vary",
            doc: "Adds `Vary: Accept-Encoding` to responses that are compressed for some clients. Caches need this.",
        },
        Key {
            name: "proxied",
            kind: Kind::List(&Kind::Choice { built: PROXIED, unbuilt: &[] }),
            need: Need::Default("[\"off\"]"),
            nginx: "gzip_proxied",
            doc: "Which responses are compressed for requests that came through a proxy (`Via`).",
        },
        Key {
            name: "http_version",
            kind: Kind::Choice { built: &["1.1", "1.0"], unbuilt: &[] },
            need: Need::Default("\"1.1\""),
            nginx: "gzip_http_version",
            doc: "The minimum HTTP version of requests whose responses are compressed.",
        },
        Key {
            name: "disable",
            kind: Kind::List(&Kind::Text { hint: "a regular expression for `User-Agent`" }),
            need: Need::Default("[]"),
            nginx: "gzip_disable",
            doc: "Regexes for `User-Agent`, case-insensitive. Clients that match one of them get nothing compressed.",
        },
    ],
    unbuilt: &[],
};

impl Compression {
    pub(crate) fn read(scope: &mut Scope<'_>) -> Self {
        let codings = scope.list("codings", |_, text, _| match text {
            "gzip" => Some(Coding::Gzip),
            "br" => Some(Coding::Brotli),
            "zstd" => Some(Coding::Zstd),
            _ => None,
        });
        let proxied = scope.list("proxied", |_, text, _| PROXIED.iter().find(|name| **name == text).copied());
        let disable = scope.list("disable", |cx, text, span| {
            pattern::check(cx, text, &span, 0, true).then(|| Box::from(text))
        });
        Self {
            codings: codings.unwrap_or_default(),
            types: scope.list("types", |_, text, _| Some(text.into())).unwrap_or_default(),
            min_length: scope.size_if_set("min_length").unwrap_or(u64::MAX),
            level: scope.integer("level").and_then(|level| level.try_into().ok()).unwrap_or(1),
            vary: scope.bool("vary"),
            proxied: proxied.unwrap_or_default(),
            http_1_0: scope.text("http_version").is_some_and(|version| &**version == "1.0"),
            disable: disable.unwrap_or_default(),
        }
    }

    /// The regexes of [`disable`](Self::disable).
    pub fn disabled(&self) -> impl Iterator<Item = Pattern> {
        self.disable.iter().filter_map(|text| Pattern::caseless(text).ok())
    }
}
