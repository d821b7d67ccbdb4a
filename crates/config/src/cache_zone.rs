//! The tables `cache_zone.NAME`: where responses are kept.

mod redis;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use toml::de::DeTable;

use crate::effective::{Effective, Setting};
use crate::key::{Key, Kind, Need, PATH, Table};
use crate::nearest::nearest;
use crate::reader::{Context, Scope, Value};
use crate::report::Diagnostic;
use crate::shape;
use crate::source::{Span, Spanned};

pub use self::redis::Redis;

/// Where responses are kept.
#[derive(Clone, Debug)]
pub struct CacheZone {
    /// Its name.
    pub name: Box<str>,
    /// The directory; none: they are kept in memory.
    pub path: Option<PathBuf>,
    /// How many characters each directory's name has, the outermost first.
    pub levels: Vec<u8>,
    /// How much memory keys may take, in bytes.
    pub keys: u64,
    /// How much all responses may take, in bytes; none: as much as there is room for, or in memory [`CacheZone::IN_MEMORY`].
    pub max_size: Option<u64>,
    /// How much room is to stay free on the disk, in bytes.
    pub min_free: u64,
    /// After how long without use a response goes.
    pub inactive: Duration,
    /// How much is removed at a time.
    pub manager: Pace,
    /// How much of the directory is read at a time when the process starts.
    pub loader: Pace,
    /// What it shares with other gateways, and by which server.
    pub redis: Option<Redis>,
    /// Where it is written.
    pub span: Span,
    effective: Effective,
}

impl PartialEq for CacheZone {
    fn eq(&self, other: &Self) -> bool {
        let Self {
            name,
            path,
            levels,
            keys,
            max_size,
            min_free,
            inactive,
            manager,
            loader,
            redis,
            span: _,
            effective: _,
        } = self;
        (name, path, levels, keys, max_size)
            == (&other.name, &other.path, &other.levels, &other.keys, &other.max_size)
            && (min_free, inactive, manager, loader, redis)
                == (&other.min_free, &other.inactive, &other.manager, &other.loader, &other.redis)
    }
}

/// How work that goes on beside the requests is parted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// So many files at once,
    pub files: u32,
    /// for so long at most,
    pub threshold: Duration,
    /// and then this pause.
    pub sleep: Duration,
}

/// The smallest zone that nginx takes: two pages.
const LEAST: u64 = 8 << 10;

const FILES: Kind = Kind::Integer { min: 1, max: 1_000_000 };
const MOMENT: Kind = Kind::Duration { zero: false };

pub(crate) const KIND: Kind = Kind::Names(&Kind::Table(&TABLE));

const TABLE: Table = Table {
    name: "cache_zone.NAME",
    doc: "A store for cached responses, shared by all workers; `cache.zone` refers to it by name. A zone in memory survives a reload if it \
          keeps its name. A zone in a directory also survives a restart, whatever its name is.",
    keys: &[
        Key {
            name: "path",
            kind: PATH,
            need: Need::Optional,
            nginx: "proxy_cache_path, fastcgi_cache_path",
            doc: "The directory, which is created if it does not exist. If unset, responses are kept in memory until the process ends.",
        },
        Key {
            name: "levels",
            kind: Kind::List(&Kind::Integer { min: 1, max: 2 }),
            need: Need::Default("[1, 2]"),
            nginx: "proxy_cache_path levels=",
            doc: "The lengths of the subdirectory names at each level, three levels at most: [1, 2] gives 16 directories with 256 each. []: \
                  no subdirectories. Empty the directory when you change this: files at the old places are neither found nor removed.",
        },
        Key {
            name: "keys",
            kind: Kind::Size,
            need: Need::Default("\"10m\""),
            nginx: "proxy_cache_path keys_zone=",
            doc: "The memory for keys, 8k or more: 1m holds about 8,000 keys. When it is full, the least recently used key is evicted.",
        },
        Key {
            name: "max_size",
            kind: Kind::Size,
            need: Need::Optional,
            nginx: "proxy_cache_path max_size=",
            doc: "The maximum size of all responses; the least recently used ones are evicted. Default: in a directory, as much as there is \
                  room for; in memory, 64m.",
        },
        Key {
            name: "min_free",
            kind: Kind::Size,
            need: Need::Default("0"),
            nginx: "proxy_cache_path min_free=",
            doc: "The space to keep free on the disk of the directory.",
        },
        Key {
            name: "inactive",
            kind: Kind::Duration { zero: false },
            need: Need::Default("\"10m\""),
            nginx: "proxy_cache_path inactive=",
            doc: "How long a response is kept without being used, fresh or not.",
        },
        Key {
            name: "manager_files",
            kind: FILES,
            need: Need::Default("100"),
            nginx: "proxy_cache_path manager_files=",
            doc: "The maximum number of responses that are removed in one pass.",
        },
        Key {
            name: "manager_threshold",
            kind: MOMENT,
            need: Need::Default("\"200ms\""),
            nginx: "proxy_cache_path manager_threshold=",
            doc: "The maximum duration of a pass that removes responses.",
        },
        Key {
            name: "manager_sleep",
            kind: MOMENT,
            need: Need::Default("\"50ms\""),
            nginx: "proxy_cache_path manager_sleep=",
            doc: "The pause between passes that remove responses.",
        },
        Key {
            name: "loader_files",
            kind: FILES,
            need: Need::Default("100"),
            nginx: "proxy_cache_path loader_files=",
            doc: "The maximum number of files that are read in one pass when the process has started.",
        },
        Key {
            name: "loader_threshold",
            kind: MOMENT,
            need: Need::Default("\"200ms\""),
            nginx: "proxy_cache_path loader_threshold=",
            doc: "The maximum duration of a pass that reads files.",
        },
        Key {
            name: "loader_sleep",
            kind: MOMENT,
            need: Need::Default("\"50ms\""),
            nginx: "proxy_cache_path loader_sleep=",
            doc: "The pause between passes that read files.",
        },
        Key {
            name: "redis",
            kind: redis::KIND,
            need: Need::Optional,
            nginx: "",
            doc: "A Redis or Valkey server through which this gateway and others share cached responses.",
        },
    ],
    unbuilt: &[],
};

