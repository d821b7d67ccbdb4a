//! Records: the frames of FastCGI 1.0 (section 3.3 of its specification).

use bytes::{Buf, BufMut, Bytes, BytesMut};
use propylon_cgi::Framing;

use crate::Invalid;

/// The only version there is.
const VERSION: u8 = 1;

/// The id of the one request that a connection carries at a time.
const ID: u16 = 1;

/// How long a record's header is.
const HEADER: usize = 8;

/// How much one record carries: the most that keeps it aligned to eight bytes.
const MAX_CONTENT: usize = 65_528;

/// The application's role: to answer a request (`FCGI_RESPONDER`).
const RESPONDER: u16 = 1;

/// The flag of a request after which the connection stays (`FCGI_KEEP_CONN`).
const KEEP_CONN: u8 = 1;

const BEGIN_REQUEST: u8 = 1;
const END_REQUEST: u8 = 3;
const PARAMS: u8 = 4;
const STDIN: u8 = 5;
const STDOUT: u8 = 6;
const STDERR: u8 = 7;

/// The protocol status of a request that was served (`FCGI_REQUEST_COMPLETE`).
const COMPLETE: u8 = 0;

/// The head of a request: its beginning, and all of `params`.
pub(crate) fn begin(params: &[u8], keep: bool) -> BytesMut {
    let records = params.len() / MAX_CONTENT + 4;
    let mut out = BytesMut::with_capacity(params.len() + records * 2 * HEADER);
    header(&mut out, BEGIN_REQUEST, HEADER);
    out.put_u16(RESPONDER);
    out.put_u8(if keep { KEEP_CONN } else { 0 });
    out.put_bytes(0, 5);
    for piece in params.chunks(MAX_CONTENT) {
        let padding = header(&mut out, PARAMS, piece.len());
        out.put_slice(piece);
        out.put_bytes(0, padding);
    }
    header(&mut out, PARAMS, 0);
    out
}

/// The body in records, each behind its header; one without content is the end. None is padded: that would be one more piece to send.
pub(crate) enum Records {}

impl Framing for Records {
    const MOST: usize = MAX_CONTENT;

    type Mark = [u8; HEADER];

    fn before(length: usize) -> [u8; HEADER] {
        let [high, low] = u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes();
        let [id_high, id_low] = ID.to_be_bytes();
        [VERSION, STDIN, id_high, id_low, high, low, 0, 0]
    }
}

/// Writes a header for so many bytes, and returns how much is to be padded.
fn header(out: &mut BytesMut, kind: u8, length: usize) -> usize {
    let padding = length.next_multiple_of(8) - length;
    out.put_u8(VERSION);
    out.put_u8(kind);
    out.put_u16(ID);
    out.put_u16(u16::try_from(length).unwrap_or(u16::MAX));
    out.put_u8(u8::try_from(padding).unwrap_or(0));
    out.put_u8(0);
    padding
}

/// What an application sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// A piece of the response.
    Stdout(Bytes),
    /// A piece of what it has to say to whoever runs it.
    Stderr(Bytes),
    /// The request is over: everything of it was sent.
    End,
}

/// Reads records. Sans I/O: it takes from a buffer what it can.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    state: State,
    /// Whether the response was said to be complete (an empty record).
    stdout_ended: bool,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Header,
    Content {
        kind: Stream,
        left: usize,
        padding: usize,
    },
    /// What ends the request has a length, which may be more than is known of it.
    End {
        length: usize,
        padding: usize,
    },
    Padding {
        left: usize,
        ended: bool,
    },
    Ended,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stream {
    Stdout,
    Stderr,
}

impl Decoder {
    /// The next event in `input`, whose bytes it takes; none: more has to be read. After [`Event::End`] nothing is taken.
    ///
    /// # Errors
    /// If it is not FastCGI, or none of our request's.
    pub(crate) fn next(&mut self, input: &mut BytesMut) -> Result<Option<Event>, Invalid> {
        loop {
            match self.state {
                State::Ended => return Ok(None),
                State::Header if input.len() < HEADER => return Ok(None),
                State::Header => self.header(input)?,
                State::Content { left: 0, padding, .. } => {
                    self.state = State::Padding { left: padding, ended: false };
                }
                State::Content { .. } if input.is_empty() => return Ok(None),
                State::Content { kind, left, padding } => {
                    let data = input.split_to(left.min(input.len())).freeze();
                    self.state = State::Content { kind, left: left - data.len(), padding };
                    return Ok(Some(match kind {
                        Stream::Stdout => Event::Stdout(data),
                        Stream::Stderr => Event::Stderr(data),
                    }));
                }
                State::End { length, .. } if input.len() < length => return Ok(None),
                State::End { length, padding } => {
                    // Four bytes of the application's own status come first: whoever ran it may want them, we do not.
                    let status = input.get(4).copied().unwrap_or_default();
                    input.advance(length);
                    if status != COMPLETE {
                        return Err(Invalid::Refused(status));
                    }
                    self.state = State::Padding { left: padding, ended: true };
                }
                State::Padding { left, ended } => {
                    let skipped = left.min(input.len());
                    input.advance(skipped);
                    if skipped < left {
                        self.state = State::Padding { left: left - skipped, ended };
                        return Ok(None);
                    }
                    if ended {
                        self.state = State::Ended;
                        return Ok(Some(Event::End));
                    }
                    self.state = State::Header;
                }
            }
        }
    }

