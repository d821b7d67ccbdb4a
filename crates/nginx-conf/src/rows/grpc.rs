//! `grpc_*`: what `proxy_*` means for gRPC servers.

use super::headers;
use super::proxy::{self, like};
use crate::context::Contexts;
use crate::document::GRPC;
use crate::row::{As, ONE, ONE_OR_TWO, Row, SOME, TWO, To};

const LEVELS: Contexts = Contexts::LEVELS;
const PASS: Contexts = Contexts::INNER.or(Contexts::LIMIT_EXCEPT);

pub(crate) const ROWS: &[Row] = &[
    Row::new("grpc_pass", PASS, ONE, To::By(proxy::pass_to_server, "grpc_pass")).note(
        "If a request's Content-Type is application/grpc, the gateway's own errors are sent as 200 with `grpc-status`, \
         unless `error_page` provides another answer.",
    ),
    Row::new("grpc_set_header", LEVELS, TWO, To::By(headers::set, "headers.set")).repeats(),
    Row::new("grpc_hide_header", LEVELS, ONE, To::Item(&[GRPC, "headers", "hide"], As::Text)).repeats(),
    Row::new("grpc_pass_header", LEVELS, ONE, To::Item(&[GRPC, "headers", "pass"], As::Text)).repeats(),
    Row::new("grpc_ignore_headers", LEVELS, SOME, To::By(headers::ignore, "headers.ignore")).repeats(),
    like("grpc_connect_timeout", &[GRPC, "timeout", "connect"], As::Time),
    like("grpc_send_timeout", &[GRPC, "timeout", "send"], As::Time),
    like("grpc_read_timeout", &[GRPC, "timeout", "read"], As::Time),
    Row::new("grpc_buffer_size", LEVELS, ONE, To::By(proxy::buffer_size, "buffer.header_size")),
    like("grpc_request_buffering", &[GRPC, "buffer", "request"], As::Flag),
    Row::new("grpc_next_upstream", LEVELS, SOME, To::By(proxy::next_upstream, "retry.on")).repeats(),
    like("grpc_next_upstream_tries", &[GRPC, "retry", "tries"], As::Number),
    like("grpc_next_upstream_timeout", &[GRPC, "retry", "timeout"], As::Time),
    like("grpc_socket_keepalive", &[GRPC, "upstream", "socket_keepalive"], As::Flag),
    Row::new("grpc_bind", LEVELS, ONE_OR_TWO, To::By(proxy::bind, "upstream.bind")),
    like("grpc_intercept_errors", &[GRPC, "error_page", "intercept"], As::Flag),
];
