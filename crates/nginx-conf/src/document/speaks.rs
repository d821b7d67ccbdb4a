//! FastCGI, uwsgi, SCGI, gRPC and memcached have directives of their own for what is one key here, whatever is spoken: a location gets those of what it speaks.

use super::{Line, Section, Value};
use crate::place::Place;

/// The table that what is for FastCGI alone waits in, which is no key of the configuration.
pub(crate) const FASTCGI: &str = "fastcgi directives";

/// The same for uwsgi.
pub(crate) const UWSGI: &str = "uwsgi directives";

/// The same for SCGI.
pub(crate) const SCGI: &str = "scgi directives";

/// The same for gRPC.
pub(crate) const GRPC: &str = "grpc directives";

/// The same for memcached.
pub(crate) const MEMCACHED: &str = "memcached directives";

/// Marks a place whose requests the action of a location elsewhere takes on, in the table of what that speaks.
const GOES: &str = "goes";

/// The actions that pass requests on.
pub(crate) const PASSES: [&str; 6] =
    ["proxy_pass", "fastcgi_pass", "uwsgi_pass", "scgi_pass", "grpc_pass", "memcached_pass"];

/// Those of them that speak something else than HTTP, and where what they speak has its directives.
const TONGUES: [(&str, &str); 5] = [
    ("fastcgi_pass", FASTCGI),
    ("uwsgi_pass", UWSGI),
    ("scgi_pass", SCGI),
    ("grpc_pass", GRPC),
    ("memcached_pass", MEMCACHED),
];

/// What the directives of each of them stand for, and what counts where none is written.
const COMMON: [([&str; 2], Default); 22] = [
    (["timeout", "connect"], Default::Text("60s")),
    (["timeout", "send"], Default::Text("60s")),
    (["timeout", "read"], Default::Text("60s")),
    (["buffer", "header_size"], Default::Text("4k")),
    (["cache", "zone"], Default::Text("off")),
    (["store", "to"], Default::Text("off")),
    (["store", "access"], Default::List(&["user:rw"])),
    (["retry", "on"], Default::List(&["error", "timeout"])),
    (["retry", "tries"], Default::Raw("0")),
    (["retry", "timeout"], Default::Text("0")),
    (["upstream", "socket_keepalive"], Default::Raw("false")),
    (["upstream", "bind"], Default::Text("off")),
    (["upstream", "pass_headers"], Default::Raw("true")),
    (["upstream", "pass_body"], Default::Raw("true")),
    (RANGES, Default::Raw("false")), // of memcached it is true
    (["upstream", "ignore_client_abort"], Default::Raw("false")),
    (["error_page", "intercept"], Default::Raw("false")),
    (["limit", "upstream_rate"], Default::Text("off")),
    // None has any of these.
    (["cookie", "domain"], Default::List(&[])),
    (["cookie", "path"], Default::List(&[])),
    (["cookie", "flags"], Default::List(&[])),
    (REDIRECTS, Default::List(&[])),
];

/// Those of FastCGI, uwsgi and SCGI alone; memcached has no directives for them, and none of what those of `proxy_*` say.
const CGI_KEYS: [([&str; 2], Default); 23] = [
    (["buffer", "request"], Default::Raw("true")),
    (["buffer", "response"], Default::Raw("true")),
    (["buffer", "count"], Default::Raw("8")),
    (["buffer", "size"], Default::Text("16k")),
    (["buffer", "busy_size"], Default::Text("32k")),
    (["buffer", "max_temp_file_size"], Default::Text("1g")),
    (["buffer", "temp_file_write_size"], Default::Text("64k")),
    (["cache", "mode"], Default::Text("nginx")),
    (["cache", "key"], Default::Text("$scheme$proxy_host$request_uri")),
    (["cache", "valid"], Default::Raw("{}")),
    (["cache", "methods"], Default::List(&["GET", "HEAD"])),
    (["cache", "min_uses"], Default::Raw("1")),
    (["cache", "bypass"], Default::List(&[])),
    (["cache", "no_cache"], Default::List(&[])),
    (["cache", "use_stale"], Default::List(&["off"])),
    (["cache", "lock"], Default::Raw("false")),
    (["cache", "lock_timeout"], Default::Text("5s")),
    (["cache", "lock_age"], Default::Text("5s")),
    (["cache", "background_update"], Default::Raw("false")),
    (["cache", "revalidate"], Default::Raw("false")),
    (["cache", "convert_head"], Default::Raw("true")),
    (["cache", "max_range_offset"], Default::Raw("9223372036854775807")), // as far as a range can be
    (["cache", "purge"], Default::Raw("false")),
];

/// Those of gRPC alone; what it has no directives for counts as it does where nobody says anything.
const GRPC_KEYS: [([&str; 2], Default); 3] = [
    (["buffer", "request"], Default::Raw("false")),
    (["buffer", "response"], Default::Raw("false")),
    (HTTP_VERSION, Default::Text("2")),
];

