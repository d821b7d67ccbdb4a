//! FastCGI has directives of its own for what is one key here, whatever is spoken: a location gets those of what it speaks.

use super::{Line, Section, Value};

/// The table that what is for FastCGI alone waits in, which is no key of the configuration.
pub(crate) const FASTCGI: &str = "fastcgi directives";

/// Marks a place whose requests a `fastcgi_pass` elsewhere takes on.
const GOES: &[&str] = &[FASTCGI, "goes"];

/// What the directives of FastCGI stand for, and what counts where none is written.
const KEYS: [([&str; 2], Default); 24] = [
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
    (["redirect", "rules"], Default::List(&[])),
];

/// Lists of names, which are empty by default.
const LISTS: [&str; 3] = ["hide", "pass", "ignore"];

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
    /// A place that asks a FastCGI server has what the directives of FastCGI say, here or around it, and nothing of what those of
    /// `proxy_*` say.
    pub(super) fn speak_fastcgi(&mut self, outer: &[&Self]) {
        if !self.has(&["fastcgi_pass"]) && !self.has(GOES) {
            return;
        }
        let own = self.clone();
        let lists = LISTS.map(|key| (["headers", key], Default::List(&[])));
        for (key, default) in KEYS.into_iter().chain(lists) {
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
