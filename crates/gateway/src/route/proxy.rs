//! `proxy_pass`: where a request goes, and the leaf that takes it there.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{Extensions, HeaderValue, Method, Request, StatusCode, Uri};
use propylon_config::{self as config, Settings, Spanned, Template};
use propylon_exchange::{Exchange, ProxyHost};
use propylon_h1::Names;
use propylon_stack::{Body, BoxError};
use propylon_upstream::{Peer, Target};
use tower_layer::Layer;
use tower_service::Service;

use super::leaf::Chosen;
use super::{Keeper, Source, spelling};
use crate::error::BuildError;
use crate::routing::{Address, Path, ProxyTarget, ProxyTargetError, UriPart, request_target};
use crate::upstreams::{self, Leaves, Upstreams};

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Why a `proxy_pass` with variables led nowhere.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum Error {
    /// What the variables gave is no URL.
    #[error("invalid URL \"{url}\" in proxy_pass")]
    Url { url: String, source: Box<dyn std::error::Error + Send + Sync> },
    /// The host has no address.
    #[error(transparent)]
    Resolve(#[from] propylon_resolver::Error),
    /// Nobody is to be asked for the host.
    #[error("no resolver defined to resolve {host}")]
    NoResolver { host: String },
}

impl Error {
    /// What the client is told (nginx: 500 for a configuration that makes no URL).
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Url { .. } => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Resolve(_) | Self::NoResolver { .. } => StatusCode::BAD_GATEWAY,
        }
    }
}

/// Writes where the request goes into it: target, method, body. What is set nearer to the leaf may ask for it.
#[derive(Clone)]
pub(crate) struct TargetLayer(Arc<Rule>);

struct Rule {
    to: To,
    /// How much of the path the location matched.
    prefix: usize,
    method: Option<Template>,
    body: Option<Template>,
    pass_body: bool,
    source: Source,
    /// The names of `headers.set` that are spelled in a way of their own.
    names: Option<Names>,
}

enum To {
    Static {
        host: Arc<ProxyHost>,
        target: ProxyTarget,
    },
    /// `any`: the scheme is a variable's too.
    Template {
        url: Template,
        any: bool,
        leaves: Box<Leaves>,
    },
}

impl TargetLayer {
    pub(crate) fn new(
        pass: &Spanned<config::ProxyPass>,
        prefix: usize,
        settings: &Arc<Settings>,
        upstreams: &mut Upstreams<'_>,
    ) -> Result<Self, BuildError> {
        let to = match &pass.value {
            config::ProxyPass::Static(target) => {
                let target = ProxyTarget::parse(&Bytes::copy_from_slice(target.text.as_bytes()))
                    .map_err(BuildError::value("invalid upstream URL", pass.span))?;
                To::Static { host: proxy_host(&target), target }
            }
            config::ProxyPass::Template(url) => To::Template {
                url: url.clone(),
                any: pass.value.scheme().is_none(),
                leaves: Box::new(upstreams.leaves(pass.value.scheme(), settings)),
            },
        };
        let transport = &settings.upstream;
        // In terms of CGI a method is a param, and its body is the client's; as in nginx, so are both to gRPC. memcached has neither.
        let http = !pass.value.is_cgi() && !pass.value.is_grpc() && !pass.value.is_memcached();
        Ok(Self(Arc::new(Rule {
            to,
            prefix,
            method: http.then(|| transport.method.clone()).flatten(),
            body: http.then(|| transport.body.clone()).flatten(),
            pass_body: transport.pass_body,
            source: Source::new(transport)?,
            names: spelling::names(&settings.headers.set),
        })))
    }
}

/// Whether what is sent is not the client's body, or has it in other places: then it has to be read before.
pub(crate) fn replaces_body(settings: &Settings) -> bool {
    let shown = settings.headers.set.iter().flat_map(|field| &field.values).any(Template::shows_request_body);
    shown || settings.upstream.body.is_some() || !settings.upstream.pass_body
}

