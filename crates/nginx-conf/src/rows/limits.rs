//! `limit_rate`, `limit_req`, `limit_conn`: how much is allowed.

use super::proxy::path;
use crate::args::{self, invalid};
use crate::context::Contexts;
use crate::convert::{Convert, Done, Outcome, Stop, Target};
use crate::document::{Section, Value, key};
use crate::lexer::Word;
use crate::row::{As, ONE, Row, THREE, TWO, To, UP_TO_FOUR};
use crate::tree::Directive;

const HTTP: Contexts = Contexts::HTTP;
const LEVELS: Contexts = Contexts::LEVELS;
const BOTH: Contexts = LEVELS.or(Contexts::STREAMS);
const LEVELS_IF: Contexts = Contexts::LEVELS_IF;

pub(crate) const ROWS: &[Row] = &[
    Row::new("limit_rate", LEVELS_IF, ONE, To::By(rate, "limit.rate")),
    Row::new("limit_rate_after", LEVELS_IF, ONE, To::By(rate, "limit.rate_after")),
    Row::new("proxy_limit_rate", LEVELS, ONE, To::By(rate, "limit.upstream_rate")),
    Row::new("limit_req_zone", HTTP, THREE, To::By(request_zone, "limit_zone")).repeats(),
    Row::new("limit_req", LEVELS, UP_TO_FOUR, To::By(requests, "limit.requests")).repeats(),
    Row::new("limit_req_status", LEVELS, ONE, To::By(status, "limit.requests_status")),
    Row::new("limit_req_dry_run", LEVELS, ONE, To::Key(&["limit", "requests_dry_run"], As::Flag)),
    Row::new("limit_req_log_level", LEVELS, ONE, To::By(log_level, "limit.requests_log_level")),
    Row::new("limit_conn_zone", HTTP.or(Contexts::STREAM), TWO, To::By(connection_zone, "limit_zone"))
        .repeats(),
    Row::new("limit_conn", BOTH, TWO, To::By(connections, "limit.connections")).repeats(),
    Row::new("limit_conn_status", LEVELS, ONE, To::By(status, "limit.connections_status")),
    Row::new("limit_conn_dry_run", BOTH, ONE, To::Key(&["limit", "connections_dry_run"], As::Flag)),
    Row::new("limit_conn_log_level", BOTH, ONE, To::By(log_level, "limit.connections_log_level")),
];

pub(super) fn rate(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let text = directive.arg(0);
    let key = match directive.name() {
        "limit_rate" => "rate",
        "limit_rate_after" => "rate_after",
        _ => "upstream_rate",
    };
    let value = match text {
        "0" if key != "rate_after" => Value::text("off").at(directive.place_of(0)),
        _ if text.contains('$') => Value::text(text).at(directive.place_of(0)),
        _ => convert.value(directive, 0, As::Size)?,
    };
    convert.set(Target::Here, &path(directive, &["limit", key]), value, &directive.place);
    Ok(Done::AsWritten)
}

fn request_zone(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    zone(convert, directive, true)
}

fn connection_zone(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    zone(convert, directive, false)
}

fn zone(convert: &mut Convert<'_>, directive: &Directive, by_rate: bool) -> Outcome {
    let (mut named, mut rate) = (None, None);
    for (index, word) in directive.args().iter().enumerate().skip(1) {
        match word.text.split_once('=') {
            Some(("zone", value)) => named = Some((index, word, zone_size(directive, index, value)?)),
            Some(("rate", value)) if by_rate => rate = Some((word, requests_rate(directive, index, value)?)),
            _ => return Err(invalid(directive, index, format!("invalid parameter \"{}\"", word.text))),
        }
    }
    let Some((index, word, (name, size))) = named.filter(|(.., (name, _))| !name.is_empty()) else {
        return Err(invalid(directive, 0, format!("\"{}\" must have \"zone\" parameter", directive.name())));
    };
    declare(convert, directive, index, name)?;
    let above = convert.take_pending();
    let header = format!("[limit_zone.{}]", key(name));
    let mut section = Section::of(header, &directive.place, &above, directive.beside.as_ref());
    let place = directive.place_of(0);
    section.set(&["key"], Value::text(directive.arg(0)).at(place), Some(place));
    section.set(&["size"], Value::text(size).at(&word.place), Some(&word.place));
    match rate {
        Some((word, rate)) => section.set(&["rate"], Value::text(rate).at(&word.place), Some(&word.place)),
        None if by_rate => section.set(&["rate"], Value::text("1r/s"), Some(&directive.place)),
        None => {}
    }
    convert.named().push(section);
    Ok(Done::AsWritten)
}

/// Zones of both kinds have names in common.
fn declare(convert: &mut Convert<'_>, directive: &Directive, index: usize, name: &str) -> Result<(), Stop> {
    let frame = convert.frame_mut();
    if let Some(known) = frame.collected("zones").iter().find(|known| known.text == name) {
        let message = if frame.collected(directive.name()).iter().any(|own| own.text == name) {
            let bound = known.place.text();
            format!("{} \"{name}\" is already bound to key \"{bound}\"", directive.name())
        } else {
            format!("the shared memory zone \"{name}\" is already declared for a different use")
        };
        return Err(invalid(directive, index, message));
    }
    let word = Word { text: name.to_owned(), place: directive.place_of(0).clone() };
    frame.collect("zones", std::slice::from_ref(&word));
    let own = if directive.name() == "limit_req_zone" { "limit_req_zone" } else { "limit_conn_zone" };
    frame.collect(own, &[word]);
    Ok(())
}

