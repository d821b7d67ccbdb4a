//! The table `store`: responses of upstreams that are stored as files.

use std::ops::Range;

use propylon_vars::Template;

use crate::cache::Cache;
use crate::effective::Effective;
use crate::key::{Key, Kind, Need, Table};
use crate::reader::{Context, Levels, Scope, Value};
use crate::report::Diagnostic;

/// What is stored of responses, and where.
#[derive(Clone, Debug, PartialEq)]
pub struct Store {
    /// Where they go; none: they are not stored.
    pub to: Option<StoreTo>,
    /// Who may read and write the files.
    pub access: u32,
}

/// Where responses are stored.
#[derive(Clone, Debug, PartialEq)]
pub enum StoreTo {
    /// In the file that the path stands for by `root` or `alias`.
    Root,
    /// In the file of this name.
    Path(Template),
}

pub(crate) const RIGHTS: &[&str] = &["user:rw", "user:r", "group:rw", "group:r", "all:rw", "all:r"];

pub(crate) const TABLE: Table = Table {
    name: "store",
    doc: "Stores upstream responses to GET with status 200 as files, to be served elsewhere; this table reads and removes \
          none. A response is written to a temporary file beside its destination and renamed when it is complete, even if \
          the client has disconnected. `store` and `cache.zone` exclude each other: the one on the inner level applies.",
    keys: &[
        Key {
            name: "to",
            kind: Kind::Template,
            need: Need::Default("\"off\""),
            nginx: "proxy_store, fastcgi_store",
            doc: "The file: \"on\" for the path from `root` or `alias`, as in `$request_filename`; \"off\" for none; \
                  otherwise the file's name, such as \"/srv/copies$uri\". A response is not stored if the request puts a \
                  `..` into the name or if the name ends with a slash.",
        },
        Key {
            name: "access",
            kind: Kind::List(&Kind::Choice { built: RIGHTS, unbuilt: &[] }),
            need: Need::Default("[\"user:rw\"]"),
            nginx: "proxy_store_access, fastcgi_store_access",
            doc: "The permissions of stored files, and of the directories created for them: whoever may read may also enter \
                  these. If the user is not mentioned, \"user:rw\" applies.",
        },
    ],
    unbuilt: &[],
};

impl Store {
    pub(crate) fn read(scope: &mut Scope<'_>) -> Self {
        Self { to: scope.read("to", to), access: access(scope) }
    }

    /// A response is kept in one place, in the way that the inner level says.
    pub(crate) fn settle(
        &mut self,
        cache: &mut Cache,
        cx: &mut Context,
        levels: &Levels<'_>,
        effective: &mut Effective,
    ) {
        if self.to.is_none() || cache.zone.is_none() {
            return;
        }
        let (Some(store), Some(kept)) = (written(levels, "store", "to"), written(levels, "cache", "zone"))
        else {
            return;
        };
        match store.0.cmp(&kept.0) {
            std::cmp::Ordering::Greater => {
                cache.zone = None;
                effective.imply("cache", "zone", "\"off\"", cx.span(store.1));
            }
            std::cmp::Ordering::Less => {
                self.to = None;
                effective.imply("store", "to", "\"off\"", cx.span(kept.1));
            }
            std::cmp::Ordering::Equal => {
                let message = "`store.to` and `cache.zone` cannot both be set at the same level";
                let label = "expected one or the other";
                cx.push(Diagnostic::at(store.1, message).label(label));
            }
        }
    }
}

/// At which level a key is written, counted from the outermost, and where.
fn written(levels: &Levels<'_>, table: &str, key: &str) -> Option<(usize, Range<usize>)> {
    levels.iter().enumerate().rev().find_map(|(level, (_, own))| {
        let value = own.get(table)?.get_ref().as_table()?.get(key)?;
        Some((level, value.span()))
    })
}

fn to(cx: &mut Context, value: &Value<'_>) -> Option<StoreTo> {
    match value.get_ref().as_str()? {
        "off" => None,
        "on" => Some(StoreTo::Root),
        _ => cx.template_of(value).map(StoreTo::Path),
    }
}

/// The rights of files, of the key `access`.
pub(crate) fn access(scope: &mut Scope<'_>) -> u32 {
    let mut rights = scope.list("access", |_, text, _| right(text)).unwrap_or_default();
    if rights.iter().all(|right| right & 0o700 == 0) {
        rights.push(0o600);
    }
    rights.into_iter().fold(0, |all, right| all | right)
}

fn right(text: &str) -> Option<u32> {
    let (who, what) = text.split_once(':')?;
    let bits = if what == "rw" { 6 } else { 4 };
    Some(match who {
        "user" => bits << 6,
        "group" => bits << 3,
        _ => bits,
    })
}
