//! What an upstream answers, on its way to what shapes all responses: its orders, what is kept of it, and what stands in the place
//! of an error. One service for the three, for they are on the path of every request and want to know the same of it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{Method, Request, Response};
use pin_project_lite::pin_project;
use propylon_config::{Runtime, Settings};
use propylon_exchange::Exchange;
use propylon_slice::InSlices;
use propylon_stack::{Body, BoxError};
use tower_layer::Layer;
use tower_service::Service;

use super::accel::{Arriving, Obeys};
use super::buffer::Keeping;
use crate::page::Face;
use crate::rescue::rescue;

/// The layer.
#[derive(Clone)]
pub(super) struct AnswerLayer(Arc<Rules>);

/// What is done, in this order.
struct Rules {
    /// X-Accel-* are orders: obeyed before they are hidden.
    obeys: Obeys,
    /// A slow client holds no connection.
    keeping: Keeping,
    /// Slices may be kept already, each by itself.
    slices: bool,
    /// Errors are responses from here on, and are shaped as such; none where that is somebody else's to do.
    face: Option<Face>,
}

impl AnswerLayer {
    pub(super) fn new(settings: &Settings, runtime: &Runtime, face: Option<Face>) -> Self {
        let (obeys, keeping) = (Obeys::new(settings), Keeping::new(settings, runtime));
        Self(Arc::new(Rules { obeys, keeping, slices: settings.slice.is_some(), face }))
    }
}

impl<S> Layer<S> for AnswerLayer {
    type Service = Answering<S>;

    fn layer(&self, inner: S) -> Answering<S> {
        Answering { inner, rules: self.0.clone() }
    }
}

#[derive(Clone)]
pub(super) struct Answering<S> {
    inner: S,
    rules: Arc<Rules>,
}

impl<S, B> Service<Request<Body>> for Answering<S>
where
    S: Service<Request<Body>, Response = Response<B>, Error = BoxError>,
    B: Arriving,
{
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = AnswerFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let exchange = request.extensions().get::<Exchange>().cloned();
        let connect = request.method() == Method::CONNECT;
        AnswerFuture { inner: self.inner.call(request), rules: self.rules.clone(), exchange, connect }
    }
}

pin_project! {
    pub(super) struct AnswerFuture<F> {
        #[pin]
        inner: F,
        rules: Arc<Rules>,
        exchange: Option<Exchange>,
        connect: bool,
    }
}

impl<F, B> Future for AnswerFuture<F>
where
    F: Future<Output = Result<Response<B>, BoxError>>,
    B: Arriving,
{
    type Output = Result<Response<Body>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let exchange = this.exchange.as_ref();
        let rules = &**this.rules;
        // Changed where it is: a response is large.
        let mut answer = match ready!(this.inner.poll(cx)) {
            Ok(response) => rules.obeys.apply(response),
            Err(error) => Err(error),
        };
        match &mut answer {
            // All of it is here.
            Ok(response) if response.body().as_bytes().is_some() => {}
            Ok(response) if rules.slices && response.extensions().get::<InSlices>().is_some() => {}
            Ok(response) => {
                let streamed = std::mem::take(response);
                *response = rules.keeping.keep(streamed, *this.connect, exchange);
            }
            Err(_) => {
                if let Some(face) = &rules.face {
                    answer = answer.or_else(|error| rescue(error, exchange, face));
                }
            }
        }
        Poll::Ready(answer)
    }
}
