//! The tables `keyval_zone.NAME`, keys and values that are changed while the gateway runs, and `keyval.NAME`, variables from them.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use propylon_vars::KeyValues;
use toml::de::DeTable;

use crate::key::{Key, Kind, Need, PATH, Table};
use crate::nearest::nearest;
use crate::reader::{Context, Scope, Value};
use crate::report::Diagnostic;
use crate::source::{Span, Spanned};

/// Keys and values that are changed while the gateway runs.
#[derive(Clone, Debug)]
pub struct KeyvalZone {
    /// Its name.
    pub name: Box<str>,
    /// How keys are looked up.
    pub kind: KeyvalKind,
    /// How many bytes all entries may take.
    pub size: u64,
    /// After how long an entry goes; none: it stays.
    pub timeout: Option<Duration>,
    /// The file that it is kept in.
    pub state: Option<PathBuf>,
    /// Whom its variables ask: to be filled by who has the values.
    pub values: KeyValues,
    /// Where it is written.
    pub span: Span,
}

impl PartialEq for KeyvalZone {
    fn eq(&self, other: &Self) -> bool {
        let Self { name, kind, size, timeout, state, values, span: _ } = self;
        (name, kind, size, timeout, state, values)
            == (&other.name, &other.kind, &other.size, &other.timeout, &other.state, &other.values)
    }
}

/// How keys are looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyvalKind {
    /// By themselves.
    String,
    /// As addresses, in networks.
    Ip,
    /// By what they begin with.
    Prefix,
}

impl KeyvalKind {
    /// As it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Ip => "ip",
            Self::Prefix => "prefix",
        }
    }
}

const KINDS: [KeyvalKind; 3] = [KeyvalKind::String, KeyvalKind::Ip, KeyvalKind::Prefix];

/// The smallest zone that nginx takes: eight pages.
const LEAST: u64 = 32 << 10;

pub(crate) const ZONES: Kind = Kind::Names(&Kind::Table(&ZONE));
pub(crate) const VARIABLES: Kind = Kind::Names(&Kind::Table(&VARIABLE));

const ZONE: Table = Table {
    name: "keyval_zone.NAME",
    doc: "Keys and values that operators change while the gateway runs, with the API of `[admin]` or with `api`; a change applies to all \
          workers at once. `keyval.NAME` defines variables from them. The contents survive a reload as long as the zone's name, `type` and \
          `state` stay the same.",
    keys: &[
        Key {
            name: "type",
            kind: Kind::Choice { built: &["string", "ip", "prefix"], unbuilt: &[] },
            need: Need::Default("\"string\""),
            nginx: "keyval_zone type=",
            doc: "How a key is looked up. \"string\": exactly; \"ip\": as an address or a network, in the smallest network among the keys \
                  that contains it; \"prefix\": by the longest key that it begins with.",
        },
        Key {
            name: "size",
            kind: Kind::Size,
            need: Need::Default("\"1m\""),
            nginx: "keyval_zone zone=",
            doc: "The maximum size of all entries, 32k or more; each entry takes its key, its value and 128 bytes. Entries that do not fit \
                  are refused.",
        },
        Key {
            name: "timeout",
            kind: Kind::Duration { zero: false },
            need: Need::Optional,
            nginx: "keyval_zone timeout=",
            doc: "How long an entry is kept, unless it has an expiry time of its own. If unset, entries are kept for ever and cannot have an \
                  expiry time.",
        },
        Key {
            name: "state",
            kind: PATH,
            need: Need::Optional,
            nginx: "keyval_zone state=",
            doc: "A JSON file from which the entries are read at the start and to which they are written at each change. Its directory must \
                  exist and be writable by the user that the process runs as. If unset, the entries are lost when the process ends.",
        },
    ],
    unbuilt: &["sync"],
};

const VARIABLE: Table = Table {
    name: "keyval.NAME",
    doc: "The variable `$NAME`: the value of a key in a zone, or empty. It is looked up once per request.",
    keys: &[
        Key {
            name: "key",
            kind: Kind::Template,
            need: Need::Required,
            nginx: "keyval",
            doc: "The key to look up.",
        },
        Key {
            name: "zone",
            kind: Kind::Text { hint: "the NAME of a `[keyval_zone.NAME]`" },
            need: Need::Required,
            nginx: "keyval zone=",
            doc: "The name of a `[keyval_zone.NAME]`.",
        },
    ],
    unbuilt: &[],
};

