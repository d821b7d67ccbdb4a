//! What removes what is kept: `cache.purge`, and the action `purge`.

use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::{self, BoxFuture, Either};
use http::{Request, Response, StatusCode, request};
use propylon_cache::store::{Key, Purge, Purged, Strength, Zone};
use propylon_config::{self as config, Purged as Wanted};
use propylon_exchange::{Exchange, Keep};
use propylon_headers::Trusted;
use propylon_stack::{Body, BoxError};
use propylon_vars::Template;
use tower_layer::Layer;
use tower_service::Service;

use super::cache::{Lookup, holds};
use super::headers::{client_addr, trusted};
use super::{Keeper, Site, carry};
use crate::caches;
use crate::error::BuildError;
use crate::page::{self, Face};
use crate::rescue;
use crate::token::shows;
use crate::upstreams::Upstreams;

/// Answers the requests of a location that remove what they would be answered with.
#[derive(Clone)]
pub(super) struct PurgeLayer(Arc<Rule>);

struct Rule {
    lookup: Lookup,
    methods: Vec<http::Method>,
    when: Vec<Template>,
    /// Whether `when` asks where requests go.
    announces: bool,
    how: How,
}

impl PurgeLayer {
    pub(super) fn new(config: &config::PurgeRequests, lookup: Lookup, site: &Site) -> Self {
        let how = How::new(&config.allow, config.soft, site);
        let (methods, when) = (config.methods.clone(), config.when.clone());
        let announces = carry::needs(&when).has(Keep::PROXY);
        Self(Arc::new(Rule { lookup, methods, when, announces, how }))
    }
}

impl<S> Layer<S> for PurgeLayer {
    type Service = Purging<S>;

    fn layer(&self, inner: S) -> Purging<S> {
        Purging { inner, rule: self.0.clone() }
    }
}

#[derive(Clone)]
pub(super) struct Purging<S> {
    inner: S,
    rule: Arc<Rule>,
}

impl<S> Service<Request<Body>> for Purging<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = BoxError>,
{
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = Either<S::Future, Answering>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let exchange = request.extensions().get::<Exchange>();
        let rule = &*self.rule;
        if let Some(exchange) = exchange
            && rule.announces
        {
            rule.lookup.announce(exchange, request.extensions());
        }
        let ordered = exchange
            .filter(|exchange| rule.methods.contains(request.method()) || holds(&rule.when, exchange));
        let Some(exchange) = ordered.cloned() else { return Either::Left(self.inner.call(request)) };
        Keeper::give_back(&mut request);
        let (mut parts, _) = request.into_parts();
        parts.method = http::Method::GET;
        let what = rule.lookup.find_all(parts.clone()).map(|(zone, what)| (zone, vec![what]));
        Either::Right(rule.how.answer(&parts, &exchange, what))
    }
}

type Answering = BoxFuture<'static, Result<Response<Body>, BoxError>>;

/// The action `purge`.
#[derive(Clone)]
pub(super) struct Leaf(Arc<Action>);

struct Action {
    zone: Zone,
    what: Wanted,
    how: How,
}

impl Leaf {
    pub(super) fn new(
        config: &config::Purge,
        site: &Site,
        upstreams: &Upstreams<'_>,
    ) -> Result<Self, BuildError> {
        let zone = super::cache::zone(&config.zone, upstreams)?;
        let how = How::new(&config.allow, config.soft, site);
        Ok(Self(Arc::new(Action { zone, what: config.what.clone(), how })))
    }
}

impl Service<Request<Body>> for Leaf {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = Answering;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Answering {
        Keeper::give_back(&mut request);
        let (parts, _) = request.into_parts();
        let action = &*self.0;
        let Some(exchange) = parts.extensions.get::<Exchange>() else {
            return Box::pin(future::ready(Ok(page::error(StatusCode::FORBIDDEN, &action.how.face))));
        };
        let what = match &action.what {
            Wanted::Key(key) => vec![named(&key.eval(exchange))],
            Wanted::Tags(tags) => {
                let tags = tags.eval(exchange);
                let words = tags.split(|byte| byte.is_ascii_whitespace() || *byte == b',');
                let words = words.filter(|word| !word.is_empty());
                words.map(|tag| Purge::Tag(tags.slice_ref(tag))).collect()
            }
        };
        action.how.answer(&parts, exchange, Some((action.zone.clone(), what)))
    }
}

/// nginx: a key that ends in `*` stands for all that begin so.
fn named(key: &bytes::Bytes) -> Purge {
    match key.strip_suffix(b"*") {
        Some(prefix) => Purge::Prefix(key.slice_ref(prefix)),
        None => Purge::Key(Key::new(key.clone())),
    }
}

/// Who may, and what becomes of it.
struct How {
    addresses: Option<Trusted>,
    token: Option<Box<str>>,
    strength: Strength,
    face: Face,
}

impl How {
    fn new(allow: &config::PurgeAllow, soft: bool, site: &Site) -> Self {
        Self {
            addresses: allow.addresses.as_deref().map(trusted),
            token: allow.token.clone(),
            strength: if soft { Strength::Soft } else { Strength::Hard },
            face: site.face.clone(),
        }
    }

    fn admits(&self, request: &request::Parts, exchange: &Exchange) -> bool {
        let client = client_addr(exchange.client());
        self.addresses.as_ref().is_none_or(|addresses| addresses.contains(&client))
            || self.token.as_deref().is_some_and(|token| shows(&request.headers, token.as_bytes()))
    }

    /// 204, or 404 where nothing was kept; 503 where others were to obey, and were not reached.
    fn answer(
        &self,
        request: &request::Parts,
        exchange: &Exchange,
        what: Option<(Zone, Vec<Purge>)>,
    ) -> Answering {
        if !self.admits(request, exchange) {
            rescue::report_text(exchange, "purging is not allowed for this client");
            return Box::pin(future::ready(Ok(page::error(StatusCode::FORBIDDEN, &self.face))));
        }
        let (strength, face) = (self.strength, self.face.clone());
        let exchange = exchange.clone();
        Box::pin(async move {
            let purged = match what {
                Some((zone, all)) => caches::purge(zone, all, strength).await,
                None => Purged { responses: 0, elsewhere: None },
            };
            match purged.elsewhere {
                // What is kept elsewhere nobody knows here, and it goes.
                Some(Ok(())) => {}
                Some(Err(error)) => {
                    let text =
                        format!("the purge took effect on this server only: {}", crate::error::chain(&error));
                    rescue::report_text(&exchange, &text);
                    return Ok(page::error(StatusCode::SERVICE_UNAVAILABLE, &face));
                }
                None if purged.responses == 0 => return Ok(page::error(StatusCode::NOT_FOUND, &face)),
                None => {}
            }
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::NO_CONTENT;
            Ok(response)
        })
    }
}
