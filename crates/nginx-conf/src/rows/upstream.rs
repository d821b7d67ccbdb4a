//! `upstream` and what stands in it; health checks.

use crate::args::{self, duration, invalid};
use crate::context::Contexts;
use crate::convert::{Convert, Done, Outcome, Stop, Target, different, refuse};
use crate::document::{Section, Value, key};
use crate::frame::Frame;
use crate::row::{ANY, As, BLOCK_ONE, NONE, ONE, ONE_OR_TWO, Row, SOME, To, UP_TO_FOUR};
use crate::tree::Directive;

const UPSTREAM: Contexts = Contexts::UPSTREAM;
pub(super) const STATE: &str = "the file is `FILE.toml`; servers in nginx's file are not imported: add them by the API, or \
                                write them there as in `[upstream.NAME]`";

pub(crate) const ROWS: &[Row] = &[
    Row::new("upstream", Contexts::HTTP, BLOCK_ONE, To::By(upstream, "upstream")).repeats(),
    Row::new("server", UPSTREAM, SOME, To::By(server, "upstream.NAME.server")).repeats(),
    Row::new("least_conn", UPSTREAM, NONE, To::By(word, "upstream.NAME.method")),
    Row::new("ip_hash", UPSTREAM, NONE, To::By(word, "upstream.NAME.method")),
    Row::new("hash", UPSTREAM, ONE_OR_TWO, To::By(hash, "upstream.NAME.method")),
    Row::new("random", UPSTREAM, ANY, To::By(random, "upstream.NAME.method")),
    Row::new("least_time", UPSTREAM, ONE_OR_TWO, To::By(least_time, "upstream.NAME.method")),
    Row::new("queue", UPSTREAM, ONE_OR_TWO, To::By(queue, "upstream.NAME.queue")),
    Row::new("keepalive", UPSTREAM, ONE_OR_TWO, To::By(keepalive, "upstream.NAME.keepalive")),
    Row::new("keepalive_requests", UPSTREAM, ONE, To::Key(&["keepalive_requests"], As::Number)),
    Row::new("keepalive_time", UPSTREAM, ONE, To::Key(&["keepalive_time"], As::Time)),
    Row::new("keepalive_timeout", UPSTREAM, ONE, To::Key(&["keepalive_timeout"], As::Time)),
    Row::new(
        "health_check",
        Contexts::LOCATION.or(UPSTREAM),
        ANY,
        To::By(super::health::health_check, "upstream.NAME.health_check"),
    )
    .repeats()
    .differs("Only one check per upstream: that of the location's `proxy_pass`. Also accepted in an `upstream` block."),
    Row::new(
        "match",
        Contexts::HTTP,
        BLOCK_ONE,
        To::By(super::health::matching, "upstream.NAME.health_check.match"),
    )
    .repeats()
    .note("Supported in the block: status, header, body."),
    Row::new("zone", UPSTREAM, ONE_OR_TWO, To::By(zone, "upstream.NAME.zone")),
    Row::new("sticky", UPSTREAM, SOME, To::By(super::sticky::sticky, "upstream.NAME.sticky")),
    Row::new("resolver", UPSTREAM, SOME, To::By(super::resolver::resolver, "upstream.NAME.resolver")),
    Row::new("resolver_timeout", UPSTREAM, ONE, To::By(super::resolver::timeout, "upstream.NAME.resolver")),
    Row::refused("sticky_cookie_insert", UPSTREAM, UP_TO_FOUR, "obsolete: write `sticky cookie`"),
    Row::new("state", UPSTREAM, ONE, To::By(state, "upstream.NAME.state"))
        .differs(STATE),
    Row::refused("ntlm", UPSTREAM, NONE, "binding upstream connections to clients is not supported"),
];

pub(super) fn upstream(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let Some(block) = directive.block() else { return Ok(Done::AsWritten) };
    let name = directive.arg(0);
    let above = convert.take_pending();
    let header = format!("[upstream.{}]", key(name));
    let section = Section::of(header, &directive.place, &above, directive.beside.as_ref());
    let context = match convert.frame().context {
        Contexts::STREAM => Contexts::STREAM_UPSTREAM,
        _ => UPSTREAM,
    };
    let mut frame = convert.inside(Frame::new(context, section, name), block);
    super::health::collect(convert, &mut frame);
    let empty = !frame.section.has(&["server"]) && !frame.section.has(&["state"]);
    convert.named().push(frame.section);
    if empty && !frame.refused {
        return Err(Stop::Invalid(crate::place::Problem::new(
            &directive.place,
            "no servers are inside upstream",
        )));
    }
    Ok(Done::AsWritten)
}

