//! `stream` and what stands in it: TCP and UDP that are passed on.

mod health;
mod names;
mod udp;
mod unbuilt;

use super::http::HASH;
use super::{listen, openssl, upstream};
use crate::args::{self, invalid};
use crate::context::Contexts;
use crate::convert::{Convert, Done, Outcome, Stop, Target, different, refuse};
use crate::document::{Section, Value};
use crate::frame::Frame;
use crate::place::{Place, Problem};
use crate::row::{ANY, As, BLOCK, BLOCK_ONE, NONE, ONE, ONE_OR_TWO, Row, SOME, To};
use crate::tree::Directive;

pub(crate) use names::join;
use udp::Listens;
pub(crate) use unbuilt::ROWS as UNBUILT;

const STREAM: Contexts = Contexts::STREAM;
const SERVER: Contexts = Contexts::STREAM_SERVER;
const STREAMS: Contexts = Contexts::STREAMS;
const GROUP: Contexts = Contexts::STREAM_UPSTREAM;
const REFUSED: &str = "If a server refuses, the session ends at once or another server is tried; nginx counts the refusal as an answer, or waits for the timeout.";

pub(crate) const ROWS: &[Row] = &[
    Row::new("server", STREAM, BLOCK, To::By(server, "stream")).repeats()
        .note("Settings of the `stream` block are copied into each `[[stream]]`."),
    Row::new("listen", SERVER, SOME, To::By(listen_at, "stream.listen")).repeats()
        .note("`ssl` becomes `tls`. Several servers at one address are refused."),
    Row::new("proxy_pass", SERVER, ONE, To::By(pass, "stream.proxy_pass")),
    Row::new("return", SERVER, ONE, To::By(respond, "stream.return")),
    Row::new("proxy_ssl", STREAMS, ONE, To::By(speaks_tls, "stream.proxy_pass")).note("Becomes the prefix `tls://` in `proxy_pass`."),
    Row::new("proxy_protocol", STREAMS, ONE, To::Key(&["upstream", "proxy_protocol"], As::Flag)),
    Row::new("proxy_timeout", STREAMS, ONE, To::Key(&["timeout", "idle"], As::Time)),
    Row::new("proxy_buffer_size", STREAMS, ONE, To::By(buffer_size, "stream.buffer_size")),
    Row::new("proxy_half_close", STREAMS, ONE, To::Key(&["half_close"], As::Flag)),
    Row::new("proxy_next_upstream", STREAMS, ONE, To::Key(&["retry", "on"], As::Flag)),
    Row::new("proxy_upload_rate", STREAMS, ONE, To::By(rate, "stream.limit.upload_rate")),
    Row::new("proxy_download_rate", STREAMS, ONE, To::By(rate, "stream.limit.download_rate")),
    Row::new("ssl_preread", STREAMS, ONE, To::Key(&["preread"], As::Flag)),
    Row::new("preread_buffer_size", STREAMS, ONE, To::By(buffer_size, "stream.preread_buffer_size")),
    Row::new("preread_timeout", STREAMS, ONE, To::Key(&["timeout", "preread"], As::Time)),
    Row::new("set_real_ip_from", STREAMS, ONE, To::By(super::headers::real_ip_from, "stream.real_ip_from")).repeats(),
    Row::new("upstream", STREAM, BLOCK_ONE, To::By(upstream::upstream, "upstream")).repeats(),
    Row::new("server", GROUP, SOME, To::By(of_group, "upstream.NAME.server")).repeats(),
    Row::new("least_conn", GROUP, NONE, To::By(upstream::word, "upstream.NAME.method")),
    Row::new("hash", GROUP, ONE_OR_TWO, To::By(upstream::hash, "upstream.NAME.method")),
    Row::new("random", GROUP, ANY, To::By(random, "upstream.NAME.method")),
    Row::new("least_time", GROUP, ONE_OR_TWO, To::By(least_time, "upstream.NAME.method")),
    Row::new("zone", GROUP, ONE_OR_TWO, To::By(upstream::zone, "upstream.NAME.zone")),
    Row::new("state", GROUP, ONE, To::By(upstream::state, "upstream.NAME.state")).differs(upstream::STATE),
    Row::new("resolver", GROUP, SOME, To::By(super::resolver::resolver, "upstream.NAME.resolver")),
    Row::new("resolver_timeout", GROUP, ONE, To::By(super::resolver::timeout, "upstream.NAME.resolver")),
    Row::new("health_check", SERVER, ANY, To::By(health::health_check, "upstream.NAME.health_check"))
        .differs("Only one check per upstream: that of the server's `proxy_pass`. Without `match`, a TCP server is healthy if it accepts a connection, a UDP server unless it refuses a datagram."),
    Row::new("match", STREAM, BLOCK_ONE, To::By(health::matching, "upstream.NAME.health_check.match")).repeats()
        .note("In the block: send, expect."),
    Row::new("health_check_timeout", STREAMS, ONE, To::By(health::timeout, "upstream.NAME.health_check")),
    Row::nothing("tcp_nodelay", STREAMS, ONE, "always on"),
    Row::new("proxy_requests", STREAMS, ONE, To::Key(&["requests"], As::Number)),
    Row::new("proxy_responses", STREAMS, ONE, To::Key(&["responses"], As::Number)).note(REFUSED),
    Row::new("ssl_handshake_timeout", STREAMS, ONE, To::Key(&["timeout", "handshake"], As::Time)),
    Row::new("proxy_protocol_timeout", STREAMS, ONE, To::Key(&["timeout", "proxy_protocol"], As::Time)),
    Row::nothing("variables_hash_bucket_size", STREAM, ONE, HASH),
    Row::nothing("variables_hash_max_size", STREAM, ONE, HASH),
    Row::nothing("map_hash_bucket_size", STREAM, ONE, HASH),
    Row::nothing("map_hash_max_size", STREAM, ONE, HASH),
    Row::nothing("server_names_hash_bucket_size", STREAM, ONE, HASH),
    Row::nothing("server_names_hash_max_size", STREAM, ONE, HASH),
    Row::new("status_zone", SERVER, ONE, To::Key(&["status_zone"], As::Text)),
];

