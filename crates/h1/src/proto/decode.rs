use bytes::{Bytes, BytesMut};
use http::HeaderMap;

use crate::{BodyError, BodyKind, Limits};

/// What came of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Bytes, never none.
    Data(Bytes),
    /// Trailers, at most once, right before `End`, never none; framing and routing fields among them are left out.
    Trailers(HeaderMap),
    /// It is complete; what is left in the buffer is the next message.
    End,
    /// More bytes are needed.
    NeedMore,
}

/// Reads a body.
#[derive(Debug, Clone)]
pub struct Decoder {
    kind: BodyKind,
}

impl Decoder {
    /// For a body that begins now.
    #[must_use]
    pub fn new(kind: BodyKind) -> Self {
        Self { kind }
    }

    /// The next event out of `buf`, from whose front it is taken without a copy.
    ///
    /// # Errors
    /// See [`BodyError`].
    pub fn decode(&mut self, _buf: &mut BytesMut, _limits: &Limits) -> Result<Event, BodyError> {
        Ok(Event::NeedMore)
    }

    /// The peer closed: fine for a body that ends so and for one that has ended.
    ///
    /// # Errors
    /// `Truncated`.
    pub fn eof(&mut self) -> Result<(), BodyError> {
        Err(BodyError::Truncated)
    }

    /// Whether `End` is all that is left.
    #[must_use]
    pub fn is_end(&self) -> bool {
        self.kind == BodyKind::Empty
    }

    /// Bytes to come: exactly for `Length`, at least for others (the rest of the current chunk).
    #[must_use]
    pub fn size_hint(&self) -> http_body::SizeHint {
        http_body::SizeHint::default()
    }
}

#[allow(dead_code)]
fn _unused(_: HeaderMap) {}
