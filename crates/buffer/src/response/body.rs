//! What the client's side reads.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use parking_lot::Mutex;
use pin_project_lite::pin_project;

use super::settings::Settings;
use super::shared::{Client, Driver, End, Report, Shared, State};
use super::store::{Next, Store};
use crate::error::{BoxError, Error};
use crate::spill;

pin_project! {
    /// A response body on its way to the client.
    ///
    /// One that is kept is read from the inner body as fast as that gives it, from the first poll on: by whoever polls this,
    /// and while nobody does by a task of the runtime that it is polled in, which is over when this is dropped. Frames are
    /// not delayed: one that comes while this is waited for goes out as it is. Outside of a runtime it passes frames through.
    pub struct ResponseBody<B> {
        #[pin]
        kind: Kind<B>,
    }
}

pin_project! {
    #[project = Project]
    enum Kind<B> {
        AtOnce { #[pin] inner: B },
        Kept { kept: Kept<B> },
    }
}

struct Kept<B> {
    shared: Arc<Shared<B>>,
    reading: Option<Reading>,
    /// What is still to come, if the inner body told.
    left: Option<u64>,
}

type Reading = Pin<Box<dyn Future<Output = io::Result<Bytes>> + Send + Sync>>;

impl<B> ResponseBody<B> {
    /// A body that goes through as it comes.
    pub(super) const fn at_once(inner: B) -> Self {
        Self { kind: Kind::AtOnce { inner } }
    }

    /// Whether it is kept.
    pub const fn is_kept(&self) -> bool {
        matches!(self.kind, Kind::Kept { .. })
    }
}

impl<B: Body> ResponseBody<B> {
    /// A body that is read as fast as it comes.
    pub(super) fn kept(inner: B, settings: Arc<Settings>, report: Option<Report>) -> Self {
        if inner.is_end_stream() {
            return Self::at_once(inner);
        }
        let left = inner.size_hint().exact();
        let state = State {
            inner: Some(Box::pin(inner)),
            end: End::Plain,
            store: Store::new(settings.bounds()),
            file: None,
            client: Client::Away,
            driver: Driver::None,
        };
        let shared = Arc::new(Shared { state: Mutex::new(state), settings, report });
        Self { kind: Kind::Kept { kept: Kept { shared, reading: None, left } } }
    }
}

impl<B> Body for ResponseBody<B>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.project().kind.project() {
            Project::AtOnce { inner } => {
                inner.poll_frame(cx).map(|frame| frame.map(|f| f.map_err(Into::into)))
            }
            Project::Kept { kept } => kept.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::AtOnce { inner } => inner.is_end_stream(),
            Kind::Kept { kept } => kept.shared.state.lock().is_over(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::AtOnce { inner } => inner.size_hint(),
            Kind::Kept { kept } => kept.size_hint(),
        }
    }
}

impl<B> Kept<B>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = ready!(self.poll_next(cx));
        if let (Some(left), Some(Ok(frame))) = (&mut self.left, &frame)
            && let Some(data) = frame.data_ref()
        {
            *left = left.saturating_sub(data.len() as u64);
        }
        Poll::Ready(frame)
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        loop {
            if let Some(reading) = &mut self.reading {
                let read = ready!(reading.as_mut().poll(cx));
                self.reading = None;
                return Poll::Ready(Some(self.was_read(read)));
            }
            let state = &mut *self.shared.state.lock();
            match state.store.next() {
                Next::Memory(data) => {
                    state.made_room();
                    return Poll::Ready(Some(Ok(Frame::data(data))));
                }
                Next::File(offset, wanted) => match &state.file {
                    Some(file) => self.reading = Some(Box::pin(spill::read(file.clone(), offset, wanted))),
                    None => return Poll::Ready(None), // what is written has a file
                },
                Next::Writing => {
                    state.client = Client::Waits(cx.waker().clone());
                    return Poll::Pending;
                }
                Next::Nothing => return Self::poll_inner(&self.shared, state, cx),
            }
        }
    }

    /// Nothing is kept: the next frame goes straight through.
    fn poll_inner(
        shared: &Arc<Shared<B>>,
        state: &mut State<B>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match state.poll_data(cx) {
            Poll::Pending => {
                state.client = Client::Asks;
                Poll::Pending
            }
            Poll::Ready(Some(data)) => {
                state.store.passed(data.len());
                state.client_goes(shared);
                Poll::Ready(Some(Ok(Frame::data(data))))
            }
            Poll::Ready(None) => {
                state.client_goes(shared);
                Poll::Ready(state.take_end())
            }
        }
    }

    fn was_read(&self, read: io::Result<Bytes>) -> Result<Frame<Bytes>, BoxError> {
        let mut state = self.shared.state.lock();
        match read {
            Ok(data) => {
                state.store.took(data.len());
                state.made_room();
                Ok(Frame::data(data))
            }
            Err(error) => {
                state.fail();
                Err(Error::TempFile(error).into())
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        if let Some(left) = self.left {
            return SizeHint::with_exact(left);
        }
        let mut hint = SizeHint::default();
        hint.set_lower(self.shared.state.lock().store.len());
        hint
    }
}

impl<B> Drop for Kept<B> {
    fn drop(&mut self) {
        let mut state = self.shared.state.lock();
        state.client = Client::Gone;
        state.wake_driver();
        let inner = state.inner.take();
        drop(state);
        drop(inner);
    }
}

impl<B> fmt::Debug for ResponseBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_kept() { "ResponseBody(kept)" } else { "ResponseBody(at once)" })
    }
}
