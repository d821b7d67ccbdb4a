//! `fastcgi_*`: what FastCGI servers are asked, and what `proxy_*` means for them.

use super::proxy::{self, like};
use super::{headers, limits};
use crate::args::invalid;
use crate::context::Contexts;
use crate::convert::{Convert, Done, Outcome, Target};
use crate::document::{FASTCGI, Value};
use crate::row::{As, ONE, ONE_OR_TWO, Row, SOME, TWO, TWO_OR_THREE, To};
use crate::tree::Directive;

const LEVELS: Contexts = Contexts::LEVELS;
const PASS: Contexts = Contexts::INNER.or(Contexts::LIMIT_EXCEPT);

pub(crate) const ROWS: &[Row] = &[
    Row::new("fastcgi_pass", PASS, ONE, To::By(proxy::pass_to_server, "fastcgi_pass")),
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
    like("fastcgi_connect_timeout", &[FASTCGI, "timeout", "connect"], As::Time),
    like("fastcgi_send_timeout", &[FASTCGI, "timeout", "send"], As::Time),
    like("fastcgi_read_timeout", &[FASTCGI, "timeout", "read"], As::Time),
    like("fastcgi_request_buffering", &[FASTCGI, "buffer", "request"], As::Flag),
    like("fastcgi_buffering", &[FASTCGI, "buffer", "response"], As::Flag),
    Row::new("fastcgi_buffer_size", LEVELS, ONE, To::By(proxy::buffer_size, "buffer.header_size")),
    Row::new("fastcgi_buffers", LEVELS, TWO, To::By(proxy::buffers, "buffer.count, buffer.size")),
    like("fastcgi_busy_buffers_size", &[FASTCGI, "buffer", "busy_size"], As::Size),
    like("fastcgi_max_temp_file_size", &[FASTCGI, "buffer", "max_temp_file_size"], As::Size),
    like("fastcgi_temp_file_write_size", &[FASTCGI, "buffer", "temp_file_write_size"], As::Size),
    Row::new("fastcgi_next_upstream", LEVELS, SOME, To::By(proxy::next_upstream, "retry.on")).repeats(),
    like("fastcgi_next_upstream_tries", &[FASTCGI, "retry", "tries"], As::Number),
    like("fastcgi_next_upstream_timeout", &[FASTCGI, "retry", "timeout"], As::Time),
    like("fastcgi_socket_keepalive", &[FASTCGI, "upstream", "socket_keepalive"], As::Flag),
    Row::new("fastcgi_bind", LEVELS, ONE_OR_TWO, To::By(proxy::bind, "upstream.bind")),
    like("fastcgi_pass_request_headers", &[FASTCGI, "upstream", "pass_headers"], As::Flag),
    like("fastcgi_pass_request_body", &[FASTCGI, "upstream", "pass_body"], As::Flag),
    like("fastcgi_intercept_errors", &[FASTCGI, "error_page", "intercept"], As::Flag),
    Row::new("fastcgi_limit_rate", LEVELS, ONE, To::By(limits::rate, "limit.upstream_rate")),
    Row::new("fastcgi_hide_header", LEVELS, ONE, To::Item(&[FASTCGI, "headers", "hide"], As::Text)).repeats(),
    Row::new("fastcgi_pass_header", LEVELS, ONE, To::Item(&[FASTCGI, "headers", "pass"], As::Text)).repeats(),
    Row::new("fastcgi_ignore_headers", LEVELS, SOME, To::By(headers::ignore, "headers.ignore")).repeats(),
    like("fastcgi_ignore_client_abort", &[FASTCGI, "upstream", "ignore_client_abort"], As::Flag)
        .note(proxy::ABORTED),
    like("fastcgi_force_ranges", &[FASTCGI, "upstream", "force_ranges"], As::Flag).note(proxy::FORCED),
];

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
    convert.set(Target::Here, &["fastcgi", "params", directive.arg(0)], value, &directive.place);
    Ok(Done::AsWritten)
}
