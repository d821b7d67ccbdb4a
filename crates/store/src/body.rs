use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::BoxError;
use crate::layer::Spawn;
use crate::saver::Saver;

pin_project! {
    /// The body of a response, which may be stored as it is read.
    pub struct ResponseBody<R> {
        #[pin]
        kind: Kind<R>,
    }
}

pin_project! {
    #[project = KindProj]
    enum Kind<R> {
        Plain { #[pin] body: R },
        Stored { stored: Box<Stored<R>> },
    }
}

impl<R> ResponseBody<R> {
    pub(crate) const fn plain(body: R) -> Self {
        Self { kind: Kind::Plain { body } }
    }

    /// The inner service's body, if it is not stored.
    ///
    /// # Errors
    /// Gives this body back if it is.
    pub fn into_inner(self) -> Result<R, Self> {
        match self.kind {
            Kind::Plain { body } => Ok(body),
            kind @ Kind::Stored { .. } => Err(Self { kind }),
        }
    }
}

impl<R> ResponseBody<R>
where
    R: Body<Data = Bytes> + Send + 'static,
    R::Error: Into<BoxError>,
{
    pub(crate) fn stored(body: R, saver: Saver, spawn: Option<Arc<Spawn>>) -> Self {
        let inner = Some(Rest { body: Box::pin(body), saver: Some(saver) });
        let run: Run<R> = |rest| Box::pin(rest.run());
        let stored = Stored { inner, ends: false, held: None, spawn, run };
        Self { kind: Kind::Stored { stored: Box::new(stored) } }
    }
}

impl<R> Body for ResponseBody<R>
where
    R: Body<Data = Bytes>,
    R::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.project().kind.project() {
            KindProj::Plain { body } => body.poll_frame(cx).map_err(Into::into),
            KindProj::Stored { stored } => stored.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Plain { body } => body.is_end_stream(),
            Kind::Stored { stored } => stored.inner.is_none() && stored.held.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Plain { body } => body.size_hint(),
            Kind::Stored { stored } => stored.size_hint(),
        }
    }
}

impl<R> fmt::Debug for ResponseBody<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            Kind::Plain { .. } => "ResponseBody::Plain",
            Kind::Stored { .. } => "ResponseBody::Stored",
        })
    }
}

struct Stored<R> {
    /// None when all is done.
    inner: Option<Rest<R>>,
    /// All of it has come, and is being put in its place.
    ends: bool,
    /// What its client gets when it is there.
    held: Option<Frame<Bytes>>,
    spawn: Option<Arc<Spawn>>,
    run: Run<R>,
}

/// What is made of what its client does not read.
type Run<R> = fn(Rest<R>) -> crate::Work;

struct Rest<R> {
    body: Pin<Box<R>>,
    /// None when it has been given up.
    saver: Option<Saver>,
}

impl<R> Stored<R>
where
    R: Body<Data = Bytes>,
    R::Error: Into<BoxError>,
{
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let Some(rest) = &mut self.inner else { return Poll::Ready(self.held.take().map(Ok)) };
        if !self.ends {
            ready!(rest.poll_room(cx));
            match ready!(rest.body.as_mut().poll_frame(cx)) {
                Some(Err(error)) => {
                    self.inner = None; // what is not whole is not stored
                    return Poll::Ready(Some(Err(error.into())));
                }
                Some(Ok(frame)) => {
                    rest.keep(&frame);
                    if !rest.body.is_end_stream() {
                        return Poll::Ready(Some(Ok(frame)));
                    }
                    self.held = Some(frame);
                }
                None => {}
            }
            self.ends = true;
        }
        if let Some(saver) = &mut rest.saver {
            ready!(saver.poll_finish(cx));
        }
        self.inner = None;
        Poll::Ready(self.held.take().map(Ok))
    }

    fn size_hint(&self) -> SizeHint {
        let held = self.held.as_ref().and_then(Frame::data_ref).map_or(0, |data| data.len() as u64);
        let mut hint = SizeHint::with_exact(0);
        if let Some(rest) = self.inner.as_ref().filter(|_| !self.ends) {
            hint = rest.body.size_hint();
        }
        let mut sum = SizeHint::new();
        if let Some(upper) = hint.upper() {
            sum.set_upper(upper + held);
        }
        sum.set_lower(hint.lower() + held);
        sum
    }
}

impl<R> Rest<R>
where
    R: Body<Data = Bytes>,
{
    /// Waits for room. A saver that has failed is let go of.
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(saver) = &mut self.saver
            && !ready!(saver.poll_ready(cx))
        {
            self.saver = None;
        }
        Poll::Ready(())
    }

    fn keep(&mut self, frame: &Frame<Bytes>) {
        if let (Some(saver), Some(data)) = (&mut self.saver, frame.data_ref()) {
            saver.write(data);
        }
    }

    /// Reads what is left, as long as it is stored.
    async fn run(mut self) {
        std::future::poll_fn(|cx| self.poll_run(cx)).await;
    }

    fn poll_run(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            ready!(self.poll_room(cx));
            let Some(saver) = &mut self.saver else { return Poll::Ready(()) };
            if self.body.is_end_stream() {
                return saver.poll_finish(cx);
            }
            match ready!(self.body.as_mut().poll_frame(cx)) {
                None => return saver.poll_finish(cx),
                Some(Err(_)) => return Poll::Ready(()),
                Some(Ok(frame)) => self.keep(&frame),
            }
        }
    }
}

impl<R> Drop for Stored<R> {
    fn drop(&mut self) {
        if let (Some(rest), Some(spawn)) = (self.inner.take(), &self.spawn)
            && rest.saver.is_some()
        {
            spawn((self.run)(rest));
        }
    }
}
