//! `http`, `server`, and what clients' connections are like.

use super::{http2, http3, listen};
use crate::context::Contexts;
use crate::convert::{Convert, Done, Outcome, Stop, Target, different};
use crate::document::{Document, Section, Value};
use crate::frame::Frame;
use crate::row::{ANY, As, BLOCK, ONE, ONE_OR_TWO, Row, SOME, TWO, To};
use crate::tree::Directive;

const HTTP: Contexts = Contexts::HTTP;
const SERVER: Contexts = Contexts::SERVER;
const SERVERS: Contexts = Contexts::SERVERS;
const LEVELS: Contexts = Contexts::LEVELS;
pub(super) const HASH: &str = "not needed: hash tables grow as required";
const SENDFILE: &str = "sendfile(2) is used for large parts of unmodified files (32 KiB or more) that are in the page cache, over unencrypted HTTP/1, at most 256 KiB at once; everything else is read and written";
const KERNEL: &str = "the gateway decides itself how to read and write data";
const POOL: &str = "memory is allocated as needed";
const LINGER: &str = "the HTTP engine has fixed limits for lingering on a connection with unread input";
const TEMP: &str = "temporary files are unlinked; their directory is `runtime.temp_path`";

pub(crate) const ROWS: &[Row] = &[
    Row::new("server", HTTP, BLOCK, To::By(server, "server")).repeats(),
    Row::new("listen", SERVER, SOME, To::By(listen::listen, "server.listen"))
        .repeats()
        .note("`ssl` becomes `tls`. Parameters of socket buffers are ignored: the kernel sizes them."),
    Row::new("server_name", SERVER, SOME, To::By(names, "server.name")).repeats(),
    Row::new("merge_slashes", SERVERS, ONE, To::Key(&["merge_slashes"], As::Flag)),
    Row::new("server_tokens", LEVELS, ONE, To::By(tokens, "server_tokens")),
    Row::new("absolute_redirect", LEVELS, ONE, To::Key(&["absolute_redirect"], As::Flag)),
    Row::new("port_in_redirect", LEVELS, ONE, To::Key(&["port_in_redirect"], As::Flag)),
    Row::new("server_name_in_redirect", LEVELS, ONE, To::Key(&["server_name_in_redirect"], As::Flag)),
    Row::new("keepalive_timeout", LEVELS, ONE_OR_TWO, To::By(keepalive_timeout, "timeout.keepalive")),
    Row::new("keepalive_requests", LEVELS, ONE, To::By(keepalive_requests, "keepalive_requests")),
    Row::new("client_header_timeout", SERVERS, ONE, To::Key(&["timeout", "client_header"], As::Time)),
    Row::new("client_body_timeout", LEVELS, ONE, To::Key(&["timeout", "client_body"], As::Time)),
    Row::new("send_timeout", LEVELS, ONE, To::Key(&["timeout", "client_send"], As::Time)),
    Row::new("client_max_body_size", LEVELS, ONE, To::Key(&["limit", "body_size"], As::Size)),
    Row::new("client_body_buffer_size", LEVELS, ONE, To::Key(&["buffer", "request_memory"], As::Size)),
    Row::new("client_body_in_file_only", LEVELS, ONE, To::By(in_file_only, "buffer.request_in_file_only")),
    Row::new("underscores_in_headers", SERVERS, ONE, To::Key(&["headers", "underscores"], As::Flag)),
    Row::new("ignore_invalid_headers", SERVERS, ONE, To::Key(&["headers", "ignore_invalid"], As::Flag)),
    Row::new("http2", SERVERS, ONE, To::By(http2::http2, "server.listen"))
        .note("Becomes an option of the address: if one of the servers that share it has HTTP/2, all have."),
    Row::new(
        "http2_max_concurrent_streams",
        SERVERS,
        ONE,
        To::Key(&["http2", "max_concurrent_streams"], As::Number),
    ),
    Row::new("http2_body_preread_size", SERVERS, ONE, To::Key(&["http2", "body_preread_size"], As::Size)),
    Row::new("http2_chunk_size", LEVELS, ONE, To::By(http2::chunk_size, "http2.chunk_size"))
        .note("Ignored in a location: the server's value applies."),
    Row::nothing("http2_max_requests", SERVERS, ONE, http2::OBSOLETE_REQUESTS),
    Row::nothing("http2_idle_timeout", SERVERS, ONE, http2::OBSOLETE_IDLE),
    Row::nothing("http2_recv_timeout", SERVERS, ONE, http2::OBSOLETE_RECV),
    Row::nothing("http2_max_field_size", SERVERS, ONE, http2::OBSOLETE_HEADS),
    Row::nothing("http2_max_header_size", SERVERS, ONE, http2::OBSOLETE_HEADS),
    Row::nothing("http2_recv_buffer_size", HTTP, ONE, "each connection has its own read buffer"),
    Row::nothing("http2_pool_size", SERVERS, ONE, POOL),
    Row::nothing("http2_streams_index_size", SERVERS, ONE, HASH),
    Row::nothing("http2_max_concurrent_pushes", SERVERS, ONE, http2::PUSH),
    Row::nothing("http2_push", LEVELS, ONE, http2::PUSH),
    Row::nothing("http2_push_preload", LEVELS, ONE, http2::PUSH),
    Row::new("http3", SERVERS, ONE, To::By(http3::http3, "server.listen"))
        .note("Enabled by `listen ... quic`. With `off` in a server, its `quic` addresses are left out."),
    Row::nothing("http3_hq", SERVERS, ONE, http3::HQ),
    Row::new(
        "http3_max_concurrent_streams",
        SERVERS,
        ONE,
        To::Key(&["http3", "max_concurrent_streams"], As::Number),
    ),
    Row::new("http3_stream_buffer_size", SERVERS, ONE, To::Key(&["http3", "stream_buffer_size"], As::Size)),
    Row::nothing("quic_active_connection_id_limit", SERVERS, ONE, http3::IDS),
    Row::new("quic_gso", SERVERS, ONE, To::Key(&["http3", "gso"], As::Flag)),
    Row::nothing("quic_host_key", SERVERS, ONE, http3::HOST_KEY),
    Row::new("quic_retry", SERVERS, ONE, To::Key(&["http3", "retry"], As::Flag)),
    Row::nothing(
        "keepalive_time",
        LEVELS,
        ONE,
        "client connections have no maximum age: limit them with `keepalive_requests`",
    ),
    Row::nothing("keepalive_disable", LEVELS, SOME, "not needed: it is a workaround for obsolete browsers"),
    Row::nothing(
        "keepalive_min_timeout",
        LEVELS,
        ONE,
        "idle connections are closed when `keepalive_timeout` expires, and at once on a graceful shutdown",
    ),
    Row::nothing("lingering_close", LEVELS, ONE, LINGER),
    Row::nothing("lingering_time", LEVELS, ONE, LINGER),
    Row::nothing("lingering_timeout", LEVELS, ONE, LINGER),
    Row::nothing(
        "reset_timedout_connection",
        LEVELS,
        ONE,
        "a connection whose client does not take the response in time is always reset",
    ),
    Row::nothing(
        "client_body_in_single_buffer",
        LEVELS,
        ONE,
        "not needed: variables always see a buffered body in one piece",
    ),
    Row::new("max_headers", SERVERS, ONE, To::Key(&["limit", "headers"], As::Number)),
    Row::new(
        "large_client_header_buffers",
        SERVERS,
        TWO,
        To::By(large_client_header_buffers, "limit.header_buffers, limit.header_buffer_size"),
    ),
    Row::nothing(
        "client_header_buffer_size",
        SERVERS,
        ONE,
        "the buffer for a request's head grows as needed",
    ),
    Row::nothing("client_body_temp_path", LEVELS, ANY, TEMP),
    Row::nothing("proxy_temp_path", LEVELS, ANY, TEMP),
    Row::nothing("fastcgi_temp_path", LEVELS, ANY, TEMP),
    Row::nothing("uwsgi_temp_path", LEVELS, ANY, TEMP),
    Row::nothing("scgi_temp_path", LEVELS, ANY, TEMP),
    Row::nothing("connection_pool_size", SERVERS, ONE, POOL),
    Row::nothing("request_pool_size", SERVERS, ONE, POOL),
    Row::nothing("server_names_hash_bucket_size", HTTP, ONE, HASH),
    Row::nothing("server_names_hash_max_size", HTTP, ONE, HASH),
    Row::nothing("variables_hash_bucket_size", HTTP, ONE, HASH),
    Row::nothing("variables_hash_max_size", HTTP, ONE, HASH),
    Row::nothing("map_hash_bucket_size", HTTP, ONE, HASH),
    Row::nothing("map_hash_max_size", HTTP, ONE, HASH),
    Row::nothing("referer_hash_bucket_size", Contexts::SERVER.or(Contexts::LOCATION), ONE, HASH),
    Row::nothing("referer_hash_max_size", Contexts::SERVER.or(Contexts::LOCATION), ONE, HASH),
    Row::nothing("proxy_headers_hash_bucket_size", LEVELS, ONE, HASH),
    Row::nothing("proxy_headers_hash_max_size", LEVELS, ONE, HASH),
    Row::nothing("types_hash_bucket_size", LEVELS, ONE, HASH),
    Row::nothing("types_hash_max_size", LEVELS, ONE, HASH),
    Row::nothing("sendfile", Contexts::LEVELS_IF, ONE, SENDFILE),
    Row::nothing("sendfile_max_chunk", LEVELS, ONE, SENDFILE),
    Row::nothing("tcp_nopush", LEVELS, ONE, KERNEL),
    Row::nothing("tcp_nodelay", LEVELS, ONE, "always on"),
    Row::nothing("send_lowat", LEVELS, ONE, KERNEL),
    Row::nothing("postpone_output", LEVELS, ONE, KERNEL),
    Row::nothing("output_buffers", LEVELS, TWO, KERNEL),
    Row::nothing("aio", LEVELS, ONE, "files are read on separate threads as needed"),
    Row::nothing("aio_write", LEVELS, ONE, "files are written on separate threads as needed"),
    Row::nothing("directio", LEVELS, ONE, KERNEL),
    Row::nothing("directio_alignment", LEVELS, ONE, KERNEL),
    Row::nothing("read_ahead", LEVELS, ONE, KERNEL),
    Row::nothing("open_file_cache", LEVELS, ONE_OR_TWO, "files are opened for each request"),
    Row::nothing("open_file_cache_errors", LEVELS, ONE, "files are opened for each request"),
    Row::nothing("open_file_cache_min_uses", LEVELS, ONE, "files are opened for each request"),
    Row::nothing("open_file_cache_valid", LEVELS, ONE, "files are opened for each request"),
];