const TABLES: [&Table; 1] = [&TABLE];

impl CacheZone {
    /// What a zone in memory may take where nothing is said.
    pub const IN_MEMORY: u64 = 64 << 20;

    /// All keys, with where each value comes from.
    pub(crate) fn settings(&self) -> impl Iterator<Item = Setting> {
        self.effective.iter().map(|setting| {
            let key = setting.key.strip_prefix("cache_zone.NAME.").unwrap_or(&setting.key);
            Setting { key: key.into(), ..setting }
        })
    }
}

/// Reads all zones.
pub(crate) fn read(cx: &mut Context, table: Option<&DeTable<'_>>) {
    for (name, value) in table.into_iter().flatten() {
        let written = name.get_ref().as_ref();
        match zone(cx, written, cx.span(name.span()), value) {
            Some(zone) => {
                same_path(cx, &zone);
                drop(cx.cache_zones.insert(written.into(), Arc::new(zone)));
            }
            None => cx.broken.push(written.into()),
        }
    }
}

fn zone(cx: &mut Context, name: &str, span: Span, value: &Value<'_>) -> Option<CacheZone> {
    let table = value.get_ref().as_table()?;
    if matches!(name, "off" | "") {
        let diagnostic = Diagnostic::error(span, format!("a zone cannot be named `{name}`"));
        cx.push(diagnostic.label("`cache.zone = \"off\"` means no zone"));
    }
    let mut effective = Effective::of(&TABLES);
    let mut scope = Scope::process(cx, &TABLE, Some(table), &mut effective);
    let keys = scope.size_if_set("keys").unwrap_or_default();
    if keys < LEAST
        && let Some(written) = table.get("keys")
    {
        let diagnostic = Diagnostic::at(written.span(), "this zone is too small");
        scope.cx.push(diagnostic.label("expected \"8k\" or more"));
    }
    let levels = scope.read("levels", |cx, value| {
        let levels: Vec<u8> = value.get_ref().as_array()?.iter().filter_map(level).collect();
        if levels.len() > 3 {
            let diagnostic = Diagnostic::at(value.span(), "too many levels");
            cx.push(diagnostic.label("expected at most three"));
        }
        Some(levels)
    });
    let path = scope.text("path");
    if path.as_ref().is_some_and(|path| path.is_empty()) {
        let diagnostic = Diagnostic::error(path.as_ref().map_or(span, |path| path.span), "the path is empty");
        scope.cx.push(diagnostic.label("expected a path, or no `path` to keep responses in memory"));
    }
    let mut pace = |files, threshold, sleep| Pace {
        files: scope.integer(files).and_then(|files| u32::try_from(files).ok()).unwrap_or(100),
        threshold: scope.duration(threshold),
        sleep: scope.duration(sleep),
    };
    let manager = pace("manager_files", "manager_threshold", "manager_sleep");
    let loader = pace("loader_files", "loader_threshold", "loader_sleep");
    let redis = scope.read("redis", |cx, value| redis::read(cx, value, name));
    Some(CacheZone {
        name: name.into(),
        path: path.map(|path| PathBuf::from(&**path)),
        levels: levels?,
        keys,
        max_size: scope.size_if_set("max_size"),
        min_free: scope.size_if_set("min_free").unwrap_or_default(),
        inactive: scope.duration("inactive"),
        manager,
        loader,
        redis,
        span,
        effective,
    })
}

fn level(value: &Value<'_>) -> Option<u8> {
    shape::integer(value.get_ref()).and_then(|level| u8::try_from(level).ok())
}

/// Two zones in one directory would remove each other's files.
fn same_path(cx: &mut Context, zone: &CacheZone) {
    let Some(path) = &zone.path else { return };
    let other = cx.cache_zones.values().find(|other| other.path.as_ref() == Some(path)).cloned();
    if let Some(other) = other {
        let message = format!("the zones `{}` and `{}` have the same directory", other.name, zone.name);
        let diagnostic = Diagnostic::error(zone.span, message).label("expected another `path`");
        cx.push(diagnostic.related(other.span, "the other zone"));
    }
}

/// The zone with this name.
pub(crate) fn find(cx: &mut Context, name: &Spanned<Box<str>>) -> Option<Arc<CacheZone>> {
    let zone = cx.cache_zones.get(&name.value).cloned();
    if zone.is_none() && !cx.broken.contains(&name.value) {
        let near = nearest(name, cx.cache_zones.keys().map(AsRef::as_ref));
        let help = near.map(|name| format!("did you mean \"{name}\"?"));
        let message = format!("unknown zone `{}`", name.escape_debug());
        let label = "expected the NAME of a `[cache_zone.NAME]`";
        cx.push(Diagnostic::error(name.span, message).label(label).maybe_help(help));
    }
    zone
}
