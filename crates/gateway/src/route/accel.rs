//! `X-Accel-Redirect`: an upstream's order to answer with another location; `X-Accel-Limit-Rate`: how fast.

use bytes::Bytes;
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, EXPIRES, HeaderName, SET_COOKIE,
};
use http::{HeaderMap, Response, StatusCode};
use propylon_config::{Settings, UpstreamVersion};
use propylon_stack::{Body, BoxError};

use super::Found;
use super::limit::Said;
use crate::reroute::{Reroute, RerouteTarget};
use crate::routing::{Path, Slashes};
use crate::upstreams::{self, LeafBody};

const X_ACCEL_REDIRECT: HeaderName = HeaderName::from_static("x-accel-redirect");

/// The order names a path that leaves the root, or is none.
#[derive(Debug, thiserror::Error)]
#[error("unsafe URI \"{order}\" in X-Accel-Redirect")]
pub(crate) struct Unsafe {
    order: String,
    kept: HeaderMap,
}

impl Unsafe {
    /// nginx: 404, with the fields that the order gives to what answers.
    pub(crate) fn answer(self) -> Response<Body> {
        let target = RerouteTarget::Answer(Found::page(StatusCode::NOT_FOUND));
        reroute(Reroute { keep: self.kept, ..Reroute::to(target) })
    }
}

/// What the ordering response gives to the one that answers (nginx's list).
const KEPT: [HeaderName; 6] =
    [CONTENT_TYPE, SET_COOKIE, CONTENT_DISPOSITION, CACHE_CONTROL, EXPIRES, ACCEPT_RANGES];

/// Whether trailers go on.
pub(super) fn trailers(settings: &Settings) -> bool {
    settings.headers.pass_trailers || settings.upstream.http_version == UpstreamVersion::Http2
}

/// The body of a response as it comes from an upstream, or from what stands in the place of one.
pub(super) trait Arriving {
    /// The same for what follows.
    fn arrive(self, trailers: bool) -> Body;
}

impl Arriving for LeafBody {
    fn arrive(self, trailers: bool) -> Body {
        upstreams::body(self, trailers)
    }
}

impl Arriving for Body {
    fn arrive(self, _: bool) -> Body {
        self
    }
}

/// Which orders are obeyed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Obeys {
    redirect: bool,
    limit_rate: bool,
    /// Looked at only where charsets are.
    charset: bool,
    /// Whether trailers go on.
    trailers: bool,
}

/// Whether there is an order: one look at the names costs less than a search for each. A switch to another protocol is nobody's
/// to redirect.
fn ordered<B>(response: &Response<B>) -> bool {
    let is_order = |name: &HeaderName| name.as_str().starts_with("x-accel-");
    response.status() != StatusCode::SWITCHING_PROTOCOLS && response.headers().keys().any(is_order)
}

impl Obeys {
    /// What is ignored is not looked at.
    pub(super) fn new(settings: &Settings) -> Self {
        let obeys = |name: &str| !settings.headers.ignore.iter().any(|ignored| ignored == name);
        Self {
            redirect: obeys("x-accel-redirect"),
            limit_rate: obeys("x-accel-limit-rate"),
            charset: super::charset::obeys(settings),
            trailers: trailers(settings),
        }
    }

    /// What becomes of a response, by its orders.
    pub(super) fn apply(self, response: Response<impl Arriving>) -> Result<Response<Body>, BoxError> {
        if ordered(&response) {
            return self.follow(response);
        }
        Ok(response.map(|body| body.arrive(self.trailers)))
    }

    #[cold]
    fn follow(self, response: Response<impl Arriving>) -> Result<Response<Body>, BoxError> {
        let headers = response.headers();
        let rate = if self.limit_rate { propylon_limit::accel(headers) } else { None };
        let mut response = match headers.get(X_ACCEL_REDIRECT) {
            // What is not passed on is not read.
            Some(order) if self.redirect => obey(&Bytes::copy_from_slice(order.as_bytes()), headers)?,
            _ => response.map(|body| body.arrive(self.trailers)),
        };
        if self.charset {
            super::charset::note(&mut response);
        }
        if let Some(rate) = rate {
            response.extensions_mut().insert(Said(rate));
        }
        Ok(response)
    }
}

fn obey(order: &Bytes, headers: &HeaderMap) -> Result<Response<Body>, BoxError> {
    let target = match (std::str::from_utf8(order), Path::parse(order.clone(), Slashes::Keep)) {
        (Ok(name), _) if name.starts_with('@') => RerouteTarget::Named(name.into()),
        (_, Ok(path)) => RerouteTarget::Path(path.decoded().clone(), path.args().cloned()),
        (_, Err(_)) => {
            let order = String::from_utf8_lossy(order).into_owned();
            return Err(Unsafe { order, kept: kept(headers) }.into());
        }
    };
    Ok(reroute(Reroute { keep: kept(headers), get: true, ..Reroute::to(target) }))
}

fn reroute(reroute: Reroute) -> Response<Body> {
    let mut answer = Response::new(Body::empty());
    answer.extensions_mut().insert(reroute);
    answer
}

fn kept(headers: &HeaderMap) -> HeaderMap {
    let mut kept = HeaderMap::new();
    for name in &KEPT {
        for value in headers.get_all(name) {
            kept.append(name.clone(), value.clone());
        }
    }
    kept
}
