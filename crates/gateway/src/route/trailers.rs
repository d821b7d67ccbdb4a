//! `headers.add_trailer`: fields after the body of a response.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Version};
use http_body::{Body as HttpBody, Frame, SizeHint};
use propylon_config::{SetHeader, Settings, Template};
use propylon_exchange::Exchange;
use propylon_stack::{Body, BoxError};
use tower_layer::Layer;
use tower_service::Service;

/// The layer, if there are trailers.
pub(crate) fn layer(settings: &Settings) -> Option<TrailersLayer> {
    let headers = &settings.headers;
    let field = |always: bool| {
        move |field: &SetHeader| {
            field
                .values
                .iter()
                .map(move |value| (field.name.clone(), value.clone(), always))
                .collect::<Vec<_>>()
        }
    };
    let some = headers.add_trailer.iter().flat_map(field(false));
    let all: Vec<_> = some.chain(headers.add_trailer_always.iter().flat_map(field(true))).collect();
    (!all.is_empty()).then(|| TrailersLayer(all.into()))
}

/// What the templates need to be kept.
pub(crate) fn needs(settings: &Settings) -> propylon_exchange::Keep {
    let headers = &settings.headers;
    let fields = headers.add_trailer.iter().chain(&headers.add_trailer_always);
    super::carry::needs(fields.flat_map(|field| &field.values))
}

type Fields = Arc<[(HeaderName, Template, bool)]>;

#[derive(Clone, Debug)]
pub(crate) struct TrailersLayer(Fields);

impl<S> Layer<S> for TrailersLayer {
    type Service = Trailers<S>;

    fn layer(&self, inner: S) -> Trailers<S> {
        Trailers { inner, fields: self.0.clone() }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Trailers<S> {
    inner: S,
    fields: Fields,
}

impl<S> Service<Request<Body>> for Trailers<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = BoxError>,
{
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = TrailersFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        // HTTP/1.0 has no chunks, and a HEAD no body.
        let able = request.version() >= Version::HTTP_11 && request.method() != http::Method::HEAD;
        let exchange = request.extensions().get::<Exchange>().cloned().filter(|_| able);
        TrailersFuture { inner: self.inner.call(request), exchange, fields: self.fields.clone() }
    }
}

pin_project_lite::pin_project! {
    pub(crate) struct TrailersFuture<F> {
        #[pin]
        inner: F,
        exchange: Option<Exchange>,
        fields: Fields,
    }
}

impl<F> Future for TrailersFuture<F>
where
    F: Future<Output = Result<Response<Body>, BoxError>>,
{
    type Output = Result<Response<Body>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut response = ready!(this.inner.poll(cx))?;
        let status = response.status();
        let bodiless =
            status.is_informational() || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        // On the page of an error it is the status that the client sees.
        let shown = this.exchange.as_ref().and_then(Exchange::answering_with).unwrap_or(status);
        let success = propylon_headers::is_success(shown);
        let any = this.fields.iter().any(|(_, _, always)| success || *always);
        if let Some(exchange) = this.exchange.take().filter(|_| any && !bodiless) {
            response.headers_mut().remove(CONTENT_LENGTH); // chunks carry trailers, a length does not
            let fields = this.fields.clone();
            return Poll::Ready(Ok(
                response.map(|inner| Body::new(Ending { inner, exchange, fields, success, done: false }))
            ));
        }
        Poll::Ready(Ok(response))
    }
}

/// A body that ends with trailers.
struct Ending {
    inner: Body,
    exchange: Exchange,
    fields: Fields,
    success: bool,
    done: bool,
}

impl Ending {
    /// Each value sees those before it (`$sent_trailer_NAME`); an empty one is not sent.
    fn trailers(&self, mut trailers: HeaderMap) -> HeaderMap {
        for (name, value, _) in self.fields.iter().filter(|(_, _, always)| self.success || *always) {
            let text = value.eval(&self.exchange);
            if let (false, Ok(value)) = (text.is_empty(), HeaderValue::from_maybe_shared(text)) {
                trailers.append(name.clone(), value);
                self.exchange.sent_trailers(&trailers);
            }
        }
        trailers
    }
}

impl HttpBody for Ending {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.done {
            return Poll::Ready(None);
        }
        let from_upstream = match ready!(Pin::new(&mut self.inner).poll_frame(cx)) {
            Some(Ok(frame)) => match frame.into_trailers() {
                Ok(trailers) => trailers,
                Err(data) => return Poll::Ready(Some(Ok(data))),
            },
            Some(Err(error)) => return Poll::Ready(Some(Err(error))),
            None => HeaderMap::new(),
        };
        self.done = true;
        let trailers = self.trailers(from_upstream);
        Poll::Ready((!trailers.is_empty()).then(|| Ok(Frame::trailers(trailers))))
    }

    /// Never known ahead: what has a length is sent with it, and without trailers.
    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}
