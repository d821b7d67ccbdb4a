//! `health_check` and `match` of streams: what their servers are asked. They are the upstream's here.

use crate::args;
use crate::convert::{Convert, Done, Outcome, Stop, Target, different};
use crate::document::{Section, Value, key};
use crate::place::Problem;
use crate::rows::health::{conditions, parameter, put_match};
use crate::tree::Directive;

use super::udp::Listens;

/// Where a check stands, until it is given to its upstream.
pub(super) const ASKED: &[&str] = &["health_check", "asked"];

/// Where it is said that datagrams are sent.
const DATAGRAMS: &[&str] = &["health_check", "udp"];

const TWICE: &str = "the upstream already has a health check, and only one is supported";
const NOBODY: &str = "the server's `proxy_pass` names no `upstream` block, so there are no servers to check";
const OTHER: &str = "health checks use the same protocol as `listen`: write `udp` if the server listens only on UDP, otherwise remove it";

pub(super) fn health_check(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    convert.set(Target::Here, ASKED, Value::flag(true).at(&directive.place), &directive.place);
    for (index, word) in directive.args().iter().enumerate() {
        let (name, value) = match word.text.as_str() {
            "udp" => ("udp", Value::flag(true)),
            text if text.starts_with("match=") => ("match", Value::text(text.trim_start_matches("match="))),
            _ => parameter(directive, index)?,
        };
        convert.set(Target::Here, &["health_check", name], value.at(&word.place), &directive.place);
    }
    different("several health checks of an upstream become one")
}

/// A block that says what servers are told, and what they must say.
pub(super) fn matching(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let section = conditions(convert, directive, |checks| &checks.stream_matches, condition)?;
    convert.checks.stream_matches.insert(directive.arg(0).to_owned(), section);
    Ok(Done::AsWritten)
}

fn condition(section: &mut Section, entry: &Directive) -> Outcome {
    let words: Vec<&str> = entry.args().iter().map(|word| &*word.text).collect();
    let (name, text) = match (entry.name(), words.as_slice()) {
        ("send", [text]) => ("send", (*text).to_owned()),
        // What begins with `~` is a regular expression here.
        ("expect", [text]) => match text.strip_prefix('~') {
            Some(rest) => ("expect", format!("\\x7e{rest}")),
            None => ("expect", (*text).to_owned()),
        },
        ("expect", [how @ ("~" | "~*"), pattern]) => ("expect", format!("{how} {pattern}")),
        (name, _) => {
            return Err(Stop::Invalid(Problem::new(&entry.place, format!("invalid \"{name}\" in a match"))));
        }
    };
    if section.has(&[name]) {
        return Err(Stop::Invalid(Problem::new(&entry.place, format!("\"{name}\" is duplicate"))));
    }
    section.set(&[name], Value::text(text).at(entry.place_of(0)), Some(&entry.place));
    Ok(Done::AsWritten)
}

pub(super) fn timeout(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let time = Value::text(args::time(directive, 0)?).at(directive.place_of(0));
    convert.set(Target::Here, &["health_check", "timeout"], time, &directive.place);
    Ok(Done::AsWritten)
}

/// Now that all upstreams are known: each check goes to its own.
pub(super) fn finish(convert: &mut Convert<'_>) {
    let (mut refused, mut invalid) = (Vec::new(), Vec::new());
    let matches = std::mem::take(&mut convert.checks.stream_matches);
    let document = &mut convert.document;
    for stream in &mut document.streams {
        let asked = stream.take(ASKED).as_ref().and_then(Value::place).cloned();
        let is_udp = stream.take(DATAGRAMS).is_some();
        let names = stream.child_keys(&["health_check"]);
        let keys: Vec<_> = (names.into_iter())
            .filter_map(|name| Some((stream.take(&["health_check", &name])?, name)))
            .collect();
        let Some(place) = asked else { continue };
        if is_udp != (Listens::of(stream) == Listens::Udp) {
            refused.push((place, OTHER));
            continue;
        }
        let target = stream.text(&["proxy_pass"]).unwrap_or_default();
        let header = format!("[upstream.{}]", key(target.strip_prefix("tls://").unwrap_or(target)));
        let upstream = document.stream_named.iter_mut().find(|section| section.is_called(&header));
        match upstream {
            Some(upstream) if !upstream.has(&["health_check"]) => {
                if keys.is_empty() {
                    upstream.set(&["health_check"], Value::Table(Vec::new()), Some(&place));
                }
                for (value, name) in keys {
                    if name != "match" {
                        upstream.set(&["health_check", &name], value, Some(&place));
                    } else if let Err(why) = put_match(upstream, &matches, &value) {
                        invalid.push(Problem::new(&place, why));
                    }
                }
            }
            Some(_) => refused.push((place, TWICE)),
            None => refused.push((place, NOBODY)),
        }
    }
    for (place, why) in refused {
        convert.refuse_after_all(&place, why);
    }
    convert.problems.extend(invalid);
}
