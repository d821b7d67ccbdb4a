//! `fastcgi`: configuration to params, and to how FastCGI servers are spoken to.

use std::sync::Arc;
use std::task::{Context, Poll};

use http::header::{CONTENT_LENGTH, COOKIE, HeaderName};
use http::{HeaderMap, HeaderValue, Method, Request};
use http_body::Body as _;
use propylon_config::{Settings, Template};
use propylon_exchange::{Exchange, Keep};
use propylon_headers::remove_hop_by_hop;
use propylon_pattern::Pattern;
use propylon_stack::{Body, BoxError};
use propylon_trace::{TRACEPARENT, TRACESTATE};
use propylon_upstream::{FastCgi, Params, Stderr};
use propylon_vars::Script;
use tower_layer::Layer;
use tower_service::Service;

use super::{Site, trace};
use crate::error::BuildError;
use crate::rescue;

/// How the servers of a location are spoken to.
pub(crate) fn transport(settings: &Settings) -> FastCgi {
    FastCgi::new()
        .keep_conn(settings.fastcgi.keep_conn)
        .catch_stderr(settings.fastcgi.catch_stderr.iter().map(|text| text.as_bytes().to_vec()))
        .max_head(settings.buffer.header_size)
        .read_buffer(super::read_bytes(&settings.buffer))
}

/// What `$fastcgi_script_name` is.
pub(super) fn script(settings: &Settings) -> Result<Arc<Script>, BuildError> {
    let fastcgi = &settings.fastcgi;
    let split = fastcgi
        .split_path_info
        .as_ref()
        .map(|split| Pattern::new(&split.value).map_err(BuildError::value("this is no regex", split.span)));
    let index = fastcgi.index.as_deref().unwrap_or_default().as_bytes().to_vec();
    Ok(Arc::new(Script::new(index, split.transpose()?)))
}

/// What the templates need to be kept.
pub(super) fn needs(settings: &Settings) -> Keep {
    let params = settings.fastcgi.params.iter();
    params.fold(Keep::NONE, |keep, param| keep.and(param.value.needs()))
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
}

impl ParamsLayer {
    pub(super) fn new(settings: &Settings, site: &Site) -> Self {
        let params = &settings.fastcgi.params;
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
            traces: site.traces && trace::tells(settings),
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
            let hears = move |text: &[u8]| {
                let text = String::from_utf8_lossy(text);
                let begun =
                    exchange.with_tries(|tries| tries.last().is_some_and(|last| last.header().is_some()));
                let while_what = match begun {
                    false => "while reading response header from upstream",
                    true => "while reading upstream",
                };
                rescue::report_upstream(
                    &exchange,
                    &format!("FastCGI sent in stderr: \"{text}\" {while_what}"),
                );
            };
            request.extensions_mut().insert(Stderr::new(hears));
        }
        self.inner.call(request)
    }
}
