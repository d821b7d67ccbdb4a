//! The response future of the leaf.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use http::{Request, Response, StatusCode};
use pin_project_lite::pin_project;
use propylon_exchange::Exchange;
use tower_layer::Layer;
use tower_service::Service;

use crate::open::{Opened, Opening};
use crate::{BoxError, Error, Established};

pin_project! {
    /// The response future of [`Client`](crate::Client). Dropping it closes the connection that it uses.
    pub struct ResponseFuture<L, B>
    where
        L: Layer<Established>,
        L::Service: Service<Request<B>>,
    {
        #[pin]
        state: State<L, B, L::Service, <L::Service as Service<Request<B>>>::Future>,
        // Where the try is on record.
        exchange: Option<Exchange>,
        failure_status: fn(&BoxError) -> Option<StatusCode>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<L, B, S, F> {
        Failed { error: Option<Error> },
        // The slow ways: what they keep has a box, so that the quick one is small.
        Opening { opening: Opening, layer: L, request: Option<Box<Request<B>>> },
        Ready { rest: Option<Box<(S, Request<B>)>> },
        Sending { #[pin] future: F },
    }
}

impl<L, B> ResponseFuture<L, B>
where
    L: Layer<Established>,
    L::Service: Service<Request<B>>,
{
    #[inline]
    pub(crate) fn new(
        opened: Opened,
        exchange: Option<Exchange>,
        layer: &L,
        request: Request<B>,
        failure_status: fn(&BoxError) -> Option<StatusCode>,
    ) -> Self
    where
        L: Clone,
    {
        let state = match opened {
            Opened::Now(established) => {
                let mut service = layer.layer(established);
                // Nearly always ready at once: then the request moves straight into its future.
                match service.poll_ready(&mut Context::from_waker(Waker::noop())) {
                    Poll::Ready(Ok(())) => State::Sending { future: service.call(request) },
                    _ => State::Ready { rest: Some(Box::new((service, request))) },
                }
            }
            Opened::Later(opening) => {
                State::Opening { opening, layer: layer.clone(), request: Some(Box::new(request)) }
            }
        };
        Self { state, exchange, failure_status }
    }

    pub(crate) fn failed(error: Error) -> Self {
        let failure_status = |_: &BoxError| Some(StatusCode::BAD_GATEWAY);
        Self { state: State::Failed { error: Some(error) }, exchange: None, failure_status }
    }
}

impl<L, B, R> Future for ResponseFuture<L, B>
where
    L: Layer<Established>,
    L::Service: Service<Request<B>, Response = Response<R>>,
    <L::Service as Service<Request<B>>>::Error: Into<BoxError>,
{
    type Output = Result<Response<R>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let result = loop {
            match this.state.as_mut().project() {
                StateProj::Failed { error } => {
                    return Poll::Ready(Err(error.take().unwrap_or(Error::NoPeer).into()));
                }
                StateProj::Opening { opening, layer, request } => {
                    // A failure to connect is on record already.
                    let established = ready!(opening.as_mut().poll(cx))?;
                    let rest = request.take().map(|request| Box::new((layer.layer(established), *request)));
                    this.state.set(State::Ready { rest });
                }
                StateProj::Ready { rest } => {
                    if let Some(rest) = rest
                        && let Err(error) = ready!(rest.0.poll_ready(cx))
                    {
                        break Err(error.into());
                    }
                    let Some(rest) = rest.take() else { break Err(Error::NoPeer.into()) };
                    let (mut service, request) = *rest;
                    this.state.set(State::Sending { future: service.call(request) });
                }
                StateProj::Sending { future } => break ready!(future.poll(cx)).map_err(Into::into),
            }
        };
        if let (Err(error), Some(exchange)) = (&result, this.exchange.take())
            && let Some(status) = (this.failure_status)(error)
        {
            exchange.last_try_failed(status);
        }
        Poll::Ready(result)
    }
}

impl<L, B> fmt::Debug for ResponseFuture<L, B>
where
    L: Layer<Established>,
    L::Service: Service<Request<B>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
