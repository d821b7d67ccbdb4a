//! `location` and what may answer in it.

use super::respond;
use crate::args::invalid;
use crate::context::Contexts;
use crate::convert::{Convert, Done, Outcome, Stop, Target, different, refuse};
use crate::document::{Section, Value};
use crate::frame::Frame;
use crate::row::{As, BLOCK_ONE_OR_TWO, NONE, NONE_OR_ONE, ONE, Row, SOME, TWO_OR_MORE, To};
use crate::tree::{Block, Body, Directive};

const LEVELS: Contexts = Contexts::LEVELS;
const LEVELS_IF: Contexts = Contexts::LEVELS_IF;
const SERVER_LOCATION: Contexts = Contexts::SERVER.or(Contexts::LOCATION);
const ACCESS: Contexts = LEVELS.or(Contexts::LIMIT_EXCEPT).or(Contexts::STREAMS);

const API: &str = "Without `/stream/zone_sync`, `/license` and some statistics (docs/admin.md). Refused in a location with a regex.";

pub(crate) const ROWS: &[Row] = &[
    Row::new("location", SERVER_LOCATION, BLOCK_ONE_OR_TWO, To::By(location, "server.location")).repeats(),
    Row::new("empty_gif", Contexts::LOCATION, NONE, To::By(empty_gif, "empty_gif")),
    Row::new("stub_status", SERVER_LOCATION, NONE_OR_ONE, To::By(stub_status, "stub_status")),
    Row::new("api", Contexts::LOCATION, NONE_OR_ONE, To::By(api, "api")).note(API),
    Row::new("status_zone", SERVER_LOCATION.or(Contexts::IF), ONE, To::Key(&["status_zone"], As::Text)),
    Row::new("internal", Contexts::LOCATION, NONE, To::By(internal, "internal")),
    Row::new("error_page", LEVELS_IF, TWO_OR_MORE, To::By(respond::error_page, "error_page.pages")).repeats(),
    Row::new("recursive_error_pages", LEVELS, ONE, To::Key(&["error_page", "recursive"], As::Flag)),
    Row::new("proxy_intercept_errors", LEVELS, ONE, To::Key(&["error_page", "intercept"], As::Flag)),
    Row::new("early_hints", LEVELS, SOME, To::By(early_hints, "upstream.early_hints"))
        .repeats()
        .note("Also applies to other interim responses, at most eight per request. `Date`, `Server` and `X-Accel-…` are \
               never passed, whatever `proxy_pass_header` says."),
    Row::nothing("msie_padding", LEVELS, ONE, "not needed: it is a workaround for obsolete browsers"),
    Row::nothing("msie_refresh", LEVELS, ONE, "not needed: it is a workaround for obsolete browsers"),
    Row::nothing("chunked_transfer_encoding", LEVELS, ONE, "the HTTP engine chooses the message framing"),
    Row::nothing(
        "uninitialized_variable_warn",
        Contexts::HTTP.or(Contexts::REWRITE),
        ONE,
        "uninitialised variables are not reported; unknown ones are errors",
    ),
    Row::nothing("rewrite_log", Contexts::HTTP.or(Contexts::REWRITE), ONE, "use `explain`"),
    Row::new(
        "limit_except",
        Contexts::LOCATION,
        crate::row::BLOCK_SOME,
        To::By(limit_except, "access.limit_except"),
    )
    .note("If it contains more than `allow`, `deny` and `auth_basic`, or if the location has rewrite steps, it becomes a \
           step that uses a separate location."),
    Row::new("valid_referers", SERVER_LOCATION, SOME, To::By(referers, "valid_referers")).repeats(),
    Row::new("allow", ACCESS, ONE, To::By(rule, "access.rules")).repeats(),
    Row::new("deny", ACCESS, ONE, To::By(rule, "access.rules")).repeats(),
    Row::new("satisfy", LEVELS, ONE, To::Key(&["access", "satisfy"], As::Text)),
    Row::new("auth_delay", LEVELS, ONE, To::Key(&["access", "delay"], As::Time))
        .note("The delay begins when the access checks begin, so it includes the time that `auth_request` takes."),
    Row::new("auth_basic", LEVELS.or(Contexts::LIMIT_EXCEPT), ONE, To::By(auth_basic, "access.basic.realm")),
    Row::new(
        "auth_basic_user_file",
        LEVELS.or(Contexts::LIMIT_EXCEPT),
        ONE,
        To::Key(&["access", "basic", "users"], As::ConfPath),
    ),
];

