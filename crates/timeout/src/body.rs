use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio::time::Instant;

use crate::{BoxError, deadline::Request, progress::Progress, watch::Watch};

pin_project! {
    /// The request body that the inner service gets: the client's, watched while it is taken.
    ///
    /// Frames, trailers, size and end are the inner body's own. It holds no timer: the response's side keeps the time.
    #[derive(Debug)]
    pub struct RequestBody<B> {
        #[pin]
        inner: B,
        report: Report,
    }
}

impl<B> RequestBody<B> {
    pub(crate) fn new(inner: B, progress: Option<Arc<Progress>>) -> Self {
        Self { inner, report: Report(progress) }
    }

    /// The body inside.
    pub const fn get_ref(&self) -> &B {
        &self.inner
    }

    /// The body inside, which counts as taken completely from now on.
    pub fn into_inner(self) -> B {
        self.inner
    }
}

impl<B: Body<Data = Bytes>> Body for RequestBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let mut this = self.project();
        let polled = this.inner.as_mut().poll_frame(cx);
        match &polled {
            Poll::Pending => this.report.awaited(),
            Poll::Ready(Some(Ok(_))) if !this.inner.is_end_stream() => this.report.held(),
            // The last frame, the end or an error: there is nothing more to take.
            Poll::Ready(_) => this.report.complete(),
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// Tells the response's side how far the request has come. A service that drops the body takes no more of it: that
/// completes the request as well.
#[derive(Debug)]
struct Report(Option<Arc<Progress>>);

impl Report {
    fn awaited(&self) {
        if let Some(progress) = &self.0 {
            progress.set(Request::Awaited);
        }
    }

    fn held(&self) {
        if let Some(progress) = &self.0 {
            progress.set(Request::Held(Instant::now()));
        }
    }

    fn complete(&mut self) {
        if let Some(progress) = self.0.take() {
            progress.set(Request::Complete(Instant::now()));
        }
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        self.complete();
    }
}

pin_project! {
    /// The response body that the caller gets: the inner service's, with a limit on the wait for each frame.
    ///
    /// Frames, trailers, size and end are the inner body's own. After an [`Error`](crate::Error) of this layer it is at
    /// its end.
    #[derive(Debug)]
    pub struct ResponseBody<B> {
        #[pin]
        inner: B,
        timing: Timing,
    }
}

#[derive(Debug)]
enum Timing {
    Off,
    On(Watch),
    /// A limit was exceeded: what the inner body may still give is not part of the message any more.
    Over,
}

impl<B> ResponseBody<B> {
    /// A body without limits.
    pub(crate) const fn untimed(inner: B) -> Self {
        Self { inner, timing: Timing::Off }
    }

    /// The body inside.
    pub const fn get_ref(&self) -> &B {
        &self.inner
    }

    /// The body inside, to be asked for what it has without a wait.
    pub const fn get_mut(&mut self) -> &mut B {
        &mut self.inner
    }

    /// The body inside, without a limit from now on.
    pub fn into_inner(self) -> B {
        self.inner
    }
}

impl<B: Body> ResponseBody<B> {
    pub(crate) fn timed(inner: B, watch: Watch) -> Self {
        let timing = if inner.is_end_stream() { Timing::Off } else { Timing::On(watch) };
        Self { inner, timing }
    }
}

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
        let mut this = self.project();
        if matches!(this.timing, Timing::Over) {
            return Poll::Ready(None);
        }
        if let Poll::Ready(frame) = this.inner.as_mut().poll_frame(cx) {
            let last = !matches!(frame, Some(Ok(_))) || this.inner.is_end_stream();
            match this.timing {
                Timing::On(_) if last => *this.timing = Timing::Off,
                Timing::On(watch) => watch.came(),
                Timing::Off | Timing::Over => {}
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let Timing::On(watch) = this.timing else { return Poll::Pending };
        let error = ready!(watch.poll_frame(cx));
        *this.timing = Timing::Over;
        Poll::Ready(Some(Err(error.into())))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.timing, Timing::Over) || self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
