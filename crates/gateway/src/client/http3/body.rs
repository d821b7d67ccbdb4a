//! A request's body as it comes by HTTP/3: the client may send more when this has been read.

use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use http_body::{Frame, SizeHint};
use propylon_h1::server::SendInterim;
use propylon_h3::{Code, Event, Fault, Refused, trailers};

use super::Stream;
use super::receiver::{Broken, Receiver};
use super::request::Asked;
use crate::client::{ClientBodyError, multiplexed};

/// A request's body on one stream.
pub(crate) struct RequestBody {
    receiver: Receiver,
    /// How much is to come, if the head said so.
    left: Option<u64>,
    /// Whether the client waits to be told that its body is wanted.
    waited_for: bool,
    /// Whether its end has been told.
    over: bool,
}

type Polled = Poll<Option<Result<Frame<Bytes>, ClientBodyError>>>;

impl RequestBody {
    pub(super) fn new(receiver: Receiver, asked: Asked) -> Self {
        // An end that is too early is told by whoever reads.
        let over = receiver.is_over() && asked.length.is_none_or(|length| length == 0);
        Self { receiver, left: asked.length, waited_for: asked.go_on && !over, over }
    }

    /// The stream that it is of.
    pub(crate) fn stream(&self) -> &Arc<Stream> {
        &self.receiver.stream
    }

    /// The next piece, if it comes within `timeout`.
    pub(crate) fn poll_timed(&mut self, cx: &mut Context<'_>, timeout: Duration) -> Polled {
        if self.over {
            return Poll::Ready(None);
        }
        if std::mem::take(&mut self.waited_for) {
            // It may not be sent any more: then the client does not wait either.
            let _ = self.receiver.stream.send_interim(StatusCode::CONTINUE, &HeaderMap::new());
        }
        let frame = self.poll(cx);
        let frame = self.receiver.stream.track.timed(&self.receiver.shared.client, timeout, frame, cx);
        self.over |= matches!(frame, Poll::Ready(Some(Err(ClientBodyError::Timeout))));
        frame
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Polled {
        loop {
            let event = match ready!(self.receiver.poll_event(cx)) {
                Ok(event) => event,
                Err(broken) => return self.ends(Some(Err(failure(broken)))),
            };
            match event {
                Some(Event::Data(data)) if data.is_empty() => {
                    self.receiver.shared.wasted("empty DATA frames")
                }
                Some(Event::Data(data)) => {
                    match self.left.map(|left| left.checked_sub(data.len() as u64)) {
                        Some(None) => return self.refuse("a body that is longer than content-length"),
                        left => self.left = left.flatten(),
                    }
                    return Poll::Ready(Some(Ok(Frame::data(data))));
                }
                Some(Event::Unknown) => self.receiver.shared.wasted("unknown frames"),
                Some(Event::Head(_)) => return self.refuse("a second request head"),
                Some(Event::TooLarge) => return self.refuse("trailers that are too large"),
                Some(Event::Trailers(_)) | None if self.left.is_some_and(|left| left > 0) => {
                    return self.refuse("a body that is shorter than content-length");
                }
                Some(Event::Trailers(section)) => {
                    let most = self.receiver.shared.config().section;
                    return match trailers(section, most) {
                        Ok(trailers) => self.ends(Some(Ok(Frame::trailers(trailers)))),
                        Err(Refused::TooLarge) => self.refuse("trailers that are too large"),
                        Err(Refused::Fault(fault)) => {
                            let broken = self.receiver.report(fault);
                            self.ends(Some(Err(failure(broken))))
                        }
                    };
                }
                None => return self.ends(None),
            }
        }
    }

    fn ends(&mut self, with: Option<Result<Frame<Bytes>, ClientBodyError>>) -> Polled {
        self.over = true;
        Poll::Ready(with)
    }

    fn refuse(&mut self, what: &'static str) -> Polled {
        let broken = self.receiver.report(Fault { code: Code::MESSAGE_ERROR, of_connection: false, what });
        self.ends(Some(Err(failure(broken))))
    }

    pub(crate) fn is_end_stream(&self) -> bool {
        self.over
    }

    pub(crate) fn size_hint(&self) -> SizeHint {
        multiplexed::size_hint(self.over, self.left)
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        // Nobody waits for the next piece any more.
        self.receiver.stream.track.body.disarm();
    }
}

fn failure(broken: Broken) -> ClientBodyError {
    match broken {
        Broken::Fault(fault) => ClientBodyError::Malformed(fault.into()),
        Broken::Reset(_) => ClientBodyError::Reset(broken.into()),
        Broken::Lost(error) => ClientBodyError::Left(error.into()),
    }
}
