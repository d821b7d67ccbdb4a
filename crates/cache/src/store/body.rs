//! A stored body.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use propylon_page_cache::CHUNK;
use tokio::task::JoinHandle;

use super::disk::Opened;
use super::entry::Source;
use super::error::Error;
use super::flow::{End, Next, Reader, Written};
use super::object::Body;
use super::wakers::Place;

/// The body of an [`Entry`](super::Entry), or a part of it.
///
/// From memory it comes without a copy, from a file in pieces that are checked, read at once or by tokio's blocking pool. That of a response
/// which is still coming waits for more; it ends with an error if the response does not arrive whole.
pub struct EntryBody {
    at: u64,
    /// None if nobody knows yet.
    end: Option<u64>,
    from: From,
}

enum From {
    Nothing,
    Bytes(Bytes),
    Pieces(Arc<[(u64, Bytes)]>),
    Flow(FlowBody),
    File(FileBody),
}

impl EntryBody {
    pub(super) fn new(source: &Source, at: u64, end: Option<u64>) -> Self {
        let from = match source {
            _ if end.is_some_and(|end| at >= end) => From::Nothing,
            Source::Memory(object) | Source::Loose(object) => match &object.body {
                Body::One(bytes) => {
                    let end = end.and_then(|end| usize::try_from(end).ok()).unwrap_or(bytes.len());
                    let at = usize::try_from(at).unwrap_or(usize::MAX).min(end);
                    From::Bytes(bytes.slice(at..end.min(bytes.len())))
                }
                Body::Many(pieces, _) => From::Pieces(Arc::clone(pieces)),
            },
            Source::Flow(reader) => {
                From::Flow(FlowBody { reader: reader.clone(), place: Place::default(), reading: None })
            }
            Source::File(opened) => From::File(FileBody { opened: Arc::clone(opened), reading: None }),
        };
        Self { at, end, from }
    }

    /// All that is left, if it is in memory in one piece. Then nothing is left.
    pub fn take_bytes(&mut self) -> Option<Bytes> {
        match std::mem::replace(&mut self.from, From::Nothing) {
            From::Nothing => Some(Bytes::new()),
            From::Bytes(bytes) => Some(bytes),
            other => {
                self.from = other;
                None
            }
        }
    }

    /// Whether it is read from a file as it goes.
    #[must_use]
    pub fn is_in_file(&self) -> bool {
        matches!(self.from, From::File(_))
    }

    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        Poll::Ready(match &mut self.from {
            From::Nothing => None,
            From::Bytes(bytes) => Some(Ok(std::mem::take(bytes))),
            From::Pieces(pieces) => piece_at(pieces, self.at, self.end).map(Ok),
            From::Flow(flow) => ready!(flow.poll_data(self.at, self.end, cx)),
            From::File(file) => {
                Some(ready!(file.poll_data(self.at, self.end.unwrap_or(file.opened.len()), cx)))
            }
        })
    }
}

impl HttpBody for EntryBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = self.get_mut();
        let data = ready!(this.poll_data(cx));
        if let Some(Ok(data)) = &data {
            this.at += data.len() as u64;
        }
        let more = matches!(data, Some(Ok(_))) && this.end.is_none_or(|end| this.at < end);
        if !more {
            this.from = From::Nothing;
        }
        Poll::Ready(data.map(|data| data.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.from, From::Nothing)
    }

    fn size_hint(&self) -> SizeHint {
        match (&self.from, self.end) {
            (From::Nothing, _) => SizeHint::with_exact(0),
            (_, Some(end)) => SizeHint::with_exact(end - self.at),
            (From::Flow(flow), None) if flow.reader.flow().ended() == Some(End::Whole) => {
                SizeHint::with_exact(flow.reader.flow().written().saturating_sub(self.at))
            }
            _ => SizeHint::default(),
        }
    }
}

impl fmt::Debug for EntryBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EntryBody").field("at", &self.at).field("end", &self.end).finish_non_exhaustive()
    }
}

/// The rest of the piece at `at`, at most up to `end`.
fn piece_at(pieces: &[(u64, Bytes)], at: u64, end: Option<u64>) -> Option<Bytes> {
    let index = pieces.partition_point(|(begin, _)| *begin <= at).checked_sub(1)?;
    let (begin, piece) = pieces.get(index)?;
    let from = usize::try_from(at - begin).ok()?;
    let length = end.map_or(usize::MAX, |end| usize::try_from(end - begin).unwrap_or(usize::MAX));
    piece.get(from..length.min(piece.len())).filter(|part| !part.is_empty()).map(|part| piece.slice_ref(part))
}

/// A body that is still coming.
struct FlowBody {
    reader: Reader,
    place: Place,
    /// Reads what is no longer in memory.
    reading: Option<JoinHandle<io::Result<Bytes>>>,
}

impl FlowBody {
    fn poll_data(
        &mut self,
        at: u64,
        end: Option<u64>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Error>>> {
        loop {
            if let Some(reading) = &mut self.reading {
                let read = ready!(Pin::new(reading).poll(cx)).unwrap_or_else(|stopped| Err(stopped.into()));
                self.reading = None;
                return Poll::Ready(Some(read.map_err(Error::Read)));
            }
            match ready!(self.reader.flow().poll_next(at, end, &mut self.place, cx)) {
                Next::Data(data) => return Poll::Ready(Some(Ok(data))),
                Next::File(written, length) => {
                    self.reading = Some(tokio::task::spawn_blocking(move || read(&written, at, length)));
                }
                Next::End => return Poll::Ready(None),
                Next::Aborted => return Poll::Ready(Some(Err(Error::FillAborted))),
            }
        }
    }
}

impl Drop for FlowBody {
    fn drop(&mut self) {
        self.reader.leave(&mut self.place);
    }
}

/// A body in a file.
struct FileBody {
    opened: Arc<Opened>,
    reading: Option<JoinHandle<Result<Bytes, Error>>>,
}

impl FileBody {
    fn poll_data(&mut self, at: u64, end: u64, cx: &mut Context<'_>) -> Poll<Result<Bytes, Error>> {
        if let Some(first) = self.opened.first(at, end) {
            return Poll::Ready(Ok(first));
        }
        if let Some(opened) = Arc::get_mut(&mut self.opened) {
            opened.passed_first(at); // nobody else reads it
        }
        if self.reading.is_none()
            && let Some(read) = self.opened.read_now(at, end)
        {
            return Poll::Ready(Ok(read));
        }
        let opened = &self.opened;
        let reading = self.reading.get_or_insert_with(|| {
            let opened = Arc::clone(opened);
            tokio::task::spawn_blocking(move || opened.read(at, end))
        });
        let read = ready!(Pin::new(reading).poll(cx));
        self.reading = None;
        Poll::Ready(read.unwrap_or_else(|stopped| Err(Error::Read(stopped.into()))))
    }
}

/// Up to `length` bytes of a body that was written to this file just now.
fn read(written: &Written, at: u64, length: u64) -> io::Result<Bytes> {
    let length = usize::try_from(length).unwrap_or(CHUNK).min(CHUNK);
    propylon_page_cache::read(&written.file, written.body_at + at, length)
}
