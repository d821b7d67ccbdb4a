//! The rewrite module: steps in the order in which they stand.

use super::respond;
use crate::args::{invalid, one_of};
use crate::context::Contexts;
use crate::convert::{Convert, Done, Outcome, Stop, Target, different, refuse};
use crate::document::{PASSES, Section, Value};
use crate::frame::Frame;
use crate::place::Problem;
use crate::row::{BLOCK_SOME, NONE, ONE_OR_TWO, Row, TWO, TWO_OR_THREE, To};
use crate::tree::Directive;

pub(crate) const ROWS: &[Row] = &[
    Row::new("return", Contexts::REWRITE, ONE_OR_TWO, To::By(returns, "return")).repeats(),
    Row::new("rewrite", Contexts::REWRITE, TWO_OR_THREE, To::By(here, "rewrite")).repeats(),
    Row::new("set", Contexts::REWRITE, TWO, To::By(here, "rewrite")).repeats(),
    Row::new("break", Contexts::REWRITE, NONE, To::By(here, "rewrite")).repeats(),
    Row::new("if", Contexts::SERVER.or(Contexts::LOCATION), BLOCK_SOME, To::By(condition, "rewrite"))
        .repeats()
        .note("Other directives in it become a separate location, which the step uses."),
];

fn returns(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let items = respond::items(directive)?;
    let section = &convert.frame().section;
    if section.has(&["return"]) {
        return different(UNREACHED);
    }
    // It is a step where something comes before it, or another answer behind it.
    if PASSES.iter().chain(&["rewrite", "stub_status", "empty_gif", "api"]).any(|key| section.has(&[key])) {
        let step = Value::table([("return", Value::List(items))]);
        return push(convert, directive, step);
    }
    convert.set(Target::Here, &["return"], Value::List(items), &directive.place);
    Ok(Done::AsWritten)
}

fn here(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let step = step(directive)?;
    push(convert, directive, step)
}

fn push(convert: &mut Convert<'_>, directive: &Directive, step: Value) -> Outcome {
    if convert.frame().section.has(&["return"]) {
        return different(UNREACHED);
    }
    convert.push(Target::Here, &["rewrite"], step, &directive.place);
    Ok(Done::AsWritten)
}

const UNREACHED: &str = "never reached: a `return` comes before it";

/// A directive of the module as a step.
fn step(directive: &Directive) -> Result<Value, Stop> {
    let text = |index: usize| Value::text(directive.arg(index)).at(directive.place_of(index));
    match directive.name() {
        "rewrite" => {
            if directive.args().len() > 2 {
                one_of(directive, 2, &["last", "break", "redirect", "permanent"])?;
            }
            Ok(Value::List((0..directive.args().len()).map(text).collect()))
        }
        "set" => match directive.arg(0).strip_prefix('$').filter(|name| !name.is_empty()) {
            Some(name) => {
                let name = Value::text(name).at(directive.place_of(0));
                Ok(Value::table([("set", Value::List(vec![name, text(1)]))]))
            }
            None => Err(invalid(directive, 0, format!("invalid variable name \"{}\"", directive.arg(0)))),
        },
        "break" => Ok(Value::text("break")),
        "return" => Ok(Value::table([("return", Value::List(respond::items(directive)?))])),
        name => Err(Stop::Refused(format!("\"{name}\" is not a rewrite step"))),
    }
}

fn condition(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let Some(block) = directive.block() else { return Ok(Done::AsWritten) };
    let condition = Value::text(written(directive)?).at(directive.place_of(0));
    let inside =
        if convert.frame().context == Contexts::LOCATION { Contexts::IF } else { Contexts::SERVER_IF };
    let above = convert.take_pending();
    let section = Section::of("[[server.location]]", &directive.place, &[], None);
    let mut section =
        convert.inside(Frame::new(inside, section, convert.frame().name.clone()), block).section;
    let mut step = vec![("if", condition)];
    let mut then = match section.take(&["rewrite"]) {
        Some(Value::List(steps)) => steps,
        _ => Vec::new(),
    };
    then.extend(section.take(&["return"]).map(|answer| Value::table([("return", answer)])));
    step.push(("then", Value::List(then)));
    // The last block that holds counts, and if it has no settings, those of the location count again.
    if section.has_keys() || convert.frame().section.has_conditional() {
        let name = convert.number_if();
        convert.keep_pending(above);
        section.begin(&["match"], Value::text(name.clone()));
        step.push(("use", Value::text(name)));
        convert.frame_mut().section.conditional(section);
    } else {
        convert.keep_pending(above.into_iter().chain(section.comments().cloned()));
    }
    push(convert, directive, Value::table(step))
}

