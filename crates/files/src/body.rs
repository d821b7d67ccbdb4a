//! The body of a response: pieces of a file and what stands between them, read piece by piece.

use std::collections::VecDeque;
use std::fs::File;
use std::future::Future;
use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use propylon_page_cache::{CHUNK, Peek, has, peek, read};
use tokio::task::JoinHandle;

/// Parts of files that are shorter are better read: they leave with their head, in one send.
const LARGE: u64 = 32 * 1024;

/// How much of a file is given away at once.
const SENT: u64 = 256 * 1024;

/// The body of a response, read from a file as it is asked for: at most 128 KiB of it are in memory.
///
/// A file that becomes shorter while it is read is an error: what was sent is not the whole.
#[derive(Debug, Default)]
pub struct Body {
    pieces: VecDeque<Piece>,
    left: u64,
    reading: Option<JoinHandle<io::Result<Bytes>>>,
    /// Whether the kernel knows how to give only what it has at hand.
    cannot_peek: bool,
}

#[derive(Debug)]
pub(crate) enum Piece {
    Bytes(Bytes),
    File { file: Arc<File>, offset: u64, length: u64 },
}

impl Piece {
    pub(crate) fn length(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File { length, .. } => *length,
        }
    }
}

impl Body {
    /// No body.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    pub(crate) fn of(pieces: impl IntoIterator<Item = Piece>) -> Self {
        let pieces: VecDeque<Piece> = pieces.into_iter().filter(|piece| piece.length() > 0).collect();
        let left = pieces.iter().map(Piece::length).sum();
        Self { pieces, left, ..Self::default() }
    }

    /// The whole body if it is in memory: none of it has to be read.
    #[must_use]
    pub fn take_bytes(&mut self) -> Option<Bytes> {
        if self.pieces.is_empty() && self.reading.is_none() {
            return Some(Bytes::new());
        }
        if self.pieces.len() > 1 {
            return None;
        }
        match self.pieces.pop_front()? {
            Piece::Bytes(bytes) => {
                self.left = 0;
                Some(bytes)
            }
            file @ Piece::File { .. } => {
                self.pieces.push_front(file);
                None
            }
        }
    }

    /// Takes the next part of the body if it is a large one of a file, for the kernel to send it, or who else has a better way than to read
    /// it: it counts as read. `None` also where the kernel has not got it in memory: [reading](http_body::Body::poll_frame) does not
    /// keep a thread of the runtime waiting.
    pub fn take_file(&mut self) -> Option<(Arc<File>, Range<u64>)> {
        if self.reading.is_some() || self.cannot_peek {
            return None;
        }
        let Some(Piece::File { file, offset, length }) = self.pieces.front_mut() else { return None };
        let wanted = (*length).min(SENT);
        if *length < LARGE || !has(file, *offset, wanted) {
            return None;
        }
        let part = (Arc::clone(file), *offset..*offset + wanted);
        self.advance(wanted);
        Some(part)
    }

    /// Takes what was read off the piece in front, and off what is left.
    fn advance(&mut self, read: u64) {
        self.left -= read.min(self.left);
        if let Some(Piece::File { offset, length, .. }) = self.pieces.front_mut() {
            *offset += read;
            *length -= read.min(*length);
            if *length == 0 {
                self.pieces.pop_front();
            }
        }
    }

    fn frame(&mut self, bytes: Bytes) -> Frame<Bytes> {
        self.advance(bytes.len() as u64);
        Frame::data(bytes)
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let this = &mut *self;
        loop {
            if let Some(reading) = &mut this.reading {
                let read = ready!(Pin::new(reading).poll(cx));
                this.reading = None;
                let bytes = match read.map_err(io::Error::other).flatten() {
                    Ok(bytes) => bytes,
                    Err(error) => return Poll::Ready(Some(Err(error))),
                };
                return Poll::Ready(Some(Ok(this.frame(bytes))));
            }
            let (file, offset, wanted) = match this.pieces.pop_front() {
                None => return Poll::Ready(None),
                Some(Piece::Bytes(bytes)) => {
                    this.left -= (bytes.len() as u64).min(this.left);
                    return Poll::Ready(Some(Ok(Frame::data(bytes))));
                }
                Some(Piece::File { file, offset, length }) => {
                    let wanted = usize::try_from(length).unwrap_or(CHUNK).min(CHUNK);
                    this.pieces.push_front(Piece::File { file: file.clone(), offset, length });
                    (file, offset, wanted)
                }
            };
            if !this.cannot_peek {
                match peek(&file, offset, wanted) {
                    Peek::Here(bytes) => return Poll::Ready(Some(Ok(this.frame(bytes)))),
                    Peek::NotNow => {}
                    Peek::Unknown => this.cannot_peek = true,
                    Peek::Failed(error) => return Poll::Ready(Some(Err(error))),
                }
            }
            this.reading = Some(tokio::task::spawn_blocking(move || read(&file, offset, wanted)));
        }
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
