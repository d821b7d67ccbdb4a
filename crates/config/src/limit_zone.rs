//! The tables `limit_zone.NAME`: what is counted for each key, by all workers together.

use std::sync::Arc;

use propylon_vars::Template;
use toml::de::DeTable;

use crate::config::Config;
use crate::key::{Key, Kind, Need, Table};
use crate::nearest::nearest;
use crate::reader::{Context, Scope, Value};
use crate::report::Diagnostic;
use crate::source::{Span, Spanned};

/// What is counted for each key.
#[derive(Clone, Debug)]
pub struct LimitZone {
    /// Its name.
    pub name: Box<str>,
    /// What is counted apart.
    pub key: Template,
    /// How much memory it takes, in bytes.
    pub size: u64,
    /// How many requests a key may send; none: those that are served at once are counted.
    pub rate: Option<RequestRate>,
    /// Where it is written.
    pub span: Span,
}

impl Config {
    /// Whether a stream has its connections counted by this zone.
    #[must_use]
    pub fn limits_streams(&self, zone: &str) -> bool {
        self.streams.iter().any(|stream| stream.settings.limit.counts_in(zone))
    }

    /// Whether a server or a location has its requests counted by this zone.
    #[must_use]
    pub fn limits_http(&self, zone: &str) -> bool {
        let mut servers = self.servers.iter().map(|server| &server.settings.limit);
        servers.any(|limit| limit.counts_in(zone))
            || self.locations().any(|location| location.settings.limit.counts_in(zone))
    }
}

impl PartialEq for LimitZone {
    fn eq(&self, other: &Self) -> bool {
        let Self { name, key, size, rate, span: _ } = self;
        (name, key, size, rate) == (&other.name, &other.key, &other.size, &other.rate)
    }
}

/// How many requests a key may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestRate {
    /// So many.
    pub requests: u32,
    /// Each minute, not each second.
    pub minute: bool,
}

/// The smallest zone that nginx takes.
const LEAST: u64 = 32 << 10;

pub(crate) const KIND: Kind = Kind::Names(&Kind::Table(&TABLE));

const TABLE: Table = Table {
    name: "limit_zone.NAME",
    doc: "A zone that counts requests per key, shared by all workers: the request rate if `rate` is set, otherwise the \
          requests in flight. `limit.requests` and `limit.connections` refer to it by name. The counts survive a reload \
          unless `key` or `size` changes.",
    keys: &[
        Key {
            name: "key",
            kind: Kind::Template,
            need: Need::Required,
            nginx: "limit_req_zone, limit_conn_zone",
            doc: "The key to count by, such as \"$binary_remote_addr\". Requests with an empty key are not counted.",
        },
        Key {
            name: "size",
            kind: Kind::Size,
            need: Need::Default("\"10m\""),
            nginx: "limit_req_zone zone=, limit_conn_zone zone=",
            doc: "The maximum memory of the zone, 32k or more; 1m holds 8,192 keys. When it is full, a zone with a `rate` \
                  evicts the least recently used key; a zone without one refuses requests with new keys.",
        },
        Key {
            name: "rate",
            kind: Kind::Text { hint: "\"10r/s\" or \"30r/m\"" },
            need: Need::Optional,
            nginx: "limit_req_zone rate=",
            doc: "The request rate allowed per key: \"10r/s\" (per second) or \"30r/m\" (per minute).",
        },
    ],
    unbuilt: &[],
};

/// Reads all zones.
pub(crate) fn read(cx: &mut Context, table: Option<&DeTable<'_>>) {
    for (name, value) in table.into_iter().flatten() {
        match zone(cx, name.get_ref(), cx.span(name.span()), value) {
            Some(zone) => drop(cx.limit_zones.insert(name.get_ref().as_ref().into(), Arc::new(zone))),
            None => cx.broken.push(name.get_ref().as_ref().into()),
        }
    }
}

fn zone(cx: &mut Context, name: &str, span: Span, value: &Value<'_>) -> Option<LimitZone> {
    let table = value.get_ref().as_table()?;
    let mut scope = Scope::alone(cx, &TABLE, Some(table));
    let size = scope.size_if_set("size").unwrap_or_default();
    if size < LEAST
        && let Some(written) = table.get("size")
    {
        let diagnostic = Diagnostic::at(written.span(), "this zone is too small");
        scope.cx.push(diagnostic.label("expected \"32k\" or more"));
    }
    let rate = match scope.text("rate") {
        None => None,
        Some(text) => Some(rate(scope.cx, &text)?),
    };
    Some(LimitZone { name: name.into(), key: scope.template("key")?, size, rate, span })
}

fn rate(cx: &mut Context, text: &Spanned<Box<str>>) -> Option<RequestRate> {
    let (number, minute) = match (text.strip_suffix("r/s"), text.strip_suffix("r/m")) {
        (Some(number), _) => (number, false),
        (_, Some(number)) => (number, true),
        _ => ("", false),
    };
    let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let requests = number.parse().ok().filter(|requests| digits && *requests > 0);
    if requests.is_none() {
        let diagnostic = Diagnostic::error(text.span, format!("invalid rate `{}`", text.escape_debug()));
        cx.push(
            diagnostic
                .label("expected a number of requests per second or minute, such as \"10r/s\" or \"30r/m\""),
        );
    }
    Some(RequestRate { requests: requests?, minute })
}

/// The zone with this name, that is for requests by their rate or for those at once.
pub(crate) fn find(cx: &mut Context, name: &Spanned<Box<str>>, by_rate: bool) -> Option<Arc<LimitZone>> {
    let Some(zone) = cx.limit_zones.get(&name.value).cloned() else {
        if !cx.broken.contains(&name.value) {
            let near = nearest(name, cx.limit_zones.keys().map(AsRef::as_ref));
            let help = near.map(|name| format!("did you mean \"{name}\"?"));
            let message = format!("unknown zone `{}`", name.escape_debug());
            let label = "expected the NAME of a `[limit_zone.NAME]`";
            cx.push(Diagnostic::error(name.span, message).label(label).maybe_help(help));
        }
        return None;
    };
    if zone.rate.is_some() != by_rate {
        let (message, label) = match by_rate {
            true => ("this zone has no `rate`", "expected a zone with a `rate`"),
            false => {
                ("this zone has a `rate`: it limits the request rate", "expected a zone without a `rate`")
            }
        };
        cx.push(Diagnostic::error(name.span, message).label(label).related(zone.span, "the zone"));
        return None;
    }
    cx.check_referred(&zone.key, &format!("the key of `limit_zone.{}`", zone.name), name.span);
    Some(zone)
}
