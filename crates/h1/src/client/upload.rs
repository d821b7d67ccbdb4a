//! A request's body on its way out.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite};

use super::connection::Wire;
use super::error::BoxError;
use crate::proto::Encoder;

/// A request's body of any origin.
pub(super) type AnyBody = Pin<Box<dyn Body<Data = Bytes, Error = BoxError> + Send>>;

/// A request's body on its way out.
pub(super) struct Upload<B> {
    /// `None` once all of it is in the output.
    body: Option<B>,
    encoder: Encoder,
    /// Whether nothing that was written has been forgotten.
    rewindable: bool,
}

impl<B> Upload<B> {
    pub(super) fn new(body: Option<B>, encoder: Encoder) -> Self {
        Self { body, encoder, rewindable: true }
    }

    /// What is left of it.
    pub(super) fn take(&mut self) -> Self {
        Self { body: self.body.take(), encoder: self.encoder, rewindable: self.rewindable }
    }

    /// Whether all of it is in the output.
    pub(super) fn is_whole(&self) -> bool {
        self.body.is_none()
    }

    /// Whether nothing that was written has been forgotten.
    pub(super) fn is_rewindable(&self) -> bool {
        self.rewindable
    }
}

impl<B> Upload<B>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin,
{
    /// Sends it: ready when the kernel has all of it, or the peer takes no more.
    pub(super) fn poll_send<I>(
        &mut self,
        wire: &mut Wire<I>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), BoxError>>
    where
        I: AsyncRead + AsyncWrite + Unpin,
    {
        loop {
            if wire.deaf {
                // The peer may have answered before it closed: that is still to be read.
                return Poll::Ready(Ok(()));
            }
            let waits = match self.poll_pull(wire, cx) {
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                pulled => pulled.is_pending(),
            };
            let before = wire.output.sent();
            let written = wire.output.poll_write(&mut wire.io, None, cx);
            if wire.output.sent() > before {
                wire.count();
            }
            match ready!(written) {
                Err(_) => wire.deaf = true,
                Ok(()) if self.body.is_none() => return Poll::Ready(Ok(())),
                Ok(()) if waits && wire.output.sent() == before => return Poll::Pending,
                Ok(()) => {
                    wire.output.recycle();
                    self.rewindable = false;
                    if waits {
                        return Poll::Pending;
                    }
                }
            }
        }
    }

    /// Moves the body to the output until that has enough. `Pending`: the body has no more as yet.
    fn poll_pull<I>(&mut self, wire: &mut Wire<I>, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        while let Some(body) = &mut self.body
            && !wire.output.is_full()
        {
            let frame = if body.is_end_stream() { None } else { ready!(Pin::new(body).poll_frame(cx)) };
            let trailers = match frame {
                None => None,
                Some(Err(error)) => return Poll::Ready(Err(error.into())),
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => {
                        self.push(wire, data)?;
                        continue;
                    }
                    Err(frame) => frame.into_trailers().ok(),
                },
            };
            self.encoder.finish(trailers.as_ref(), wire.output.buffer())?;
            self.body = None;
        }
        Poll::Ready(Ok(()))
    }

    fn push<I>(&mut self, wire: &mut Wire<I>, data: Bytes) -> Result<(), BoxError> {
        if data.is_empty() {
            return Ok(());
        }
        self.encoder.begin(data.len(), wire.output.buffer())?;
        wire.output.push(data);
        self.encoder.end(wire.output.buffer());
        if self.encoder.remaining() == Some(0) {
            self.body = None;
        }
        Ok(())
    }
}

impl<B> Upload<B>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static,
{
    /// The same, its type forgotten: for a response that comes before the request's end.
    pub(super) fn erase(self) -> Upload<AnyBody> {
        let Self { body, encoder, rewindable } = self;
        let body = body.map(|body| Box::pin(IntoBoxError(body)) as AnyBody);
        Upload { body, encoder, rewindable }
    }
}

struct IntoBoxError<B>(B);

impl<B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin> Body for IntoBoxError<B> {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Pin::new(&mut self.0).poll_frame(cx).map_err(Into::into)
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}
