//! `http` and `stream` name things independently of one another, here the names are one: those of streams change where both have one.

use std::collections::BTreeSet;

use crate::convert::Convert;
use crate::document::{Document, Section, key};
use crate::place::Place;
use crate::verdict::{Line, Verdict};

/// What defines a variable: kinds of tables, and the groups of their patterns.
const VARIABLES: [&str; 6] = ["map", "geo", "split_clients", "keyval", "geoip", GROUP];
const GROUP: &str = "group";

/// The whole nginx.conf is read: what is named in `stream` comes to what is named elsewhere.
pub(crate) fn join(convert: &mut Convert<'_>) {
    let Convert { document, lines, .. } = convert;
    let mut own = std::mem::take(&mut document.stream_named);
    let set = if own.is_empty() { BTreeSet::new() } else { document.set_names() };
    // A new name may tell two apart that were one: what is in them named it.
    while let Some((at, kind, name)) = next(document, &set, &own).or_else(|| next_group(document, &set, &own))
    {
        let new = free(&name, |name| {
            taken(document, &set, &kind, name) || has(&own, &kind, name) || has_group(&own, name)
        });
        if let Some(section) = own.get_mut(at) {
            if kind != GROUP {
                section.rename(format!("[{kind}.{}]", key(&new)));
            }
            note(lines, section.place(), &new);
        }
        match kind.as_str() {
            "upstream" => rename_upstream(document, &mut own, &name, &new),
            "limit_zone" => {
                document.streams.iter_mut().for_each(|stream| rename_in(stream, "zone", &name, &new))
            }
            "keyval_zone" => rename_of(&mut own, "keyval", "zone", &name, &new),
            "geoip_database" => rename_of(&mut own, "geoip", "database", &name, &new),
            GROUP => {
                own.iter_mut().for_each(|section| section.rename_group(&name, &new));
                rename_variable(document, &mut own, &name, &new);
            }
            _ => rename_variable(document, &mut own, &name, &new),
        }
    }
    own.retain(|section| {
        section.kind_and_name().is_some_and(|(kind, name)| !taken(document, &set, kind, name))
    });
    document.named.append(&mut own);
    formats(document, lines); // last: they name variables
    let formats = std::mem::take(&mut document.stream_formats);
    document.log_format.append(formats);
}

/// The next one that needs another name, with its kind and its name: something of that name is there, and does not say the same.
fn next(document: &Document, set: &BTreeSet<String>, own: &[Section]) -> Option<(usize, String, String)> {
    own.iter().enumerate().find_map(|(at, section)| {
        let (kind, name) = section.kind_and_name()?;
        let may_be_one = VARIABLES.contains(&kind) || kind == "geoip_database";
        let is_one = || may_be_one && document.named.iter().any(|other| section.says_the_same(other));
        (taken(document, set, kind, name) && !is_one()).then(|| (at, kind.to_owned(), name.to_owned()))
    })
}

/// The next group of that kind.
fn next_group(
    document: &Document,
    set: &BTreeSet<String>,
    own: &[Section],
) -> Option<(usize, String, String)> {
    own.iter().enumerate().find_map(|(at, section)| {
        let name = section.groups().find(|name| taken(document, set, GROUP, name))?;
        Some((at, GROUP.to_owned(), name.to_owned()))
    })
}

/// Whether something of this kind has the name already, or is built in.
fn taken(document: &Document, set: &BTreeSet<String>, kind: &str, name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let is_variable = || {
        let tokens = [&document.claim_set, &document.header_set].into_iter().flat_map(Section::entries);
        propylon_config::is_reserved(&lower)
            || tokens.into_iter().any(|(known, _)| known.eq_ignore_ascii_case(name))
            || kind != GROUP && set.contains(&lower) // groups may be set by others, too
    };
    has(&document.named, kind, name) || VARIABLES.contains(&kind) && is_variable()
}

fn has_group(sections: &[Section], name: &str) -> bool {
    sections.iter().flat_map(Section::groups).any(|known| known.eq_ignore_ascii_case(name))
}

/// Whether one of these sections is of this kind and has the name.
fn has(sections: &[Section], kind: &str, name: &str) -> bool {
    let is_variable = VARIABLES.contains(&kind);
    let of_kind = |known: &str| if is_variable { VARIABLES.contains(&known) } else { known == kind };
    let same = |known: &str| match kind {
        "limit_zone" | "keyval_zone" | "geoip_database" => known == name,
        _ => known.eq_ignore_ascii_case(name),
    };
    let mut named = sections.iter().filter_map(Section::kind_and_name);
    named.any(|(known, other)| of_kind(known) && same(other))
}

