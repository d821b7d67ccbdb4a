//! The span of a request that is being served.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use http::header::{HOST, USER_AGENT};
use http::uri::Authority;
use http::{StatusCode, request};

use crate::semantic::{self as names, method};
use crate::{Kind, Sampler, Span, Spans, TraceContext, TraceState, Value};

/// What names spans.
pub(crate) type Name = dyn Fn(&request::Parts) -> String + Send + Sync;

/// How requests are traced.
#[derive(Clone)]
pub(crate) struct Rules {
    pub(crate) spans: Spans,
    pub(crate) sampler: Sampler,
    pub(crate) extract: bool,
    pub(crate) name: Arc<Name>,
}

/// A span that goes on; it is over when this is dropped.
#[derive(Debug)]
pub(crate) struct OpenSpan {
    span: Box<Span>,
    spans: Spans,
    began: SystemTime,
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { spans, sampler, extract, name: _ } = self;
        f.debug_struct("Rules")
            .field("spans", spans)
            .field("sampler", sampler)
            .field("extract", extract)
            .finish_non_exhaustive()
    }
}

impl Rules {
    pub(crate) fn new(spans: Spans) -> Self {
        Self { spans, sampler: Sampler::new(crate::Ratio::ALL), extract: true, name: Arc::new(plain) }
    }

    /// Begins the span of a request, which learns its own context, for whoever sends on in its name. Nothing: it is not recorded.
    pub(crate) fn open(&self, request: &mut request::Parts) -> Option<OpenSpan> {
        let parent = self.extract.then(|| TraceContext::of(&request.headers)).flatten();
        let state = parent.and_then(|_| TraceState::of(&request.headers));
        let context = parent.map_or_else(TraceContext::root, |parent| parent.child());
        let sampled = self.sampler.samples(context.trace_id, parent.as_ref());
        let context = TraceContext { flags: context.flags.sampled(sampled), ..context };
        request.extensions.insert(context);
        if let Some(state) = &state {
            request.extensions.insert(state.clone());
        }
        if !sampled {
            return None;
        }
        let mut span = Span::new(Kind::Server, &context, (self.name)(request).as_bytes());
        if let Some(parent) = parent {
            span.remote_parent(parent.span_id);
        }
        if let Some(state) = &state {
            span.state(state);
        }
        describe(&mut span, request);
        Some(OpenSpan { span: Box::new(span), spans: self.spans.clone(), began: now() })
    }
}

/// What every request has.
fn describe(span: &mut Span, request: &request::Parts) {
    match method(&request.method) {
        Some(method) => span.set(names::REQUEST_METHOD, Value::fixed(method)),
        None => {
            span.set(names::REQUEST_METHOD, Value::fixed("_OTHER"));
            span.set(names::REQUEST_METHOD_ORIGINAL, Value::text(request.method.as_str().as_bytes()));
        }
    }
    span.set(names::URL_PATH, Value::text(request.uri.path().as_bytes()));
    if let Some(query) = request.uri.query() {
        span.set(names::URL_QUERY, Value::text(&names::query(query.as_bytes())));
    }
    span.set(names::URL_SCHEME, Value::text(request.uri.scheme_str().unwrap_or("http").as_bytes()));
    span.set(names::PROTOCOL_VERSION, Value::fixed(names::version(request.version)));
    if let Some((host, port)) = authority(request) {
        span.set(names::SERVER_ADDRESS, Value::text(host.as_bytes()));
        if let Some(port) = port {
            span.set(names::SERVER_PORT, Value::integer(port.into()));
        }
    }
    if let Some(agent) = request.headers.get(USER_AGENT) {
        span.set(names::USER_AGENT, Value::text(agent.as_bytes()));
    }
}

/// The host that a request is for, and its port if that is said.
fn authority(request: &request::Parts) -> Option<(String, Option<u16>)> {
    let field = || Authority::try_from(request.headers.get(HOST)?.as_bytes()).ok();
    let authority = request.uri.authority().cloned().or_else(field)?;
    Some((authority.host().to_owned(), authority.port_u16()))
}

impl OpenSpan {
    pub(crate) fn responded(&mut self, status: StatusCode) {
        self.span.set(names::RESPONSE_STATUS, Value::integer(status.as_u16().into()));
        if status.is_server_error() {
            self.fails(status.as_str());
        }
    }

    /// `why`: a word, or the status.
    pub(crate) fn fails(&mut self, why: &str) {
        self.span.set(names::ERROR_TYPE, Value::text(why.as_bytes()));
        self.span.failed();
    }
}

impl Drop for OpenSpan {
    fn drop(&mut self) {
        self.span.times(self.began, now());
        self.spans.record(&self.span);
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "spans have times of the clock on the wall, and only those that are recorded"
)]
fn now() -> SystemTime {
    SystemTime::now()
}

/// The name of spans whose routes nobody knows: the method, for paths have too many values.
pub(crate) fn plain(request: &request::Parts) -> String {
    method(&request.method).unwrap_or("HTTP").to_owned()
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    #[test]
    fn hosts_and_ports() {
        let check = |uri: &str, host: &str, expected: Option<(&str, Option<u16>)>| {
            let request = Request::builder().uri(uri).header(HOST, host).body(()).unwrap();
            let expected = expected.map(|(host, port)| (host.to_owned(), port));
            assert_eq!(authority(&request.into_parts().0), expected, "{uri} {host}");
        };
        check("/", "a.test", Some(("a.test", None)));
        check("/", "a.test:81", Some(("a.test", Some(81))));
        check("/", "[::1]:81", Some(("[::1]", Some(81))));
        check("http://b.test:82/", "a.test", Some(("b.test", Some(82))));
        check("/", "a b", None);
    }
}
