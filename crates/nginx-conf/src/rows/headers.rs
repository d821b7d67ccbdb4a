//! Header fields in both directions, and who the client is.

use super::proxy::path;
use crate::args::invalid;
use crate::context::Contexts;
use crate::convert::{Convert, Done, Outcome, Target, different, refuse};
use crate::document::Value;
use crate::row::{As, ONE, ONE_OR_TWO, Row, SOME, TWO, TWO_OR_THREE, To};
use crate::tree::Directive;

const LEVELS: Contexts = Contexts::LEVELS;

pub(crate) const ROWS: &[Row] = &[
    Row::new("proxy_set_header", LEVELS, TWO, To::By(set, "headers.set")).repeats(),
    Row::new("add_header", Contexts::LEVELS_IF, TWO_OR_THREE, To::By(add, "headers.add, headers.add_always"))
        .repeats(),
    Row::new(
        "add_trailer",
        Contexts::LEVELS_IF,
        TWO_OR_THREE,
        To::By(add_trailer, "headers.add_trailer, headers.add_trailer_always"),
    )
    .repeats(),
    Row::new("expires", Contexts::LEVELS_IF, ONE_OR_TWO, To::By(expires, "expires")),
    Row::new("proxy_hide_header", LEVELS, ONE, To::Item(&["headers", "hide"], As::Text)).repeats(),
    Row::new("proxy_pass_header", LEVELS, ONE, To::Item(&["headers", "pass"], As::Text)).repeats(),
    Row::new("proxy_pass_trailers", LEVELS, ONE, To::Key(&["headers", "pass_trailers"], As::Flag))
        .note("`TE: trailers` is sent automatically."),
    Row::new("proxy_ignore_headers", LEVELS, SOME, To::By(ignore, "headers.ignore")).repeats(),
    Row::new("set_real_ip_from", LEVELS, ONE, To::By(real_ip_from, "headers.real_ip_from")).repeats(),
    Row::new("real_ip_header", LEVELS, ONE, To::Key(&["headers", "real_ip_header"], As::Text)),
    Row::new("real_ip_recursive", LEVELS, ONE, To::Key(&["headers", "real_ip_recursive"], As::Flag)),
];

/// What a message's end is told by. `add_header Content-Length 0` is in many answers to preflight requests.
const FRAMING: [&str; 2] = ["Content-Length", "Transfer-Encoding"];

pub(super) fn set(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    field(convert, directive, &path(directive, &["headers", "set"]))
}

fn add(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    added(convert, directive, "add", "add_always")
}

fn add_trailer(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    added(convert, directive, "add_trailer", "add_trailer_always")
}

fn added(convert: &mut Convert<'_>, directive: &Directive, some: &'static str, all: &'static str) -> Outcome {
    let key = match directive.arg(2) {
        "" if directive.args().len() < 3 => some,
        "always" => all,
        other => return Err(invalid(directive, 2, format!("invalid parameter \"{other}\""))),
    };
    field(convert, directive, &["headers", key])
}

fn field(convert: &mut Convert<'_>, directive: &Directive, table: &[&str]) -> Outcome {
    let name = directive.arg(0);
    if table.iter().any(|key| key.starts_with("add"))
        && FRAMING.iter().any(|known| known.eq_ignore_ascii_case(name))
    {
        // It is a list of its own all the same, in the place of the outer level's.
        let nothing = Value::text("").at(directive.place_of(1));
        convert.set(Target::Here, &[table, &[name]].concat(), nothing, &directive.place);
        return different("the gateway sets message framing itself: the field is left out");
    }
    // The same field in another case is the same field: it is repeated under the name that came first.
    let known = convert.frame().section.child_keys(table);
    let name =
        known.into_iter().find(|known| known.eq_ignore_ascii_case(name)).unwrap_or_else(|| name.to_owned());
    // A line break at the end shows nowhere; one inside would be a field of its own.
    let text = directive.arg(1).trim_end_matches(['\r', '\n']);
    let value = Value::text(text).at(directive.place_of(1));
    convert.add(Target::Here, &[table, &[&*name]].concat(), value, &directive.place);
    if text != directive.arg(1) {
        return different("the trailing line break is removed");
    }
    Ok(Done::AsWritten)
}

pub(super) fn ignore(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    for index in 0..directive.args().len() {
        let name = convert.value(directive, index, As::Text)?;
        convert.push(Target::Here, &path(directive, &["headers", "ignore"]), name, &directive.place);
    }
    Ok(Done::AsWritten)
}

fn expires(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let modified = directive.args().len() == 2;
    if modified && directive.arg(0) != "modified" {
        return Err(invalid(directive, 0, "\"expires\" directive invalid value"));
    }
    let at = usize::from(modified);
    let text = directive.arg(at);
    if !text.contains('$')
        && let Err(why) = propylon_config::ExpiresRule::parse(text, modified)
    {
        return Err(invalid(directive, at, format!("\"expires\" directive {why}")));
    }
    let value = if modified { Value::text(format!("modified {text}")) } else { Value::text(text) };
    convert.set(Target::Here, &["expires"], value.at(directive.place_of(at)), &directive.place);
    Ok(Done::AsWritten)
}

pub(super) fn real_ip_from(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let text = directive.arg(0);
    let net = text == "unix:" || text.starts_with(|first: char| first.is_ascii_hexdigit() || first == ':');
    if !net {
        return refuse("host names are not supported here: specify the addresses");
    }
    let value = convert.value(directive, 0, As::Text)?;
    let path: &[&str] = match Contexts::STREAMS.has(convert.frame().context) {
        true => &["real_ip_from"],
        false => &["headers", "real_ip_from"],
    };
    convert.push(Target::Here, path, value, &directive.place);
    Ok(Done::AsWritten)
}
