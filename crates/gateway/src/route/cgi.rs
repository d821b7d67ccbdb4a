//! Params in the place of fields, for what is spoken to in terms of CGI: FastCGI, uwsgi, SCGI.

use std::sync::Arc;
use std::task::{Context, Poll};

use http::header::{CONTENT_LENGTH, COOKIE, HeaderName};
use http::{HeaderMap, HeaderValue, Method, Request};
use http_body::Body as _;
use propylon_config::{Param, Scheme, Settings, Template};
use propylon_exchange::{Exchange, Keep};
use propylon_headers::remove_hop_by_hop;
use propylon_stack::{Body, BoxError};
use propylon_trace::{TRACEPARENT, TRACESTATE};
use propylon_upstream::{Application, Cgi, Params};
use tower_layer::Layer;
use tower_service::Service;

use super::{Site, fastcgi, memcached, trace};

/// How what a location passes requests to is spoken to; none if HTTP is.
pub(crate) fn application(settings: &Settings, scheme: Scheme) -> Option<Application> {
    let cgi = |cgi: Cgi| {
        let cgi = cgi.max_head(settings.buffer.header_size).read_buffer(super::read_bytes(&settings.buffer));
        Application::Cgi(Arc::new(cgi))
    };
    match scheme {
        Scheme::FastCgi => Some(Application::FastCgi(Arc::new(fastcgi::transport(settings)))),
        Scheme::Uwsgi | Scheme::Suwsgi => {
            // uWSGI closes connections of TLS without a word.
            Some(cgi(Cgi::uwsgi(settings.uwsgi.modifier1, settings.uwsgi.modifier2).abrupt_end(true)))
        }
        Scheme::Scgi => Some(cgi(Cgi::scgi())),
        Scheme::Memcached => Some(Application::Memcached(memcached::transport(settings))),
        Scheme::Http | Scheme::Https | Scheme::Grpc | Scheme::Grpcs => None,
    }
}

/// The params of a location that speaks so.
pub(super) fn params(settings: &Settings, scheme: Scheme) -> &[Param] {
    match scheme {
        Scheme::Uwsgi | Scheme::Suwsgi => &settings.uwsgi.params,
        Scheme::Scgi => &settings.scgi.params,
        _ => &settings.fastcgi.params,
    }
}

/// What the templates need to be kept.
pub(super) fn needs(settings: &Settings, scheme: Scheme) -> Keep {
    params(settings, scheme).iter().fold(Keep::NONE, |keep, param| keep.and(param.value.needs()))
}

/// Whether a body's length has to be said before it.
pub(super) fn wants_length(scheme: Scheme) -> bool {
    scheme.is_cgi() && scheme != Scheme::FastCgi
}

/// Makes the params of requests.
#[derive(Clone)]
pub(super) struct ParamsLayer(Arc<Rule>);

struct Rule {
    params: Vec<(Box<str>, Template, bool)>,
    /// Names of fields that `params` has another value for.
    replaced: Vec<HeaderName>,
    pass_headers: bool,
    /// Whether the server may be told of requests' traces, in the place of what clients say.
    traces: bool,
    /// Whether there is somebody to hear.
    stderr: bool,
}

impl ParamsLayer {
    pub(super) fn new(settings: &Settings, scheme: Scheme, site: &Site) -> Self {
        let params = params(settings, scheme);
        let replaced = params.iter().filter_map(|param| {
            let name = param.name.strip_prefix("HTTP_")?.replace('_', "-");
            HeaderName::from_bytes(name.as_bytes()).ok()
        });
        Self(Arc::new(Rule {
            replaced: replaced.collect(),
            params: params
                .iter()
                .map(|param| (param.name.clone(), param.value.clone(), param.if_not_empty))
                .collect(),
            pass_headers: settings.upstream.pass_headers,
            traces: site.traces && trace::tells(settings, Some(scheme)),
            stderr: scheme == Scheme::FastCgi,
        }))
    }
}

impl Rule {
    fn params(&self, request: &mut Request<Body>, exchange: &Exchange) -> Params {
        let mut out = Params::builder();
        let mut value = Vec::new();
        for (name, template, if_not_empty) in &self.params {
            value.clear();
            template.eval_into(exchange, &mut value);
            // HEAD that has become GET, so that the response can be kept: that is what is asked.
            if value == b"HEAD" && &**name == "REQUEST_METHOD" && request.method() == Method::GET {
                value = b"GET".to_vec();
            }
            if &**name == "CONTENT_LENGTH" {
                content_length(request, &mut value);
            }
            if !(value.is_empty() && *if_not_empty) {
                out.add(name.as_bytes(), &value);
            }
        }
        if self.pass_headers {
            let headers = request.headers_mut();
            if self.traces && trace::is_passed_on(exchange) {
                // Ours follow with each try.
                headers.remove(TRACEPARENT);
                headers.remove(TRACESTATE);
            }
            self.fields(headers, &mut out);
        }
        out.build()
    }

    /// The request's fields: what belongs to the client's connection has no meaning behind it, and `Proxy` would be taken for
    /// the script's own HTTP_PROXY.
    fn fields(&self, headers: &mut HeaderMap, out: &mut propylon_upstream::ParamsBuilder) {
        remove_hop_by_hop(headers);
        for name in headers.keys() {
            // To CGI, `_` and `-` are the same: nobody brings another value for a name under its twin.
            let twin = name.as_str().contains('_').then(|| name.as_str().replace('_', "-"));
            let known = twin.as_deref().unwrap_or(name.as_str());
            let ours = self.replaced.iter().any(|replaced| replaced.as_str() == known);
            let twice = twin.as_ref().is_some_and(|twin| headers.contains_key(twin));
            let elsewhere = ["content-type", "content-length", "proxy"].contains(&known);
            if ours || twice || elsewhere {
                continue;
            }
            let mut lines = headers.get_all(name).iter().map(HeaderValue::as_bytes);
            let first = lines.next().unwrap_or_default();
            let separator: &[u8] = if *name == COOKIE { b"; " } else { b", " };
            let joined = lines.fold(std::borrow::Cow::Borrowed(first), |joined, line| {
                [&*joined, separator, line].concat().into()
            });
            out.add_field(name.as_str(), &joined);
        }
    }
}

/// What the client said of its body is not always so of what is sent.
fn content_length(request: &Request<Body>, value: &mut Vec<u8>) {
    let body = request.body();
    if body.is_end_stream() && !request.headers().contains_key(CONTENT_LENGTH) {
        value.clear(); // this one has none: a question, a copy without it, the page of an error
    } else if value.is_empty()
        && let Some(length) = body.size_hint().exact().filter(|length| *length > 0)
    {
        // It has been read since: how long it is may be known now (nginx does the same).
        value.extend(length.to_string().bytes());
    }
}

impl<S> Layer<S> for ParamsLayer {
    type Service = WithParams<S>;

    fn layer(&self, inner: S) -> WithParams<S> {
        WithParams { inner, rule: self.0.clone() }
    }
}

#[derive(Clone)]
pub(super) struct WithParams<S> {
    inner: S,
    rule: Arc<Rule>,
}

impl<S> Service<Request<Body>> for WithParams<S>
where
    S: Service<Request<Body>, Error = BoxError>,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> S::Future {
        if let Some(exchange) = request.extensions().get::<Exchange>().cloned() {
            let params = self.rule.params(&mut request, &exchange);
            request.extensions_mut().insert(params);
            if self.rule.stderr {
                request.extensions_mut().insert(fastcgi::stderr(exchange));
            }
        }
        self.inner.call(request)
    }
}
