//! What nginx inherits otherwise than the configuration does: written out; and what is looked up for it.

use super::{Document, Line, Section, Value};

/// Tables that an inner level replaces as a whole, while nginx inherits them directive by directive.
const WHOLE: &[&[&str]] = &[&["upstream", "tls"], &["resolver"], BASIC];

const BASIC: &[&str] = &["access", "basic"];
const LIMIT_EXCEPT: &[&str] = &["access", "limit_except"];
const LIMITED_BASIC: &[&str] = &["access", "limit_except", "basic"];

/// Keys that are one directive's.
const PAIRS: [(&str, &str); 2] = [("add", "add_always"), ("add_trailer", "add_trailer_always")];

/// What a location does not share with an `if` block inside: what it is, and what it does before it serves.
///
/// An `alias` counts where the location is used: the block has no paths of its own that it could stand for.
const OWN: [&str; 16] = [
    "match",
    "internal",
    "set",
    "rewrite",
    "return",
    "proxy_pass",
    "fastcgi_pass",
    "uwsgi_pass",
    "scgi_pass",
    "grpc_pass",
    "memcached_pass",
    "stub_status",
    "empty_gif",
    "api",
    "try_files",
    "alias",
];

impl Section {
    /// Writes what nginx inherits directive by directive and a table does not: of some tables an inner level replaces
    /// all keys, and `add_header` is two keys here.
    pub(crate) fn complete(&mut self, outer: &[&Self]) {
        for table in WHOLE {
            if self.has(table) {
                for section in outer.iter().rev() {
                    self.inherit(section, table);
                }
            }
        }
        self.limit(outer);
        // `resolver_timeout` is inherited by itself; a time to wait alone is no resolver.
        if self.has(&["resolver"]) && !self.has(&["resolver", "servers"]) {
            self.remove_all(&["resolver"]);
        }
        for (one, other) in PAIRS.into_iter().flat_map(|(one, other)| [(one, other), (other, one)]) {
            let missing = self.has(&["headers", one]) && !self.has(&["headers", other]);
            if missing && outer.iter().any(|section| section.has(&["headers", other])) {
                self.set(&["headers", other], Value::Table(Vec::new()), None);
            }
        }
        let codings = self.list_codings(outer);
        let mut children = std::mem::take(&mut self.children);
        let around: Vec<&Self> = outer.iter().copied().chain([&*self]).collect();
        children.iter_mut().for_each(|child| child.complete(&around));
        self.children = children;
        self.put_codings(codings);
        self.speak(outer);
        self.forget_half_a_password();
    }

    /// A realm without users, or users without a realm, asks nobody: it was for the levels inside.
    pub(crate) fn forget_half_a_password(&mut self) {
        for basic in [BASIC, LIMITED_BASIC] {
            let keys = ["realm", "users"].map(|key| [basic, &[key]].concat());
            if self.exactly(basic) {
                keys.iter().for_each(|key| self.remove(key));
            } else if !keys.iter().all(|key| self.exactly(key)) {
                self.remove_all(basic);
            }
        }
    }

    /// `limit_except` holds for its own location alone, and inherits from it.
    fn limit(&mut self, outer: &[&Self]) {
        if self.has(LIMITED_BASIC) {
            let own = self.clone();
            for section in outer.iter().copied().chain([&own]).rev() {
                for key in ["realm", "users"] {
                    let path = [LIMITED_BASIC, &[key]].concat();
                    let found = section.value(&[BASIC, &[key]].concat());
                    if let Some(found) =
                        found.filter(|_| !self.exactly(&path) && !self.exactly(LIMITED_BASIC))
                    {
                        self.set(&path, found.clone(), None);
                    }
                }
            }
        }
        let around = outer.iter().any(|section| section.has(LIMIT_EXCEPT));
        if around && !self.has(LIMIT_EXCEPT) {
            // As outside, for all methods.
            let methods = Value::List(vec![Value::text("GET")]);
            self.set(&[LIMIT_EXCEPT, &["methods"]].concat(), methods, None);
            self.beside(" nginx does not inherit `limit_except` from the outer location");
        }
    }

