//! What the body that the client reads and the driver that reads for it share.

use std::fs::File;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame};
use parking_lot::Mutex;

use super::settings::Settings;
use super::store::Store;
use crate::error::BoxError;

/// Hears of what happens to a response on its way.
pub type Report = Box<dyn Fn(Event<'_>) + Send + Sync>;

/// What happens to a response on its way.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// It does not fit into memory: from here on it goes to a temporary file. Once a response.
    Spilled,
    /// The file could not be made or written. Nothing is lost: the upstream has to wait for the client from here on.
    SpillFailed(&'a std::io::Error),
}

pub(super) struct Shared<B> {
    pub(super) state: Mutex<State<B>>,
    pub(super) settings: Arc<Settings>,
    pub(super) report: Option<Report>,
}

/// Whoever has the lock reads the upstream: the client's own task while it waits for more, else the driver.
pub(super) struct State<B> {
    /// Until its end: its connection is free then, however slow the client.
    pub(super) inner: Option<Pin<Box<B>>>,
    pub(super) end: End,
    pub(super) store: Store,
    pub(super) file: Option<Arc<File>>,
    pub(super) client: Client,
    pub(super) driver: Driver,
}

/// How the upstream's message ended.
pub(super) enum End {
    /// It has not, or all of it has been told.
    Plain,
    Trailers(HeaderMap),
    Failed(BoxError),
}

/// What the client's side does.
pub(super) enum Client {
    /// It has something to send, or has not asked yet.
    Away,
    /// It waits for the upstream, which will wake it.
    Asks,
    /// It waits for what is being written.
    Waits(Waker),
    /// It has left.
    Gone,
}

/// What the driver does.
pub(super) enum Driver {
    /// There is none as yet.
    None,
    /// It will look.
    Woken,
    /// It waits until the client goes away, or for the upstream or a write.
    Parked(Waker),
    /// It waits until the client has taken something.
    Full(Waker),
}

impl<B> State<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    /// The upstream's next frame of data, to whoever asks; `None`: it is over, and `end` tells how.
    pub(super) fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let Some(inner) = &mut self.inner else { return Poll::Ready(None) };
        let (end, data) = match inner.as_mut().poll_frame(cx) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(None) => (Some(End::Plain), None),
            Poll::Ready(Some(Err(error))) => (Some(End::Failed(error.into())), None),
            Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                Ok(data) => (inner.is_end_stream().then_some(End::Plain), Some(data)),
                Err(frame) => (frame.into_trailers().ok().map(End::Trailers), None),
            },
        };
        if let Some(end) = end {
            self.end = end;
            self.inner = None;
        } else if data.is_none() {
            cx.waker().wake_by_ref(); // a frame of a kind that nobody knows
            return Poll::Pending;
        }
        Poll::Ready(data)
    }

    /// What comes after the data.
    pub(super) fn take_end(&mut self) -> Option<Result<Frame<Bytes>, BoxError>> {
        match std::mem::replace(&mut self.end, End::Plain) {
            End::Plain => None,
            End::Trailers(trailers) => Some(Ok(Frame::trailers(trailers))),
            End::Failed(error) => Some(Err(error)),
        }
    }
}

impl<B> State<B> {
    /// Whether the client has been told all.
    pub(super) fn is_over(&self) -> bool {
        self.inner.is_none() && matches!(self.end, End::Plain) && self.store.len() == 0
    }

    /// The driver has to look, whatever it waits for.
    pub(super) fn wake_driver(&mut self) {
        match std::mem::replace(&mut self.driver, Driver::Woken) {
            Driver::Parked(waker) | Driver::Full(waker) => waker.wake(),
            Driver::None => self.driver = Driver::None,
            Driver::Woken => {}
        }
    }

    /// The client has taken something that was kept.
    pub(super) fn made_room(&mut self) {
        if matches!(self.driver, Driver::Full(_)) {
            self.wake_driver();
        }
    }

    /// What was being written is not any more.
    pub(super) fn wake_client(&mut self) {
        if let Client::Waits(waker) = &self.client {
            waker.wake_by_ref();
        }
    }

    /// What was kept is lost: nothing more comes.
    pub(super) fn fail(&mut self) {
        self.inner = None;
        self.end = End::Plain;
        self.store.clear();
        self.wake_driver();
    }
}
