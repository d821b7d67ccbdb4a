//! One request and its response, as far as the connection has to know.

use std::sync::Arc;

use bytes::BytesMut;
use http::{Method, Version};

use super::Outcome;
use super::body::{Piece, RequestBody, Slot};
use super::handle::Shared;
use super::observer::End;
use crate::io::{Begun, Stop, begin};
use crate::proto::{Decoder, Judged};
use crate::{BodyKind, Limits, Marks};

/// One request and its response.
pub(super) struct Exchange {
    pub(super) number: u64,
    pub(super) method: Method,
    pub(super) version: Version,
    /// Whether the client wants the connection to stay.
    pub(super) keep_alive: bool,
    /// Whether the client asks for another protocol.
    pub(super) upgrade: bool,
    /// Whether `100 Continue` is owed as soon as the body is wanted.
    pub(super) expects: bool,
    /// What of the body has not been read yet.
    pub(super) incoming: Option<Incoming>,
    /// Whether the body did not come to its end: nothing can be understood any more.
    pub(super) broken: bool,
    /// Whether the final head was written.
    pub(super) answered: bool,
    head_bytes: u64,
    pub(super) body_bytes: u64,
    /// What the connection had sent when the request began.
    pub(super) sent_before: u64,
    pub(super) sent_head: u64,
    /// What the connection had sent when it was last looked at.
    pub(super) sent_so_far: u64,
}

/// A request body that is being read.
pub(super) struct Incoming {
    pub(super) decoder: Decoder,
    pub(super) slot: Arc<Slot>,
    /// What was read too early, and goes first.
    pub(super) stash: Option<Piece>,
    /// Whether the deadline for the next piece is armed.
    pub(super) waiting: bool,
}

impl Exchange {
    pub(super) fn new(number: u64, head: &Judged, sent_before: u64) -> Self {
        // RFC 9110 7.8: HTTP/1.0 has no upgrade.
        let upgrade = head.version >= Version::HTTP_11
            && head.connection.upgrade
            && head.marks.contains(Marks::UPGRADE);
        Self {
            number,
            method: head.method.clone(),
            version: head.version,
            keep_alive: head.keep_alive,
            upgrade: upgrade || head.method == Method::CONNECT,
            expects: head.expect_continue,
            incoming: None,
            broken: false,
            answered: false,
            head_bytes: head.head_len as u64,
            body_bytes: 0,
            sent_before,
            sent_head: 0,
            sent_so_far: sent_before,
        }
    }

    /// One whose head, of which so many bytes came, was refused.
    pub(super) fn rejected(number: u64, head_bytes: u64, sent_before: u64) -> Self {
        Self {
            number,
            method: Method::GET,
            version: Version::HTTP_11,
            keep_alive: false,
            upgrade: false,
            expects: false,
            incoming: None,
            broken: true,
            answered: false,
            head_bytes,
            body_bytes: 0,
            sent_before,
            sent_head: 0,
            sent_so_far: sent_before,
        }
    }

    /// Makes the request's body, whole if all of it is in `buffer`.
    pub(super) fn request_body(
        &mut self,
        kind: BodyKind,
        buffer: &mut BytesMut,
        limits: &Limits,
        shared: &Arc<Shared>,
    ) -> RequestBody {
        match kind {
            BodyKind::Length(_) | BodyKind::Chunked => self.body(Decoder::new(kind), buffer, limits, shared),
            _ => RequestBody::empty(),
        }
    }

    fn body(
        &mut self,
        mut decoder: Decoder,
        buffer: &mut BytesMut,
        limits: &Limits,
        shared: &Arc<Shared>,
    ) -> RequestBody {
        let left = decoder.size_hint().exact();
        let Begun { data, stop } = begin(&mut decoder, buffer, limits);
        self.body_bytes = data.len() as u64;
        let stash = match stop {
            Stop::End => {
                self.expects = false;
                return RequestBody::full(data);
            }
            Stop::Trailers(trailers) => Some(Piece::Trailers(trailers)),
            Stop::More => None,
            Stop::Error(error) => {
                self.broken = true;
                Some(Piece::Error(error.into()))
            }
        };
        let slot = Arc::new(Slot::new(Arc::clone(shared)));
        let (first, stash) = if data.is_empty() { (stash, None) } else { (Some(Piece::Data(data)), stash) };
        if let Some(first) = first {
            slot.begin(first);
        }
        self.incoming = Some(Incoming { decoder, slot: Arc::clone(&slot), stash, waiting: false });
        RequestBody::streaming(slot, left)
    }

    /// What there is to tell at the end.
    pub(super) fn outcome(&self, sent: u64, end: End) -> Outcome {
        let sent = sent.saturating_sub(self.sent_before);
        Outcome {
            number: self.number,
            head_bytes: self.head_bytes,
            body_bytes: self.body_bytes,
            sent,
            sent_head: self.sent_head.min(sent),
            end,
        }
    }

    /// Nobody reads the body any more.
    pub(super) fn close_body(&self) {
        if let Some(incoming) = &self.incoming {
            incoming.slot.close();
        }
    }
}

impl Incoming {
    /// Whether somebody waits for the next piece.
    pub(super) fn is_wanted(&self) -> bool {
        self.slot.is_wanted()
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.close_body();
    }
}