impl TargetLayer {
    /// Tells where a request would go, for who has to know before it goes there; whether that is anywhere.
    pub(super) fn announce(&self, exchange: &Exchange, extensions: &Extensions) -> bool {
        let tell = |host: Arc<ProxyHost>, target: &ProxyTarget, part: UriPart<'_>| {
            let bytes = destination(extensions, Some(exchange), target, part, self.0.prefix);
            exchange.set_proxy(host, bytes);
        };
        match &self.0.to {
            To::Static { host, target } => tell(host.clone(), target, target.static_part()),
            To::Template { url, any, .. } => match named(&url.eval(exchange), *any) {
                Ok(target) => tell(proxy_host(&target), &target, target.expanded_part()),
                Err(_) => return false, // told of when it is to go there
            },
        }
        true
    }
}

impl<S> Layer<S> for TargetLayer {
    type Service = Targeting<S>;

    fn layer(&self, inner: S) -> Targeting<S> {
        Targeting { inner, rule: self.0.clone() }
    }
}

#[derive(Clone)]
pub(crate) struct Targeting<S> {
    inner: S,
    rule: Arc<Rule>,
}

impl<S> Service<Request<Body>> for Targeting<S>
where
    S: Service<Request<Body>, Error = BoxError> + Clone + Send + 'static,
    S::Future: Send,
    S::Response: Send,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = TargetFuture<S::Future, S::Response>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let rule = &*self.rule;
        rule.rewrite(&mut request);
        if let Some(names) = &rule.names {
            spelling::spell(names, request.extensions_mut());
        }
        match &rule.to {
            To::Static { host, target } => {
                aim(&mut request, host, target, target.static_part(), rule);
                TargetFuture::Known { future: self.inner.call(request) }
            }
            To::Template { .. } => {
                let inner = self.inner.clone();
                let ready = std::mem::replace(&mut self.inner, inner);
                TargetFuture::Asked { future: Box::pin(ask(ready, self.rule.clone(), request)) }
            }
        }
    }
}

pin_project_lite::pin_project! {
    #[project = Project]
    pub(crate) enum TargetFuture<F, T> {
        Known { #[pin] future: F },
        Asked { future: BoxFuture<Result<T, BoxError>> },
    }
}

impl<F, T> Future for TargetFuture<F, T>
where
    F: Future<Output = Result<T, BoxError>>,
{
    type Output = Result<T, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            Project::Known { future } => future.poll(cx),
            Project::Asked { future } => future.as_mut().poll(cx),
        }
    }
}

impl Rule {
    /// `method`, `body` and `pass_body`.
    fn rewrite(&self, request: &mut Request<Body>) {
        if let Some(method) = &self.method
            && let Some(exchange) = request.extensions().get::<Exchange>()
            && let Ok(method) = Method::from_bytes(&method.eval(exchange))
        {
            // What variables say may be no method: then it is the client's.
            *request.method_mut() = method;
        }
        let exchange = || request.extensions().get::<Exchange>();
        let body = match &self.body {
            Some(body) if let Some(exchange) = exchange() => Body::from(body.eval(exchange)),
            _ if !self.pass_body => Body::empty(),
            _ => return,
        };
        Keeper::give_back(request); // whoever is asked next gets the client's own
        *request.body_mut() = body;
        request.headers_mut().remove(CONTENT_LENGTH);
        request.headers_mut().remove(TRANSFER_ENCODING);
    }
}

/// What variables have named, `any` scheme among it. What is spoken does not depend on them: without a word of the configuration it is HTTP.
fn named(url: &Bytes, any: bool) -> Result<ProxyTarget, ProxyTargetError> {
    if any { ProxyTarget::parse_http(url) } else { ProxyTarget::parse(url) }
}

/// Finds the leaf that a template names, and sends the request there.
async fn ask<S>(mut inner: S, rule: Arc<Rule>, mut request: Request<Body>) -> Result<S::Response, BoxError>
where
    S: Service<Request<Body>, Error = BoxError>,
{
    let (To::Template { url, any, leaves }, Some(exchange)) =
        (&rule.to, request.extensions().get::<Exchange>().cloned())
    else {
        return inner.call(request).await;
    };
    let url = url.eval(&exchange);
    let text = || String::from_utf8_lossy(&url).into_owned();
    let target = match named(&url, *any) {
        Ok(target) => target,
        Err(error) => {
            Keeper::give_back(&mut request);
            return Err(Error::Url { url: text(), source: Box::new(error) }.into());
        }
    };
    let host = proxy_host(&target);
    aim(&mut request, &host, &target, target.expanded_part(), &rule);
    match find(leaves, &target).await {
        Ok(leaf) => {
            request.extensions_mut().insert(Chosen(leaf));
            inner.call(request).await
        }
        Err(error) => {
            Keeper::give_back(&mut request);
            Err(error)
        }
    }
}

