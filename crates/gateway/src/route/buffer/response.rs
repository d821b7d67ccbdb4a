//! `buffer`, the response side: the upstream is free as soon as it has sent, however slow the client.

use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{HeaderName, Method, Request, Response};
use pin_project_lite::pin_project;
use propylon_buffer::{Event, Report, ResponseBufferLayer, Way};
use propylon_config::{Amount, Buffers, Runtime, Settings};
use propylon_exchange::Exchange;
use propylon_h1::server::SendBuffer;
use propylon_stack::{Body, BoxError};
use tower_layer::Layer;
use tower_service::Service;

use crate::rescue;
use crate::route::limit;

const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// Keeps responses as the settings say. One that came whole with its head passes as it is.
#[derive(Clone, Debug)]
pub(crate) struct KeepLayer {
    layer: ResponseBufferLayer,
    /// How fast it is read.
    rate: Option<Arc<Amount>>,
}

impl KeepLayer {
    pub(crate) fn new(settings: &Settings, runtime: &Runtime) -> Self {
        let layer = layer(&settings.buffer, &super::directory(runtime));
        let layer = layer.accel(!settings.headers.ignore.contains(&X_ACCEL_BUFFERING));
        Self { layer, rate: settings.limit.upstream_rate.clone().map(Arc::new) }
    }
}

fn layer(buffer: &Buffers, directory: &Path) -> ResponseBufferLayer {
    ResponseBufferLayer::new(directory)
        .on(buffer.response)
        .count(buffer.count)
        .size(buffer.size)
        .busy_size(buffer.busy_size)
        .max_temp_file_size(buffer.max_temp_file_size)
        .temp_file_write_size(buffer.temp_file_write_size)
}

/// How much of a response is read from its upstream at once.
pub(crate) fn read_bytes(buffer: &Buffers) -> usize {
    layer(buffer, Path::new("")).read_bytes()
}

impl<S> Layer<S> for KeepLayer {
    type Service = Keep<S>;

    fn layer(&self, inner: S) -> Keep<S> {
        Keep { inner, layer: self.layer.clone(), rate: self.rate.clone() }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Keep<S> {
    inner: S,
    layer: ResponseBufferLayer,
    rate: Option<Arc<Amount>>,
}

impl<S> Service<Request<Body>> for Keep<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = BoxError>,
{
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = KeepFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let exchange = request.extensions().get::<Exchange>().cloned();
        let connect = request.method() == Method::CONNECT;
        let (layer, rate) = (self.layer.clone(), self.rate.clone());
        KeepFuture { inner: self.inner.call(request), layer, rate, exchange, connect }
    }
}

pin_project! {
    pub(crate) struct KeepFuture<F> {
        #[pin]
        inner: F,
        layer: ResponseBufferLayer,
        rate: Option<Arc<Amount>>,
        exchange: Option<Exchange>,
        connect: bool,
    }
}

impl<F> Future for KeepFuture<F>
where
    F: Future<Output = Result<Response<Body>, BoxError>>,
{
    type Output = Result<Response<Body>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut polled = this.inner.poll(cx);
        if let Poll::Ready(Ok(response)) = &mut polled
            && response.body().as_bytes().is_none()
        {
            // Some of it may be with the upstream yet.
            let whole = std::mem::take(response);
            *response = keep(this.layer, this.rate.as_deref(), whole, *this.connect, this.exchange.take());
        }
        polled // where it is: a response is large
    }
}

fn keep(
    layer: &ResponseBufferLayer,
    rate: Option<&Amount>,
    response: Response<Body>,
    connect: bool,
    exchange: Option<Exchange>,
) -> Response<Body> {
    let (mut head, body) = response.into_parts();
    let way = layer.way(&head, connect);
    if way != Way::Kept {
        return Response::from_parts(head, body);
    }
    head.extensions.insert(SendBuffer(layer.busy_bytes()));
    let body = match rate {
        None => body,
        Some(rate) => limit::read_at(body, rate, exchange.as_ref()),
    };
    let report = exchange.map(|exchange| {
        let report: Report = Box::new(move |event| match event {
            Event::SpillFailed(error) => rescue::report_spill(&exchange, Some(error)),
            _ => rescue::report_spill(&exchange, None),
        });
        report
    });
    Response::from_parts(head, Body::new(layer.body(way, body, report)))
}