const RANGES: [&str; 2] = ["upstream", "force_ranges"];
const REDIRECTS: [&str; 2] = ["redirect", "rules"];
const HTTP_VERSION: [&str; 2] = ["upstream", "http_version"];

/// Lists of names, which are empty by default.
const LISTS: [&str; 3] = ["hide", "pass", "ignore"];

/// Tables whose keys are not known, and which of them a protocol has directives for: an inner level replaces the first one as a whole,
/// and of the second one key by key.
const FIELDS: [&str; 2] = ["headers", "set"];
const TLS: [&str; 2] = ["upstream", "tls"];

fn tables(tongue: &str) -> &'static [[&'static str; 2]] {
    match tongue {
        GRPC => &[FIELDS, TLS],
        UWSGI => &[TLS],
        _ => &[],
    }
}

fn keys(tongue: &str) -> impl Iterator<Item = ([&'static str; 2], Default)> {
    let own: &[_] = if tongue == GRPC { &GRPC_KEYS } else { &CGI_KEYS };
    let default = move |(key, default)| match default {
        _ if tongue == MEMCACHED && key == RANGES => (key, Default::Raw("true")),
        default => (key, default),
    };
    COMMON
        .iter()
        .chain(own)
        .copied()
        .map(default)
        .chain(LISTS.map(|key| (["headers", key], Default::List(&[]))))
}

/// What places that speak these may write, and what counts where HTTP is spoken.
fn written_by(tongues: &[&str]) -> impl Iterator<Item = ([&'static str; 2], Default)> {
    let all = keys(FASTCGI).chain([(HTTP_VERSION, Default::Text("1.1"))]);
    all.filter(|(key, _)| tongues.iter().any(|tongue| keys(tongue).any(|(known, _)| known == *key)))
}

#[derive(Clone, Copy)]
enum Default {
    Raw(&'static str),
    Text(&'static str),
    List(&'static [&'static str]),
}

impl Default {
    fn value(self) -> Value {
        match self {
            Self::Raw(text) => Value::Raw(text.to_owned()),
            Self::Text(text) => Value::text(text),
            Self::List(items) => Value::List(items.iter().map(|item| Value::text(*item)).collect()),
        }
    }
}

impl Section {
    /// What is one key here, and directives of FastCGI, uwsgi, SCGI, gRPC, memcached and of `proxy_*` there: a place has what those of what it speaks say.
    /// Nothing around it has been written so yet.
    pub(super) fn speak(&mut self, outer: &[&Self]) {
        match self.tongue() {
            Some(tongue) => self.speak_own(tongue, outer),
            None if self.has(&["proxy_pass"]) => self.speak_http(outer),
            None => {}
        }
    }

    /// A place that asks a server of one of them has what the directives of that say, here or around it, and nothing of what those
    /// of `proxy_*` say, nor of what those around it that speak otherwise will write.
    fn speak_own(&mut self, tongue: &str, outer: &[&Self]) {
        let own = self.clone();
        let levels = || outer.iter().copied().chain([&own]).rev();
        let others: Vec<_> =
            outer.iter().filter_map(|level| level.tongue()).filter(|other| *other != tongue).collect();
        let changed = |key: &[&str; 2]| levels().any(|level| level.has(key) || level.awaits(&others, key));
        for (key, default) in keys(tongue) {
            let written = levels().find_map(|level| level.line(&[tongue, key[0], key[1]]));
            if let Some((value, place)) = written {
                self.set(&key, value.clone(), place.as_ref());
            } else if changed(&key) {
                self.set(&key, default.value(), None);
            }
        }
        // What it has no directives for. Without a zone, nothing else of a cache counts.
        let foreign = |key: &[&str; 2]| key[0] != "cache" && keys(tongue).all(|(known, _)| known != *key);
        for (key, default) in written_by(&others).filter(|(key, _)| foreign(key) && changed(key)) {
            self.set(&key, default.value(), None);
        }
        self.replace_tables(Some(tongue), &others, outer, &own);
        let action = TONGUES.iter().find(|(_, known)| *known == tongue).map(|(action, _)| *action);
        if let Some(action) = action.filter(|_| tongue != GRPC && tongue != MEMCACHED) {
            // All that is sent is written down.
            let place = self.line(&[action]).and_then(|(_, place)| place.clone());
            let table = action.trim_end_matches("_pass");
            self.set(&[table, "default_params"], Value::flag(false), place.as_ref());
        }
    }

    /// A place that asks an HTTP server inside of one that asks another has nothing of what counts there.
    fn speak_http(&mut self, outer: &[&Self]) {
        let mut around = outer.iter().rev();
        let asks = around.find(|level| level.has(&["proxy_pass"]) || level.tongue().is_some());
        if asks.is_none_or(|level| level.tongue().is_none()) {
            return;
        }
        let others: Vec<_> = outer.iter().filter_map(|level| level.tongue()).collect();
        for (key, default) in written_by(&others) {
            let changed = |level: &&Self| level.has(&key) || level.awaits(&others, &key);
            if self.has(&key) || !outer.iter().any(changed) {
                continue;
            }
            match outer.iter().rev().find_map(|level| level.line(&key)) {
                Some((value, place)) => self.set(&key, value.clone(), place.as_ref()),
                None if key == REDIRECTS => self.set(&key, Value::List(vec![Value::text("default")]), None),
                None => self.set(&key, default.value(), None),
            }
        }
        let own = self.clone();
        self.replace_tables(None, &others, outer, &own);
    }

    /// Whether something waits here that one of these tongues will make this key of.
    fn awaits(&self, tongues: &[&str], key: &[&str; 2]) -> bool {
        tongues.iter().any(|tongue| self.has(&[tongue, key[0], key[1]]))
    }

    /// The tables whose keys are not known, as the directives of `tongue` say, or those of `proxy_*` where it has none and `others`
    /// around it will have written some.
    fn replace_tables(&mut self, tongue: Option<&str>, others: &[&str], outer: &[&Self], own: &Self) {
        let levels = || outer.iter().copied().chain([own]).rev();
        for table in [FIELDS, TLS] {
            let its = tongue.filter(|tongue| tables(tongue).contains(&table));
            if its.is_none() && !others.iter().any(|other| tables(other).contains(&table)) {
                continue;
            }
            let waiting: Vec<&str> = its.into_iter().chain(table).collect();
            let awaits = |level: &Self| TONGUES.iter().any(|(_, it)| level.has(&[it, table[0], table[1]]));
            let some = levels().any(|level| level.has(&table) || awaits(level));
            self.remove_all(&table);
            let mut found: Vec<(String, Value, Option<Place>)> = Vec::new();
            for level in levels().filter(|level| level.has(&waiting)) {
                let missing = level
                    .beneath(&waiting)
                    .filter(|(name, ..)| found.iter().all(|(known, ..)| known != name));
                let missing: Vec<_> = missing.collect();
                found.extend(missing);
                if table == FIELDS {
                    break;
                }
            }
            if found.is_empty() && some {
                self.set(&table, Value::Table(Vec::new()), None);
            }
            for (name, value, place) in found {
                self.set(&[table[0], table[1], &name], value, place.as_ref());
            }
        }
    }

    /// What stands right beneath this path.
    fn beneath(&self, path: &[&str]) -> impl Iterator<Item = (String, Value, Option<Place>)> {
        self.lines.iter().filter_map(move |line| match line {
            Line::Key { path: known, value, place, .. } => match known.split_at_checked(path.len())? {
                (start, [name]) if start == path => Some((name.clone(), value.clone(), place.clone())),
                _ => None,
            },
            Line::Comment(_) => None,
        })
    }

    /// What it speaks, if that is not HTTP: where the directives of that wait.
    fn tongue(&self) -> Option<&'static str> {
        let asks = |(action, table): &&(&str, &'static str)| self.has(&[action]) || self.has(&[table, GOES]);
        TONGUES.iter().find(asks).map(|(_, table)| *table)
    }

    /// Whether it passes requests on.
    pub(super) fn passes(&self) -> bool {
        PASSES.iter().any(|action| self.has(&[action]))
    }

    /// It has no action of its own, but that of `location` will take its requests on.
    pub(super) fn goes_on_to(&mut self, location: &Self) {
        if let Some((_, table)) = TONGUES.iter().find(|(action, _)| location.has(&[action])) {
            self.set(&[table, GOES], Value::flag(true), None);
        }
    }

    /// Nothing waits any more, here and inside.
    pub(crate) fn forget_tongues(&mut self) {
        TONGUES.iter().for_each(|(_, table)| self.remove_all(&[table]));
        self.children.iter_mut().for_each(Self::forget_tongues);
    }

    fn line(&self, path: &[&str]) -> Option<(&Value, &Option<Place>)> {
        self.lines.iter().find_map(|line| match line {
            Line::Key { path: known, value, place, .. } if known == path => Some((value, place)),
            _ => None,
        })
    }
}

/// Where what this directive says waits, if it is none of HTTP.
pub(crate) fn tongue(directive: &str) -> Option<&'static str> {
    let its = |action: &str| action.strip_suffix("pass").is_some_and(|prefix| directive.starts_with(prefix));
    TONGUES.iter().find(|(action, _)| its(action)).map(|(_, table)| *table)
}

/// Whether this is a table where directives wait.
pub(crate) fn waits(table: &str) -> bool {
    TONGUES.iter().any(|(_, known)| *known == table)
}