/// A location's argument in its parts: the modifier and the rest.
fn split(directive: &Directive) -> Result<(&'static str, String), Stop> {
    let modifier = |text: &str| ["~*", "~", "^~", "="].into_iter().find(|known| *known == text);
    if directive.args().len() == 2 {
        let written = directive.arg(0);
        return match modifier(written) {
            Some(known) => Ok((known, directive.arg(1).to_owned())),
            None => Err(invalid(directive, 0, format!("invalid location modifier \"{written}\""))),
        };
    }
    let text = directive.arg(0);
    let known = ["~*", "~", "^~", "="]
        .into_iter()
        .find_map(|known| Some((known, text.strip_prefix(known)?.to_owned())));
    Ok(known.unwrap_or_else(|| (if text.starts_with('@') { "@" } else { "" }, text.to_owned())))
}

fn location(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let Some(block) = directive.block() else { return Ok(Done::AsWritten) };
    let (modifier, mut name) = split(directive)?;
    if modifier.starts_with('~') && name.is_empty() {
        "^".clone_into(&mut name); // `location ~ { }` is every path
    }
    let text = match modifier {
        "" | "@" => name.clone(),
        modifier => format!("{modifier} {name}"),
    };
    nested(convert, directive, modifier, &name)?;
    if matches!(modifier, "" | "=" | "^~") && !name.starts_with('/') {
        let above = convert.take_pending();
        convert.inside(Frame::new(Contexts::LOCATION, Section::default(), text), block);
        convert.keep_pending(above);
        return different(
            "clients' paths always begin with \"/\", so no request matches: the location is left out, also for internal redirects",
        );
    }
    let above = convert.take_pending();
    let depth = convert.depth(Contexts::LOCATION);
    let header = format!("[[server{}]]", ".location".repeat(depth + 1));
    let mut section = Section::of(header, &directive.place, &above, directive.beside.as_ref());
    let place = directive.place_of(0).to(directive.place_of(directive.args().len().saturating_sub(1)));
    section.set(&["match"], Value::text(text.clone()).at(&place), Some(&place));
    let mut frame = Frame::new(Contexts::LOCATION, section, text);
    frame.steps = steps(block);
    let mut frame = convert.inside(frame, block);
    super::health::collect(convert, &mut frame);
    convert.frame_mut().section.child(frame.section);
    Ok(Done::AsWritten)
}

fn empty_gif(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    if convert.frame().section.has(&["return"]) {
        return different("never reached: `return` answers first");
    }
    convert.set(Target::Here, &["empty_gif"], Value::flag(true), &directive.place);
    Ok(Done::AsWritten)
}

fn api(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let write = match directive.args().first().map(|word| &*word.text) {
        None | Some("write=off") => false,
        Some("write=on") => true,
        Some(other) => return Err(invalid(directive, 0, format!("invalid parameter \"{other}\""))),
    };
    if convert.frame().section.has(&["return"]) {
        return different("never reached: `return` answers first");
    }
    if convert.frame().name.starts_with(['~', '@']) {
        return refuse(
            "with a regex or a name, it is unknown which part of the path belongs to the API: use a prefix location",
        );
    }
    let keys = if write { vec![("write", Value::flag(true))] } else { Vec::new() };
    convert.set(Target::Here, &["api"], Value::table(keys), &directive.place);
    Ok(Done::AsWritten)
}

fn early_hints(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    for index in 0..directive.args().len() {
        let value = convert.value(directive, index, As::Text)?;
        convert.push(Target::Here, &["upstream", "early_hints"], value, &directive.place);
    }
    Ok(Done::AsWritten)
}

/// Versions of nginx before 1.7.5 wanted an argument, whatever it said.
fn stub_status(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    if convert.frame().context != Contexts::LOCATION {
        return refuse("not supported for a whole server: move it into `location / {}`");
    }
    if convert.frame().section.has(&["return"]) {
        return different("never reached: `return` answers first");
    }
    convert.set(Target::Here, &["stub_status"], Value::flag(true), &directive.place);
    Ok(Done::AsWritten)
}

