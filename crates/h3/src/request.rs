//! A request's stream as it comes (RFC 9114 4.1): a head, a body, perhaps trailers, and what nobody knows in between.

use bytes::{Bytes, BytesMut};

use crate::frame::{self, Heads, kind, unexpected};
use crate::{Code, Fault};

/// What a request's stream brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The request's fields, for [`RequestHead::read`](crate::RequestHead::read).
    Head(Bytes),
    /// A piece of its body; an empty one is a frame without a payload.
    Data(Bytes),
    /// The fields after its body, for [`trailers`](crate::trailers).
    Trailers(Bytes),
    /// A frame that nobody knows, and that is passed over (RFC 9114 9).
    Unknown,
    /// Fields that are too large: they are passed over too, and the stream is of no use any more.
    TooLarge,
}

/// A request's stream, of which somebody else has the bytes.
#[derive(Debug)]
pub struct RequestStream {
    heads: Heads,
    within: Within,
    stage: Stage,
    most: usize,
    section: u64,
}

#[derive(Debug)]
enum Within {
    Nothing,
    Fields(u64, BytesMut),
    Data(u64),
    Skipped(u64),
}

/// What has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Nothing,
    Head,
    Trailers,
}

impl RequestStream {
    /// A stream from its beginning, whose fields may take so many bytes as they come.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { heads: Heads::default(), within: Within::Nothing, stage: Stage::Nothing, most, section: 0 }
    }

    /// Reads from `input`, until there is something to tell, or nothing left.
    ///
    /// # Errors
    /// If the stream is not as it must be: the connection is to be closed.
    pub fn read(&mut self, input: &mut Bytes) -> Result<Option<Event>, Fault> {
        while !input.is_empty() {
            let event = match &mut self.within {
                Within::Nothing => match self.heads.read(input) {
                    Some(head) => self.begin(head)?,
                    None => None,
                },
                Within::Fields(left, block) => {
                    let part = frame::take(left, input);
                    if *left > 0 {
                        block.extend_from_slice(&part);
                        None
                    } else {
                        let block = std::mem::take(block);
                        self.within = Within::Nothing;
                        Some(self.fields(block, part))
                    }
                }
                Within::Data(left) => {
                    let part = frame::take(left, input);
                    if *left == 0 {
                        self.within = Within::Nothing;
                    }
                    Some(Event::Data(part))
                }
                Within::Skipped(left) => {
                    frame::take(left, input);
                    if *left == 0 {
                        self.within = Within::Nothing;
                    }
                    None
                }
            };
            if event.is_some() {
                return Ok(event);
            }
        }
        Ok(None)
    }

    /// The stream has ended.
    ///
    /// # Errors
    /// If it must not end here.
    pub fn end(&self) -> Result<(), Fault> {
        if self.heads.is_midway() || !matches!(self.within, Within::Nothing) {
            return Err(Fault::connection(Code::FRAME_ERROR, "a stream that ends within a frame"));
        }
        if self.stage == Stage::Nothing {
            return Err(Fault::stream(Code::REQUEST_INCOMPLETE, "a stream without a request"));
        }
        Ok(())
    }

    /// How many bytes it holds of fields that have not all come.
    #[must_use]
    pub fn held(&self) -> usize {
        match &self.within {
            Within::Fields(_, block) => block.len(),
            _ => 0,
        }
    }

    /// How many bytes the payload of the frame with the head took.
    #[must_use]
    pub const fn head_length(&self) -> u64 {
        self.section
    }

    fn begin(&mut self, head: frame::Head) -> Result<Option<Event>, Fault> {
        let frame::Head { kind, length } = head;
        let within = match (kind, self.stage) {
            (kind::DATA, Stage::Head) if length == 0 => return Ok(Some(Event::Data(Bytes::new()))),
            (kind::DATA, Stage::Head) => Within::Data(length),
            (kind::DATA, Stage::Nothing) => return Err(unexpected("DATA before HEADERS")),
            (kind::DATA, Stage::Trailers) => return Err(unexpected("DATA after trailers")),
            (kind::HEADERS, Stage::Trailers) => return Err(unexpected("HEADERS after trailers")),
            (kind::HEADERS, stage) => {
                if stage == Stage::Nothing {
                    self.section = length;
                }
                self.stage = if stage == Stage::Nothing { Stage::Head } else { Stage::Trailers };
                if length > self.most as u64 {
                    self.within = Within::Skipped(length);
                    return Ok(Some(Event::TooLarge));
                }
                if length == 0 {
                    return Ok(Some(self.fields(BytesMut::new(), Bytes::new())));
                }
                Within::Fields(length, BytesMut::new())
            }
            (kind::SETTINGS | kind::GOAWAY | kind::MAX_PUSH_ID | kind::CANCEL_PUSH, _) => {
                return Err(unexpected("a frame that belongs on the control stream"));
            }
            (kind::PUSH_PROMISE, _) => return Err(unexpected("PUSH_PROMISE from a client")),
            (kind, _) if kind::OF_HTTP2.contains(&kind) => return Err(unexpected("an HTTP/2 frame")),
            _ => {
                if length > 0 {
                    self.within = Within::Skipped(length);
                }
                return Ok(Some(Event::Unknown));
            }
        };
        self.within = within;
        Ok(None)
    }

    fn fields(&self, mut block: BytesMut, part: Bytes) -> Event {
        let block = if block.is_empty() {
            part // all of it came at once
        } else {
            block.extend_from_slice(&part);
            block.freeze()
        };
        if self.stage == Stage::Trailers { Event::Trailers(block) } else { Event::Head(block) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of a stream that is read in pieces of so many bytes: pieces of the body are joined.
    fn read(bytes: &[u8], piece: usize) -> Result<Vec<Event>, Fault> {
        let mut stream = RequestStream::new(8);
        let mut events: Vec<Event> = Vec::new();
        for part in bytes.chunks(piece) {
            let mut part = Bytes::copy_from_slice(part);
            while let Some(event) = stream.read(&mut part)? {
                match (events.last_mut(), event) {
                    (Some(Event::Data(so_far)), Event::Data(more)) => {
                        *so_far = [&**so_far, &*more].concat().into()
                    }
                    (_, event) => events.push(event),
                }
            }
            assert!(part.is_empty());
        }
        stream.end().map(|()| events)
    }

    fn check(bytes: &[u8], expected: Result<&[Event], Code>) {
        for piece in 1..=bytes.len().max(1) {
            let came = read(bytes, piece);
            assert_eq!(came.as_deref().map_err(|fault| fault.code), expected, "{bytes:x?} by {piece}");
        }
    }

    #[test]
    fn a_request_is_a_head_a_body_and_trailers() {
        let (head, body, tail) =
            (Bytes::from_static(b"abc"), Bytes::from_static(b"body"), Bytes::from_static(b"t"));
        let head = || Event::Head(head.clone());
        check(b"\x01\x03abc", Ok(&[head()]));
        check(b"\x01\x03abc\x00\x01b\x00\x03ody", Ok(&[head(), Event::Data(body.clone())]));
        check(
            b"\x01\x03abc\x00\x04body\x01\x01t",
            Ok(&[head(), Event::Data(body), Event::Trailers(tail.clone())]),
        );
        check(b"\x01\x03abc\x01\x01t", Ok(&[head(), Event::Trailers(tail)]));
        check(b"\x01\x03abc\x00\x00", Ok(&[head(), Event::Data(Bytes::new())]));
        check(b"\x01\x00", Ok(&[Event::Head(Bytes::new())]));
    }

    #[test]
    fn what_nobody_knows_is_passed_over() {
        let head = Event::Head(Bytes::from_static(b"a"));
        check(b"\x21\x02xx\x01\x01a\x40\x40\x00", Ok(&[Event::Unknown, head.clone(), Event::Unknown]));
        check(b"\x01\x09abcdefghi\x00\x01b", Ok(&[Event::TooLarge, Event::Data(Bytes::from_static(b"b"))]));
        check(b"\x01\x01a\x01\x09abcdefghi", Ok(&[head, Event::TooLarge]));
    }

    #[test]
    fn what_is_held_is_told() {
        let mut stream = RequestStream::new(99);
        for (part, held) in
            [(&b"\x01\x05"[..], 0), (b"abc", 3), (b"de", 0), (b"\x00\x05ab", 0), (b"cde\x01\x02x", 1)]
        {
            let mut part = Bytes::from_static(part);
            while stream.read(&mut part).unwrap().is_some() {}
            assert_eq!(stream.held(), held, "{part:?}");
        }
    }

    #[test]
    fn frames_out_of_order_close_the_connection() {
        for wrong in [
            &b"\x00\x01a"[..],
            b"\x01\x01a\x01\x01t\x00\x01b",
            b"\x01\x01a\x01\x01t\x01\x01t",
            b"\x04\x00",
            b"\x01\x01a\x07\x01\x00",
            b"\x01\x01a\x03\x01\x00",
            b"\x01\x01a\x0d\x01\x00",
            b"\x05\x01\x00",
            b"\x02\x00",
            b"\x06\x00",
            b"\x08\x00",
            b"\x09\x00",
        ] {
            check(wrong, Err(Code::FRAME_UNEXPECTED));
        }
    }

    #[test]
    fn a_stream_ends_after_a_frame() {
        for wrong in [
            &b"\x01"[..],
            b"\x01\x02a",
            b"\x01\x01a\x00\x02b",
            b"\x01\x01a\x00",
            b"\x21\x02x",
            b"\x01\x09abc",
        ] {
            check(wrong, Err(Code::FRAME_ERROR));
        }
        check(b"", Err(Code::REQUEST_INCOMPLETE));
        check(b"\x21\x00", Err(Code::REQUEST_INCOMPLETE));
    }
}
