//! The tables `geoip_database.NAME`, files that know addresses, and `geoip.NAME`, variables from them.

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

/// A database that knows addresses.
#[derive(Clone, Debug)]
pub struct GeoipDatabase {
    /// Its name.
    pub name: Box<str>,
    /// The file.
    pub path: PathBuf,
    /// How often it is looked at, if at all.
    pub auto_reload: Option<Duration>,
    /// Where it is written.
    pub span: Span,
}

impl PartialEq for GeoipDatabase {
    fn eq(&self, other: &Self) -> bool {
        let Self { name, path, auto_reload, span: _ } = self;
        (name, path, auto_reload) == (&other.name, &other.path, &other.auto_reload)
    }
}

/// A variable from a database.
#[derive(Clone, Debug, PartialEq)]
pub struct GeoipVariable {
    /// The database.
    pub database: Arc<GeoipDatabase>,
    /// What it is.
    pub data: GeoipData,
    /// Whom it asks: to be filled by who has the database.
    pub values: KeyValues,
}

/// What a variable says of a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GeoipData {
    /// Of an address, the value that these names lead to.
    Path(Vec<Box<str>>),
    /// When it was made.
    BuildEpoch,
    /// When its file was looked at.
    LastCheck,
    /// When its file was read.
    LastChange,
}

const METADATA: [(&str, GeoipData); 3] = [
    ("build_epoch", GeoipData::BuildEpoch),
    ("last_check", GeoipData::LastCheck),
    ("last_change", GeoipData::LastChange),
];

pub(crate) const DATABASES: Kind = Kind::Names(&Kind::Table(&DATABASE));
pub(crate) const VARIABLES: Kind = Kind::Names(&Kind::Table(&VARIABLE));

const DATABASE: Table = Table {
    name: "geoip_database.NAME",
    doc: "A database of addresses in MaxMind's format (`.mmdb`: GeoLite2, GeoIP2), which is read into memory; `geoip.NAME` defines variables \
          from it. A file that cannot be read or is damaged is reported in the error log and by `check`, but is not a configuration error: the data read \
          before stays in use, or else the variables have their defaults.",
    keys: &[
        Key { name: "path", kind: PATH, need: Need::Required, nginx: "geoip2", doc: "The path of the file." },
        Key {
            name: "auto_reload",
            kind: Kind::Duration { zero: false },
            need: Need::Optional,
            nginx: "geoip2 ... auto_reload",
            doc: "How often the file is checked; it is reread if it has changed. Default: only at the start and at each reload.",
        },
    ],
    unbuilt: &[],
};

const VARIABLE: Table = Table {
    name: "geoip.NAME",
    doc: "The variable `$NAME`: a value from a database for an address, or metadata of the database. It is looked up once per request.",
    keys: &[
        Key {
            name: "database",
            kind: Kind::Text { hint: "the NAME of a `[geoip_database.NAME]`" },
            need: Need::Required,
            nginx: "geoip2",
            doc: "The name of a `[geoip_database.NAME]`.",
        },
        Key {
            name: "data",
            kind: Kind::List(&Kind::Text { hint: "a name such as \"country\", or a number in a list" }),
            need: Need::Default("[]"),
            nginx: "geoip2",
            doc: "The path to the value, outermost name first: `[\"country\", \"iso_code\"]`. A number selects an element of a list: from \
                  the beginning with \"0\", \"1\" …, from the end with \"-1\" ….",
        },
        Key {
            name: "metadata",
            kind: Kind::Choice { built: &["build_epoch", "last_check", "last_change"], unbuilt: &[] },
            need: Need::Optional,
            nginx: "geoip2 ... metadata",
            doc: "Used instead of `data`, in seconds since 1970: when the database was built, when its file was last checked, or when the \
                  current content was read.",
        },
        Key {
            name: "key",
            kind: Kind::Template,
            need: Need::Default("\"$remote_addr\""),
            nginx: "geoip2 ... source=",
            doc: "The address to look up. A value that is not an address is not found.",
        },
        Key {
            name: "default",
            kind: Kind::Template,
            need: Need::Default("\"\""),
            nginx: "geoip2 ... default=",
            doc: "The value if nothing is found.",
        },
        Key {
            name: "proxies",
            kind: Kind::List(&Kind::Text { hint: "an address or a network such as \"10.0.0.0/8\"" }),
            need: Need::Default("[]"),
            nginx: "geoip2_proxy, geoip_proxy",
            doc: "Trusted proxies: if the address is one of these, the last address in X-Forwarded-For is used instead.",
        },
        Key {
            name: "proxy_recursive",
            kind: Kind::Bool,
            need: Need::Default("false"),
            nginx: "geoip2_proxy_recursive, geoip_proxy_recursive",
            doc: "If the address is one of `proxies`, uses the last address in X-Forwarded-For that is not one of them, rather than the last \
                  one.",
        },
    ],
    unbuilt: &[],
};

