//! What spans tell, from the record of a request.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use http::header::USER_AGENT;
use http::{Method, StatusCode};
use propylon_exchange::{End, Exchange, ProxyHost, Trace, TryRecord};
use propylon_trace::{Kind, Span, SpanId, Spans, Value, semantic as names};
use tokio::time::Instant;

use super::{context, state};

/// The clock on the wall beside the one that exchanges go by.
pub(super) struct Wall {
    now: SystemTime,
    at: Instant,
}

impl Wall {
    #[expect(
        clippy::disallowed_methods,
        reason = "spans have times of day, and only those that are recorded"
    )]
    pub(super) fn now() -> Self {
        Self { now: SystemTime::now(), at: Instant::now() }
    }

    pub(super) fn at(&self, time: Instant) -> SystemTime {
        let before = self.at.saturating_duration_since(time);
        self.now.checked_sub(before).unwrap_or(self.now)
    }
}

/// What every request has.
pub(super) fn describe(span: &mut Span, exchange: &Exchange) {
    let connection = exchange.connection();
    if let Some(head) = exchange.head() {
        method(span, &head.method);
        let mut parts = origin(&head.target).splitn(2, |byte| *byte == b'?');
        let path = parts.next().filter(|path| !path.is_empty()).unwrap_or(b"/");
        span.set(names::URL_PATH, Value::text(path));
        if let Some(query) = parts.next() {
            span.set(names::URL_QUERY, Value::text(&names::query(query)));
        }
        span.set(names::PROTOCOL_VERSION, Value::fixed(names::version(head.version)));
        if let Some(agent) = head.headers.value(&USER_AGENT) {
            span.set(names::USER_AGENT, Value::text(agent));
        }
        let body = exchange.request_length().saturating_sub(head.bytes);
        span.set(names::REQUEST_BODY_SIZE, Value::integer(body));
    }
    let (scheme, usual) = if connection.tls.is_some() { ("https", 443) } else { ("http", 80) };
    span.set(names::URL_SCHEME, Value::fixed(scheme));
    let name = exchange.server_name().map(|name| name.as_bytes()).unwrap_or_default();
    span.set(names::SERVER_ADDRESS, Value::text(exchange.host().map_or(name, |host| host)));
    if let Some(port) = connection.local.port().filter(|port| *port != usual) {
        span.set(names::SERVER_PORT, Value::integer(port.into()));
    }
    span.set(names::CLIENT_ADDRESS, Value::text(exchange.client_text().as_bytes()));
    span.set(names::PEER_ADDRESS, Value::text(connection.peer_text().as_bytes()));
    if let Some(port) = connection.peer.port() {
        span.set(names::PEER_PORT, Value::integer(port.into()));
    }
    span.set(names::RESPONSE_BODY_SIZE, Value::integer(exchange.body_bytes_sent()));
    let status = exchange.status();
    if let Some(status) = status {
        span.set(names::RESPONSE_STATUS, Value::integer(status.as_u16().into()));
    }
    match status.filter(StatusCode::is_server_error) {
        Some(status) => fail(span, status.as_str()),
        None if exchange.end() == Some(End::Truncated) => fail(span, "truncated"),
        None if exchange.end() == Some(End::ClientClosed) => {
            span.set(names::ERROR_TYPE, Value::fixed("client_closed"));
        }
        None => {}
    }
}

/// Path and query of a target, which may be a whole URL.
fn origin(target: &[u8]) -> &[u8] {
    let scheme = target.windows(3).position(|part| part == b"://").filter(|_| !target.starts_with(b"/"));
    let Some(after) = scheme.and_then(|at| target.get(at + 3..)) else { return target };
    let authority = after.iter().position(|byte| matches!(byte, b'/' | b'?')).unwrap_or(after.len());
    after.get(authority..).unwrap_or_default()
}

fn method(span: &mut Span, method: &Method) {
    let known = names::method(method);
    span.set(names::REQUEST_METHOD, Value::fixed(known.unwrap_or("_OTHER")));
    if known.is_none() {
        span.set(names::REQUEST_METHOD_ORIGINAL, Value::text(method.as_str().as_bytes()));
    }
}

fn fail(span: &mut Span, why: &str) {
    span.set(names::ERROR_TYPE, Value::text(why.as_bytes()));
    span.failed();
}

