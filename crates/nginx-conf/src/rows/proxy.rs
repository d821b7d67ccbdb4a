//! `proxy_*`: what is sent to upstreams, how long it may take, what happens when it fails. `fastcgi_*`, `uwsgi_*`, `scgi_*` and `grpc_*` use it too.

use super::openssl::{UPSTREAM_COMMAND, ciphers_note, upstream_command};
use crate::args::{self, invalid};
use crate::context::Contexts;
use crate::convert::{Convert, Done, Outcome, Stop, Target, different, refuse};
use crate::document::{Value, tongue};
use crate::row::{As, ONE, ONE_OR_TWO, Row, SOME, TWO, To};
use crate::tree::Directive;

const LEVELS: Contexts = Contexts::LEVELS;
const BOTH: Contexts = LEVELS.or(Contexts::STREAMS);
const PASS: Contexts = Contexts::INNER.or(Contexts::LIMIT_EXCEPT);
pub(super) const PASSED_OVER: &str = "Unsupported ciphers are ignored, as in `ssl_ciphers`.";
pub(super) const ABORTED: &str = "At most 1000 such requests per worker and location. The access log line is written when \
                                  the client disconnects, with 499.";
pub(super) const FORCED: &str =
    "A malformed `Range`, or one of a HEAD request, is ignored (RFC 9110 14.2), unlike in nginx.";

pub(crate) const ROWS: &[Row] = &[
    Row::new("proxy_pass", PASS, ONE, To::By(pass, "proxy_pass")),
    Row::new("proxy_method", LEVELS, ONE, To::Key(&["upstream", "method"], As::Text)),
    Row::new("proxy_set_body", LEVELS, ONE, To::Key(&["upstream", "body"], As::Text)),
    Row::new("proxy_pass_request_headers", LEVELS, ONE, To::Key(&["upstream", "pass_headers"], As::Flag)),
    Row::new("proxy_pass_request_body", LEVELS, ONE, To::Key(&["upstream", "pass_body"], As::Flag)),
    Row::new("proxy_http_version", LEVELS, ONE, To::By(version, "upstream.http_version")),
    Row::new("proxy_socket_keepalive", BOTH, ONE, To::Key(&["upstream", "socket_keepalive"], As::Flag)),
    Row::new("proxy_bind", BOTH, ONE_OR_TWO, To::By(bind, "upstream.bind")),
    Row::new("proxy_connect_timeout", BOTH, ONE, To::Key(&["timeout", "connect"], As::Time)),
    Row::new("proxy_send_timeout", LEVELS, ONE, To::Key(&["timeout", "send"], As::Time)),
    Row::new("proxy_read_timeout", LEVELS, ONE, To::Key(&["timeout", "read"], As::Time)),
    Row::new("proxy_request_buffering", LEVELS, ONE, To::Key(&["buffer", "request"], As::Flag)),
    Row::new("proxy_buffering", LEVELS, ONE, To::Key(&["buffer", "response"], As::Flag)),
    Row::new("proxy_buffer_size", LEVELS, ONE, To::By(buffer_size, "buffer.header_size")),
    Row::new("proxy_buffers", LEVELS, TWO, To::By(buffers, "buffer.count, buffer.size")),
    Row::new("proxy_busy_buffers_size", LEVELS, ONE, To::Key(&["buffer", "busy_size"], As::Size)),
    Row::new("proxy_max_temp_file_size", LEVELS, ONE, To::Key(&["buffer", "max_temp_file_size"], As::Size)),
    Row::new(
        "proxy_temp_file_write_size",
        LEVELS,
        ONE,
        To::Key(&["buffer", "temp_file_write_size"], As::Size),
    ),
    Row::new("proxy_next_upstream", LEVELS, SOME, To::By(next_upstream, "retry.on")).repeats(),
    Row::new("proxy_next_upstream_tries", BOTH, ONE, To::Key(&["retry", "tries"], As::Number)),
    Row::new("proxy_next_upstream_timeout", BOTH, ONE, To::Key(&["retry", "timeout"], As::Time)),
    Row::new("proxy_ssl_verify", BOTH, ONE, To::Key(&["upstream", "tls", "verify"], As::Flag)),
    Row::new(
        "proxy_ssl_trusted_certificate",
        BOTH,
        ONE,
        To::Key(&["upstream", "tls", "trusted_certificate"], As::ConfPath),
    ),
    Row::new("proxy_ssl_verify_depth", BOTH, ONE, To::Key(&["upstream", "tls", "verify_depth"], As::Number)),
    Row::new("proxy_ssl_crl", BOTH, ONE, To::Key(&["upstream", "tls", "crl"], As::ConfPath)),
    Row::new("proxy_ssl_server_name", BOTH, ONE, To::Key(&["upstream", "tls", "server_name"], As::Flag)),
    Row::new("proxy_ssl_name", BOTH, ONE, To::Key(&["upstream", "tls", "name"], As::Text)),
    Row::new("proxy_ssl_certificate", BOTH, ONE, To::Key(&["upstream", "tls", "certificate"], As::ConfPath)),
    Row::new("proxy_ssl_certificate_key", BOTH, ONE, To::Key(&["upstream", "tls", "key"], As::ConfPath)),
    Row::new("proxy_ssl_session_reuse", BOTH, ONE, To::Key(&["upstream", "tls", "session_reuse"], As::Flag)),
    Row::new("proxy_ssl_protocols", BOTH, SOME, To::By(protocols, "upstream.tls.protocols")),
    Row::new("proxy_ssl_ciphers", BOTH, ONE, To::By(ciphers, "upstream.tls.ciphers")).note(PASSED_OVER),
    Row::nothing(
        "proxy_ssl",
        LEVELS,
        ONE,
        "nginx has no such directive for HTTP: write `https://` in `proxy_pass`",
    ),
    Row::nothing("proxy_send_lowat", LEVELS, ONE, "the gateway decides itself how to read and write data"),
    Row::new(
        "proxy_ssl_password_file",
        BOTH,
        ONE,
        To::Key(&["upstream", "tls", "password_file"], As::ConfPath),
    ),
    Row::new(
        "proxy_ssl_certificate_cache",
        BOTH,
        SOME,
        To::By(certificate_cache, "upstream.tls.certificate_cache"),
    ),
    Row::new("proxy_ssl_conf_command", BOTH, TWO, To::By(upstream_command, ""))
        .repeats()
        .differs(UPSTREAM_COMMAND),
    Row::refused(
        "proxy_ssl_alpn",
        LEVELS,
        SOME,
        "nginx has it only in `stream`: `proxy_http_version` determines the protocol",
    ),
    Row::new("proxy_ssl_key_log", BOTH, ONE, To::Key(&["upstream", "tls", "key_log"], As::Path)),
    like("proxy_ignore_client_abort", &["upstream", "ignore_client_abort"], As::Flag).note(ABORTED),
    like("proxy_force_ranges", &["upstream", "force_ranges"], As::Flag).note(FORCED),
];

