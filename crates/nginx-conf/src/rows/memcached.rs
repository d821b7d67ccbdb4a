//! `memcached_*`: what memcached is asked for, and what `proxy_*` means for it.

use super::proxy::{self, like, path};
use crate::args;
use crate::context::Contexts;
use crate::convert::{Convert, Done, Outcome, Target, refuse};
use crate::document::{MEMCACHED, Value};
use crate::row::{As, ONE, ONE_OR_TWO, Row, SOME, To};
use crate::tree::Directive;

const LEVELS: Contexts = Contexts::LEVELS;
const PASS: Contexts = Contexts::INNER.or(Contexts::LIMIT_EXCEPT);

pub(crate) const ROWS: &[Row] = &[
    Row::new("memcached_pass", PASS, ONE, To::By(pass, "memcached_pass, memcached.key")).note(
        "The key is `$memcached_key`. A value longer than announced is an error; nginx sends the first part. Values are \
         buffered. A malformed `Range`, or one of a HEAD request, is ignored (RFC 9110 14.2).",
    ),
    like("memcached_gzip_flag", &["memcached", "gzip_flag"], As::Number),
    like("memcached_connect_timeout", &[MEMCACHED, "timeout", "connect"], As::Time),
    like("memcached_send_timeout", &[MEMCACHED, "timeout", "send"], As::Time),
    like("memcached_read_timeout", &[MEMCACHED, "timeout", "read"], As::Time),
    Row::new("memcached_buffer_size", LEVELS, ONE, To::By(proxy::buffer_size, "buffer.header_size")),
    Row::new("memcached_next_upstream", LEVELS, SOME, To::By(next_upstream, "retry.on")).repeats(),
    like("memcached_next_upstream_tries", &[MEMCACHED, "retry", "tries"], As::Number),
    like("memcached_next_upstream_timeout", &[MEMCACHED, "retry", "timeout"], As::Time),
    like("memcached_socket_keepalive", &[MEMCACHED, "upstream", "socket_keepalive"], As::Flag),
    Row::new("memcached_bind", LEVELS, ONE_OR_TWO, To::By(proxy::bind, "upstream.bind")),
];

fn pass(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    if directive.arg(0).contains('$') {
        return refuse("nginx does not support variables here");
    }
    let key = Value::text("$memcached_key");
    convert.set(Target::Here, &["memcached", "key"], key, &directive.place);
    proxy::pass_to_server(convert, directive)
}

/// The conditions of several add up; two of them have other names in the other modules, which are the configuration's.
fn next_upstream(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    const CONDITIONS: [&str; 5] = ["error", "timeout", "invalid_response", "not_found", "off"];
    let path = path(directive, &["retry", "on"]);
    for index in 0..directive.args().len() {
        let word = match args::one_of(directive, index, &CONDITIONS)? {
            "invalid_response" => "invalid_header",
            "not_found" => "http_404",
            word => word,
        };
        let word = Value::text(word).at(directive.place_of(index));
        convert.push(Target::Here, &path, word, &directive.place);
    }
    Ok(Done::AsWritten)
}
