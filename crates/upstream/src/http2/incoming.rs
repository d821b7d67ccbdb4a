//! A response's body.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use h2::{Reason, RecvStream};
use http_body::{Body, Frame, SizeHint};

use super::shared::Counters;
use super::upload::{Stopped, Upload};
use crate::Error;

/// A response's body as it comes. The peer may send more when this has been read; whoever reads it sends what is left of the
/// request's body as well.
#[derive(Debug)]
pub(crate) struct Incoming {
    /// Until its end.
    stream: Option<RecvStream>,
    /// What was taken of it already.
    early: Option<Bytes>,
    /// What went wrong while nobody asked.
    failed: Option<Error>,
    /// How much is to come, if the head said so.
    left: Option<u64>,
    upload: Option<Box<Upload>>,
    counters: Arc<Counters>,
}

/// What is taken at once is no more than what one request may have waiting.
const WHOLE: u64 = 64 * 1024;

impl Incoming {
    pub(super) fn new(
        stream: RecvStream,
        upload: Option<Box<Upload>>,
        left: Option<u64>,
        counters: Arc<Counters>,
    ) -> Self {
        Self { stream: Some(stream), early: None, failed: None, left, upload, counters }
    }

    /// The body of a response that has none.
    pub(super) fn none(upload: Option<Box<Upload>>, counters: Arc<Counters>) -> Self {
        Self { stream: None, early: None, failed: None, left: None, upload, counters }
    }

    /// All of it, if it came with its head, and the head said how much it is.
    pub(crate) fn take_bytes(&mut self) -> Option<Bytes> {
        let left = self.left.filter(|left| (1..=WHOLE).contains(left))?;
        if self.upload.as_ref().is_some_and(|upload| !upload.is_over()) {
            return None;
        }
        let mut cx = Context::from_waker(Waker::noop());
        let data = match self.poll_data(&mut cx) {
            Poll::Ready(Some(Ok(data))) => data,
            Poll::Ready(Some(Err(error))) => {
                self.failed = Some(error);
                return None;
            }
            _ => return None,
        };
        if data.len() as u64 == left && self.stream.as_ref().is_none_or(RecvStream::is_end_stream) {
            self.stream = None;
            return Some(data);
        }
        self.early = Some(data);
        None
    }

    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        loop {
            let Some(stream) = &mut self.stream else { return Poll::Ready(None) };
            let data = match ready!(stream.poll_data(cx)) {
                Some(Ok(data)) => data,
                Some(Err(error)) => {
                    self.stream = None;
                    return Poll::Ready(Some(Err(failure(error))));
                }
                // The engine sees to that as well; but no cut body may look whole.
                None if self.is_short() => {
                    self.stream = None;
                    return Poll::Ready(Some(Err(Error::InvalidStream)));
                }
                None => return Poll::Ready(None),
            };
            // Fails only for more than there was.
            let _ = stream.flow_control().release_capacity(data.len());
            if !data.is_empty() {
                self.counters.receives(data.len());
                return Poll::Ready(Some(Ok(data)));
            }
        }
    }

    /// Sends what is left of the request's body.
    fn poll_upload(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        match self.upload.as_mut().map(|upload| upload.poll(cx)) {
            Some(Poll::Ready(Err(Stopped::Body))) => {
                self.stream = None;
                Err(Error::Truncated) // the body has told why
            }
            _ => Ok(()),
        }
    }

    /// Whether there is more to come.
    fn is_short(&self) -> bool {
        self.left.is_some_and(|left| left > 0)
    }

    fn has_ended(&self) -> bool {
        match &self.stream {
            None => self.early.is_none() && self.failed.is_none(),
            // A body that breaks the rules ends as well: then there is an error to be had.
            Some(stream) => self.early.is_none() && stream.is_end_stream() && !self.is_short(),
        }
    }
}

impl Body for Incoming {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if let Some(error) = self.failed.take() {
            return Poll::Ready(Some(Err(error)));
        }
        self.poll_upload(cx)?;
        let data = match self.early.take() {
            Some(data) => Some(Ok(data)),
            None => ready!(self.poll_data(cx)),
        };
        if let Some(data) = data {
            let data = data?;
            if let Some(left) = &mut self.left {
                match left.checked_sub(data.len() as u64) {
                    Some(less) => *left = less,
                    None => {
                        self.stream = None;
                        return Poll::Ready(Some(Err(Error::InvalidStream)));
                    }
                }
            }
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        let Some(stream) = &mut self.stream else { return Poll::Ready(None) };
        let trailers = ready!(stream.poll_trailers(cx));
        self.stream = None;
        Poll::Ready(match trailers {
            Ok(trailers) => trailers.map(|trailers| Ok(Frame::trailers(trailers))),
            Err(error) => Some(Err(failure(error))),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.has_ended()
    }

    fn size_hint(&self) -> SizeHint {
        match (self.left, self.has_ended()) {
            (_, true) => SizeHint::with_exact(0),
            (Some(left), false) => SizeHint::with_exact(left),
            (None, false) => SizeHint::default(),
        }
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        let reason = if self.has_ended() { Reason::NO_ERROR } else { Reason::CANCEL };
        if let Some(upload) = &mut self.upload {
            upload.stop(reason);
        }
    }
}

fn failure(error: h2::Error) -> Error {
    match error.reason() {
        Some(code) if error.is_remote() && error.is_reset() => Error::Reset { code: code.into() },
        Some(_) if error.is_remote() => Error::Truncated,
        Some(_) => Error::InvalidStream,
        None => match error.into_io().filter(|error| error.raw_os_error().is_some()) {
            Some(source) => Error::BodyIo { source },
            None => Error::Truncated,
        },
    }
}
