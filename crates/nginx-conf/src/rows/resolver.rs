//! `resolver`: who is asked for the addresses of names.

use crate::args::{duration, invalid};
use crate::context::Contexts;
use crate::convert::{Convert, Done, Outcome, Target, different, refuse};
use crate::document::Value;
use crate::row::{ONE, Row, SOME, To};
use crate::tree::Directive;

const LEVELS: Contexts = Contexts::LEVELS;

pub(crate) const ROWS: &[Row] = &[
    Row::new("resolver", LEVELS, SOME, To::By(resolver, "resolver"))
        .note("There is one for the whole process: several are refused unless they say the same."),
    Row::new("resolver_timeout", LEVELS, ONE, To::By(timeout, "resolver.timeout")),
];

fn resolver(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
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
    let written = crate::convert::one_line(&directive.place);
    let outermost = convert.frame().context == Contexts::HTTP;
    match &convert.resolver {
        None => convert.resolver = Some(written),
        Some(known) if *known == written => return different("it is the resolver of the whole process"),
        Some(_) => return refuse("there is one resolver for the whole process: write the same everywhere"),
    }
    convert.set(Target::Resolver, &["servers"], Value::List(servers), &directive.place);
    for (key, value) in keys {
        convert.set(Target::Resolver, &[key], value, &directive.place);
    }
    if outermost { Ok(Done::AsWritten) } else { different("it is the resolver of the whole process") }
}

fn timeout(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let time = crate::args::time(directive, 0)?;
    let value = Value::text(time).at(directive.place_of(0));
    convert.set(Target::Resolver, &["timeout"], value, &directive.place);
    Ok(Done::AsWritten)
}