/// The block `stream`.
pub(super) fn block(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let Some(block) = directive.block() else { return Ok(Done::AsWritten) };
    let mut above = convert.take_pending();
    above.extend(directive.beside.clone());
    let frame = convert.inside(Frame::new(STREAM, Section::default(), ""), block);
    super::geoip::finish(&frame, convert);
    let mut section = super::tls::finish(frame, convert)?;
    above.extend(section.comments().cloned());
    let document = &mut convert.document;
    match document.streams.first_mut() {
        // It has no table of its own.
        Some(first) => first.put_above(above),
        None => above.into_iter().for_each(|comment| document.top.comment(comment)),
    }
    openssl::join(&mut section, &mut document.streams);
    let mut refused = Vec::new();
    for stream in &mut document.streams {
        refused.extend(settle(stream, &section));
    }
    for group in document.stream_named.iter_mut().filter(|group| group.follows()) {
        group.inherit_keys(&section, |own, path| of_resolver(own, path) == Some(true));
    }
    udp::refuse(convert, refused);
    health::finish(convert);
    Ok(Done::AsWritten)
}

/// Whether a key of an outer `resolver` counts; nothing: it is no key of one.
fn of_resolver(own: &Section, path: &[&str]) -> Option<bool> {
    let is_timeout = path == ["resolver", "timeout"];
    (path.first() == Some(&"resolver")).then(|| is_timeout || !own.has(&["resolver", "servers"]))
}

