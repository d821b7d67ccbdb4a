//! What is asked for beside requests.

use crate::args::invalid;
use crate::context::Contexts;
use crate::convert::{Convert, Done, Outcome, Target};
use crate::document::Value;
use crate::row::{As, ONE, Row, SOME, TWO, To};
use crate::tree::Directive;

const LEVELS: Contexts = Contexts::LEVELS;
const ADDED: &str = "The subrequest does not have the client's conditions, range and `Accept-Encoding`. Compressed \
                     responses are not changed. `Range` is ignored for everything that the location answers.";

pub(crate) const ROWS: &[Row] = &[
    Row::new("auth_request", LEVELS, ONE, To::Key(&["auth_request", "uri"], As::Text))
        .note("The subrequest has no `Content-Length`, conditions or range, even if the request does."),
    Row::new("auth_request_set", LEVELS, TWO, To::By(auth_request_set, "auth_request.set")).repeats(),
    Row::new("mirror", LEVELS, ONE, To::By(mirror, "mirror.to"))
        .repeats()
        .note("The next request on a connection does not wait for the copies. Copies beyond `mirror.at_once` are dropped."),
    Row::new("mirror_request_body", LEVELS, ONE, To::Key(&["mirror", "body"], As::Flag))
        .note("With `off`, copies have no `Content-Length` either."),
    Row::new("add_before_body", LEVELS, ONE, To::By(before, "addition.before")).note(ADDED),
    Row::new("add_after_body", LEVELS, ONE, To::By(after, "addition.after")).note(ADDED),
    Row::new("addition_types", LEVELS, SOME, To::By(types, "addition.types")).repeats(),
    Row::new("log_subrequest", LEVELS, ONE, To::Key(&["log_subrequest"], As::Flag)),
];

fn mirror(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let to = directive.arg(0);
    if to == "off" {
        convert.set(Target::Here, &["mirror", "to"], Value::List(Vec::new()), &directive.place);
    } else {
        let to = Value::text(to).at(directive.place_of(0));
        convert.push(Target::Here, &["mirror", "to"], to, &directive.place);
    }
    Ok(Done::AsWritten)
}

fn before(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    added(convert, directive, "before")
}

fn after(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    added(convert, directive, "after")
}

/// An empty path is none: nothing is added.
fn added(convert: &mut Convert<'_>, directive: &Directive, key: &'static str) -> Outcome {
    let path = Some(directive.arg(0)).filter(|path| !path.is_empty()).unwrap_or("off");
    let path = Value::text(path).at(directive.place_of(0));
    convert.set(Target::Here, &["addition", key], path, &directive.place);
    Ok(Done::AsWritten)
}

fn types(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    super::media_types(convert, directive, "addition")
}

fn auth_request_set(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let Some(name) = directive.arg(0).strip_prefix('$').filter(|name| !name.is_empty()) else {
        return Err(invalid(directive, 0, format!("invalid variable name \"{}\"", directive.arg(0))));
    };
    let value = Value::text(directive.arg(1)).at(directive.place_of(1));
    convert.set(Target::Here, &["auth_request", "set", name], value, &directive.place);
    Ok(Done::AsWritten)
}
