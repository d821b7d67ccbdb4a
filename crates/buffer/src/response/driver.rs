//! Reads the upstream while the client is busy with what it has.

use std::fs::File;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http_body::Body;
use tokio::runtime::Handle;

use super::shared::{Client, Driver, End, Event, Shared, State};
use super::store::Room;
use crate::error::{BoxError, Error};
use crate::spill;

/// Owned by the runtime, and over as soon as the body is: dropped or read.
struct Drive<B> {
    shared: Arc<Shared<B>>,
    writing: Option<Writing>,
    spilled: bool,
}

type Writing = Pin<Box<dyn Future<Output = Result<Arc<File>, NotWritten>> + Send>>;

/// What could not be written; `None`: the runtime has ended with it.
struct NotWritten(io::Error, Option<Vec<BytesMut>>);

impl<B> State<B>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    /// The client goes away with a frame: from here on somebody else has to read the upstream.
    pub(super) fn client_goes(&mut self, shared: &Arc<Shared<B>>) {
        self.client = Client::Away;
        match self.driver {
            // Without a runtime the client's side is the only one to read.
            Driver::None if self.inner.is_some() => {
                if let Ok(runtime) = Handle::try_current() {
                    self.driver = Driver::Woken;
                    let shared = Arc::clone(shared);
                    drop(runtime.spawn(Drive { shared, writing: None, spilled: false }));
                }
            }
            Driver::None => {}
            _ => self.wake_driver(),
        }
    }
}

impl<B> Future for Drive<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let mut state = this.shared.state.lock();
        loop {
            if let Some(writing) = &mut this.writing
                && let Poll::Ready(written) = writing.as_mut().poll(cx)
            {
                this.writing = None;
                this.shared.wrote(&mut state, written);
            }
            if matches!(state.client, Client::Gone) || (state.inner.is_none() && this.writing.is_none()) {
                return Poll::Ready(());
            }
            if matches!(state.client, Client::Asks) || state.inner.is_none() {
                state.driver = Driver::Parked(cx.waker().clone());
                return Poll::Pending;
            }
            match state.store.room() {
                Room::Read => match state.poll_data(cx) {
                    Poll::Ready(Some(data)) => state.store.push(data),
                    Poll::Ready(None) => {}
                    Poll::Pending => {
                        state.driver = Driver::Parked(cx.waker().clone());
                        return Poll::Pending;
                    }
                },
                Room::Write(offset, pieces) => {
                    if !std::mem::replace(&mut this.spilled, true) {
                        this.shared.tell(Event::Spilled);
                    }
                    let directory = this.shared.settings.directory.clone();
                    this.writing = Some(Box::pin(write(state.file.clone(), directory, offset, pieces)));
                }
                Room::Busy => {
                    state.driver = Driver::Parked(cx.waker().clone());
                    return Poll::Pending;
                }
                Room::Full => {
                    state.driver = Driver::Full(cx.waker().clone());
                    return Poll::Pending;
                }
            }
        }
    }
}

impl<B> Shared<B> {
    fn wrote(&self, state: &mut State<B>, written: Result<Arc<File>, NotWritten>) {
        match written {
            Ok(file) => {
                state.file = Some(file);
                state.store.wrote();
            }
            Err(NotWritten(error, Some(pieces))) => {
                state.store.could_not_write(pieces);
                self.tell(Event::SpillFailed(&error));
            }
            Err(NotWritten(error, None)) => {
                state.store.could_not_write(Vec::new());
                state.inner = None;
                state.end = End::Failed(Error::TempFile(error).into());
            }
        }
        state.wake_client();
    }

    fn tell(&self, event: Event<'_>) {
        if let Some(report) = &self.report {
            report(event);
        }
    }
}

async fn write(
    file: Option<Arc<File>>,
    directory: std::path::PathBuf,
    offset: u64,
    pieces: Vec<BytesMut>,
) -> Result<Arc<File>, NotWritten> {
    let done = tokio::task::spawn_blocking(move || {
        let file = match file {
            Some(file) => file,
            None => match spill::create(&directory) {
                Ok(file) => Arc::new(file),
                Err(error) => return Err(NotWritten(error, Some(pieces))),
            },
        };
        match spill::write_at(&file, offset, &pieces) {
            Ok(()) => Ok(file),
            Err(error) => Err(NotWritten(error, Some(pieces))),
        }
    });
    done.await.unwrap_or_else(|error| Err(NotWritten(io::Error::other(error), None)))
}
