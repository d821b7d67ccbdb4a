//! `trace`: which requests have spans, and what becomes of the record of one.

mod spans;

use std::borrow::Cow;

use http::Request;
use propylon_config::{LocationMatch, Scheme, Settings, Template, TraceOn};
use propylon_exchange::{Exchange, Keep, Trace};
use propylon_stack::Body;
use propylon_trace::{
    Flags, Kind, Ratio, Sampler, Span, SpanId, Spans, TRACEPARENT, TRACESTATE, TraceContext, TraceId,
    TraceState, Value, semantic as names,
};
use propylon_upstream::Params;

use super::{Site, cgi};
use crate::upstreams::Upstreams;

use spans::{Wall, describe, tries};

const TRACE_PARENT: &str = "traceparent";
const TRACE_STATE: &str = "tracestate";

/// How the requests of a location are traced.
pub(crate) struct Tracing {
    /// Whether there is anything to do for requests that come here first.
    begins: bool,
    on: TraceOn,
    sampler: Sampler,
    extract: bool,
    inject: bool,
    name: Option<Template>,
    attributes: Vec<(Box<str>, Template)>,
    route: Option<Box<str>>,
    spans: Option<Spans>,
}

impl Tracing {
    /// Nothing, where no location of the server has anything to do with it: requests do not leave their server.
    pub(crate) fn new(settings: &Settings, site: &Site, upstreams: &Upstreams<'_>) -> Option<Box<Self>> {
        if !site.traces {
            return None;
        }
        let config = &settings.trace;
        let exporter = upstreams.config.trace_exporter.as_ref();
        Some(Box::new(Self {
            begins: config.is_active() || upstreams.config.later.has(Keep::TRACE),
            on: config.on.clone(),
            sampler: Sampler::new(Ratio::of(config.ratio)).parent_based(config.parent_based),
            extract: config.extract,
            inject: config.inject,
            name: config.span_name.clone(),
            attributes: config.attributes.clone(),
            route: None,
            spans: exporter.and_then(|exporter| upstreams.runtime.traces.spans(exporter)),
        }))
    }

    /// The same for the location with this match.
    pub(crate) fn at(mut self: Box<Self>, matcher: &LocationMatch) -> Box<Self> {
        self.route = Some(matcher.path().into());
        self
    }

    /// A request has come to its first location: what is decided here holds wherever it goes.
    #[inline(never)] // few requests need it
    pub(crate) fn arrive(&self, exchange: &Exchange) {
        if !self.begins || exchange.reroutes() != 0 || exchange.with_trace(|_| ()).is_some() {
            return;
        }
        let fields = exchange.head().map(|head| &head.headers).filter(|_| self.extract);
        let parent = fields.and_then(|fields| TraceContext::of_lines(fields.values(&TRACEPARENT)));
        let state = fields
            .filter(|_| parent.is_some())
            .and_then(|fields| TraceState::parse(fields.values(&TRACESTATE)));
        let own = parent.map_or_else(TraceContext::root, |parent| parent.child());
        let trace = Trace {
            id: own.trace_id.number(),
            span: own.span_id.number(),
            parent: parent.map(|parent| parent.span_id.number()),
            parent_sampled: parent.is_some_and(|parent| parent.flags.is_sampled()),
            flags: own.flags.sampled(false).bits(),
            sampled: false,
            passed_on: self.inject,
            state: state.map(|state| state.value().clone()),
            tries: None,
        };
        // What decides may ask for the ids.
        exchange.set_trace(trace.clone());
        if self.wants(exchange) && self.sampler.samples(own.trace_id, parent.as_ref()) {
            exchange.set_trace(Trace {
                flags: own.flags.sampled(true).bits(),
                sampled: true,
                tries: Some(SpanId::random().number()),
                ..trace
            });
        }
    }

    fn wants(&self, exchange: &Exchange) -> bool {
        self.spans.is_some()
            && match &self.on {
                TraceOn::No => false,
                TraceOn::Yes => true,
                TraceOn::If(template) => matches!(&*template.eval(exchange), b"on" | b"1"),
            }
    }

    /// A request that was answered here is over.
    pub(crate) fn ended(&self, exchange: &Exchange) {
        self.record(exchange, true); // also where nothing is traced: it may have come from where something is
    }

    /// What was asked for beside a request is over: it is no request of its own, but what it took of upstreams is told.
    pub(crate) fn ended_beside(&self, exchange: &Exchange) {
        self.record(exchange, false);
    }