    /// Copies the keys of a table that are missing here.
    fn inherit(&mut self, outer: &Self, table: &[&str]) {
        let has_servers = self.has(&["resolver", "servers"]);
        for line in &outer.lines {
            let Line::Key { path, value, place, .. } = line else { continue };
            let path: Vec<&str> = path.iter().map(String::as_str).collect();
            let own = *table == ["resolver"] && path != ["resolver", "timeout"] && has_servers;
            if self.exactly(table) {
                return; // off
            }
            if path == table && table == BASIC && !self.has(&[BASIC, &["realm"]].concat()) {
                // Off there, and so it is off here, whatever file of users there is.
                self.remove_all(table);
                self.set(table, value.clone(), place.as_ref());
            } else if path.len() > table.len() && path.starts_with(table) && !self.has(&path) && !own {
                self.set(&path, value.clone(), place.as_ref());
            }
        }
    }

    /// Gives the `if` blocks of the locations inside as locations of their own, with all that they share with those around
    /// them.
    pub(crate) fn hoist(&mut self) {
        let mut found = Vec::new();
        self.children.iter_mut().for_each(|child| child.hoist_into(&[], &mut found));
        self.children.append(&mut found);
    }

    fn hoist_into(&mut self, outer: &[&Self], found: &mut Vec<Self>) {
        let mut conditional = std::mem::take(&mut self.conditional);
        let mut children = std::mem::take(&mut self.children);
        let around: Vec<&Self> = outer.iter().copied().chain([&*self]).collect();
        for section in &mut conditional {
            let acts =
                self.passes() || ["stub_status", "empty_gif", "api"].iter().any(|action| self.has(&[action]));
            let goes_on = acts && !section.passes();
            let mut roots = around.iter().rev().filter(|outer| outer.has(&["root"]) || outer.has(&["alias"]));
            let aliased =
                !section.has(&["root"]) && roots.next().is_some_and(|nearest| nearest.has(&["alias"]));
            around.iter().rev().for_each(|outer| section.share(outer));
            if goes_on {
                section.goes_on_to(self);
            }
            if goes_on || aliased {
                // It goes on to the location's action, or to where the alias leads: with a root of its own it would send files from there.
                section.remove(&["root"]);
            }
        }
        children.iter_mut().for_each(|child| child.hoist_into(&around, found));
        self.children = children;
        found.append(&mut conditional);
    }

    /// Copies what it inherits as a level inside.
    fn share(&mut self, outer: &Self) {
        let own = self.clone();
        for line in &outer.lines {
            let Line::Key { path, value, place, .. } = line else { continue };
            let path: Vec<&str> = path.iter().map(String::as_str).collect();
            let kept = path.first().is_some_and(|first| OWN.contains(first));
            if !kept && !own.overrides(&path) {
                self.set(&path, value.clone(), place.as_ref());
            }
        }
    }

    /// Whether a key of an outer level is replaced here.
    fn overrides(&self, path: &[&str]) -> bool {
        if WHOLE
            .iter()
            .any(|table| path.len() > table.len() && path.starts_with(table) && !self.exactly(table))
        {
            return self.exactly(path);
        }
        let pair = |key: &str| {
            PAIRS.iter().find_map(|&(one, other)| match key {
                _ if key == one => Some(other),
                _ if key == other => Some(one),
                _ => None,
            })
        };
        if let [table @ "headers", key, ..] = path
            && pair(key).is_some_and(|other| self.has(&[table, other]))
        {
            return true;
        }
        self.lines.iter().any(|line| match line {
            Line::Key { path: known, .. } => {
                // Beneath a table that waits there are the same tables once more.
                let parts = if path.first().is_some_and(|first| super::waits(first)) { 3 } else { 2 };
                known.iter().zip(path).take(parts).all(|(a, b)| a == b)
            }
            Line::Comment(_) => false,
        })
    }

    /// Changes the texts of a list.
    pub(crate) fn change_texts(&mut self, path: &[&str], change: impl Fn(&mut String)) {
        let Some(Value::List(items)) = self.value_mut(path) else { return };
        for mut item in items {
            while let Value::At(inner, _) = item {
                item = inner;
            }
            if let Value::Text(text) = item {
                change(text);
            }
        }
    }

    /// Whether there is this very key.
    fn exactly(&self, path: &[&str]) -> bool {
        self.value(path).is_some()
    }

    /// The text that a key has.
    pub(crate) fn text(&self, path: &[&str]) -> Option<&str> {
        self.value(path).and_then(Value::as_text)
    }

    fn value(&self, path: &[&str]) -> Option<&Value> {
        self.lines.iter().find_map(|line| match line {
            Line::Key { path: known, value, .. } if known == path => Some(value),
            _ => None,
        })
    }
}

impl Document {
    /// The map or upstream with this header.
    pub(crate) fn named_mut(&mut self, header: &str) -> Option<&mut Section> {
        self.named.iter_mut().find(|section| section.header == header)
    }
}