/// The block `http`.
pub(crate) fn block(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let Some(block) = directive.block() else { return Ok(Done::AsWritten) };
    let above = convert.take_pending();
    let section = Section::of("[defaults]", &directive.place, &above, directive.beside.as_ref());
    let frame = convert.inside(Frame::new(HTTP, section, ""), block);
    let speaks_http2 = http2::said(&frame).unwrap_or_default();
    super::health::finish(convert);
    super::geoip::finish(&frame, convert);
    let mut section = super::tls::finish(frame, convert)?;
    super::trace::finish(&mut section, convert);
    super::userid::finish(&mut section, convert);
    section.set(&["error_page", "style"], Value::text("nginx"), None);
    section.beside(" error pages and the field Server as in nginx");
    section.set(&["retry", "budget"], Value::flag(false), None);
    section.beside(" nginx has none");
    let mut default = |key: &[&str], value: Value| {
        if !section.has(key) {
            section.set(key, value, None);
            section.beside(" nginx's default");
        }
    };
    default(&["tls", "session_cache"], Value::text("off"));
    default(&["upstream", "early_hints"], Value::flag(false));
    default(&["root"], Value::text("html"));
    let types = [("text/html", "html"), ("image/gif", "gif"), ("image/jpeg", "jpg")];
    let types = types.map(|(name, extension)| (name, Value::List(vec![Value::text(extension)])));
    default(&["files", "types"], Value::table(types));
    if !section.has(&["access_log"]) {
        section.push(&["access_log"], super::log::combined(), None);
        section.beside(" nginx's default");
    }
    for server in std::mem::take(&mut convert.http2_left).into_iter().filter(|_| speaks_http2) {
        if let Some(server) = convert.document.servers.get_mut(server) {
            http2::speak(server);
        }
    }
    super::openssl::join(&mut section, &mut convert.document.servers);
    convert.document.defaults = section;
    Ok(Done::AsWritten)
}