/// A directive whose one argument is the value of a key.
pub(super) const fn like(name: &'static str, key: &'static [&'static str], how: As) -> Row {
    Row::new(name, LEVELS, ONE, To::Key(key, how))
}

/// The path of a key: what is said of servers that speak something else than HTTP waits for a place that asks one.
pub(super) fn path<'k>(directive: &Directive, key: &[&'k str]) -> Vec<&'k str> {
    tongue(directive.name()).into_iter().chain(key.iter().copied()).collect()
}

fn set(convert: &mut Convert<'_>, directive: &Directive, key: &[&'static str], value: Value) {
    convert.set(Target::Here, &path(directive, key), value, &directive.place);
}

/// `fastcgi_pass`, `uwsgi_pass`, `scgi_pass`, `grpc_pass` and `memcached_pass`.
pub(super) fn pass_to_server(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    if convert.frame().section.has(&["return"]) {
        return different("never reached: `return` answers first");
    }
    let value = Value::text(directive.arg(0)).at(directive.place_of(0));
    convert.set(Target::Here, &[directive.name()], value, &directive.place);
    Ok(Done::AsWritten)
}

fn pass(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let url = directive.arg(0);
    let (url, note) = match url {
        // The guide's form; nginx wants the scheme.
        _ if url.starts_with("unix:") => {
            (format!("http://{url}"), Some("read as `http://unix:...`: nginx requires the scheme"))
        }
        _ => (url.to_owned(), None),
    };
    let lower = url.to_ascii_lowercase();
    if !url.contains('$') && !lower.starts_with("http://") && !lower.starts_with("https://") {
        return Err(invalid(directive, 0, "invalid URL prefix"));
    }
    if convert.frame().section.has(&["return"]) {
        return different("never reached: `return` answers first");
    }
    convert.set(Target::Here, &["proxy_pass"], Value::text(url).at(directive.place_of(0)), &directive.place);
    note.map_or(Ok(Done::AsWritten), different)
}