/// Reads all databases.
pub(crate) fn read(cx: &mut Context, table: Option<&DeTable<'_>>) {
    for (name, value) in table.into_iter().flatten() {
        let written = name.get_ref().as_ref();
        match database(cx, written, cx.span(name.span()), value) {
            Some(database) => {
                same_file(cx, &database);
                drop(cx.geoip_databases.insert(written.into(), Arc::new(database)));
            }
            None => cx.broken.push(written.into()),
        }
    }
}

fn database(cx: &mut Context, name: &str, span: Span, value: &Value<'_>) -> Option<GeoipDatabase> {
    let mut scope = Scope::alone(cx, &DATABASE, Some(value.get_ref().as_table()?));
    let path = scope.text("path")?;
    if path.is_empty() {
        let diagnostic = Diagnostic::error(path.span, "the path is empty");
        scope.cx.push(diagnostic.label("expected a path"));
    }
    let auto_reload = scope.duration_if_set("auto_reload");
    Some(GeoipDatabase { name: name.into(), path: PathBuf::from(&**path), auto_reload, span })
}

/// A file is read once.
fn same_file(cx: &mut Context, database: &GeoipDatabase) {
    let other = cx.geoip_databases.values().find(|other| other.path == database.path).cloned();
    if let Some(other) = other {
        let message = format!("the databases `{}` and `{}` have the same file", other.name, database.name);
        let diagnostic = Diagnostic::error(database.span, message).label("expected another `path`");
        cx.push(diagnostic.related(other.span, "the other database"));
    }
}

/// Whom the variable of a table of `geoip` asks. Where that is not known it was told, and nobody is asked until all is refused.
pub(crate) fn asked(cx: &mut Context, table: &DeTable<'_>) -> KeyValues {
    variable(cx, table).unwrap_or_else(|| KeyValues::new(""))
}

fn variable(cx: &mut Context, table: &DeTable<'_>) -> Option<KeyValues> {
    let text = |key: &str| {
        let value = table.get(key)?;
        Some((value.get_ref().as_str()?, value.span()))
    };
    let (name, span) = text("database")?;
    let database = find(cx, &Spanned::new(name.into(), cx.span(span)));
    let path = table.get("data").and_then(|value| value.get_ref().as_array());
    let metadata = text("metadata");
    if let (Some(_), Some((_, span))) = (path, &metadata) {
        let diagnostic = Diagnostic::at(span.clone(), "`data` and `metadata` cannot be used together");
        cx.push(diagnostic.label("expected one or the other"));
    }
    let names = path.into_iter().flatten().filter_map(|name| Some(name.get_ref().as_str()?.into()));
    let data = match metadata {
        Some((name, _)) => METADATA.into_iter().find(|(known, _)| *known == name)?.1,
        None => GeoipData::Path(names.collect()),
    };
    let database = database?;
    // What is kept of a configuration for another has to ask for the same.
    let values = KeyValues::new(format!("{:?}\n{data:?}", database.path));
    cx.geoip.push(GeoipVariable { database, data, values: values.clone() });
    Some(values)
}

fn find(cx: &mut Context, name: &Spanned<Box<str>>) -> Option<Arc<GeoipDatabase>> {
    let database = cx.geoip_databases.get(&name.value).cloned();
    if database.is_none() && !cx.broken.contains(&name.value) {
        let near = nearest(name, cx.geoip_databases.keys().map(AsRef::as_ref));
        let help = near.map(|name| format!("did you mean \"{name}\"?"));
        let message = format!("unknown database `{}`", name.escape_debug());
        let label = "expected the NAME of a `[geoip_database.NAME]`";
        cx.push(Diagnostic::error(name.span, message).label(label).maybe_help(help));
    }
    database
}
