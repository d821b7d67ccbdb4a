//! FastCGI has directives of its own for what is one key here, whatever is spoken: a location gets those of what it speaks.

use super::{Line, Section, Value};

/// The table that what is for FastCGI alone waits in, which is no key of the configuration.
pub(crate) const FASTCGI: &str = "fastcgi directives";

/// Marks a place whose requests a `fastcgi_pass` elsewhere takes on.
const GOES: &[&str] = &[FASTCGI, "goes"];

/// What the directives of FastCGI stand for, and what counts where none is written.
const KEYS: [([&str; 2], Default); 41] = [
    (["timeout", "connect"], Default::Text("60s")),
    (["timeout", "send"], Default::Text("60s")),
    (["timeout", "read"], Default::Text("60s")),
    (["buffer", "request"], Default::Raw("true")),
    (["buffer", "response"], Default::Raw("true")),
    (["buffer", "header_size"], Default::Text("4k")),
    (["buffer", "count"], Default::Raw("8")),
    (["buffer", "size"], Default::Text("16k")),
    (["buffer", "busy_size"], Default::Text("32k")),
    (["buffer", "max_temp_file_size"], Default::Text("1g")),
    (["buffer", "temp_file_write_size"], Default::Text("64k")),
    (["cache", "zone"], Default::Text("off")),
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
    (["retry", "on"], Default::List(&["error", "timeout"])),
    (["retry", "tries"], Default::Raw("0")),
    (["retry", "timeout"], Default::Text("0")),
    (["upstream", "socket_keepalive"], Default::Raw("false")),
    (["upstream", "bind"], Default::Text("off")),
    (["upstream", "pass_headers"], Default::Raw("true")),
    (["upstream", "pass_body"], Default::Raw("true")),
    (["error_page", "intercept"], Default::Raw("false")),
    (["limit", "upstream_rate"], Default::Text("off")),
    // FastCGI has none of these.
    (["cookie", "domain"], Default::List(&[])),
    (["cookie", "path"], Default::List(&[])),
    (["cookie", "flags"], Default::List(&[])),
    (REDIRECTS, Default::List(&[])),
];

const REDIRECTS: [&str; 2] = ["redirect", "rules"];

/// Lists of names, which are empty by default.
const LISTS: [&str; 3] = ["hide", "pass", "ignore"];

fn keys() -> impl Iterator<Item = ([&'static str; 2], Default)> {
    KEYS.into_iter().chain(LISTS.map(|key| (["headers", key], Default::List(&[]))))
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
    /// What is one key here, and directives of FastCGI and of `proxy_*` there: a place has what those of what it speaks say. Nothing
    /// around it has been written so yet.
    pub(super) fn speak(&mut self, outer: &[&Self]) {
        if self.asks_fastcgi() {
            self.speak_fastcgi(outer);
        } else if self.has(&["proxy_pass"]) {
            self.speak_http(outer);
        }
    }

    /// A place that asks a FastCGI server has what the directives of FastCGI say, here or around it, and nothing of what those of
    /// `proxy_*` say.
    fn speak_fastcgi(&mut self, outer: &[&Self]) {
        let own = self.clone();
        for (key, default) in keys() {
            let levels = || outer.iter().copied().chain([&own]).rev();
            let written = levels().find_map(|level| level.line(&[FASTCGI, key[0], key[1]]));
            if let Some((value, place)) = written {
                self.set(&key, value.clone(), place.as_ref());
            } else if levels().any(|level| level.has(&key)) {
                self.set(&key, default.value(), None);
            }
        }
        // All that is sent is written down.
        let place = self.line(&["fastcgi_pass"]).and_then(|(_, place)| place.clone());
        self.set(&["fastcgi", "default_params"], Value::flag(false), place.as_ref());
    }

    /// A place that asks an HTTP server inside of one that asks a FastCGI server has nothing of what counts there.
    fn speak_http(&mut self, outer: &[&Self]) {
        let mut around = outer.iter().rev();
        let asks = around.find(|level| level.has(&["proxy_pass"]) || level.asks_fastcgi());
        if !asks.is_some_and(|level| level.asks_fastcgi()) {
            return;
        }
        for (key, default) in keys() {
            let changed = |level: &&Self| level.has(&key) || level.has(&[FASTCGI, key[0], key[1]]);
            if self.has(&key) || !outer.iter().any(changed) {
                continue;
            }
            match outer.iter().rev().find_map(|level| level.line(&key)) {
                Some((value, place)) => self.set(&key, value.clone(), place.as_ref()),
                None if key == REDIRECTS => self.set(&key, Value::List(vec![Value::text("default")]), None),
                None => self.set(&key, default.value(), None),
            }
        }
    }

    fn asks_fastcgi(&self) -> bool {
        self.has(&["fastcgi_pass"]) || self.has(GOES)
    }

    /// It has no `fastcgi_pass` of its own, but that of a location will take its requests on.
    pub(super) fn goes_to_fastcgi(&mut self) {
        self.set(GOES, Value::flag(true), None);
    }

    /// Nothing waits any more, here and inside.
    pub(crate) fn forget_fastcgi(&mut self) {
        self.remove_all(&[FASTCGI]);
        self.children.iter_mut().for_each(Self::forget_fastcgi);
    }

    fn line(&self, path: &[&str]) -> Option<(&Value, &Option<crate::place::Place>)> {
        self.lines.iter().find_map(|line| match line {
            Line::Key { path: known, value, place, .. } if known == path => Some((value, place)),
            _ => None,
        })
    }
}
