use std::convert::Infallible;
use std::fmt;
use std::future::{Future, Ready, ready};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, VARY};
use http::{HeaderValue, Request, Response};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tower_http::CompressionLevel;
use tower_http::compression::predicate::Predicate;
use tower_http::compression::{Compression, CompressionBody};
use tower_service::Service;

use crate::sizes::{Counted, Sizes};
use crate::{BoxError, Coding};

pin_project! {
    /// The response's body: as it came, or coded. Trailers pass. What is there is flushed whenever no more is ready.
    pub struct ResponseBody<B: Body> {
        #[pin]
        state: State<B>,
    }
}

pin_project! {
    #[project = Project]
    enum State<B: Body> {
        Plain { #[pin] body: B },
        // Boxed: a compressor takes more than a word.
        Coded { body: Pin<Box<CompressionBody<Counted<B>>>>, sizes: Option<Arc<Sizes>> },
        Gone,
    }
}

impl<B: Body> ResponseBody<B> {
    pub(crate) fn plain(body: B) -> Self {
        Self { state: State::Plain { body } }
    }
}

/// Has tower-http code a response: all that it might decide is decided already.
pub(crate) fn code<B>(
    response: Response<B>,
    coding: Coding,
    level: i32,
    sizes: Option<Arc<Sizes>>,
) -> Response<ResponseBody<B>>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    let vary: Vec<HeaderValue> = response.headers().get_all(VARY).iter().cloned().collect();
    // It only codes what a service answers: the service is one that answers with what it is asked with.
    let mut request = Request::new(response.map(|body| Counted::new(body, sizes.clone())));
    request.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static(coding.name()));
    let coder = Compression::new(Echo).compress_when(Always);
    let coded = coder.quality(CompressionLevel::Precise(level)).call(request);
    let Poll::Ready(Ok(coded)) = pin!(coded).poll(&mut Context::from_waker(Waker::noop())) else {
        // Never: what is ready is there when it is asked for. Whoever calls has no errors of its own; a body may have.
        return Response::new(ResponseBody { state: State::Gone });
    };
    let mut coded = coded.map(|body| ResponseBody { state: State::Coded { body: Box::pin(body), sizes } });
    // What it says of `Vary` is not ours to say where that is off.
    coded.headers_mut().remove(VARY);
    for value in vary {
        coded.headers_mut().append(VARY, value);
    }
    coded
}

/// Every response that comes here is to be coded.
#[derive(Clone, Copy)]
struct Always;

impl Predicate for Always {
    fn should_compress<B: Body>(&self, _: &Response<B>) -> bool {
        true
    }
}

/// A service that answers with what it is asked with.
#[derive(Clone, Copy)]
struct Echo;

impl<B> Service<Request<Response<B>>> for Echo {
    type Response = Response<B>;
    type Error = Infallible;
    type Future = Ready<Result<Response<B>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Response<B>>) -> Self::Future {
        ready(Ok(request.into_body()))
    }
}

/// The coder gave nothing.
#[derive(Clone, Copy, Debug)]
struct Gone;

impl fmt::Display for Gone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the coder gave no response")
    }
}

impl std::error::Error for Gone {}

impl<B> Body for ResponseBody<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.project().state.project() {
            Project::Plain { body } => body.poll_frame(cx).map_err(Into::into),
            Project::Coded { body, sizes } => {
                let polled = body.as_mut().poll_frame(cx);
                if let (Poll::Ready(frame @ (None | Some(Ok(_)))), Some(sizes)) = (&polled, sizes) {
                    sizes.wrote(frame.as_ref().and_then(|frame| frame.as_ref().ok()));
                }
                polled
            }
            Project::Gone => Poll::Ready(Some(Err(Gone.into()))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.state {
            State::Plain { body } => body.is_end_stream(),
            State::Coded { body, .. } => body.is_end_stream(),
            State::Gone => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.state {
            State::Plain { body } => body.size_hint(),
            State::Coded { .. } | State::Gone => SizeHint::default(),
        }
    }
}

impl<B: Body> fmt::Debug for ResponseBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let coded = matches!(self.state, State::Coded { .. });
        f.debug_struct("ResponseBody").field("coded", &coded).finish_non_exhaustive()
    }
}