/// A span for each try at an upstream.
pub(super) fn tries(exchange: &Exchange, trace: &Trace, seed: u64, wall: &Wall, spans: &Spans) {
    let (reroutes, proxy, target) = (exchange.reroutes(), exchange.proxy(), exchange.proxy_target());
    let state = state(trace);
    let asked = exchange.head().map(|head| head.method.clone()).unwrap_or_default();
    exchange.with_tries(|tries| {
        for (n, record) in (0..).zip(tries) {
            let Some(context) = context(trace, id(seed, tries, n)) else { continue };
            let mut span =
                Span::new(Kind::Client, &context, names::method(&asked).unwrap_or("HTTP").as_bytes());
            if let Some(parent) = SpanId::new(trace.span) {
                span.parent(parent);
            }
            if let Some(state) = &state {
                span.state(state);
            }
            method(&mut span, &asked);
            if n > 0 {
                span.set(names::RESEND_COUNT, Value::integer(n));
            }
            if let (Some(proxy), Some(target)) = (&proxy, &target)
                && record.reroutes == reroutes
            {
                place(&mut span, proxy, target);
            }
            outcome(&mut span, record, wall);
            spans.record(&span);
        }
    });
}

/// The id of a try's span: the one that its peer was told, which was made before it was known how many there would be.
///
/// What has failed on a kept connection was sent to the same peer once more, as it was: the last one of these is who was told.
fn id(seed: u64, tries: &[TryRecord<'_>], n: u64) -> u64 {
    let at = usize::try_from(n).unwrap_or(usize::MAX);
    let again = |at: usize| match (tries.get(at.wrapping_sub(1)), tries.get(at)) {
        (Some(one), Some(other)) => Arc::ptr_eq(one.peer, other.peer) && one.reroutes == other.reroutes,
        _ => false,
    };
    if again(at.saturating_add(1)) {
        return SpanId::derived(!seed, n).number(); // nobody was told of this one
    }
    let first = (0..=at).rev().find(|at| !again(*at)).unwrap_or_default();
    SpanId::derived(seed, first as u64).number()
}

/// Where a try is for, as the configuration names it.
fn place(span: &mut Span, proxy: &ProxyHost, target: &[u8]) {
    let mut parts = target.splitn(2, |byte| *byte == b'?');
    let mut url = format!("{}://{}", proxy.scheme, proxy.host).into_bytes();
    url.extend_from_slice(parts.next().unwrap_or_default());
    if let Some(query) = parts.next() {
        url.push(b'?');
        url.extend_from_slice(&names::query(query));
    }
    span.set(names::URL_FULL, Value::text(&url));
    let host = proxy.host.strip_suffix(&format!(":{}", proxy.port)).unwrap_or(&proxy.host);
    span.set(names::SERVER_ADDRESS, Value::text(host.as_bytes()));
    span.set(names::SERVER_PORT, Value::integer(proxy.port.into()));
}

/// What came of a try, and when.
fn outcome(span: &mut Span, record: &TryRecord<'_>, wall: &Wall) {
    match record.peer.parse::<SocketAddr>() {
        Ok(peer) => {
            span.set(names::PEER_ADDRESS, Value::text(peer.ip().to_string().as_bytes()));
            span.set(names::PEER_PORT, Value::integer(peer.port().into()));
        }
        Err(_) => span.set(names::PEER_ADDRESS, Value::text(record.peer.as_bytes())),
    }
    let began = record.started;
    let ended = record.response().map_or(wall.now, |time| wall.at(began + time));
    span.times(wall.at(began), ended);
    let (connected, headed) = (record.connect(), record.header());
    if let Some(time) = connected {
        span.event("connected", wall.at(began + time));
    }
    if let Some(time) = headed {
        span.event("response head", wall.at(began + time));
    }
    match record.status {
        Some(status) if headed.is_some() => {
            span.set(names::RESPONSE_STATUS, Value::integer(status.as_u16().into()));
            if status.is_client_error() || status.is_server_error() {
                fail(span, status.as_str());
            }
        }
        // It stands for a failure.
        Some(status) => {
            let late = status == StatusCode::GATEWAY_TIMEOUT;
            fail(
                span,
                match (connected, late) {
                    (None, false) => "connect",
                    (None, true) => "connect_timeout",
                    (Some(_), false) => "no_response",
                    (Some(_), true) => "timeout",
                },
            );
        }
        None => span.set(names::ERROR_TYPE, Value::fixed("given_up")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_of_all_forms() {
        let check = |target: &str, expected: &str| {
            assert_eq!(origin(target.as_bytes()), expected.as_bytes(), "{target}");
        };
        check("/a?b=c://d/e", "/a?b=c://d/e");
        check("http://a.test/b?c", "/b?c");
        check("http://a.test?c/d", "?c/d");
        check("http://a.test", "");
        check("*", "*");
        check("", "");
    }
}
