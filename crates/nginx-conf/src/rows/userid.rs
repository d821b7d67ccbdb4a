//! `userid`: a cookie by which clients are known again.

use crate::args::{self, invalid};
use crate::context::Contexts;
use crate::convert::{Convert, Done, Outcome, Target};
use crate::document::{Section, Value};
use crate::row::{As, ONE, Row, To, UP_TO_THREE};
use crate::tree::Directive;

const LEVELS: Contexts = Contexts::LEVELS;
const FLAGS: [&str; 5] = ["secure", "httponly", "samesite=strict", "samesite=lax", "samesite=none"];

pub(crate) const ROWS: &[Row] = &[
    Row::new("userid", LEVELS, ONE, To::By(mode, "userid.mode"))
        .note("Setting `$uid_reset` becomes `userid.reset`."),
    Row::new("userid_name", LEVELS, ONE, To::Key(&["userid", "name"], As::Text)),
    Row::new("userid_domain", LEVELS, ONE, To::By(domain, "userid.domain")),
    Row::new("userid_path", LEVELS, ONE, To::Key(&["userid", "path"], As::Text)),
    Row::new("userid_expires", LEVELS, ONE, To::By(expires, "userid.expires")),
    Row::new("userid_flags", LEVELS, UP_TO_THREE, To::By(flags, "userid.flags")),
    Row::new("userid_mark", LEVELS, ONE, To::By(mark, "userid.mark")),
    Row::new("userid_p3p", LEVELS, ONE, To::By(p3p, "userid.p3p")),
    Row::new("userid_service", LEVELS, ONE, To::By(service, "userid.service")),
];

fn mode(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let mode = args::one_of(directive, 0, &["off", "log", "v1", "on"])?;
    text(convert, directive, "mode", mode)
}

fn domain(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    text(convert, directive, "domain", if directive.arg(0) == "none" { "" } else { directive.arg(0) })
}

fn p3p(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    text(convert, directive, "p3p", if directive.arg(0) == "none" { "" } else { directive.arg(0) })
}

fn expires(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    match directive.arg(0) {
        word @ ("max" | "off") => text(convert, directive, "expires", word),
        written => match args::duration(written) {
            Some(time) if time == "0" => text(convert, directive, "expires", "off"),
            Some(time) => text(convert, directive, "expires", &time),
            None => Err(invalid(directive, 0, "\"userid_expires\" directive invalid value")),
        },
    }
}

fn flags(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let mut flags = Vec::new();
    for index in 0..directive.args().len() {
        match directive.arg(index) {
            "off" => {}
            word if FLAGS.contains(&word) => flags.push(Value::text(word).at(directive.place_of(index))),
            word => return Err(invalid(directive, index, format!("invalid value \"{word}\""))),
        }
    }
    convert.set(Target::Here, &["userid", "flags"], Value::List(flags), &directive.place);
    Ok(Done::AsWritten)
}

fn mark(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let written = directive.arg(0);
    let one = matches!(written.as_bytes(), [mark] if mark.is_ascii_alphanumeric() || *mark == b'=');
    if written != "off" && !one {
        let message = "\"userid_mark\" directive value must be 1 letter, digit, or \"=\"";
        return Err(invalid(directive, 0, message));
    }
    text(convert, directive, "mark", written)
}

fn service(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let number = args::number(directive, 0)?;
    let value = Value::number(number & u64::from(u32::MAX)).at(directive.place_of(0)); // as nginx takes it
    convert.set(Target::Here, &["userid", "service"], value, &directive.place);
    Ok(Done::AsWritten)
}

fn text(convert: &mut Convert<'_>, directive: &Directive, key: &str, value: &str) -> Outcome {
    let value = Value::text(value).at(directive.place_of(0));
    convert.set(Target::Here, &["userid", key], value, &directive.place);
    Ok(Done::AsWritten)
}

/// A variable that nginx has by itself, and that has to be set to be there here.
const RESET: &str = "$uid_reset";

/// The directives that set variables whose names stand on their lines.
const SETS: [&str; 8] = [
    "set",
    "map",
    "geo",
    "split_clients",
    "keyval",
    "auth_request_set",
    "auth_jwt_claim_set",
    "auth_jwt_header_set",
];

/// Now that all of `http` is known: whether anything says who is to get another id.
pub(super) fn finish(section: &mut Section, convert: &Convert<'_>) {
    let found = convert.lines.iter().find(|line| {
        let sets = SETS.contains(&&*line.directive) && names_reset(line.place.text());
        sets || line.directive == RESET // in the block of `geoip2`
    });
    if let Some(line) = found {
        section.set(&["userid", "reset"], Value::text(RESET).at(&line.place), Some(&line.place));
    }
}

fn names_reset(text: &str) -> bool {
    let is_name = |next: char| next.is_ascii_alphanumeric() || next == '_';
    text.split(RESET).skip(1).any(|rest| !rest.starts_with(is_name))
}