/// The leaf for a target: the upstream with that name, a host that is written elsewhere, or the addresses of that host.
async fn find(leaves: &Leaves, target: &ProxyTarget) -> Result<upstreams::Leaf, BoxError> {
    let tls = target.scheme().is_secure();
    let peers = match target.address() {
        Address::Unix(path) => vec![Peer::unix(&**path)],
        Address::Host { host, port, port_written } => {
            if !port_written && let Some(leaf) = leaves.named(host, tls) {
                return Ok(leaf.clone());
            }
            if let Ok(ip) = host.trim_matches(['[', ']']).parse() {
                upstreams::peers(&[ip], *port)
            } else if let Some(leaf) = leaves.named(&format!("{host}:{port}"), tls) {
                return Ok(leaf.clone());
            } else {
                let Some(resolver) = &leaves.resolver else {
                    return Err(Error::NoResolver { host: host.to_string() }.into());
                };
                upstreams::peers(&resolver.lookup(host).await.map_err(Error::from)?, *port)
            }
        }
    };
    Ok(leaves.any(target.proxy_host(), tls, peers))
}

fn aim(
    request: &mut Request<Body>,
    host: &Arc<ProxyHost>,
    target: &ProxyTarget,
    part: UriPart<'_>,
    rule: &Rule,
) {
    let secure = target.scheme().is_secure();
    if (secure || rule.source.is_special())
        && let Some(exchange) = request.extensions().get::<Exchange>().cloned()
    {
        if secure {
            rule.source.secure(target.proxy_host(), &exchange, request.extensions_mut());
        }
        rule.source.tell(&exchange, request.extensions_mut());
    }
    let exchange = request.extensions().get::<Exchange>();
    let bytes = destination(request.extensions(), exchange, target, part, rule.prefix);
    let other = (!says(request.uri(), &bytes)).then(|| Target(bytes.clone()));
    if let Some(exchange) = exchange {
        exchange.set_proxy(host.clone(), bytes);
    }
    match other.map(Target::into_uri) {
        None => {}
        Some(Ok(uri)) => *request.uri_mut() = uri,
        Some(Err(target)) => drop(request.extensions_mut().insert(target)),
    }
}

/// The target that a request has where it goes.
fn destination(
    extensions: &Extensions,
    exchange: Option<&Exchange>,
    target: &ProxyTarget,
    part: UriPart<'_>,
    prefix: usize,
) -> Bytes {
    match (extensions.get::<Path>(), exchange.and_then(Exchange::head)) {
        (Some(path), _) => request_target(path, prefix, part),
        // Nobody has said that it is another than the client's.
        (None, Some(head)) => head.target.clone(),
        (None, None) => target.uri().cloned().unwrap_or(Bytes::from_static(b"/")),
    }
}

/// Whether a URI is exactly this target.
fn says(uri: &Uri, target: &[u8]) -> bool {
    uri.path_and_query().is_some_and(|path| path.as_str().as_bytes() == target) && uri.authority().is_none()
}

/// Whether a request's target depends on what its path means, although it is as the client sent it.
pub(crate) fn reads_path(pass: &config::ProxyPass) -> bool {
    !matches!(pass, config::ProxyPass::Static(target) if target.uri.is_none())
}

/// `$proxy_host` of a `proxy_pass` without variables, as the field that it becomes.
pub(crate) fn host(pass: &config::ProxyPass) -> Option<HeaderValue> {
    let config::ProxyPass::Static(target) = pass else { return None };
    let target = ProxyTarget::parse(&Bytes::copy_from_slice(target.text.as_bytes())).ok()?;
    HeaderValue::from_str(target.proxy_host()).ok()
}

fn proxy_host(target: &ProxyTarget) -> Arc<ProxyHost> {
    let port = target.proxy_port().parse().unwrap_or_default();
    Arc::new(ProxyHost { host: target.proxy_host().into(), port, scheme: target.scheme().as_str() })
}
