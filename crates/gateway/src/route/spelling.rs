//! How names are spelled that the configuration does not write as usual (`X-URI`): HTTP/1 says them so.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Extensions, Request, Response};
use propylon_config::{SetHeader, Settings};
use propylon_h1::{Names, Spelling};
use propylon_stack::{Body, BoxError};
use tower_layer::Layer;
use tower_service::Service;

/// The layer for the fields that are added to responses, if one of their names needs it.
pub(crate) fn layer(settings: &Settings) -> Option<SpellingLayer> {
    names(settings.headers.add.iter().chain(&settings.headers.add_always)).map(SpellingLayer)
}

/// The names among these that need it.
pub(crate) fn names<'a>(fields: impl IntoIterator<Item = &'a SetHeader>) -> Option<Names> {
    Names::new(fields.into_iter().map(|field| &*field.written))
}

/// Has names spelled so, and the others as they came.
pub(crate) fn spell(names: &Names, extensions: &mut Extensions) {
    let spelling = extensions.remove::<Spelling>().unwrap_or_default();
    extensions.insert(spelling.with_names(names.clone()));
}

#[derive(Clone, Debug)]
pub(crate) struct SpellingLayer(Names);

impl<S> Layer<S> for SpellingLayer {
    type Service = Spelled<S>;

    fn layer(&self, inner: S) -> Spelled<S> {
        Spelled { inner, names: self.0.clone() }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Spelled<S> {
    inner: S,
    names: Names,
}

impl<S> Service<Request<Body>> for Spelled<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = BoxError>,
{
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = SpelledFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        SpelledFuture { inner: self.inner.call(request), names: self.names.clone() }
    }
}

pin_project_lite::pin_project! {
    pub(crate) struct SpelledFuture<F> {
        #[pin]
        inner: F,
        names: Names,
    }
}

impl<F> Future for SpelledFuture<F>
where
    F: Future<Output = Result<Response<Body>, BoxError>>,
{
    type Output = Result<Response<Body>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut response = ready!(this.inner.poll(cx))?;
        spell(this.names, response.extensions_mut());
        Poll::Ready(Ok(response))
    }
}
