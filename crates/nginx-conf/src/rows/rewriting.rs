//! What is rewritten of an upstream's responses: redirects and cookies.

use crate::args::invalid;
use crate::context::Contexts;
use crate::convert::{Convert, Done, Outcome, Target};
use crate::document::Value;
use crate::row::{ONE_OR_TWO, Row, SOME, To};
use crate::tree::Directive;

const LEVELS: Contexts = Contexts::LEVELS;

pub(crate) const ROWS: &[Row] = &[
    Row::new("proxy_redirect", LEVELS, ONE_OR_TWO, To::By(redirect, "redirect.rules")).repeats().note(
        "`default` always uses the location's own `proxy_pass`. In an `if` or in a nested location, nginx uses that of the \
         outer location if it has one.",
    ),
    Row::new("proxy_cookie_domain", LEVELS, ONE_OR_TWO, To::By(domain, "cookie.domain")).repeats(),
    Row::new("proxy_cookie_path", LEVELS, ONE_OR_TWO, To::By(path, "cookie.path")).repeats(),
    Row::new("proxy_cookie_flags", LEVELS, SOME, To::By(flags, "cookie.flags")).repeats(),
];

fn redirect(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    if directive.args().len() == 1 && directive.arg(0) == "default" {
        let value = Value::text("default").at(directive.place_of(0));
        convert.push(Target::Here, &["redirect", "rules"], value, &directive.place);
        return Ok(Done::AsWritten);
    }
    rule(convert, directive, &["redirect", "rules"])
}

fn domain(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    rule(convert, directive, &["cookie", "domain"])
}

fn path(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    rule(convert, directive, &["cookie", "path"])
}

fn flags(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    rule(convert, directive, &["cookie", "flags"])
}

/// `off`: no rule; else a pattern and what takes its place. What follows the pattern is one text.
fn rule(convert: &mut Convert<'_>, directive: &Directive, key: &[&str]) -> Outcome {
    let args = directive.args().len();
    if args == 1 && directive.arg(0) == "off" {
        convert.set(Target::Here, key, Value::List(Vec::new()), &directive.place);
        return Ok(Done::AsWritten);
    }
    if args == 1 && key != ["cookie", "flags"] {
        return Err(invalid(directive, 0, format!("invalid parameter \"{}\"", directive.arg(0))));
    }
    let rest: Vec<&str> = (1..args).map(|index| directive.arg(index)).collect();
    let pattern = Value::text(directive.arg(0)).at(directive.place_of(0));
    let replacement = Value::text(rest.join(" ")).at(directive.place_of(args - 1));
    convert.push(Target::Here, key, Value::List(vec![pattern, replacement]), &directive.place);
    Ok(Done::AsWritten)
}
