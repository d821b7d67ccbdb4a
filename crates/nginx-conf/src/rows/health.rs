//! `health_check` and `match`: in nginx a location's and the whole configuration's, here the upstream's.

use std::collections::HashMap;

use crate::args::{duration, invalid};
use crate::context::Contexts;
use crate::convert::{Convert, Done, Outcome, Stop, Target, different, refuse};
use crate::document::{PASSES, Section, Value, key};
use crate::frame::Frame;
use crate::place::{Place, Problem};
use crate::tree::Directive;

/// Checks that wait for the end of the configuration: upstreams and matches may stand behind them.
#[derive(Default)]
pub(crate) struct Checks {
    asked: Vec<Asked>,
    matches: Matches,
    /// Those of streams.
    pub(super) stream_matches: Matches,
}

/// What good answers are, by their names.
pub(super) type Matches = HashMap<String, Section>;

struct Asked {
    /// Where the directive stands.
    place: Place,
    of: Whose,
    keys: Vec<(String, Value)>,
}

enum Whose {
    /// An upstream of this name.
    Upstream(String),
    /// The upstream that this `proxy_pass` names.
    Target(Option<String>),
}

pub(super) fn health_check(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    for (index, word) in directive.args().iter().enumerate() {
        let (name, value) = match split(&word.text) {
            ("uri", Some(value)) => ("uri", Value::text(value)),
            ("match", Some(value)) if !value.is_empty() => ("match", Value::text(value)),
            (name @ ("keepalive_time" | "type" | "grpc_service" | "grpc_status"), _) => {
                return refuse(format!("`{name}` is not supported yet"));
            }
            _ => parameter(directive, index)?,
        };
        convert.set(Target::Here, &["health_check", name], value.at(&word.place), &directive.place);
    }
    if directive.args().is_empty() && !convert.frame().section.has(&["health_check"]) {
        let uri = Value::text("/").at(&directive.place);
        convert.set(Target::Here, &["health_check", "uri"], uri, &directive.place);
    }
    different(
        "the response timeout is 5 s (`health_check.timeout`), and several checks of an upstream become one",
    )
}

/// A parameter that checks of streams have as well.
pub(super) fn parameter(directive: &Directive, index: usize) -> Result<(&'static str, Value), Stop> {
    let text = directive.arg(index);
    let wrong = || invalid(directive, index, format!("invalid parameter \"{text}\""));
    let time = |value| Ok(Value::text(duration(value).ok_or_else(wrong)?));
    let number = |value: &str| Ok(Value::number(value.parse().map_err(|_| wrong())?));
    Ok(match split(text) {
        ("interval", Some(value)) => ("interval", time(value)?),
        ("jitter", Some(value)) => ("jitter", time(value)?),
        ("fails", Some(value)) => ("fails", number(value)?),
        ("passes", Some(value)) => ("passes", number(value)?),
        ("port", Some(value)) => ("port", number(value)?),
        ("mandatory", None) => ("mandatory", Value::flag(true)),
        ("persistent", None) => ("persistent", Value::flag(true)),
        _ => return Err(wrong()),
    })
}

fn split(text: &str) -> (&str, Option<&str>) {
    text.split_once('=').map_or((text, None), |(name, value)| (name, Some(value)))
}

/// Takes the check of a block that has ended along.
pub(super) fn collect(convert: &mut Convert<'_>, frame: &mut Frame) {
    let Some(place) = frame.place_of("health_check").cloned() else { return };
    let of = match frame.context == Contexts::UPSTREAM {
        true => Whose::Upstream(frame.name.clone()),
        false => Whose::Target(PASSES.iter().find_map(|key| frame.section.text(&[key])).map(str::to_owned)),
    };
    let names = frame.section.child_keys(&["health_check"]);
    let keys = names.into_iter().filter_map(|name| {
        let value = frame.section.take(&["health_check", &name])?;
        Some((name, value))
    });
    let keys: Vec<_> = keys.collect();
    if !keys.is_empty() {
        convert.checks.asked.push(Asked { place, of, keys });
    }
}

/// A block of conditions for good answers.
pub(super) fn matching(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let mut section = conditions(convert, directive, |checks| &checks.matches, condition)?;
    // Without one any status is good in nginx, but not here.
    if !section.has(&["status"]) {
        section.set(&["status"], Value::List(Vec::new()), Some(&directive.place));
    }
    convert.checks.matches.insert(directive.arg(0).to_owned(), section);
    Ok(Done::AsWritten)
}

