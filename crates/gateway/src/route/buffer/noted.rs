//! `$request_body` of a body that is passed on as it comes.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http_body::{Body as _, Frame, SizeHint};
use propylon_buffer::RequestBody;
use propylon_exchange::Exchange;
use propylon_stack::{Body, BoxError};

/// A body that is noted in the exchange when all of it has gone by, if it is short enough.
pub(super) struct Noted {
    body: RequestBody<Body>,
    exchange: Exchange,
    /// What has gone by; nothing, if it is too long or has been noted.
    seen: Option<BytesMut>,
    memory: usize,
}

impl Noted {
    pub(super) fn new(body: RequestBody<Body>, exchange: Exchange, memory: usize) -> Self {
        Self { body, exchange, seen: Some(BytesMut::new()), memory }
    }

    fn see(&mut self, data: Option<&Bytes>) {
        let room = self.memory;
        if let (Some(seen), Some(data)) = (&mut self.seen, data) {
            if seen.len() + data.len() > room {
                self.seen = None;
                return;
            }
            seen.extend_from_slice(data);
        }
        if (data.is_none() || self.body.is_end_stream() || self.body.size_hint().exact() == Some(0))
            && let Some(seen) = self.seen.take()
        {
            self.exchange.request_body_came(seen.freeze());
        }
    }
}

impl Clone for Noted {
    fn clone(&self) -> Self {
        Self::new(self.body.clone(), self.exchange.clone(), self.memory)
    }
}

impl http_body::Body for Noted {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        match &frame {
            None => self.see(None),
            Some(Ok(frame)) if frame.is_data() => self.see(frame.data_ref()),
            Some(_) => {}
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