fn server(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let Some(block) = directive.block() else { return Ok(Done::AsWritten) };
    let above = convert.take_pending();
    let section = Section::of("[[server]]", &directive.place, &above, directive.beside.as_ref());
    let frame = convert.inside(Frame::new(SERVER, section, ""), block);
    let said = http2::said(&frame);
    let without_quic = http3::is_off(&frame);
    let mut section = super::tls::finish(frame, convert)?;
    if without_quic {
        http3::leave_out(&mut section)?;
    }
    match said {
        Some(true) => http2::speak(&mut section),
        Some(false) => {}
        None => convert.http2_left.push(convert.document.servers.len()),
    }
    convert.document.servers.push(section);
    Ok(Done::AsWritten)
}

fn names(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let (odd, names): (Vec<_>, Vec<_>) = directive.args().iter().partition(|word| is_no_name(&word.text));
    for word in &names {
        let name = if word.text == "$hostname" { hostname() } else { word.text.clone() };
        // nginx compares names in lower case; regexes stay as they are.
        let name = if name.starts_with('~') { name } else { name.to_ascii_lowercase() };
        convert.push(Target::Here, &["name"], Value::text(name).at(&word.place), &directive.place);
    }
    if !odd.is_empty() {
        if !convert.frame().section.has(&["name"]) {
            convert.push(Target::Here, &["name"], Value::text("_").at(&directive.place), &directive.place);
        }
        let odd: Vec<_> = odd.iter().map(|word| word.text.as_str()).collect();
        return different(format!(
            "no request can have this server name: \"{}\" is left out",
            odd.join("\", \"")
        ));
    }
    match directive.args().iter().any(|word| word.text == "$hostname") {
        true => different("`$hostname` was replaced by the name of this machine"),
        false => Ok(Done::AsWritten),
    }
}

