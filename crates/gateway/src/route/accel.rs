//! `X-Accel-Redirect`: an upstream's order to answer with another location.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, EXPIRES, HeaderName, SET_COOKIE,
};
use http::{HeaderMap, Request, Response, StatusCode};
use propylon_config::Settings;
use propylon_stack::{Body, BoxError};
use tower_layer::Layer;
use tower_service::Service;

use crate::reroute::{Reroute, RerouteTarget};
use crate::routing::{Path, Slashes};
use crate::upstreams::{self, LeafBody};

const X_ACCEL_REDIRECT: HeaderName = HeaderName::from_static("x-accel-redirect");

/// The order names a path that leaves the root, or is none.
#[derive(Debug, thiserror::Error)]
#[error("unsafe URI \"{0}\" in X-Accel-Redirect")]
pub(crate) struct Unsafe(String);

/// What the ordering response gives to the one that answers (nginx's list).
const KEPT: [HeaderName; 6] =
    [CONTENT_TYPE, SET_COOKIE, CONTENT_DISPOSITION, CACHE_CONTROL, EXPIRES, ACCEPT_RANGES];

/// The layer; it lets everything pass where the order is ignored.
pub(crate) fn layer(settings: &Settings) -> AccelLayer {
    AccelLayer {
        obeys: !settings.headers.ignore.contains(&X_ACCEL_REDIRECT),
        charset: super::charset::obeys(settings),
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct AccelLayer {
    obeys: bool,
    charset: bool,
}

impl<S> Layer<S> for AccelLayer {
    type Service = Accel<S>;

    fn layer(&self, inner: S) -> Accel<S> {
        Accel { inner, obeys: self.obeys, charset: self.charset }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Accel<S> {
    inner: S,
    obeys: bool,
    charset: bool,
}

impl<S> Service<Request<Body>> for Accel<S>
where
    S: Service<Request<Body>, Response = Response<LeafBody>, Error = BoxError>,
{
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = AccelFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        AccelFuture { inner: self.inner.call(request), obeys: self.obeys, charset: self.charset }
    }
}

pin_project_lite::pin_project! {
    pub(crate) struct AccelFuture<F> {
        #[pin]
        inner: F,
        obeys: bool,
        charset: bool,
    }
}

impl<F> Future for AccelFuture<F>
where
    F: Future<Output = Result<Response<LeafBody>, BoxError>>,
{
    type Output = Result<Response<Body>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = ready!(this.inner.poll(cx))?;
        Poll::Ready(match response.headers().get(X_ACCEL_REDIRECT) {
            // A switch to another protocol is nobody's to redirect.
            Some(order) if *this.obeys && response.status() != StatusCode::SWITCHING_PROTOCOLS => {
                obey(&Bytes::copy_from_slice(order.as_bytes()), response.headers())
            }
            _ => {
                let mut response = response.map(upstreams::body);
                if *this.charset {
                    super::charset::note(&mut response);
                }
                Ok(response)
            }
        })
    }
}

fn obey(order: &Bytes, headers: &HeaderMap) -> Result<Response<Body>, BoxError> {
    let target = match (std::str::from_utf8(order), Path::parse(order.clone(), Slashes::Keep)) {
        (Ok(name), _) if name.starts_with('@') => RerouteTarget::Named(name.into()),
        (_, Ok(path)) => RerouteTarget::Path(path.decoded().clone(), path.args().cloned()),
        // nginx: "unsafe URI", then 404.
        (_, Err(_)) => return Err(Unsafe(String::from_utf8_lossy(order).into_owned()).into()),
    };
    let mut answer = Response::new(Body::empty());
    answer.extensions_mut().insert(Reroute { keep: kept(headers), get: true, ..Reroute::to(target) });
    Ok(answer)
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