/// Whether there are steps of the rewrite module in a block.
fn steps(block: &Block) -> bool {
    block.directives.iter().any(|directive| match &directive.body {
        Body::Included(blocks) => blocks.iter().any(steps),
        _ => matches!(directive.name(), "break" | "if" | "return" | "rewrite" | "set"),
    })
}

/// nginx's rules about what may stand inside what.
fn nested(convert: &Convert<'_>, directive: &Directive, modifier: &str, name: &str) -> Result<(), Stop> {
    if convert.frame().context != Contexts::LOCATION {
        return Ok(());
    }
    let outer = convert.frame().name.as_str();
    let error = |message: String| Err(invalid(directive, 0, message));
    if let Some(exact) = outer.strip_prefix("= ") {
        return error(format!("location \"{name}\" cannot be inside the exact location \"{exact}\""));
    }
    if outer.starts_with('@') {
        return error(format!("location \"{name}\" cannot be inside the named location \"{outer}\""));
    }
    if modifier == "@" {
        return error(format!("named location \"{name}\" can be on the server level only"));
    }
    let path = outer.strip_prefix("^~ ").unwrap_or(outer);
    let path = path.strip_prefix("~* ").or(path.strip_prefix("~ ")).unwrap_or(path);
    if !modifier.starts_with('~') && !name.starts_with(path) {
        return error(format!("location \"{name}\" is outside location \"{path}\""));
    }
    Ok(())
}

fn internal(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    convert.set(Target::Here, &["internal"], Value::flag(true), &directive.place);
    Ok(Done::AsWritten)
}

fn referers(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    for index in 0..directive.args().len() {
        let referer = Value::text(directive.arg(index)).at(directive.place_of(index));
        convert.push(Target::Here, &["valid_referers"], referer, &directive.place);
    }
    Ok(Done::AsWritten)
}

fn rule(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let rule = Value::text(format!("{} {}", directive.name(), directive.arg(0))).at(directive.place_of(0));
    convert.push(Target::Here, &["access", "rules"], rule, &directive.place);
    Ok(Done::AsWritten)
}

fn auth_basic(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let realm = directive.arg(0);
    if realm == "off" {
        convert.set(Target::Here, &["access", "basic"], Value::flag(false), &directive.place);
    } else {
        let realm = Value::text(realm).at(directive.place_of(0));
        convert.set(Target::Here, &["access", "basic", "realm"], realm, &directive.place);
    }
    Ok(Done::AsWritten)
}

const METHODS: [&str; 14] = [
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "DELETE",
    "MKCOL",
    "COPY",
    "MOVE",
    "OPTIONS",
    "PROPFIND",
    "PROPPATCH",
    "LOCK",
    "UNLOCK",
    "PATCH",
];

fn limit_except(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let Some(block) = directive.block() else { return Ok(Done::AsWritten) };
    let mut methods = Vec::new();
    for index in 0..directive.args().len() {
        let known = METHODS.into_iter().find(|known| known.eq_ignore_ascii_case(directive.arg(index)));
        let Some(known) = known else {
            return Err(invalid(directive, index, format!("invalid method \"{}\"", directive.arg(index))));
        };
        methods.push(known);
    }
    let above = convert.take_pending();
    let section = Section::of("[[server.location]]", &directive.place, &[], None);
    let name = convert.frame().name.clone();
    let section = convert.inside(Frame::new(Contexts::LIMIT_EXCEPT, section, name), block).section;
    // nginx takes none of the location's steps for these methods.
    if convert.frame().steps || !section.is_all_in("access") {
        convert.keep_pending(above);
        return super::rewrite::instead(convert, directive, methods, section);
    }
    convert.keep_pending(above.into_iter().chain(section.comments().cloned()));
    let keys = section.moved(&["access"], &["access", "limit_except"]);
    if keys.is_empty() {
        return Ok(Done::AsWritten); // they have what all have
    }
    let methods =
        methods.iter().zip(0..).map(|(name, index)| Value::text(*name).at(directive.place_of(index)));
    let methods = Value::List(methods.collect());
    convert.set(Target::Here, &["access", "limit_except", "methods"], methods, &directive.place);
    for (path, value, place) in keys {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        convert.set(Target::Here, &path, value, &place.unwrap_or_else(|| directive.place.clone()));
    }
    Ok(Done::AsWritten)
}
