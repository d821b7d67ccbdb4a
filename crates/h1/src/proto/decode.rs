use bytes::{Buf, Bytes, BytesMut};
use http::HeaderMap;
use http_body::SizeHint;

use super::chunk::{Chunk, ChunkReader};
use crate::{BodyError, BodyKind, Limits};

/// What came of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Bytes, never none.
    Data(Bytes),
    /// Trailers, at most once and right before `End`, never none. Fields of framing, routing and the connection are left
    /// out (RFC 9110 6.5.1).
    Trailers(HeaderMap),
    /// It is complete; what is left in the buffer is the next message.
    End,
    /// More bytes are needed.
    NeedMore,
}

/// Reads a body of any framing; state is a few words.
///
/// ```
/// use bytes::BytesMut;
/// use propylon_h1::{BodyKind, Limits, proto::{Decoder, Event}};
///
/// let limits = Limits::default();
/// let mut buffer = BytesMut::from("3\r\nabc\r\n0\r\n\r\nGET");
/// let mut decoder = Decoder::new(BodyKind::Chunked);
/// assert_eq!(decoder.decode(&mut buffer, &limits)?, Event::Data("abc".into()));
/// assert_eq!(decoder.decode(&mut buffer, &limits)?, Event::End);
/// assert_eq!(buffer, "GET");
/// # Ok::<(), propylon_h1::BodyError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Decoder {
    state: State,
}

#[derive(Debug, Clone)]
enum State {
    Length(u64),
    Chunked(ChunkReader),
    UntilClose,
    End,
    Failed(BodyError),
}

impl Decoder {
    /// For a body that begins now.
    #[must_use]
    pub fn new(kind: BodyKind) -> Self {
        let state = match kind {
            BodyKind::Empty | BodyKind::Tunnel | BodyKind::Length(0) => State::End,
            BodyKind::Length(length) => State::Length(length),
            BodyKind::Chunked => State::Chunked(ChunkReader::default()),
            BodyKind::UntilClose => State::UntilClose,
        };
        Self { state }
    }

    /// The next event out of `buf`, from whose front its bytes are split without a copy.
    ///
    /// # Errors
    /// See [`BodyError`]; the same again on every later call.
    pub fn decode(&mut self, buf: &mut BytesMut, limits: &Limits) -> Result<Event, BodyError> {
        match &mut self.state {
            State::End => Ok(Event::End),
            State::Failed(error) => Err(*error),
            State::UntilClose | State::Length(_) if buf.is_empty() => Ok(Event::NeedMore),
            State::UntilClose => Ok(Event::Data(buf.split().freeze())),
            State::Length(left) => {
                let data = take(buf, left);
                if *left == 0 {
                    self.state = State::End;
                }
                Ok(Event::Data(data))
            }
            State::Chunked(reader) => match reader.read(buf, limits) {
                Ok(Chunk::Data(data)) => Ok(Event::Data(data)),
                Ok(Chunk::Partial) => Ok(Event::NeedMore),
                Ok(Chunk::End(trailers)) => {
                    self.state = State::End;
                    Ok(trailers.map_or(Event::End, Event::Trailers))
                }
                Err(error) => {
                    self.state = State::Failed(error);
                    Err(error)
                }
            },
        }
    }

    /// All of a body whose length is known, if it is in `buf`.
    #[inline]
    pub(crate) fn decode_whole(&mut self, buf: &mut BytesMut) -> Option<Bytes> {
        let State::Length(left) = self.state else { return None };
        let len = usize::try_from(left).ok().filter(|len| *len <= buf.len())?;
        self.state = State::End;
        Some(buf.split_to(len).freeze())
    }

    /// The peer closed: in order for a body that ends so, which is then complete, and for one that has ended.
    ///
    /// # Errors
    /// `Truncated`.
    pub fn eof(&mut self) -> Result<(), BodyError> {
        match self.state {
            State::End => Ok(()),
            State::UntilClose => {
                self.state = State::End;
                Ok(())
            }
            State::Failed(error) => Err(error),
            State::Length(_) | State::Chunked(_) => {
                self.state = State::Failed(BodyError::Truncated);
                Err(BodyError::Truncated)
            }
        }
    }

    /// Whether `End` is all that is left.
    #[must_use]
    pub fn is_end(&self) -> bool {
        matches!(self.state, State::End)
    }

    /// Bytes to come: exactly in length framing, the rest of the current chunk at least.
    #[must_use]
    pub fn size_hint(&self) -> SizeHint {
        match &self.state {
            State::Length(left) => SizeHint::with_exact(*left),
            State::End | State::Failed(_) => SizeHint::with_exact(0),
            State::UntilClose => SizeHint::default(),
            State::Chunked(reader) => {
                let mut hint = SizeHint::default();
                hint.set_lower(reader.left());
                hint
            }
        }
    }
}

/// Splits off at most `left` bytes.
pub(super) fn take(buf: &mut BytesMut, left: &mut u64) -> Bytes {
    let len = usize::try_from(*left).unwrap_or(usize::MAX).min(buf.remaining());
    *left -= len as u64;
    buf.split_to(len).freeze()
}