pub(super) fn server(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let address = Value::text(directive.arg(0)).at(directive.place_of(0));
    let mut server = vec![("address", address)];
    for (index, word) in directive.args().iter().enumerate().skip(1) {
        let (name, value) =
            word.text.split_once('=').map_or((&*word.text, None), |(name, value)| (name, Some(value)));
        let wrong = || invalid(directive, index, format!("invalid parameter \"{}\"", word.text));
        let pair = match (name, value) {
            ("weight" | "max_conns" | "max_fails", Some(value)) => {
                let number: u64 = value.parse().map_err(|_| wrong())?;
                if name == "weight" && number == 0 {
                    return Err(wrong());
                }
                (known(name), Value::number(number))
            }
            ("fail_timeout" | "slow_start", Some(value)) => {
                (known(name), Value::text(duration(value).ok_or_else(wrong)?))
            }
            ("backup" | "down" | "drain" | "resolve", None) => (known(name), Value::flag(true)),
            ("service", Some(value)) if !value.is_empty() => ("service", Value::text(value)),
            ("route", Some(value)) if !value.is_empty() => ("route", Value::text(value)),
            _ => return Err(wrong()),
        };
        if pair.0 != "slow_start" || duration(value.unwrap_or_default()).is_some_and(|time| time != "0") {
            server.push((pair.0, pair.1.at(&word.place)));
        }
    }
    convert.push(Target::Here, &["server"], Value::table(server).at(&directive.place), &directive.place);
    Ok(Done::AsWritten)
}

/// nginx's file stays as it is.
pub(super) fn state(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let file = Value::text(format!("{}.toml", directive.arg(0))).at(directive.place_of(0));
    convert.set(Target::Here, &["state"], file, &directive.place);
    different(STATE)
}

pub(super) fn zone(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let text = directive.args().iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ");
    convert.set(Target::Here, &["zone"], Value::text(text).at(directive.place_of(0)), &directive.place);
    Ok(Done::AsWritten)
}

fn known(name: &str) -> &'static str {
    ["weight", "max_conns", "max_fails", "fail_timeout", "slow_start", "backup", "down", "drain", "resolve"]
        .into_iter()
        .find(|known| *known == name)
        .unwrap_or_default()
}

/// The method, after which no other may stand.
pub(super) fn method(convert: &mut Convert<'_>, directive: &Directive, value: Value) -> Outcome {
    if convert.frame().section.has(&["method"]) {
        convert.set(Target::Here, &["method"], value, &directive.place);
        return different("replaces the load balancing method before it, as in nginx");
    }
    convert.set(Target::Here, &["method"], value, &directive.place);
    Ok(Done::AsWritten)
}

pub(super) fn word(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    method(convert, directive, Value::text(directive.name()))
}

pub(super) fn hash(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let mut pairs = vec![("hash", Value::text(directive.arg(0)).at(directive.place_of(0)))];
    match directive.arg(1) {
        "" => {}
        "consistent" => pairs.push(("consistent", Value::flag(true))),
        other => return Err(invalid(directive, 1, format!("invalid parameter \"{other}\""))),
    }
    method(convert, directive, Value::table(pairs))
}

fn random(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let value = match (directive.arg(0), directive.arg(1)) {
        ("", _) => Value::text("random"),
        ("two", by @ ("" | "least_conn" | "least_time=header" | "least_time=last_byte")) => {
            let by = if by.is_empty() { "least_conn" } else { by };
            Value::table([("random", Value::text("two")), ("by", Value::text(by))])
        }
        ("two", other) | (other, _) => {
            return Err(invalid(directive, 0, format!("invalid parameter \"{other}\"")));
        }
    };
    method(convert, directive, value)
}

fn least_time(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let by = args::one_of(directive, 0, &["header", "last_byte", "connect", "first_byte"])?;
    if matches!(by, "connect" | "first_byte") {
        return refuse("only `header` and `last_byte` are supported");
    }
    let mut pairs = vec![("least_time", Value::text(by).at(directive.place_of(0)))];
    match directive.arg(1) {
        "" => {}
        "inflight" => pairs.push(("inflight", Value::flag(true))),
        other => return Err(invalid(directive, 1, format!("invalid parameter \"{other}\""))),
    }
    method(convert, directive, Value::table(pairs))
}

fn queue(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let mut pairs = vec![("size", Value::number(args::number(directive, 0)?).at(directive.place_of(0)))];
    if directive.args().len() == 2 {
        let time = directive.arg(1).strip_prefix("timeout=").and_then(duration);
        let time =
            time.ok_or_else(|| invalid(directive, 1, format!("invalid parameter \"{}\"", directive.arg(1))))?;
        pairs.push(("timeout", Value::text(time).at(directive.place_of(1))));
    }
    convert.set(Target::Here, &["queue"], Value::table(pairs), &directive.place);
    Ok(Done::AsWritten)
}

fn keepalive(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let number = args::number(directive, 0).map_err(|_| {
        invalid(directive, 0, format!("invalid value \"{}\" in \"keepalive\" directive", directive.arg(0)))
    })?;
    convert.set(
        Target::Here,
        &["keepalive"],
        Value::number(number).at(directive.place_of(0)),
        &directive.place,
    );
    match directive.arg(1) {
        "" | "local" => Ok(Done::AsWritten),
        other => Err(invalid(directive, 1, format!("invalid parameter \"{other}\""))),
    }
}
