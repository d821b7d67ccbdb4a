//! `memcached_pass`: the key of a request, and what becomes of the answer.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use pin_project_lite::pin_project;
use propylon_config::{ProxyPass, Settings, Spanned, Template};
use propylon_exchange::{Exchange, Keep};
use propylon_files::Types;
use propylon_stack::{Body, BoxError};
use propylon_upstream::{Key, Memcached};
use tower_layer::Layer;
use tower_service::Service;

use super::leaf::Leaf;
use super::proxy::TargetLayer;
use super::{Keeper, Site};
use crate::error::BuildError;
use crate::router::Location;
use crate::routing::Path;
use crate::upstreams::{LeafBody, Upstreams};

/// Why there is no value for a client. Not an upstream's doing: whoever `error_page` names answers.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoValue {
    /// Values are read, and nothing else.
    #[error("memcached supports only GET and HEAD requests")]
    Method,
    /// There is nothing to ask for.
    #[error("the memcached key is empty")]
    NoKey,
    /// There is none.
    #[error("key: \"{}\" was not found by memcached", .0.as_bytes().escape_ascii())]
    NotFound(Key),
}

impl NoValue {
    /// What the client is told, unless there is an answer elsewhere.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::NoKey => StatusCode::INTERNAL_SERVER_ERROR,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
        }
    }
}

/// From memcached up to where errors have become responses: there is nothing to send but a key.
pub(super) fn location(
    pass: &Spanned<ProxyPass>,
    prefix: &str,
    settings: &Arc<Settings>,
    site: &Site,
    upstreams: &mut Upstreams<'_>,
) -> Result<Location, BuildError> {
    let leaf = Leaf::new(pass, settings, upstreams);
    let target = TargetLayer::new(pass, prefix.len(), settings, upstreams)?;
    let group = AskLayer::new(settings, site).layer(target.layer(leaf)); // outside of tries: what nobody has is a 404
    let mut built = super::kept(group, &target, pass, prefix, settings, site, upstreams)?;
    built.keep = built.keep.and(needs(settings));
    Ok(built)
}

/// How what memcached says is read.
pub(super) fn transport(settings: &Settings) -> Memcached {
    Memcached::new()
        .gzip_flag(settings.memcached.gzip_flag)
        .max_head(settings.buffer.header_size)
        .read_buffer(super::read_bytes(&settings.buffer))
}

/// What the key needs to be kept.
fn needs(settings: &Settings) -> Keep {
    settings.memcached.key.as_ref().map_or(Keep::NONE, Template::needs)
}

/// Gives requests their keys, and values a type.
#[derive(Clone)]
pub(super) struct AskLayer(Arc<Rule>);

struct Rule {
    key: Option<Template>,
    types: Types,
}

impl AskLayer {
    pub(super) fn new(settings: &Settings, site: &Site) -> Self {
        Self(Arc::new(Rule { key: settings.memcached.key.clone(), types: site.types.clone() }))
    }
}

impl Rule {
    /// Makes a question of a request. Its body stays with the client, for whoever is asked next.
    fn ask(&self, request: &mut Request<Body>) -> Result<Key, NoValue> {
        Keeper::give_back(request);
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return Err(NoValue::Method);
        }
        *request.body_mut() = Body::empty();
        let exchange = request.extensions().get::<Exchange>();
        let text = self.key.as_ref().zip(exchange).map(|(key, exchange)| key.eval(exchange));
        let key = text.and_then(|text| Key::escaped(&text)).ok_or(NoValue::NoKey)?;
        request.extensions_mut().insert(key.clone());
        Ok(key)
    }

    /// The type that a file of this name has, for memcached knows none.
    fn media_type(&self, request: &Request<Body>) -> Option<HeaderValue> {
        self.types.of(request.extensions().get::<Path>()?.decoded()).cloned()
    }
}

impl<S> Layer<S> for AskLayer {
    type Service = Asking<S>;

    fn layer(&self, inner: S) -> Asking<S> {
        Asking { inner, rule: self.0.clone() }
    }
}

#[derive(Clone)]
pub(super) struct Asking<S> {
    inner: S,
    rule: Arc<Rule>,
}

impl<S> Service<Request<Body>> for Asking<S>
where
    S: Service<Request<Body>, Response = Response<LeafBody>, Error = BoxError>,
{
    type Response = Response<LeafBody>;
    type Error = BoxError;
    type Future = AskFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        match self.rule.ask(&mut request) {
            Ok(key) => {
                let media_type = self.rule.media_type(&request);
                AskFuture::Asked { inner: self.inner.call(request), key, media_type }
            }
            Err(why) => AskFuture::Refused { why: Some(why) },
        }
    }
}

pin_project! {
    #[project = Project]
    pub(super) enum AskFuture<F> {
        Asked { #[pin] inner: F, key: Key, media_type: Option<HeaderValue> },
        Refused { why: Option<NoValue> },
    }
}

impl<F> Future for AskFuture<F>
where
    F: Future<Output = Result<Response<LeafBody>, BoxError>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            Project::Asked { inner, key, media_type } => {
                let mut response = ready!(inner.poll(cx))?;
                if response.status() == StatusCode::NOT_FOUND {
                    return Poll::Ready(Err(NoValue::NotFound(key.clone()).into()));
                }
                if let Some(media_type) = media_type.take() {
                    response.headers_mut().insert(CONTENT_TYPE, media_type);
                }
                Poll::Ready(Ok(response))
            }
            Project::Refused { why } => why.take().map_or(Poll::Pending, |why| Poll::Ready(Err(why.into()))),
        }
    }
}
