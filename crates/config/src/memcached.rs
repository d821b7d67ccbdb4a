//! The table `memcached`: what memcached is asked for.

use std::num::NonZeroU64;

use propylon_vars::Template;
use toml::de::DeTable;

use crate::effective::Origin;
use crate::key::{Key, Kind, Need, Table};
use crate::reader::{Context, Scope};
use crate::report::Diagnostic;
use crate::settings::Settings;
use crate::source::Span;

/// What memcached is asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Memcached {
    /// The key.
    pub key: Option<Template>,
    /// The flags of values that were compressed.
    pub gzip_flag: Option<NonZeroU64>,
}

pub(crate) const TABLE: Table = Table {
    name: "memcached",
    doc: "The query that `memcached_pass` sends. The tables `timeout`, `retry` (nginx's `not_found` is `http_404`), \
          `buffer` and `error_page` apply as well, and of `upstream` the keys `bind`, `socket_keepalive` and \
          `force_ranges`. Connections are kept alive as `[upstream.NAME]` configures. The Content-Type is derived from the \
          request's path, as for files.",
    keys: &[
        Key {
            name: "key",
            kind: Kind::Template,
            need: Need::Optional,
            nginx: "$memcached_key",
            doc: "The key to query, in the form in which the application stores it: `$uri$is_args$args`. Required with \
                  `memcached_pass`. Blanks, control characters and `%` in it are sent as `%XX`. An empty key gives 500. \
                  Memcached rejects a key longer than 250 bytes; this gives 502 and does not count as a failure of the \
                  server.",
        },
        Key {
            name: "gzip_flag",
            kind: Kind::Integer { min: 0, max: 9_223_372_036_854_775_807 },
            need: Need::Default("0"),
            nginx: "memcached_gzip_flag",
            doc: "A bit mask: values whose flags have any of these bits set are stored compressed. They are sent to the \
                  client as stored, with `Content-Encoding: gzip`. 0: none.",
        },
    ],
    unbuilt: &[],
};

impl Memcached {
    pub(crate) fn read(scope: &mut Scope<'_>) -> Self {
        let gzip_flag = scope.integer("gzip_flag").and_then(NonZeroU64::new);
        Self { key: scope.template("key"), gzip_flag }
    }
}

/// Changes the settings of a location that has `memcached_pass` to what that implies: what is kept there is not kept here again, where it
/// would soon be something else, and parts of a value can be had (nginx). `own`: the location's own table, whose word counts.
pub(crate) fn imply(cx: &mut Context, settings: &mut Settings, own: &DeTable<'_>, pass: Span) {
    let written = settings.effective.find("memcached.key");
    if written.is_none_or(|key| !matches!(key.origin, Origin::Set { .. })) {
        let diagnostic = Diagnostic::error(pass, "`memcached_pass` requires `memcached.key`");
        cx.push(diagnostic.label("expected `memcached.key` in this location, or at an outer level").help(
            "add `memcached.key = \"$uri$is_args$args\"`, or the key that the values are stored under",
        ));
    }
    settings.effective.imply("cache", "zone", "\"off\"", pass);
    settings.cache.zone = None;
    let upstream = own.get("upstream").and_then(|value| value.get_ref().as_table());
    if upstream.is_none_or(|table| !table.contains_key("force_ranges")) {
        settings.effective.imply("upstream", "force_ranges", "true", pass);
        settings.upstream.force_ranges = true;
    }
}
