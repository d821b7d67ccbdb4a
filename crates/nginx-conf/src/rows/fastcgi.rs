//! `fastcgi_*`: what FastCGI servers are asked, and what `proxy_*` means for them.

use super::proxy;
use crate::args::invalid;
use crate::context::Contexts;
use crate::convert::{Convert, Done, Outcome, Target};
use crate::document::{FASTCGI, Value};
use crate::row::{As, ONE, ONE_OR_TWO, Row, SOME, TWO, TWO_OR_THREE, To};
use crate::tree::Directive;

const LEVELS: Contexts = Contexts::LEVELS;
const PASS: Contexts = Contexts::INNER.or(Contexts::LIMIT_EXCEPT);
const NOT_PLUS: &str = "it is not built";

/// A directive that is like that of `proxy_*`, and its key.
const fn like(name: &'static str, key: &'static str) -> Row {
    Row::new(name, LEVELS, ONE, To::By(mirrored, key))
}

pub(crate) const ROWS: &[Row] = &[
    Row::new("fastcgi_pass", PASS, ONE, To::By(pass, "fastcgi_pass")),
    Row::new("fastcgi_param", LEVELS, TWO_OR_THREE, To::By(param, "fastcgi.params"))
        .repeats()
        .note("of several with the same name the last one is sent, which is the one that PHP takes."),
    Row::new("fastcgi_index", LEVELS, ONE, To::Key(&["fastcgi", "index"], As::Text)),
    Row::new(
        "fastcgi_split_path_info",
        Contexts::LOCATION,
        ONE,
        To::Key(&["fastcgi", "split_path_info"], As::Text),
    ),
    Row::new("fastcgi_keep_conn", LEVELS, ONE, To::Key(&["fastcgi", "keep_conn"], As::Flag)),
    Row::new("fastcgi_catch_stderr", LEVELS, ONE, To::Item(&["fastcgi", "catch_stderr"], As::Text)).repeats(),
    Row::nothing("fastcgi_send_lowat", LEVELS, ONE, "it is ignored on Linux, by nginx too"),
    like("fastcgi_connect_timeout", "timeout.connect"),
    like("fastcgi_send_timeout", "timeout.send"),
    like("fastcgi_read_timeout", "timeout.read"),
    like("fastcgi_request_buffering", "buffer.request"),
    like("fastcgi_buffering", "buffer.response"),
    Row::new("fastcgi_buffer_size", LEVELS, ONE, To::By(buffer_size, "buffer.header_size")),
    Row::new("fastcgi_buffers", LEVELS, TWO, To::By(buffers, "buffer.count, buffer.size")),
    like("fastcgi_busy_buffers_size", "buffer.busy_size"),
    like("fastcgi_max_temp_file_size", "buffer.max_temp_file_size"),
    like("fastcgi_temp_file_write_size", "buffer.temp_file_write_size"),
    Row::new("fastcgi_next_upstream", LEVELS, SOME, To::By(next_upstream, "retry.on")).repeats(),
    like("fastcgi_next_upstream_tries", "retry.tries"),
    like("fastcgi_next_upstream_timeout", "retry.timeout"),
    like("fastcgi_socket_keepalive", "upstream.socket_keepalive"),
    Row::new("fastcgi_bind", LEVELS, ONE_OR_TWO, To::By(bind, "upstream.bind")),
    like("fastcgi_pass_request_headers", "upstream.pass_headers"),
    like("fastcgi_pass_request_body", "upstream.pass_body"),
    like("fastcgi_intercept_errors", "error_page.intercept"),
    like("fastcgi_limit_rate", "limit.upstream_rate"),
    Row::new("fastcgi_hide_header", LEVELS, ONE, To::By(fields, "headers.hide")).repeats(),
    Row::new("fastcgi_pass_header", LEVELS, ONE, To::By(fields, "headers.pass")).repeats(),
    Row::new("fastcgi_ignore_headers", LEVELS, SOME, To::By(fields, "headers.ignore")).repeats(),
    Row::refused("fastcgi_store", LEVELS, ONE, NOT_PLUS),
    Row::refused("fastcgi_store_access", LEVELS, SOME, NOT_PLUS),
    Row::refused("fastcgi_ignore_client_abort", LEVELS, ONE, NOT_PLUS),
    Row::refused("fastcgi_force_ranges", LEVELS, ONE, NOT_PLUS),
];