/// Whether nginx takes it, and no `Host` is it: one with a port, a comma, a scheme, a variable or letters that are not ASCII. Wildcards and empty
/// labels are nginx's to refuse.
fn is_no_name(name: &str) -> bool {
    let is_possible = |byte: u8| byte.is_ascii_alphanumeric() || b"-._*".contains(&byte);
    let is_address = name.starts_with('[') || name.parse::<std::net::IpAddr>().is_ok();
    let is_other = name.starts_with('~') || is_address || name == "$hostname";
    !is_other && !name.bytes().all(is_possible)
}

fn hostname() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    name.trim().to_owned()
}

fn tokens(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let on = match directive.arg(0) {
        "on" | "build" => true,
        "off" => false,
        other if other.contains('$') => {
            return Err(Stop::Refused("variables are not supported here: write `on` or `off`".into()));
        }
        _ => crate::args::flag(directive, 0)?,
    };
    convert.set(Target::Here, &["server_tokens"], Value::flag(on), &directive.place);
    match directive.arg(0) {
        "build" => different("there is no build name: same as `on`"),
        _ => Ok(Done::AsWritten),
    }
}

fn large_client_header_buffers(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let number = convert.value(directive, 0, As::Number)?;
    let size = convert.value(directive, 1, As::Size)?;
    convert.set(Target::Here, &["limit", "header_buffers"], number, &directive.place);
    convert.set(Target::Here, &["limit", "header_buffer_size"], size, &directive.place);
    Ok(Done::AsWritten)
}

fn keepalive_timeout(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let value = convert.value(directive, 0, As::Time)?;
    convert.set(Target::Here, &["timeout", "keepalive"], value, &directive.place);
    match directive.args().len() {
        1 => Ok(Done::AsWritten),
        _ => different("the second argument is ignored: the field Keep-Alive is not sent"),
    }
}

fn keepalive_requests(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let number = crate::args::number(directive, 0)?;
    if convert.frame().context == Contexts::LOCATION {
        return different("ignored in a location: the server's value applies");
    }
    if number == 0 {
        convert.set(Target::Here, &["timeout", "keepalive"], Value::text("0"), &directive.place);
        return Ok(Done::AsWritten);
    }
    convert.set(Target::Here, &["keepalive_requests"], Value::number(number), &directive.place);
    Ok(Done::AsWritten)
}

fn in_file_only(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let word = crate::args::one_of(directive, 0, &["on", "clean", "off"])?;
    convert.set(
        Target::Here,
        &["buffer", "request_in_file_only"],
        Value::flag(word != "off"),
        &directive.place,
    );
    match word {
        "on" => different("the file is unlinked, so it is not available after the request"),
        _ => Ok(Done::AsWritten),
    }
}

/// What nginx does without a directive, where the other defaults differ; what an inner level would replace in part.
pub(crate) fn complete(document: &mut Document) {
    let Document { top, runtime, error_log, resolver, defaults, servers, named, .. } = document;
    let outermost = resolver.under("resolver");
    if !resolver.has(&["servers"]) {
        // A time to wait alone is no resolver.
        *resolver = Section::new("[resolver]");
        if !named.iter().any(Section::follows) {
            top.set(&["resolver"], Value::flag(false), None);
            top.beside(" nginx resolves nothing without one");
        }
    }
    let default = |section: &mut Section, key: &str, value: Value, note: &str| {
        if !section.has(&[key]) {
            section.set(&[key], value, None);
            section.beside(note);
        }
    };
    default(runtime, "workers", Value::number(1), " nginx's default");
    default(runtime, "user", Value::text("nobody"), " nginx's default, when started as root");
    default(runtime, "pid_file", Value::text("logs/nginx.pid"), " nginx's default");
    default(runtime, "shutdown_timeout", Value::text("1y"), " nginx waits for ever");
    default(error_log, "path", Value::text("logs/error.log"), " nginx's default");
    for server in servers {
        server.hoist();
        server.complete(&[&outermost, &*defaults]);
        server.forget_tongues();
    }
    defaults.complete_codings();
    defaults.forget_tongues();
    defaults.forget_half_a_password();
    for upstream in named {
        upstream.complete(&[&outermost]);
    }
}