    fn record(&self, exchange: &Exchange, own: bool) {
        let trace = exchange.with_trace(|trace| trace.sampled.then(|| trace.clone())).flatten();
        let (Some(trace), Some(spans)) = (trace, &self.spans) else { return };
        let wall = Wall::now();
        if let Some(seed) = trace.tries {
            tries(exchange, &trace, seed, &wall, spans);
        }
        let Some(context) = context(&trace, trace.span).filter(|_| own) else { return };
        let mut span = Span::new(Kind::Server, &context, &self.name(exchange));
        if let Some(parent) = trace.parent.and_then(SpanId::new) {
            span.remote_parent(parent);
        }
        if let Some(state) = state(&trace) {
            span.state(&state);
        }
        let began = exchange.started();
        span.times(wall.at(began), wall.at(began + exchange.elapsed()));
        describe(&mut span, exchange);
        if let Some(route) = &self.route {
            span.set(names::ROUTE, Value::text(route.as_bytes()));
        }
        for (name, template) in &self.attributes {
            let value = template.eval(exchange);
            let is_field =
                name.starts_with(names::REQUEST_HEADER) || name.starts_with(names::RESPONSE_HEADER);
            let value = if is_field { Value::texts([&*value]) } else { Value::text(&value) };
            span.set_named(name, value);
        }
        spans.record(&span);
    }

    fn name(&self, exchange: &Exchange) -> Cow<'_, [u8]> {
        if let Some(template) = &self.name {
            return template.eval(exchange).to_vec().into();
        }
        let method = exchange.head().and_then(|head| names::method(&head.method)).unwrap_or("HTTP");
        match &self.route {
            Some(route) => format!("{method} {route}").into_bytes().into(),
            None => method.as_bytes().into(),
        }
    }
}

/// What the templates need to be kept.
pub(super) fn needs(settings: &Settings) -> Keep {
    let trace = &settings.trace;
    let on = match &trace.on {
        TraceOn::If(template) => Some(template),
        _ => None,
    };
    let templates =
        on.into_iter().chain(&trace.span_name).chain(trace.attributes.iter().map(|(_, value)| value));
    templates.fold(Keep::NONE, |keep, template| keep.and(template.needs()))
}

/// Lends the trace of a request to what is asked for beside it. `told`: whether the end of that is told, so that its tries have spans.
pub(crate) fn lend(from: &Exchange, to: &Exchange, told: bool) {
    if let Some(trace) = from.with_trace(Trace::clone) {
        let tries = trace.tries.filter(|_| told).map(|_| SpanId::random().number());
        to.set_trace(Trace { tries, ..trace });
    }
}

/// Whether upstreams are told of a request's trace.
pub(crate) fn is_passed_on(exchange: &Exchange) -> bool {
    exchange.with_trace(|trace| trace.passed_on).unwrap_or_default()
}

/// Whether a place with these settings lets its upstreams be told: what the configuration itself sends comes first. `other`: what is
/// spoken to them; none: HTTP.
pub(crate) fn tells(settings: &Settings, other: Option<Scheme>) -> bool {
    let own = match other {
        Some(Scheme::Memcached) => return false, // a question is a key, and nothing else
        None => settings.headers.set.iter().any(|field| field.name == TRACEPARENT),
        Some(scheme) => cgi::params(settings, scheme).iter().any(|param| &*param.name == "HTTP_TRACEPARENT"),
    };
    settings.upstream.pass_headers && !own
}

/// Tells the upstream of the trace, with the span of the next try as its parent if that has one.
#[inline(never)] // few requests need it
pub(crate) fn tell(request: &mut Request<Body>) {
    let Some(exchange) = request.extensions().get::<Exchange>() else { return };
    let next = exchange.tries() as u64;
    let told = exchange.with_trace(|trace| trace.passed_on.then(|| trace.clone())).flatten();
    let Some(trace) = told else { return };
    let span = trace.tries.map_or(trace.span, |seed| SpanId::derived(seed, next).number());
    let Some(context) = context(&trace, span) else { return };
    let state = state(&trace);
    match request.extensions_mut().get_mut::<Params>() {
        None => context.write(state.as_ref(), request.headers_mut()),
        Some(params) => {
            let value = context.value();
            let parent = (TRACE_PARENT, value.as_bytes());
            let state = state.as_ref().map(|state| (TRACE_STATE, state.value().as_bytes()));
            *params = params.with_fields([parent].into_iter().chain(state));
        }
    }
}

fn context(trace: &Trace, span: u64) -> Option<TraceContext> {
    let (trace_id, span_id) = (TraceId::new(trace.id)?, SpanId::new(span)?);
    Some(TraceContext { trace_id, span_id, flags: Flags::from_bits(trace.flags) })
}

fn state(trace: &Trace) -> Option<TraceState> {
    TraceState::parse([trace.state.as_ref()?.as_bytes()])
}
