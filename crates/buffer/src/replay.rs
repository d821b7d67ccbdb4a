//! A body that was kept whole.

use std::fmt;
use std::fs::File;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};

use crate::error::Error;
use crate::spill::{self, PIECE};

/// A whole body, in memory or in a file. A clone is the same body from its beginning.
pub struct Replay {
    whole: Arc<Whole>,
    /// How much of it has been read here.
    offset: u64,
    reading: Option<Pin<Box<dyn Future<Output = io::Result<Bytes>> + Send + Sync>>>,
    trailers: Option<HeaderMap>,
}

struct Whole {
    store: Store,
    trailers: Option<HeaderMap>,
}

enum Store {
    Memory(Bytes),
    File(Arc<File>, u64),
}

impl Replay {
    pub(crate) fn memory(bytes: Bytes, trailers: Option<HeaderMap>) -> Self {
        Self::new(Store::Memory(bytes), trailers)
    }

    pub(crate) fn file(file: Arc<File>, length: u64, trailers: Option<HeaderMap>) -> Self {
        Self::new(Store::File(file, length), trailers)
    }

    fn new(store: Store, trailers: Option<HeaderMap>) -> Self {
        let here = trailers.clone();
        Self { whole: Arc::new(Whole { store, trailers }), offset: 0, reading: None, trailers: here }
    }

    /// All of it, if it is in memory and has no trailers.
    #[must_use]
    pub fn as_bytes(&self) -> Option<&Bytes> {
        match &self.whole.store {
            Store::Memory(bytes) if self.whole.trailers.is_none() => Some(bytes),
            _ => None,
        }
    }

    /// How long it is, trailers aside.
    #[must_use]
    pub fn len(&self) -> u64 {
        match &self.whole.store {
            Store::Memory(bytes) => bytes.len() as u64,
            Store::File(_, length) => *length,
        }
    }

    /// Whether it has no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether it is in a file.
    #[must_use]
    pub fn is_in_file(&self) -> bool {
        matches!(self.whole.store, Store::File(..))
    }
}

impl Clone for Replay {
    fn clone(&self) -> Self {
        let whole = Arc::clone(&self.whole);
        Self { trailers: whole.trailers.clone(), whole, offset: 0, reading: None }
    }
}

impl Body for Replay {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if self.offset == self.len() {
            return Poll::Ready(self.trailers.take().map(|trailers| Ok(Frame::trailers(trailers))));
        }
        let offset = self.offset;
        let (file, length) = match &self.whole.store {
            Store::Memory(bytes) => {
                let bytes = bytes.clone();
                self.offset = bytes.len() as u64;
                return Poll::Ready(Some(Ok(Frame::data(bytes))));
            }
            Store::File(file, length) => (file.clone(), *length),
        };
        let wanted = usize::try_from(length - offset).unwrap_or(PIECE).min(PIECE);
        let reading = self.reading.get_or_insert_with(|| Box::pin(spill::read(file, offset, wanted)));
        let piece = ready!(reading.as_mut().poll(cx));
        self.reading = None;
        Poll::Ready(Some(match piece {
            Ok(piece) => {
                self.offset += piece.len() as u64;
                Ok(Frame::data(piece))
            }
            Err(error) => Err(Error::TempFile(error)),
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.offset == self.len() && self.trailers.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.len() - self.offset)
    }
}

impl fmt::Debug for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replay").field("len", &self.len()).field("in_file", &self.is_in_file()).finish()
    }
}