/// The conditions of a block, which no other has the name of.
pub(super) fn conditions(
    convert: &mut Convert<'_>,
    directive: &Directive,
    others: fn(&Checks) -> &Matches,
    condition: fn(&mut Section, &Directive) -> Outcome,
) -> Result<Section, Stop> {
    let name = directive.arg(0);
    if others(&convert.checks).contains_key(name) {
        return Err(invalid(directive, 0, format!("duplicate match \"{name}\"")));
    }
    let mut section = Section::default();
    convert.take_pending().into_iter().chain(directive.beside.clone()).for_each(|text| section.comment(text));
    if let Some(block) = directive.block() {
        convert.entries(block, |_, entry| {
            entry.above.iter().chain(&entry.beside).for_each(|text| section.comment(text.clone()));
            condition(&mut section, entry)
        });
    }
    Ok(section)
}

fn condition(section: &mut Section, entry: &Directive) -> Outcome {
    let words: Vec<&str> = entry.args().iter().map(|word| &*word.text).collect();
    let wrong =
        || Stop::Invalid(Problem::new(&entry.place, format!("invalid \"{}\" in a match", entry.name())));
    match (entry.name(), words.as_slice()) {
        ("status", words @ [first, ..]) => {
            // One `!` is for all that follow.
            let not = if first.starts_with('!') { "!" } else { "" };
            if words.iter().skip(1).any(|word| word.starts_with('!')) {
                return Err(wrong());
            }
            let mut words = words.iter().map(|word| word.trim_start_matches('!')).enumerate();
            for (index, word) in words.by_ref().filter(|(_, word)| !word.is_empty()) {
                let value = Value::text(format!("{not}{word}")).at(entry.place_of(index));
                section.push(&["status"], value, Some(&entry.place));
            }
            if section.has(&["status"]) { Ok(Done::AsWritten) } else { Err(wrong()) }
        }
        ("header", [_] | ["!", _] | [_, "=" | "!=" | "~" | "!~", _]) => {
            let value = Value::text(words.join(" ")).at(&entry.place);
            section.push(&["headers"], value, Some(&entry.place));
            Ok(Done::AsWritten)
        }
        ("body", [how @ ("~" | "!~"), pattern]) => {
            // What begins with `!` is a negation here.
            let pattern = match pattern.strip_prefix('!') {
                Some(rest) => format!("[!]{rest}"),
                None => (*pattern).to_owned(),
            };
            let not = if *how == "!~" { "!" } else { "" };
            if section.has(&["body"]) {
                return refuse("only one condition for the body is supported");
            }
            let value = Value::text(format!("{not}{pattern}")).at(entry.place_of(1));
            section.set(&["body"], value, Some(&entry.place));
            Ok(Done::AsWritten)
        }
        ("require", _) => refuse("health checks cannot test variables"),
        ("status" | "header" | "body", _) => Err(wrong()),
        (other, _) => Err(Stop::Invalid(Problem::new(
            &entry.place,
            format!("unknown directive \"{other}\" in a match"),
        ))),
    }
}

/// Now that all upstreams are known: each check goes to its own.
pub(super) fn finish(convert: &mut Convert<'_>) {
    let Checks { asked, matches, .. } = &mut convert.checks;
    let (asked, matches) = (std::mem::take(asked), std::mem::take(matches));
    for asked in asked {
        let place = asked.place.clone();
        match attach(convert, &matches, asked) {
            Ok(()) => {}
            Err(Stop::Invalid(problem)) => convert.problems.push(problem),
            Err(Stop::Refused(why)) => convert.refuse_after_all(&place, why),
        }
    }
}

fn attach(convert: &mut Convert<'_>, matches: &Matches, asked: Asked) -> Result<(), Stop> {
    let name = match &asked.of {
        Whose::Upstream(name) => Some(name.as_str()),
        Whose::Target(url) => url.as_deref().map(host),
    };
    let header = name.map(|name| format!("[upstream.{}]", key(name)));
    let Some(upstream) = header.and_then(|header| convert.document.named_mut(&header)) else {
        return refuse(
            "the location's `proxy_pass` (or `fastcgi_pass` etc.) names no `upstream` block, so there are no servers to check",
        );
    };
    if upstream.has(&["health_check"]) {
        return refuse("the upstream already has a health check, and only one is supported");
    }
    for (name, value) in asked.keys {
        if name != "match" {
            upstream.set(&["health_check", &name], value, Some(&asked.place));
            continue;
        }
        put_match(upstream, matches, &value).map_err(|why| Stop::Invalid(Problem::new(&asked.place, why)))?;
    }
    Ok(())
}

/// Puts the conditions that a check names into its upstream; an error: there are none.
pub(super) fn put_match(upstream: &mut Section, matches: &Matches, name: &Value) -> Result<(), String> {
    let name = name.as_text().unwrap_or_default();
    let found = matches.get(name).ok_or_else(|| format!("match \"{name}\" not found"))?;
    found.comments().for_each(|text| upstream.comment(text.clone()));
    for (path, value, place) in found.clone().moved(&[], &["health_check", "match"]) {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        upstream.set(&path, value, place.as_ref());
    }
    Ok(())
}

/// The host of a URL, which may be an upstream's name.
fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', '?']).next().unwrap_or_default()
}
