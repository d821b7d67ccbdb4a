//! `fastcgi_*`, `uwsgi_*` and `scgi_*`: what applications are asked, and what `proxy_*` means for them.

use super::proxy::{self, like};
use super::{headers, limits};
use crate::args::invalid;
use crate::context::Contexts;
use crate::convert::{Convert, Done, Outcome, Target};
use crate::document::{FASTCGI, SCGI, UWSGI, Value};
use crate::row::{As, ONE, ONE_OR_TWO, Row, SOME, TWO, TWO_OR_THREE, To};
use crate::tree::Directive;

const LEVELS: Contexts = Contexts::LEVELS;
const PASS: Contexts = Contexts::INNER.or(Contexts::LIMIT_EXCEPT);
const LAST: &str =
    "If several have the same name, only the last one is sent; applications use that one anyway.";

const NO_UPGRADE: &str = "Protocol upgrades (WebSocket) are not supported: a 101 response is an error.";
const NO_STATUS: &str = "Protocol upgrades (WebSocket) are not supported: a 101 response is an error. The field `Status` is \
                         not sent to clients.";

/// The rows of a protocol, of which the directives begin with a name: its own, and those that all of them have.
macro_rules! rows {
    ($name:literal, $waits:ident, $note:expr; $($own:expr),* $(,)?) => {
        &[
            Row::new(concat!($name, "_pass"), PASS, ONE, To::By(proxy::pass_to_server, concat!($name, "_pass"))).note($note),
            Row::new(concat!($name, "_param"), LEVELS, TWO_OR_THREE, To::By(param, concat!($name, ".params")))
                .repeats()
                .note(LAST),
            $($own,)*
            like(concat!($name, "_connect_timeout"), &[$waits, "timeout", "connect"], As::Time),
            like(concat!($name, "_send_timeout"), &[$waits, "timeout", "send"], As::Time),
            like(concat!($name, "_read_timeout"), &[$waits, "timeout", "read"], As::Time),
            like(concat!($name, "_request_buffering"), &[$waits, "buffer", "request"], As::Flag),
            like(concat!($name, "_buffering"), &[$waits, "buffer", "response"], As::Flag),
            Row::new(concat!($name, "_buffer_size"), LEVELS, ONE, To::By(proxy::buffer_size, "buffer.header_size")),
            Row::new(concat!($name, "_buffers"), LEVELS, TWO, To::By(proxy::buffers, "buffer.count, buffer.size")),
            like(concat!($name, "_busy_buffers_size"), &[$waits, "buffer", "busy_size"], As::Size),
            like(concat!($name, "_max_temp_file_size"), &[$waits, "buffer", "max_temp_file_size"], As::Size),
            like(concat!($name, "_temp_file_write_size"), &[$waits, "buffer", "temp_file_write_size"], As::Size),
            Row::new(concat!($name, "_next_upstream"), LEVELS, SOME, To::By(proxy::next_upstream, "retry.on")).repeats(),
            like(concat!($name, "_next_upstream_tries"), &[$waits, "retry", "tries"], As::Number),
            like(concat!($name, "_next_upstream_timeout"), &[$waits, "retry", "timeout"], As::Time),
            like(concat!($name, "_socket_keepalive"), &[$waits, "upstream", "socket_keepalive"], As::Flag),
            Row::new(concat!($name, "_bind"), LEVELS, ONE_OR_TWO, To::By(proxy::bind, "upstream.bind")),
            like(concat!($name, "_pass_request_headers"), &[$waits, "upstream", "pass_headers"], As::Flag),
            like(concat!($name, "_pass_request_body"), &[$waits, "upstream", "pass_body"], As::Flag),
            like(concat!($name, "_intercept_errors"), &[$waits, "error_page", "intercept"], As::Flag),
            Row::new(concat!($name, "_limit_rate"), LEVELS, ONE, To::By(limits::rate, "limit.upstream_rate")),
            Row::new(concat!($name, "_hide_header"), LEVELS, ONE, To::Item(&[$waits, "headers", "hide"], As::Text)).repeats(),
            Row::new(concat!($name, "_pass_header"), LEVELS, ONE, To::Item(&[$waits, "headers", "pass"], As::Text)).repeats(),
            Row::new(concat!($name, "_ignore_headers"), LEVELS, SOME, To::By(headers::ignore, "headers.ignore")).repeats(),
            like(concat!($name, "_ignore_client_abort"), &[$waits, "upstream", "ignore_client_abort"], As::Flag)
                .note(proxy::ABORTED),
            like(concat!($name, "_force_ranges"), &[$waits, "upstream", "force_ranges"], As::Flag).note(proxy::FORCED),
        ]
    };
}

pub(crate) const FASTCGI_ROWS: &[Row] = rows! {
    "fastcgi", FASTCGI, "";
    Row::new("fastcgi_index", LEVELS, ONE, To::Key(&["fastcgi", "index"], As::Text)),
    Row::new(
        "fastcgi_split_path_info",
        Contexts::LOCATION,
        ONE,
        To::Key(&["fastcgi", "split_path_info"], As::Text),
    ),
    Row::new("fastcgi_keep_conn", LEVELS, ONE, To::Key(&["fastcgi", "keep_conn"], As::Flag)),
    Row::new("fastcgi_catch_stderr", LEVELS, ONE, To::Item(&["fastcgi", "catch_stderr"], As::Text)).repeats(),
    Row::nothing("fastcgi_send_lowat", LEVELS, ONE, "ignored on Linux, as in nginx"),
};

pub(crate) const UWSGI_ROWS: &[Row] = rows! {
    "uwsgi", UWSGI, NO_STATUS;
    like("uwsgi_modifier1", &["uwsgi", "modifier1"], As::Number),
    like("uwsgi_modifier2", &["uwsgi", "modifier2"], As::Number),
    Row::refused(
        "uwsgi_string",
        LEVELS,
        ONE,
        "not documented by nginx: a string after the parameters could be parsed as more parameters; remove it",
    ),
};

pub(crate) const SCGI_ROWS: &[Row] = rows! { "scgi", SCGI, NO_UPGRADE; };

fn param(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let value = Value::text(directive.arg(1)).at(directive.place_of(1));
    // An empty one in the place of a field (`HTTP_PROXY ""`) only keeps that from being passed.
    let kept_away = directive.arg(0).starts_with("HTTP_") && directive.arg(1).is_empty();
    let value = match directive.arg(2) {
        "" if directive.args().len() < 3 && !kept_away => value,
        "" if directive.args().len() < 3 => Value::List(vec![value, Value::text("if_not_empty")]),
        "if_not_empty" => Value::List(vec![value, Value::text("if_not_empty")]),
        other => return Err(invalid(directive, 2, format!("invalid parameter \"{other}\""))),
    };
    let table = directive.name().trim_end_matches("_param");
    convert.set(Target::Here, &[table, "params", directive.arg(0)], value, &directive.place);
    Ok(Done::AsWritten)
}