fn pass(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    if convert.frame().section.has(&["return"]) {
        return crate::convert::different("it is never reached: `return` answers first");
    }
    let value = Value::text(directive.arg(0)).at(directive.place_of(0));
    convert.set(Target::Here, &["fastcgi_pass"], value, &directive.place);
    Ok(Done::AsWritten)
}

fn param(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let value = Value::text(directive.arg(1)).at(directive.place_of(1));
    let value = match directive.arg(2) {
        "" if directive.args().len() < 3 => value,
        "if_not_empty" => Value::List(vec![value, Value::text("if_not_empty")]),
        other => return Err(invalid(directive, 2, format!("invalid parameter \"{other}\""))),
    };
    convert.set(Target::Here, &["fastcgi", "params", directive.arg(0)], value, &directive.place);
    Ok(Done::AsWritten)
}

/// The key of a directive, in the table of what is for FastCGI alone: a place where both are used has them apart.
fn set(convert: &mut Convert<'_>, directive: &Directive, [table, key]: [&str; 2], value: Value) {
    convert.set(Target::Here, &[FASTCGI, table, key], value, &directive.place);
}

fn mirrored(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let (key, how) = match directive.name().trim_start_matches("fastcgi_") {
        "connect_timeout" => (["timeout", "connect"], As::Time),
        "send_timeout" => (["timeout", "send"], As::Time),
        "read_timeout" => (["timeout", "read"], As::Time),
        "request_buffering" => (["buffer", "request"], As::Flag),
        "buffering" => (["buffer", "response"], As::Flag),
        "busy_buffers_size" => (["buffer", "busy_size"], As::Size),
        "max_temp_file_size" => (["buffer", "max_temp_file_size"], As::Size),
        "temp_file_write_size" => (["buffer", "temp_file_write_size"], As::Size),
        "next_upstream_tries" => (["retry", "tries"], As::Number),
        "next_upstream_timeout" => (["retry", "timeout"], As::Time),
        "socket_keepalive" => (["upstream", "socket_keepalive"], As::Flag),
        "pass_request_headers" => (["upstream", "pass_headers"], As::Flag),
        "pass_request_body" => (["upstream", "pass_body"], As::Flag),
        "intercept_errors" => (["error_page", "intercept"], As::Flag),
        _ => (["limit", "upstream_rate"], As::Size),
    };
    let value = match key {
        ["limit", _] if directive.arg(0) == "0" => Value::text("off").at(directive.place_of(0)),
        ["limit", _] if directive.arg(0).contains('$') => convert.value(directive, 0, As::Text)?,
        _ => convert.value(directive, 0, how)?,
    };
    set(convert, directive, key, value);
    Ok(Done::AsWritten)
}

fn buffers(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let ([count, size], outcome) = proxy::buffer_values(directive)?;
    set(convert, directive, ["buffer", "count"], count);
    set(convert, directive, ["buffer", "size"], size);
    outcome
}

fn buffer_size(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let (size, outcome) = proxy::head_value(directive)?;
    set(convert, directive, ["buffer", "header_size"], size);
    outcome
}

fn next_upstream(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    proxy::add_conditions(convert, directive, &[FASTCGI, "retry", "on"])
}

fn bind(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let value = proxy::bind_value(directive)?;
    set(convert, directive, ["upstream", "bind"], value);
    Ok(Done::AsWritten)
}

fn fields(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let key = match directive.name() {
        "fastcgi_hide_header" => "hide",
        "fastcgi_pass_header" => "pass",
        _ => "ignore",
    };
    for index in 0..directive.args().len() {
        let value = convert.value(directive, index, As::Text)?;
        convert.push(Target::Here, &[FASTCGI, "headers", key], value, &directive.place);
    }
    Ok(Done::AsWritten)
}