    fn header(&mut self, input: &mut BytesMut) -> Result<(), Invalid> {
        let version = input.get_u8();
        let kind = input.get_u8();
        let id = input.get_u16();
        let left = usize::from(input.get_u16());
        let padding = usize::from(input.get_u8());
        input.advance(1);
        if version != VERSION {
            return Err(Invalid::Version(version));
        }
        if id != ID {
            return Err(Invalid::Id(id));
        }
        self.state = match kind {
            STDOUT if self.stdout_ended && left > 0 => return Err(Invalid::AfterEnd),
            STDOUT => {
                self.stdout_ended |= left == 0;
                State::Content { kind: Stream::Stdout, left, padding }
            }
            STDERR => State::Content { kind: Stream::Stderr, left, padding },
            END_REQUEST if left < HEADER => return Err(Invalid::End),
            END_REQUEST => State::End { length: left, padding },
            kind => return Err(Invalid::Type(kind)),
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: u8, content: &[u8], padding: u8) -> Vec<u8> {
        let mut out = vec![1, kind, 0, 1];
        out.extend(u16::try_from(content.len()).unwrap().to_be_bytes());
        out.extend([padding, 0]);
        out.extend(content);
        out.extend(std::iter::repeat_n(0, padding.into()));
        out
    }

    /// Everything that comes of `bytes`, read in pieces of `size`.
    fn decode(bytes: &[u8], size: usize) -> Result<(Vec<u8>, Vec<u8>, bool), Invalid> {
        let (mut decoder, mut input) = (Decoder::default(), BytesMut::new());
        let (mut out, mut err, mut ended) = (Vec::new(), Vec::new(), false);
        for piece in bytes.chunks(size) {
            input.extend_from_slice(piece);
            while let Some(event) = decoder.next(&mut input)? {
                match event {
                    Event::Stdout(data) => out.extend(data),
                    Event::Stderr(data) => err.extend(data),
                    Event::End => ended = true,
                }
            }
        }
        Ok((out, err, ended))
    }

    #[test]
    fn any_split_gives_the_same() {
        let mut wire = record(STDOUT, b"Status: 200\r\n", 3);
        wire.extend(record(STDERR, b"warning", 0));
        wire.extend(record(STDOUT, &vec![b'x'; 65_535], 255));
        wire.extend(record(STDOUT, b"", 8));
        wire.extend(record(STDERR, b"", 0));
        wire.extend(record(END_REQUEST, &[0; 8], 5));
        let whole = decode(&wire, wire.len()).unwrap();
        assert_eq!((whole.0.len(), &*whole.1, whole.2), (65_548, &b"warning"[..], true));
        for size in [1, 2, 7, 8, 9, 100, 4096] {
            assert_eq!(decode(&wire, size).unwrap(), whole, "{size}");
        }
    }

    #[test]
    fn what_is_no_fastcgi() {
        let end = record(END_REQUEST, &[0; 8], 0);
        assert_eq!(decode(&end, 3), Ok((Vec::new(), Vec::new(), true)));
        for (bytes, error) in [
            (b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), Invalid::Version(b'H')),
            ([1, STDOUT, 0, 2, 0, 0, 0, 0].to_vec(), Invalid::Id(2)),
            (record(9, b"x", 0), Invalid::Type(9)),
            (record(END_REQUEST, &[0; 4], 0), Invalid::End),
            (record(END_REQUEST, &[0, 0, 0, 0, 2, 0, 0, 0], 0), Invalid::Refused(2)),
            ([record(STDOUT, b"", 0), record(STDOUT, b"x", 0)].concat(), Invalid::AfterEnd),
        ] {
            assert_eq!(decode(&bytes, 1), Err(error), "{bytes:?}");
        }
    }

    #[test]
    fn nothing_is_taken_after_the_end() {
        let mut wire = BytesMut::from(&record(END_REQUEST, &[0; 8], 0)[..]);
        wire.extend_from_slice(b"more");
        let mut decoder = Decoder::default();
        assert_eq!(decoder.next(&mut wire), Ok(Some(Event::End)));
        assert_eq!(decoder.next(&mut wire), Ok(None));
        assert_eq!(&wire[..], b"more");
    }

    #[test]
    fn a_request_begins() {
        let head = begin(b"\x01\x02AB1", true);
        let expected = [
            &[1, BEGIN_REQUEST, 0, 1, 0, 8, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0][..],
            &[1, PARAMS, 0, 1, 0, 5, 3, 0, 1, 2, b'A', b'B', b'1', 0, 0, 0],
            &[1, PARAMS, 0, 1, 0, 0, 0, 0],
        ];
        assert_eq!(&head[..], expected.concat());
        let long = begin(&vec![b'p'; 70_000], false);
        assert_eq!(long.len(), 16 + 8 + 65_528 + 8 + 4_472 + 8);
        assert_eq!(Records::before(5)[..], [1, STDIN, 0, 1, 0, 5, 0, 0]);
    }
}
