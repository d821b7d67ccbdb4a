//! `resolver`: who is asked for the addresses of names.

use crate::args::{duration, invalid};
use crate::context::Contexts;
use crate::convert::{Convert, Done, Outcome, Target};
use crate::document::Value;
use crate::row::{ONE, Row, SOME, To};
use crate::tree::Directive;

const LEVELS: Contexts = Contexts::LEVELS.or(Contexts::STREAMS);

pub(crate) const ROWS: &[Row] = &[
    Row::new("resolver", LEVELS, SOME, To::By(resolver, "resolver")),
    Row::new("resolver_timeout", LEVELS, ONE, To::By(timeout, "resolver.timeout")),
];

pub(super) fn resolver(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let mut servers = Vec::new();
    let mut keys = Vec::new();
    for (index, word) in directive.args().iter().enumerate() {
        let text = word.text.as_str();
        match text.split_once('=') {
            None => servers.push(Value::text(text).at(&word.place)),
            Some(("valid", value)) => match duration(value) {
                Some(time) => keys.push(("valid", Value::text(time).at(&word.place))),
                None => return Err(invalid(directive, index, format!("invalid parameter: {text}"))),
            },
            Some((family @ ("ipv4" | "ipv6"), value @ ("on" | "off"))) => {
                let family = if family == "ipv4" { "ipv4" } else { "ipv6" };
                keys.push((family, Value::flag(value == "on").at(&word.place)));
            }
            Some(("status_zone", _)) => {}
            Some(_) => return Err(invalid(directive, index, format!("invalid parameter: {text}"))),
        }
    }
    if directive.arg(0) == "off" || servers.is_empty() {
        return Err(invalid(directive, 0, "no name servers defined"));
    }
    let (target, path): (Target, &[&str]) = place(convert);
    let key = |name| path.iter().copied().chain([name]).collect::<Vec<&str>>();
    convert.set(target, &key("servers"), Value::List(servers), &directive.place);
    for (name, value) in keys {
        convert.set(target, &key(name), value, &directive.place);
    }
    Ok(Done::AsWritten)
}

/// That of `http` is the file's.
fn place(convert: &Convert<'_>) -> (Target, &'static [&'static str]) {
    match convert.frame().context {
        Contexts::HTTP => (Target::Resolver, &[]),
        _ => (Target::Here, &["resolver"]),
    }
}

pub(super) fn timeout(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let time = crate::args::time(directive, 0)?;
    let value = Value::text(time).at(directive.place_of(0));
    let (target, path) = place(convert);
    let path: Vec<&str> = path.iter().copied().chain(["timeout"]).collect();
    convert.set(target, &path, value, &directive.place);
    Ok(Done::AsWritten)
}
