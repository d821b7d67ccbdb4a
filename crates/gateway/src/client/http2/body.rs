//! A request's body as it comes by HTTP/2: the client may send more when this has been read.

use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use h2::RecvStream;
use http::{HeaderMap, StatusCode};
use http_body::{Frame, SizeHint};
use propylon_h1::server::SendInterim;

use super::{Shared, Stream};
use crate::client::ClientBodyError;
use crate::client::multiplexed::{self, response};

/// A request's body on one stream.
pub(crate) struct RequestBody {
    /// None: the stream has become a tunnel's.
    receive: Option<RecvStream>,
    pub(super) stream: Arc<Stream>,
    shared: Arc<Shared>,
    /// How much is to come, if the head said so.
    left: Option<u64>,
    /// Whether the client waits to be told that its body is wanted.
    waited_for: bool,
}

type Polled = Poll<Option<Result<Frame<Bytes>, ClientBodyError>>>;

impl RequestBody {
    pub(super) fn new(
        receive: Option<RecvStream>,
        stream: Arc<Stream>,
        shared: Arc<Shared>,
        left: Option<u64>,
        waited_for: bool,
    ) -> Self {
        Self { receive, stream, shared, left, waited_for }
    }

    /// The stream that it is of.
    pub(crate) fn stream(&self) -> &Arc<Stream> {
        &self.stream
    }

    /// The next piece, if it comes within `timeout`.
    pub(crate) fn poll_timed(&mut self, cx: &mut Context<'_>, timeout: Duration) -> Polled {
        if std::mem::take(&mut self.waited_for) {
            // It may not be sent any more: then the client does not wait either.
            let _ = self.stream.send_interim(StatusCode::CONTINUE, &HeaderMap::new());
        }
        let frame = self.poll(cx);
        self.stream.track.timed(&self.shared.client, timeout, frame, cx)
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Polled {
        let Some(receive) = &mut self.receive else { return Poll::Ready(None) };
        while let Some(data) = ready!(receive.poll_data(cx)) {
            let data = data.map_err(failure)?;
            // Fails only for more than there was.
            let _ = receive.flow_control().release_capacity(data.len());
            if !data.is_empty() {
                // The engine sees to it that it is no more than was announced.
                self.left = self.left.map(|left| left.saturating_sub(data.len() as u64));
                return Poll::Ready(Some(Ok(Frame::data(data))));
            }
        }
        let trailers = ready!(receive.poll_trailers(cx)).map_err(failure);
        Poll::Ready(trailers.transpose().map(|trailers| {
            let mut trailers = trailers?;
            response::remove_hop_by_hop(&mut trailers);
            Ok(Frame::trailers(trailers))
        }))
    }

    pub(crate) fn is_end_stream(&self) -> bool {
        self.receive.as_ref().is_none_or(RecvStream::is_end_stream)
    }

    pub(crate) fn size_hint(&self) -> SizeHint {
        multiplexed::size_hint(self.is_end_stream(), self.left)
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        // Nobody waits for the next piece any more.
        self.stream.track.body.disarm();
    }
}

fn failure(error: h2::Error) -> ClientBodyError {
    // What the engine has found fault with, and what the client has taken back.
    if error.is_library() && !error.is_io() {
        ClientBodyError::Malformed(error.into())
    } else {
        ClientBodyError::Reset(error.into())
    }
}
