//! A request on its way, and then its answer.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::RecvStream;
use h2::client::{ResponseFuture, SendRequest};
use http::{Method, Request, Response, StatusCode, request};

use super::head;
use super::incoming::Incoming;
use super::shared::{Counters, Status};
use super::slot::Slot;
use super::upload::{Stopped, Upload};
use crate::connection::{self, Answer, Content, Failure, Outbound};
use crate::error::REFUSED_STREAM;
use crate::head::MAX_INTERIM;
use crate::interim::Listener;
use crate::outgoing::Outgoing;
use crate::transport::Fingerprint;
use crate::{Error, HeadFault};

/// A request on its way, and then its answer. Dropping it tells the peer that nobody waits any more.
pub(super) struct Sending {
    response: ResponseFuture,
    upload: Option<Box<Upload>>,
    /// The head, to be sent again.
    parts: Box<request::Parts>,
    /// Whether the request had a body.
    had_body: bool,
    status: Arc<Status>,
    counters: Arc<Counters>,
    settings: Fingerprint,
    listener: Option<Listener>,
    interim: u32,
    /// Whether the connection had served others before.
    kept: bool,
    /// How much had been sent on the connection before.
    sent: u64,
}

impl Sending {
    pub(super) fn begin(
        slot: &Slot,
        sender: &mut SendRequest<Bytes>,
        request: Request<Outgoing>,
        listener: Option<Listener>,
    ) -> Result<Self, Box<Failure>> {
        let key = &slot.shared.key;
        let (parts, body) = request.into_parts();
        let refuse = |error| Box::new(Failure { error, again: None, arrived: false });
        if parts.method == Method::CONNECT {
            return Err(refuse(Error::InvalidTarget));
        }
        let head = head::request(&parts, key.is_secure(), key.peer.address()).map_err(refuse)?;
        let size = head::request_size(&head);
        let empty = body.is_empty();
        let sent = slot.shared.status.wire.sent();
        let (response, stream) = match sender.send_request(head, empty) {
            Ok(streams) => streams,
            // It went away this very moment.
            Err(error) if error.is_go_away() || error.is_io() => {
                let request = Request::from_parts(parts, body);
                return Err(Box::new(Failure::unsent(Outbound::Plain(request))));
            }
            Err(_) => return Err(refuse(Error::InvalidTarget)),
        };
        let counters = Arc::clone(&slot.counters);
        counters.sends(size);
        let upload = (!empty).then(|| Box::new(Upload::new(stream, body, Arc::clone(&counters))));
        Ok(Self {
            response,
            upload,
            parts: Box::new(parts),
            had_body: !empty,
            status: Arc::clone(&slot.shared.status),
            counters,
            settings: key.settings(),
            listener,
            interim: 0,
            kept: slot.kept,
            sent,
        })
    }

    /// Passes interim responses on, as many as have come.
    fn pass_interim(&mut self, cx: &mut Context<'_>) -> Result<(), HeadFault> {
        while let Poll::Ready(Some(Ok(head))) = self.response.poll_informational(cx) {
            self.interim += 1;
            if self.interim > MAX_INTERIM {
                return Err(HeadFault::TooManyInterim);
            }
            if head.status() == StatusCode::SWITCHING_PROTOCOLS {
                return Err(HeadFault::UnexpectedUpgrade); // RFC 9113 8.6: there is no such thing
            }
            self.has_begun();
            let (mut parts, ()) = head.into_parts();
            if let Some(listener) = &self.listener {
                listener.pass(parts.status, &mut parts.headers);
            }
        }
        Ok(())
    }

    /// The peer is at it: the request cannot be sent again.
    fn has_begun(&mut self) {
        if let Some(upload) = &mut self.upload {
            upload.forget();
        }
    }

    fn answer(&mut self, response: Response<RecvStream>) -> Result<Answer, HeadFault> {
        let (mut parts, stream) = response.into_parts();
        self.has_begun();
        let size = head::judge(&mut parts, self.settings)?;
        self.counters.receives(size);
        let bodiless = self.parts.method == Method::HEAD
            || matches!(parts.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        let length = head::length(&parts.headers);
        let (upload, counters) = (self.upload.take(), Arc::clone(&self.counters));
        let mut incoming = if bodiless {
            Incoming::none(upload, counters)
        } else {
            Incoming::new(stream, upload, length, counters)
        };
        let content = match incoming.take_bytes() {
            Some(bytes) => Content::Whole(bytes),
            None => Content::streaming(connection::Incoming::Http2(Box::new(incoming))),
        };
        Ok(Answer { parts, content, heads: Some(size as u64) })
    }

    fn failure(&mut self, error: h2::Error) -> Failure {
        if self.status.foreign.load(Relaxed) {
            return Failure::fatal(Error::InvalidHead(HeadFault::NotHttp2));
        }
        let code = error.reason().map_or(0, u32::from);
        let error = if error.is_remote() && error.is_go_away() {
            // Only those that the peer did not, and will not, look at fail so.
            Error::GoneAway { code }
        } else if error.is_remote() {
            Error::Rejected { code }
        } else if error.is_library() || error.reason().is_some() {
            Error::InvalidHead(match error.reason() {
                None | Some(h2::Reason::PROTOCOL_ERROR) => HeadFault::Syntax,
                Some(_) => HeadFault::InvalidFrame,
            })
        } else {
            return self.broken(error);
        };
        let untouched = matches!(error, Error::GoneAway { .. } | Error::Rejected { code: REFUSED_STREAM });
        let again = if untouched { self.again() } else { None };
        Failure { error, again, arrived: !untouched }
    }

    /// The connection is no more.
    fn broken(&mut self, error: h2::Error) -> Failure {
        let sent = self.status.wire.sent() > self.sent;
        let error = match error.into_io().filter(|error| error.raw_os_error().is_some()) {
            Some(source) => Error::Io { sent, source },
            None => Error::Closed { sent },
        };
        // What may have been sent, and does no harm twice, is sent once more: the peer may have closed an idle connection.
        let harmless =
            !sent || self.kept && self.interim == 0 && !self.had_body && self.parts.method.is_idempotent();
        let again = if harmless { self.again() } else { None };
        Failure { error, again, arrived: sent }
    }

    /// The request, if all of it can be had again.
    fn again(&mut self) -> Option<Outbound> {
        let body = match self.upload.take() {
            Some(upload) => upload.rewind()?,
            None if self.had_body => return None,
            None => Outgoing::empty(),
        };
        Some(Outbound::Plain(Request::from_parts((*self.parts).clone(), body)))
    }
}

impl Future for Sending {
    type Output = Result<Answer, Failure>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            if let Err(fault) = self.pass_interim(cx) {
                return Poll::Ready(Err(in_doubt(fault)));
            }
            match Pin::new(&mut self.response).poll(cx) {
                Poll::Ready(Ok(response)) => return Poll::Ready(self.answer(response).map_err(in_doubt)),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(self.failure(error))),
                Poll::Pending => {}
            }
            let Some(upload) = self.upload.as_mut().filter(|upload| !upload.is_over()) else {
                return Poll::Pending;
            };
            if let Err(Stopped::Body) = ready!(upload.poll(cx)) {
                return Poll::Ready(Err(Failure::fatal(Error::Closed { sent: true })));
            }
            // If the peer wants no more of it, the response tells why, and it may be an early one.
        }
    }
}

fn in_doubt(fault: HeadFault) -> Failure {
    Failure::fatal(Error::InvalidHead(fault))
}
