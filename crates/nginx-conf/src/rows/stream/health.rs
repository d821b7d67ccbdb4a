//! `health_check` of a stream: whether a server can be connected to, or does not refuse datagrams. It is the upstream's here.

use crate::args;
use crate::convert::{Convert, Done, Outcome, Target, different, refuse};
use crate::document::{Value, key};
use crate::rows::health::parameter;
use crate::tree::Directive;

use super::udp::Listens;

/// Where a check stands, until it is given to its upstream.
pub(super) const ASKED: &[&str] = &["health_check", "asked"];

/// Where it is said that datagrams are sent.
const DATAGRAMS: &[&str] = &["health_check", "udp"];

const TWICE: &str = "its upstream has a check already, and only one is possible here";
const NOBODY: &str = "the `proxy_pass` beside it names no `upstream` block, whose servers could be checked";
const OTHER: &str = "servers are asked as they are served: those of streams that listen on TCP for a connection, those of others with a datagram";
const NOT_SENT: &str = "what servers of TCP say is not looked at: one is well that can be connected to";

pub(super) fn health_check(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    convert.set(Target::Here, ASKED, Value::flag(true).at(&directive.place), &directive.place);
    for (index, word) in directive.args().iter().enumerate() {
        let (name, value) = match word.text.as_str() {
            "udp" => ("udp", Value::flag(true)),
            text if text.starts_with("match=") => return refuse(NOT_SENT),
            _ => parameter(directive, index)?,
        };
        convert.set(Target::Here, &["health_check", name], value.at(&word.place), &directive.place);
    }
    different("several checks of an upstream are one here")
}

pub(super) fn timeout(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let time = Value::text(args::time(directive, 0)?).at(directive.place_of(0));
    convert.set(Target::Here, &["health_check", "timeout"], time, &directive.place);
    Ok(Done::AsWritten)
}

/// Now that all upstreams are known: each check goes to its own.
pub(super) fn finish(convert: &mut Convert<'_>) {
    let mut refused = Vec::new();
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
                    upstream.set(&["health_check", &name], value, Some(&place));
                }
            }
            Some(_) => refused.push((place, TWICE)),
            None => refused.push((place, NOBODY)),
        }
    }
    for (place, why) in refused {
        convert.refuse_after_all(&place, why);
    }
}