/// `name:size`
fn zone_size<'d>(directive: &Directive, index: usize, value: &'d str) -> Result<(&'d str, &'d str), Stop> {
    let wrong = || invalid(directive, index, format!("invalid zone size \"{}\"", directive.arg(index)));
    let (name, size) = value.split_once(':').ok_or_else(wrong)?;
    match propylon_config::size(size) {
        Ok(bytes) if bytes < 32 << 10 => {
            Err(invalid(directive, index, format!("zone \"{}\" is too small", directive.arg(index))))
        }
        Ok(_) => Ok((name, size)),
        Err(_) => Err(wrong()),
    }
}

/// nginx takes a number alone for requests each second.
fn requests_rate(directive: &Directive, index: usize, value: &str) -> Result<String, Stop> {
    let number = value.strip_suffix("r/s").or(value.strip_suffix("r/m")).unwrap_or(value);
    if args::digits(number).and_then(|number| u32::try_from(number).ok()).unwrap_or(0) == 0 {
        return Err(invalid(directive, index, format!("invalid rate \"{}\"", directive.arg(index))));
    }
    Ok(if value.ends_with("r/m") { value.to_owned() } else { format!("{number}r/s") })
}

fn requests(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let (mut zone, mut burst, mut delay) = (None, None, None);
    for (index, word) in directive.args().iter().enumerate() {
        let place = &word.place;
        let count = |what: &str, text: &str| {
            let number = args::digits(text).filter(|number| *number > 0);
            number
                .map(|number| Value::number(number).at(place))
                .ok_or_else(|| invalid(directive, index, format!("invalid {what} value \"{}\"", word.text)))
        };
        match word.text.split_once('=') {
            Some(("zone", name)) => zone = Some((index, Value::text(name).at(place), name)),
            Some(("burst", text)) => burst = Some(("burst", count("burst", text)?)),
            Some(("delay", text)) => delay = Some(("delay", count("delay", text)?)),
            None if word.text == "nodelay" => delay = Some(("nodelay", Value::flag(true).at(place))),
            _ => return Err(invalid(directive, index, format!("invalid parameter \"{}\"", word.text))),
        }
    }
    let Some((index, zone, name)) = zone else {
        return Err(invalid(directive, 0, "\"limit_req\" must have \"zone\" parameter"));
    };
    once(convert, directive, index, "limit_req", name)?;
    let pairs = [Some(("zone", zone)), burst, delay].into_iter().flatten();
    convert.push(Target::Here, &["limit", "requests"], Value::table(pairs), &directive.place);
    Ok(Done::AsWritten)
}

fn connections(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let text = directive.arg(1);
    let max = match args::digits(text).filter(|max| *max > 0) {
        None => {
            return Err(invalid(directive, 1, format!("invalid number of connections \"{text}\"")));
        }
        Some(max) if max > 65_535 => {
            return Err(invalid(directive, 1, "connection limit must be less 65536"));
        }
        Some(max) => Value::number(max).at(directive.place_of(1)),
    };
    once(convert, directive, 0, "limit_conn", directive.arg(0))?;
    let zone = Value::text(directive.arg(0)).at(directive.place_of(0));
    let limit = Value::table([("zone", zone), ("max", max)]);
    convert.push(Target::Here, &["limit", "connections"], limit, &directive.place);
    Ok(Done::AsWritten)
}

/// A zone counts once in a block.
fn once(
    convert: &mut Convert<'_>,
    directive: &Directive,
    index: usize,
    own: &'static str,
    name: &str,
) -> Result<(), Stop> {
    let frame = convert.frame_mut();
    if frame.collected(own).iter().any(|known| known.text == name) {
        return Err(invalid(directive, index, format!("\"{own}\" directive is duplicate")));
    }
    frame.collect(own, &[Word { text: name.to_owned(), place: directive.place_of(index).clone() }]);
    Ok(())
}

fn status(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let code = args::number(directive, 0)?;
    if code < 400 {
        return Err(invalid(directive, 0, "value must be equal to or greater than 400"));
    }
    if code > 599 {
        return Err(invalid(directive, 0, "value must be equal to or less than 599"));
    }
    let key = if directive.name() == "limit_req_status" { "requests_status" } else { "connections_status" };
    let code = Value::number(code).at(directive.place_of(0));
    convert.set(Target::Here, &["limit", key], code, &directive.place);
    Ok(Done::AsWritten)
}

fn log_level(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let level = args::one_of(directive, 0, &["info", "notice", "warn", "error"])?;
    let key = match directive.name() {
        "limit_req_log_level" => "requests_log_level",
        _ => "connections_log_level",
    };
    let level = Value::text(level).at(directive.place_of(0));
    convert.set(Target::Here, &["limit", key], level, &directive.place);
    Ok(Done::AsWritten)
}
