//! `X-Accel-Redirect`: an upstream's order to answer with another location.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, EXPIRES, HeaderName, SET_COOKIE,
};
use http::{HeaderMap, Request, Response};
use propylon_config::Settings;
use propylon_stack::{Body, BoxError, Route, RouteFuture};
use tower_layer::Layer;
use tower_service::Service;

use crate::reroute::{Reroute, RerouteTarget};
use crate::routing::{Path, Slashes};

const X_ACCEL_REDIRECT: HeaderName = HeaderName::from_static("x-accel-redirect");

/// The order names a path that leaves the root, or is none.
#[derive(Debug, thiserror::Error)]
#[error("unsafe URI \"{0}\" in X-Accel-Redirect")]
pub(crate) struct Unsafe(String);

/// What the ordering response gives to the one that answers (nginx's list).
const KEPT: [HeaderName; 6] =
    [CONTENT_TYPE, SET_COOKIE, CONTENT_DISPOSITION, CACHE_CONTROL, EXPIRES, ACCEPT_RANGES];

/// The layer, unless the order is ignored.
pub(crate) fn layer(settings: &Settings) -> Option<AccelLayer> {
    (!settings.headers.ignore.contains(&X_ACCEL_REDIRECT)).then_some(AccelLayer)
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct AccelLayer;

impl Layer<Route> for AccelLayer {
    type Service = Accel;

    fn layer(&self, inner: Route) -> Accel {
        Accel(inner)
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Accel(Route);

impl Service<Request<Body>> for Accel {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = AccelFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> AccelFuture {
        AccelFuture(Route::call(&self.0, request))
    }
}

pub(crate) struct AccelFuture(RouteFuture);

impl Future for AccelFuture {
    type Output = Result<Response<Body>, BoxError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let response = ready!(self.0.as_mut().poll(cx))?;
        let Some(order) = response.headers().get(X_ACCEL_REDIRECT) else {
            return Poll::Ready(Ok(response));
        };
        let to = Bytes::copy_from_slice(order.as_bytes());
        let target = match (std::str::from_utf8(&to), Path::parse(to.clone(), Slashes::Keep)) {
            (Ok(name), _) if name.starts_with('@') => RerouteTarget::Named(name.into()),
            (_, Ok(path)) => RerouteTarget::Path(path),
            // nginx: "unsafe URI", then 404.
            (_, Err(_)) => return Poll::Ready(Err(Unsafe(String::from_utf8_lossy(&to).into_owned()).into())),
        };
        let reroute = Reroute { target, keep: kept(response.headers()) };
        let mut answer = Response::new(Body::empty());
        answer.extensions_mut().insert(reroute);
        Poll::Ready(Ok(answer))
    }
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