/// `limit_except` as the first steps: other methods than these are served by a location with what stands in it, and take no
/// other step.
pub(super) fn instead(
    convert: &mut Convert<'_>,
    directive: &Directive,
    mut methods: Vec<&'static str>,
    mut section: Section,
) -> Outcome {
    if methods.contains(&"GET") {
        methods.push("HEAD");
    }
    let name = convert.number_if();
    section.begin(&["match"], Value::text(name.clone()));
    let mut steps = Vec::new();
    let condition = match methods.as_slice() {
        [method] => format!("$request_method != {method}"),
        methods => {
            // A regex would say it in one step, and take the place of the captures of the location's.
            let variable = name.replace("@if-", "limit_except_");
            let set = |value: &str| {
                Value::table([("set", Value::List(vec![Value::text(variable.as_str()), Value::text(value)]))])
            };
            steps.push(set("1"));
            steps.extend(methods.iter().map(|method| {
                let condition = Value::text(format!("$request_method = {method}")).at(&directive.place);
                Value::table([("if", condition), ("then", Value::List(vec![set("0")]))])
            }));
            format!("${variable}")
        }
    };
    steps.push(Value::table([
        ("if", Value::text(condition).at(&directive.place)),
        ("then", Value::List(vec![Value::text("break")])),
        ("use", Value::text(name)),
    ]));
    let here = convert.section(Target::Here);
    here.conditional(section);
    match here.take(&["rewrite"]) {
        Some(Value::List(others)) => steps.extend(others),
        // A `return` that stands before it comes behind it all the same.
        _ => steps.extend(here.take(&["return"]).map(|answer| Value::table([("return", answer)]))),
    }
    convert.set(Target::Here, &["rewrite"], Value::List(steps), &directive.place);
    Ok(Done::AsWritten)
}

/// What stands between the parentheses, its right side in quotes where it needs them.
fn written(directive: &Directive) -> Result<String, Stop> {
    let mut words: Vec<&str> = (0..directive.args().len()).map(|index| directive.arg(index)).collect();
    let wrong = || invalid(directive, 0, format!("invalid condition \"{}\"", directive.arg(0)));
    match words.first_mut() {
        Some(first) => *first = first.strip_prefix('(').ok_or_else(wrong)?,
        None => return Err(wrong()),
    }
    if let Some(last) = words.last_mut() {
        *last = last.strip_suffix(')').ok_or_else(wrong)?;
    }
    if words.first().is_some_and(|word| word.is_empty()) {
        words.remove(0);
    }
    if words.len() > 1 && words.last().is_some_and(|word| word.is_empty()) {
        words.pop();
    }
    match words.as_slice() {
        [alone] => {
            is_variable(directive, alone)?;
            Ok((*alone).to_owned())
        }
        // `$a =b` would be read all right, but nginx has none of it.
        [test, _] if !matches!(test.strip_prefix('!').unwrap_or(test), "-f" | "-d" | "-e" | "-x") => {
            Err(invalid(directive, 0, format!("invalid condition \"{test}\"")))
        }
        [test, file] => Ok(format!("{test} {}", quoted(file))),
        [variable, operator, value] => {
            is_variable(directive, variable)?;
            if !matches!(*operator, "=" | "!=" | "~" | "~*" | "!~" | "!~*") {
                return Err(invalid(directive, 1, format!("unexpected \"{operator}\" in condition")));
            }
            Ok(format!("{variable} {operator} {}", quoted(value)))
        }
        _ => Err(wrong()),
    }
}

/// nginx takes all of the word for the variable's name: `$a=b` is no comparison. Of some kinds it knows all names, so it is
/// silent about `$http_a=b`, which never holds.
fn is_variable(directive: &Directive, word: &str) -> Result<(), Stop> {
    let Some(name) = word.strip_prefix('$').filter(|name| !name.is_empty()) else {
        return Err(invalid(directive, 0, format!("invalid condition \"{word}\"")));
    };
    if name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return Ok(());
    }
    const ALL_NAMES: [&str; 8] = [
        "http_",
        "sent_http_",
        "sent_trailer_",
        "upstream_http_",
        "upstream_trailer_",
        "upstream_cookie_",
        "cookie_",
        "arg_",
    ];
    if ALL_NAMES.iter().any(|prefix| name.starts_with(prefix)) {
        return refuse(format!(
            "nginx takes \"{name}\" as the name of a variable: put spaces around the operator"
        ));
    }
    let problem = Problem::new(directive.place_of(0), format!("unknown \"{name}\" variable"));
    Err(Stop::Invalid(problem.help("put spaces around the operator")))
}

fn quoted(text: &str) -> String {
    let edge = |c: char| c.is_ascii_whitespace() || c == '"' || c == '\'';
    match text.is_empty() || text.starts_with(edge) || text.ends_with(edge) {
        true if text.contains('"') => format!("'{text}'"),
        true => format!("\"{text}\""),
        false => text.to_owned(),
    }
}