fn version(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let version = args::one_of(directive, 0, &["1.0", "1.1", "2"])?;
    let value = Value::text(version).at(directive.place_of(0));
    convert.set(Target::Here, &["upstream", "http_version"], value, &directive.place);
    Ok(Done::AsWritten)
}

pub(super) fn bind(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let mut text = directive.arg(0).to_owned();
    if directive.args().len() == 2 {
        if directive.arg(1) != "transparent" {
            return Err(invalid(directive, 1, format!("invalid parameter \"{}\"", directive.arg(1))));
        }
        text.push_str(" transparent");
    }
    set(convert, directive, &["upstream", "bind"], Value::text(text).at(directive.place_of(0)));
    Ok(Done::AsWritten)
}

pub(super) fn buffers(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let number = args::number(directive, 0)?;
    let (size, small) = at_least(directive, 1, 512)?;
    if number < 2 {
        let name = directive.name();
        return Err(invalid(directive, 0, format!("there must be at least 2 \"{name}\"")));
    }
    let count = Value::number(number).at(directive.place_of(0));
    set(convert, directive, &["buffer", "count"], count);
    set(convert, directive, &["buffer", "size"], size);
    if small { different("raised to 512 bytes, the minimum size of a buffer") } else { Ok(Done::AsWritten) }
}

pub(super) fn buffer_size(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let (size, small) = at_least(directive, 0, 128)?;
    set(convert, directive, &["buffer", "header_size"], size);
    if small { different("raised to 128 bytes, the minimum") } else { Ok(Done::AsWritten) }
}

/// A size, and whether it had to be raised.
fn at_least(directive: &Directive, index: usize, least: u64) -> Result<(Value, bool), Stop> {
    let text = args::size(directive, index)?;
    let small = propylon_config::size(&text).is_ok_and(|bytes| bytes < least);
    let value = if small { Value::number(least) } else { Value::text(text) };
    Ok((value.at(directive.place_of(index)), small))
}

/// The conditions of several add up.
pub(super) fn next_upstream(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let path = path(directive, &["retry", "on"]);
    let mut all = match convert.section(Target::Here).take(&path) {
        Some(Value::List(all)) => all,
        _ => Vec::new(),
    };
    all.extend(conditions(directive)?);
    convert.set(Target::Here, &path, Value::List(all), &directive.place);
    Ok(Done::AsWritten)
}

fn conditions(directive: &Directive) -> Result<Vec<Value>, Stop> {
    const CONDITIONS: [&str; 14] = [
        "error",
        "timeout",
        "denied",
        "invalid_header",
        "non_idempotent",
        "http_500",
        "http_502",
        "http_503",
        "http_504",
        "http_403",
        "http_404",
        "http_429",
        "updating",
        "off",
    ];
    let mut words = Vec::new();
    for index in 0..directive.args().len() {
        let word = args::one_of(directive, index, &CONDITIONS)?;
        if word != "updating" {
            words.push(Value::text(word).at(directive.place_of(index)));
        }
    }
    Ok(words)
}

/// Old protocols are left out: nobody should miss them.
pub(super) fn modern(directive: &Directive) -> Result<(Vec<Value>, bool), Stop> {
    const ALL: [&str; 6] = ["SSLv2", "SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"];
    let mut words = Vec::new();
    let mut old = false;
    for index in 0..directive.args().len() {
        let word = args::one_of(directive, index, &ALL)?;
        if matches!(word, "TLSv1.2" | "TLSv1.3") {
            words.push(Value::text(word).at(directive.place_of(index)));
        } else {
            old = true;
        }
    }
    Ok((words, old))
}

pub(super) fn certificate_cache(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    super::tls::cache(convert, directive, &path(directive, &["upstream", "tls", "certificate_cache"]))
}

pub(super) fn protocols(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let (words, old) = modern(directive)?;
    if words.is_empty() {
        return refuse("TLS before 1.2 is not supported: write TLSv1.2 or TLSv1.3");
    }
    set(convert, directive, &["upstream", "tls", "protocols"], Value::List(words));
    if old { different("TLS before 1.2 is not supported") } else { Ok(Done::AsWritten) }
}

pub(super) fn ciphers(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let value = convert.value(directive, 0, As::Text)?;
    set(convert, directive, &["upstream", "tls", "ciphers"], value);
    ciphers_note(directive.arg(0))
}