/// What a stream inherits, and what two directives say of one key. Gives what cannot be had, and why.
fn settle(stream: &mut Section, outer: &Section) -> Vec<(Place, &'static str)> {
    let is_secure =
        stream.is_on(&["proxy_ssl"]) || !stream.has(&["proxy_ssl"]) && outer.is_on(&["proxy_ssl"]);
    let secured = stream.stands_at(&["proxy_ssl"]).or(outer.stands_at(&["proxy_ssl"])).cloned();
    let with_tls = stream.texts(&["listen"]).iter().any(|listen| listen.split(' ').any(|word| word == "tls"));
    let is_checked = stream.has(health::ASKED);
    stream.inherit_keys(outer, |own, path| match path {
        ["proxy_ssl"] => false,
        ["tls", ..] => with_tls,
        ["upstream", "tls", ..] => is_secure,
        ["health_check", ..] => is_checked,
        _ => of_resolver(own, path) != Some(false),
    });
    stream.remove(&["proxy_ssl"]);
    if is_secure && Listens::of(stream) == Listens::Tcp {
        stream.each_text(|key, text| {
            if key == "proxy_pass" {
                text.insert_str(0, "tls://");
            }
        });
    }
    if stream.has(&["resolver"]) && !stream.has(&["resolver", "servers"]) {
        stream.remove_all(&["resolver"]); // a time to wait alone is no resolver
    }
    let asks = stream.text(&["proxy_pass"]).is_some_and(|target| target.contains('$'));
    if asks && !stream.has(&["resolver"]) {
        stream.set(&["resolver"], Value::flag(false), None);
        stream.beside(" nginx resolves nothing without one");
    }
    if with_tls && !stream.has(&["tls", "session_cache"]) {
        stream.set(&["tls", "session_cache"], Value::text("off"), None);
        stream.beside(" nginx's default");
    }
    udp::settle(stream, is_secure, secured)
}

fn server(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let Some(block) = directive.block() else { return Ok(Done::AsWritten) };
    let above = convert.take_pending();
    let section = Section::of("[[stream]]", &directive.place, &above, directive.beside.as_ref());
    let frame = convert.inside(Frame::new(SERVER, section, ""), block);
    let is_refused = frame.refused || !convert.problems.is_empty();
    let section = super::tls::finish(frame, convert)?;
    let missing = match () {
        () if is_refused => None,
        () if !section.has(&["listen"]) => Some("no \"listen\" is defined for server"),
        () if !section.has(&["proxy_pass"]) && !section.has(&["return"]) => Some("no handler for server"),
        () => None,
    };
    convert.document.streams.push(section);
    match missing {
        Some(message) => Err(Stop::Invalid(Problem::new(&directive.place, message))),
        None => Ok(Done::AsWritten),
    }
}

fn listen_at(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    for (index, word) in directive.args().iter().enumerate().skip(1) {
        match word.text.as_str() {
            "http2" | "quic" | "spdy" => {
                return Err(invalid(directive, index, format!("the invalid \"{}\" parameter", word.text)));
            }
            _ => {}
        }
    }
    let text = directive.arg(0);
    let has_port = text.starts_with("unix:")
        || text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
        || text.rsplit_once(':').is_some_and(|(_, port)| !port.ends_with(']'));
    if !has_port {
        return Err(invalid(directive, 0, format!("no port in \"{text}\" of the \"listen\" directive")));
    }
    listen::of_stream(convert, directive)?;
    convert.frame_mut().section.change_texts(&["listen"], |listen| {
        // A stream is alone at its address.
        *listen = listen.replace(" default_server", "");
    });
    Ok(Done::AsWritten)
}

fn pass(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    only(convert, directive, "return")?;
    here(convert, directive, &["proxy_pass"], As::Text)
}

fn respond(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    only(convert, directive, "proxy_pass")?;
    here(convert, directive, &["return"], As::Text)
}

/// nginx takes the last one: nobody means that.
fn only(convert: &Convert<'_>, directive: &Directive, other: &str) -> Result<(), Stop> {
    match convert.frame().section.has(&[other]) {
        true => refuse(format!("this `server` block also has `{other}`: remove one of them")),
        false => {
            debug_assert_ne!(directive.name(), other);
            Ok(())
        }
    }
}