fn free(name: &str, is_taken: impl Fn(&str) -> bool) -> String {
    let mut new = format!("stream_{name}");
    while is_taken(&new) {
        new.insert_str(0, "stream_");
    }
    new
}

/// The report tells of the new name.
fn note(lines: &mut [Line], place: Option<&Place>, new: &str) {
    let Some(place) = place else { return };
    for line in lines.iter_mut().filter(|line| line.is_at(place) && line.verdict != Verdict::Refused) {
        line.verdict = Verdict::Different;
        let told = format!("renamed to `{new}`: the name is used in `http`, or is built in");
        line.note = if line.note.is_empty() { told } else { format!("{}; {told}", line.note) };
    }
}

fn formats(document: &mut Document, lines: &mut [Line]) {
    let entries = document.stream_formats.entries();
    let entries: Vec<_> = entries.map(|(name, place)| (name.to_owned(), place.cloned())).collect();
    for (name, place) in entries {
        let known = |name: &str| matches!(name, "combined" | "json") || document.log_format.has(&[name]);
        if !known(&name) {
            continue;
        }
        if document.stream_formats.only(&name).says_the_same(&document.log_format.only(&name)) {
            document.stream_formats.remove(&[&name]);
            continue;
        }
        let new = free(&name, |name| known(name) || document.stream_formats.has(&[name]));
        document.stream_formats.rename_key(&name, &new);
        note(lines, place.as_ref(), &new);
        for stream in &mut document.streams {
            stream.each_text(|key, text| {
                if key == "format" && *text == name {
                    text.clone_from(&new);
                }
            });
        }
    }
}

/// Maps may give the name, if any `proxy_pass` asks them.
fn rename_upstream(document: &mut Document, own: &mut [Section], name: &str, new: &str) {
    let mut asks = false;
    for stream in &mut document.streams {
        stream.each_text(|key, text| {
            if key != "proxy_pass" {
                return;
            }
            let start = if text.starts_with("tls://") { "tls://".len() } else { 0 };
            let target = text.get(start..).unwrap_or_default();
            asks |= target.contains('$');
            if target.eq_ignore_ascii_case(name) {
                text.replace_range(start.., new);
            }
        });
    }
    let is_variable =
        |section: &Section| section.kind_and_name().is_some_and(|(kind, _)| VARIABLES.contains(&kind));
    for map in own.iter_mut().filter(|section| asks && is_variable(section)) {
        map.each_text(|key, text| {
            if key != "key" && text.eq_ignore_ascii_case(name) {
                new.clone_into(text);
            }
        });
    }
}

/// What the tables of a kind name by this key.
fn rename_of(own: &mut [Section], kind: &str, by: &str, name: &str, new: &str) {
    let of_kind = |section: &&mut Section| section.kind_and_name().is_some_and(|(known, _)| known == kind);
    own.iter_mut().filter(of_kind).for_each(|section| rename_in(section, by, name, new));
}

fn rename_in(section: &mut Section, by: &str, name: &str, new: &str) {
    section.each_text(|key, text| {
        if key == by && text == name {
            new.clone_into(text);
        }
    });
}

fn rename_variable(document: &mut Document, own: &mut [Section], name: &str, new: &str) {
    let Document { streams, stream_formats, .. } = document;
    for section in streams.iter_mut().chain(own).chain([stream_formats]) {
        section.each_text(|_, text| {
            if text.contains('$') {
                *text = with_variable(text, name, new);
            }
        });
    }
}

/// A text with `$new` in the place of `$name`.
fn with_variable(text: &str, name: &str, new: &str) -> String {
    let mut changed = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        let (before, from) = rest.split_at(at);
        changed.push_str(before);
        let after = from.get(1..).unwrap_or_default();
        let (open, close, after) = match after.strip_prefix('{') {
            Some(after) => ("${", "}", after),
            None => ("$", "", after),
        };
        let end = after.bytes().position(|byte| !(byte.is_ascii_alphanumeric() || byte == b'_'));
        let (found, behind) = after.split_at(end.unwrap_or(after.len()));
        let closed = behind.strip_prefix(close);
        changed.push_str(open);
        rest = match closed {
            Some(behind) if found.eq_ignore_ascii_case(name) => {
                changed.push_str(new);
                changed.push_str(close);
                behind
            }
            _ => {
                changed.push_str(found);
                behind
            }
        };
    }
    changed.push_str(rest);
    changed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_change_their_names() {
        let check =
            |text, expected| assert_eq!(with_variable(text, "host", "stream_host"), expected, "{text}");
        check("", "");
        check("$host", "$stream_host");
        check("a$HOST:1${host}b$hostname$host_x$", "a$stream_host:1${stream_host}b$hostname$host_x$");
        check("${host", "${host");
        check("$é$host", "$é$stream_host");
    }
}
