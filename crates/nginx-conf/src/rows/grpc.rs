//! `grpc_*`: what `proxy_*` means for gRPC servers.

use super::{headers, proxy, tls};
use crate::context::Contexts;
use crate::convert::{Convert, Done, Outcome, Target, different, refuse};
use crate::document::{GRPC, Value};
use crate::row::{As, ONE, ONE_OR_TWO, Row, SOME, TWO, To};
use crate::tree::Directive;

const LEVELS: Contexts = Contexts::LEVELS;
const PASS: Contexts = Contexts::INNER.or(Contexts::LIMIT_EXCEPT);

/// A directive that is like that of `proxy_*`, its key in the table of what is for gRPC alone, and how its argument is read.
const fn like(name: &'static str, key: &'static [&'static str], how: As) -> Row {
    Row::new(name, LEVELS, ONE, To::Key(key, how))
}

pub(crate) const ROWS: &[Row] = &[
    Row::new("grpc_pass", PASS, ONE, To::By(pass, "grpc_pass")).note(
        "To a request whose Content-Type is application/grpc the gateway's own errors are 200 with `grpc-status`, unless `error_page` \
         has another answer.",
    ),
    Row::new("grpc_set_header", LEVELS, TWO, To::By(headers::set_grpc, "headers.set")).repeats(),
    Row::new("grpc_hide_header", LEVELS, ONE, To::By(fields, "headers.hide")).repeats(),
    Row::new("grpc_pass_header", LEVELS, ONE, To::By(fields, "headers.pass")).repeats(),
    Row::new("grpc_ignore_headers", LEVELS, SOME, To::By(fields, "headers.ignore")).repeats(),
    like("grpc_connect_timeout", &[GRPC, "timeout", "connect"], As::Time),
    like("grpc_send_timeout", &[GRPC, "timeout", "send"], As::Time),
    like("grpc_read_timeout", &[GRPC, "timeout", "read"], As::Time),
    Row::new("grpc_buffer_size", LEVELS, ONE, To::By(buffer_size, "buffer.header_size")),
    like("grpc_request_buffering", &[GRPC, "buffer", "request"], As::Flag),
    Row::new("grpc_next_upstream", LEVELS, SOME, To::By(next_upstream, "retry.on")).repeats(),
    like("grpc_next_upstream_tries", &[GRPC, "retry", "tries"], As::Number),
    like("grpc_next_upstream_timeout", &[GRPC, "retry", "timeout"], As::Time),
    like("grpc_socket_keepalive", &[GRPC, "upstream", "socket_keepalive"], As::Flag),
    Row::new("grpc_bind", LEVELS, ONE_OR_TWO, To::By(bind, "upstream.bind")),
    like("grpc_intercept_errors", &[GRPC, "error_page", "intercept"], As::Flag),
    like("grpc_ssl_verify", &[GRPC, "upstream", "tls", "verify"], As::Flag),
    like("grpc_ssl_trusted_certificate", &[GRPC, "upstream", "tls", "trusted_certificate"], As::ConfPath),
    like("grpc_ssl_verify_depth", &[GRPC, "upstream", "tls", "verify_depth"], As::Number),
    like("grpc_ssl_crl", &[GRPC, "upstream", "tls", "crl"], As::ConfPath),
    like("grpc_ssl_server_name", &[GRPC, "upstream", "tls", "server_name"], As::Flag),
    like("grpc_ssl_name", &[GRPC, "upstream", "tls", "name"], As::Text),
    like("grpc_ssl_certificate", &[GRPC, "upstream", "tls", "certificate"], As::ConfPath),
    like("grpc_ssl_certificate_key", &[GRPC, "upstream", "tls", "key"], As::ConfPath),
    like("grpc_ssl_password_file", &[GRPC, "upstream", "tls", "password_file"], As::ConfPath),
    like("grpc_ssl_session_reuse", &[GRPC, "upstream", "tls", "session_reuse"], As::Flag),
    like("grpc_ssl_ciphers", &[GRPC, "upstream", "tls", "ciphers"], As::Text),
    Row::new("grpc_ssl_protocols", LEVELS, SOME, To::By(protocols, "upstream.tls.protocols")),
    Row::new(
        "grpc_ssl_certificate_cache",
        LEVELS,
        SOME,
        To::By(certificate_cache, "upstream.tls.certificate_cache"),
    ),
    Row::refused(
        "grpc_ssl_conf_command",
        LEVELS,
        TWO,
        "it speaks of OpenSSL: TLS is done by rustls; remove it",
    ),
    Row::refused("grpc_ssl_key_log", LEVELS, ONE, "it is not built"),
];

fn pass(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    if convert.frame().section.has(&["return"]) {
        return different("it is never reached: `return` answers first");
    }
    let value = Value::text(directive.arg(0)).at(directive.place_of(0));
    convert.set(Target::Here, &["grpc_pass"], value, &directive.place);
    Ok(Done::AsWritten)
}

/// The key of a directive, in the table of what is for gRPC alone: a place where others are used has them apart.
fn set(convert: &mut Convert<'_>, directive: &Directive, key: &[&'static str], value: Value) {
    convert.set(Target::Here, &[&[GRPC], key].concat(), value, &directive.place);
}

fn buffer_size(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let (size, outcome) = proxy::head_value(directive)?;
    set(convert, directive, &["buffer", "header_size"], size);
    outcome
}

fn next_upstream(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    proxy::add_conditions(convert, directive, &[GRPC, "retry", "on"])
}

fn bind(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let value = proxy::bind_value(directive)?;
    set(convert, directive, &["upstream", "bind"], value);
    Ok(Done::AsWritten)
}

fn protocols(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let (words, old) = proxy::modern(directive)?;
    if words.is_empty() {
        return refuse("TLS before 1.2 is not built: write TLSv1.2 or TLSv1.3");
    }
    set(convert, directive, &["upstream", "tls", "protocols"], Value::List(words));
    if old { different("TLS before 1.2 is not spoken") } else { Ok(Done::AsWritten) }
}

fn certificate_cache(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    tls::cache(convert, directive, &[GRPC, "upstream", "tls", "certificate_cache"])
}

fn fields(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let key = match directive.name() {
        "grpc_hide_header" => "hide",
        "grpc_pass_header" => "pass",
        _ => "ignore",
    };
    for index in 0..directive.args().len() {
        let value = convert.value(directive, index, As::Text)?;
        convert.push(Target::Here, &[GRPC, "headers", key], value, &directive.place);
    }
    Ok(Done::AsWritten)
}