fn here(convert: &mut Convert<'_>, directive: &Directive, path: &[&str], how: As) -> Outcome {
    let value = convert.value(directive, 0, how)?;
    convert.set(Target::Here, path, value, &directive.place);
    Ok(Done::AsWritten)
}

fn speaks_tls(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    here(convert, directive, &["proxy_ssl"], As::Flag)
}

fn buffer_size(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    const LEAST: u64 = 256;
    let key = if directive.name() == "proxy_buffer_size" { "buffer_size" } else { "preread_buffer_size" };
    let size = args::size(directive, 0)?;
    let is_small = propylon_config::size(&size).is_ok_and(|bytes| bytes < LEAST);
    let value = if is_small { Value::number(LEAST) } else { Value::text(size) };
    convert.set(Target::Here, &[key], value.at(directive.place_of(0)), &directive.place);
    if is_small {
        different("raised to 256 bytes, the minimum size of a buffer")
    } else {
        Ok(Done::AsWritten)
    }
}

fn rate(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let key = if directive.name() == "proxy_upload_rate" { "upload_rate" } else { "download_rate" };
    let value = match directive.arg(0) {
        "0" => Value::text("off").at(directive.place_of(0)),
        text if text.contains('$') => Value::text(text).at(directive.place_of(0)),
        _ => convert.value(directive, 0, As::Size)?,
    };
    convert.set(Target::Here, &["limit", key], value, &directive.place);
    Ok(Done::AsWritten)
}

/// A server of an upstream, which has a port.
fn of_group(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let address = directive.arg(0);
    let has_port = address.rsplit_once(':').is_some_and(|(_, port)| args::digits(port).is_some());
    let is_service = directive.args().iter().any(|word| word.text.starts_with("service="));
    if !has_port && !is_service && !address.starts_with("unix:") {
        return Err(invalid(directive, 0, format!("no port in upstream \"{address}\"")));
    }
    if let Some(index) =
        directive.args().iter().position(|word| word.text.starts_with("route=") || word.text == "drain")
    {
        return Err(invalid(directive, index, format!("invalid parameter \"{}\"", directive.arg(index))));
    }
    upstream::server(convert, directive)
}

const CONNECT: &str = "`connect` is not supported: use `first_byte` or `last_byte`";

/// The first byte of a stream is what a head is of HTTP.
fn known_time(word: &str) -> Option<&'static str> {
    match word {
        "first_byte" => Some("header"),
        "last_byte" => Some("last_byte"),
        _ => None,
    }
}

fn least_time(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let word = args::one_of(directive, 0, &["connect", "first_byte", "last_byte"])?;
    let Some(by) = known_time(word) else { return refuse(CONNECT) };
    let mut pairs = vec![("least_time", Value::text(by).at(directive.place_of(0)))];
    match directive.arg(1) {
        "" => {}
        "inflight" => pairs.push(("inflight", Value::flag(true))),
        other => return Err(invalid(directive, 1, format!("invalid parameter \"{other}\""))),
    }
    upstream::method(convert, directive, Value::table(pairs))
}

fn random(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let by = match (directive.arg(0), directive.arg(1)) {
        ("", "") => return upstream::method(convert, directive, Value::text("random")),
        ("two", "" | "least_conn") => "least_conn",
        ("two", word) => match word.strip_prefix("least_time=").map(known_time) {
            Some(Some("header")) => "least_time=header",
            Some(Some(_)) => "least_time=last_byte",
            _ if word == "least_time=connect" => return refuse(CONNECT),
            _ => return Err(invalid(directive, 1, format!("invalid parameter \"{word}\""))),
        },
        (other, _) => return Err(invalid(directive, 0, format!("invalid parameter \"{other}\""))),
    };
    upstream::method(
        convert,
        directive,
        Value::table([("random", Value::text("two")), ("by", Value::text(by))]),
    )
}