/// Reads all zones.
pub(crate) fn read(cx: &mut Context, table: Option<&DeTable<'_>>) {
    for (name, value) in table.into_iter().flatten() {
        let written = name.get_ref().as_ref();
        match zone(cx, written, cx.span(name.span()), value) {
            Some(zone) => {
                same_state(cx, &zone);
                drop(cx.keyval_zones.insert(written.into(), Arc::new(zone)));
            }
            None => cx.broken.push(written.into()),
        }
    }
}

fn zone(cx: &mut Context, name: &str, span: Span, value: &Value<'_>) -> Option<KeyvalZone> {
    let table = value.get_ref().as_table()?;
    let mut scope = Scope::alone(cx, &ZONE, Some(table));
    let size = scope.size_if_set("size").unwrap_or_default();
    if size < LEAST
        && let Some(written) = table.get("size")
    {
        let diagnostic = Diagnostic::at(written.span(), "this zone is too small");
        scope.cx.push(diagnostic.label("expected \"32k\" or more"));
    }
    let kind = scope.text("type")?;
    let kind = KINDS.into_iter().find(|known| known.as_str() == &**kind)?;
    let timeout = scope.duration_if_set("timeout");
    let state = scope.text("state");
    if let Some(path) = state.as_ref().filter(|path| path.is_empty()) {
        let diagnostic = Diagnostic::error(path.span, "the path is empty");
        scope.cx.push(diagnostic.label("expected a path, or no `state`"));
    }
    let state = state.map(|path| PathBuf::from(&**path));
    // What is kept of a configuration for another has to ask the same zone.
    let values = format!("{name}\n{}\n{state:?}", kind.as_str());
    Some(KeyvalZone { name: name.into(), kind, size, timeout, state, values: KeyValues::new(values), span })
}

/// Two zones in one file would overwrite each other.
fn same_state(cx: &mut Context, zone: &KeyvalZone) {
    let Some(path) = &zone.state else { return };
    let other = cx.keyval_zones.values().find(|other| other.state.as_ref() == Some(path)).cloned();
    if let Some(other) = other {
        let message = format!("the zones `{}` and `{}` have the same `state` file", other.name, zone.name);
        let diagnostic = Diagnostic::error(zone.span, message).label("expected another `state`");
        cx.push(diagnostic.related(other.span, "the other zone"));
    }
}

/// Nor does an upstream write into the file of a zone.
pub(crate) fn check_upstreams(cx: &mut Context) {
    let upstreams = cx.upstreams.values().filter_map(|upstream| Some((upstream, upstream.state()?)));
    let same = upstreams.flat_map(|(upstream, state)| {
        let zones = cx.keyval_zones.values();
        zones.filter(move |zone| zone.state.as_deref() == Some(state)).map(move |zone| (upstream, zone))
    });
    let told: Vec<Diagnostic> = same
        .map(|(upstream, zone)| {
            let message = format!(
                "the zone `{}` and the upstream `{}` have the same `state` file",
                zone.name, upstream.name
            );
            let diagnostic = Diagnostic::error(upstream.span, message).label("expected another `state`");
            diagnostic.related(zone.span, "the zone")
        })
        .collect();
    told.into_iter().for_each(|diagnostic| cx.push(diagnostic));
}

/// The zone that a variable names.
pub(crate) fn find(cx: &mut Context, name: &Spanned<Box<str>>) -> Option<Arc<KeyvalZone>> {
    let zone = cx.keyval_zones.get(&name.value).cloned();
    if zone.is_none() && !cx.broken.contains(&name.value) {
        let near = nearest(name, cx.keyval_zones.keys().map(AsRef::as_ref));
        let help = near.map(|name| format!("did you mean \"{name}\"?"));
        let message = format!("unknown zone `{}`", name.escape_debug());
        let label = "expected the NAME of a `[keyval_zone.NAME]`";
        cx.push(Diagnostic::error(name.span, message).label(label).maybe_help(help));
    }
    zone
}
