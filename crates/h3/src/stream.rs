//! Streams of one direction (RFC 9114 6.2): the control stream, those of QPACK, and what nobody knows.

use bytes::{Bytes, BytesMut};

use crate::frame::{self, Heads, kind, unexpected};
use crate::qpack::{DecoderStream, EncoderStream};
use crate::settings::Settings;
use crate::{Code, Fault, varint};

const CONTROL: u64 = 0x0;
const PUSH: u64 = 0x1;
const ENCODER: u64 = 0x2;
const DECODER: u64 = 0x3;

/// More than this a frame of the control stream does not take.
const MOST: u64 = 4096;

/// What a client has said of its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// Its settings.
    Settings(Settings),
    /// It asks for nothing more.
    Goaway,
    /// Something about pushes, of which there are none here.
    OfPushes,
    /// A frame that nobody knows.
    Unknown,
}

/// The streams of one direction that a client has opened: each of those that a connection lives by it opens once.
#[derive(Clone, Copy, Debug, Default)]
pub struct Opened {
    control: bool,
    encoder: bool,
    decoder: bool,
}

/// A client's stream of one direction, of which somebody else has the bytes.
#[derive(Debug)]
pub struct UniStream {
    /// What has come of its type.
    begun: BytesMut,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Untold,
    Control(Box<ControlStream>),
    Encoder(EncoderStream),
    Decoder(DecoderStream),
    Unknown,
}

impl Default for UniStream {
    fn default() -> Self {
        Self { begun: BytesMut::new(), kind: Kind::Untold }
    }
}

impl UniStream {
    /// Reads from `input`, until there is something to tell, or nothing left.
    ///
    /// # Errors
    /// If the stream is not as it must be: the connection is to be closed.
    pub fn read(&mut self, opened: &mut Opened, input: &mut Bytes) -> Result<Option<Said>, Fault> {
        while !input.is_empty() {
            match &mut self.kind {
                Kind::Untold => {
                    self.begun.extend_from_slice(&input.split_to(1));
                    if let Some((number, _)) = varint::read(&self.begun) {
                        self.kind = Kind::new(number, opened)?;
                    }
                }
                Kind::Control(control) => return control.read(input),
                Kind::Encoder(encoder) => encoder.read(input)?,
                Kind::Decoder(decoder) => decoder.read(input)?,
                Kind::Unknown => input.clear(),
            }
        }
        Ok(None)
    }

    /// Whether nobody knows what it is for: it need not be read (RFC 9114 6.2.3).
    #[must_use]
    pub const fn is_unknown(&self) -> bool {
        matches!(self.kind, Kind::Unknown)
    }

    /// The client has ended it, or taken it back.
    ///
    /// # Errors
    /// If the connection lives by it.
    pub const fn end(&self) -> Result<(), Fault> {
        match self.kind {
            Kind::Untold | Kind::Unknown => Ok(()),
            _ => Err(Fault::connection(Code::CLOSED_CRITICAL_STREAM, "a critical stream was closed")),
        }
    }
}

impl Kind {
    fn new(number: u64, opened: &mut Opened) -> Result<Self, Fault> {
        let (known, kind) = match number {
            CONTROL => (&mut opened.control, Self::Control(Box::default())),
            ENCODER => (&mut opened.encoder, Self::Encoder(EncoderStream::default())),
            DECODER => (&mut opened.decoder, Self::Decoder(DecoderStream::default())),
            PUSH => {
                return Err(Fault::connection(Code::STREAM_CREATION_ERROR, "a push stream from a client"));
            }
            _ => return Ok(Self::Unknown),
        };
        if std::mem::replace(known, true) {
            return Err(Fault::connection(
                Code::STREAM_CREATION_ERROR,
                "a second control, encoder or decoder stream",
            ));
        }
        Ok(kind)
    }
}

#[derive(Debug, Default)]
struct ControlStream {
    heads: Heads,
    /// The frame that comes, how much of it is to come, and what has.
    within: Option<(u64, u64, BytesMut)>,
    begun: bool,
    /// The last number of a GOAWAY, and of MAX_PUSH_ID.
    goaway: Option<u64>,
    pushes: Option<u64>,
}

impl ControlStream {
    fn read(&mut self, input: &mut Bytes) -> Result<Option<Said>, Fault> {
        loop {
            let Some((kind, left, payload)) = &mut self.within else {
                let Some(head) = self.heads.read(input) else { return Ok(None) };
                self.begin(head)?;
                continue;
            };
            let part = frame::take(left, input);
            if is_known(*kind) {
                payload.extend_from_slice(&part);
            }
            if *left > 0 {
                return Ok(None);
            }
            let (kind, payload) = (*kind, std::mem::take(payload).freeze());
            self.within = None;
            return self.frame(kind, payload).map(Some);
        }
    }

    fn begin(&mut self, head: frame::Head) -> Result<(), Fault> {
        let frame::Head { kind, length } = head;
        match kind {
            kind::SETTINGS if self.begun => return Err(unexpected("a second SETTINGS frame")),
            kind::SETTINGS => self.begun = true,
            _ if !self.begun => {
                return Err(Fault::connection(
                    Code::MISSING_SETTINGS,
                    "a control stream that does not begin with SETTINGS",
                ));
            }
            kind::DATA | kind::HEADERS | kind::PUSH_PROMISE => {
                return Err(unexpected("a request frame on the control stream"));
            }
            kind if kind::OF_HTTP2.contains(&kind) => return Err(unexpected("an HTTP/2 frame")),
            _ => {}
        }
        if is_known(kind) && length > MOST {
            return Err(Fault::connection(Code::EXCESSIVE_LOAD, "a frame that is too large"));
        }
        self.within = Some((kind, length, BytesMut::new()));
        Ok(())
    }

    fn frame(&mut self, kind: u64, mut payload: Bytes) -> Result<Said, Fault> {
        if kind == kind::SETTINGS {
            return Settings::read(payload).map(Said::Settings);
        }
        if !is_known(kind) {
            return Ok(Said::Unknown);
        }
        let number = varint::take(&mut payload).filter(|_| payload.is_empty());
        let number = number
            .ok_or(Fault::connection(Code::FRAME_ERROR, "a frame whose payload is not a single integer"))?;
        let fault = |what| Err(Fault::connection(Code::ID_ERROR, what));
        match kind {
            kind::GOAWAY if self.goaway.is_some_and(|last| number > last) => {
                fault("a GOAWAY with a larger ID than the previous one")
            }
            kind::GOAWAY => {
                self.goaway = Some(number);
                Ok(Said::Goaway)
            }
            kind::MAX_PUSH_ID if self.pushes.is_some_and(|last| number < last) => {
                fault("a MAX_PUSH_ID that is smaller than the previous one")
            }
            kind::MAX_PUSH_ID => {
                self.pushes = Some(number);
                Ok(Said::OfPushes)
            }
            _ => fault("a CANCEL_PUSH for a push that was never promised"),
        }
    }
}

/// Frames whose payload is of interest.
const fn is_known(kind: u64) -> bool {
    matches!(kind, kind::SETTINGS | kind::GOAWAY | kind::MAX_PUSH_ID | kind::CANCEL_PUSH)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8], piece: usize) -> Result<Vec<Said>, Code> {
        let (mut stream, mut opened) = (UniStream::default(), Opened::default());
        let mut said = Vec::new();
        for part in bytes.chunks(piece) {
            let mut part = Bytes::copy_from_slice(part);
            while let Some(one) = stream.read(&mut opened, &mut part).map_err(|fault| fault.code)? {
                said.push(one);
            }
        }
        Ok(said)
    }

    fn check(bytes: &[u8], expected: Result<&[Said], Code>) {
        for piece in 1..=bytes.len() {
            assert_eq!(
                read(bytes, piece).as_deref().map_err(|code| *code),
                expected,
                "{bytes:x?} by {piece}"
            );
        }
    }

    const SETTINGS: Said = Said::Settings(Settings { max_field_section_size: None, connect_protocol: false });

    #[test]
    fn a_control_stream_begins_with_settings() {
        check(b"\x00\x04\x00", Ok(&[SETTINGS]));
        check(
            b"\x40\x00\x04\x02\x01\x00\x07\x01\x08\x07\x01\x04",
            Ok(&[SETTINGS, Said::Goaway, Said::Goaway]),
        );
        check(b"\x00\x04\x00\x0d\x01\x05\x21\x03abc", Ok(&[SETTINGS, Said::OfPushes, Said::Unknown]));
        check(b"\x00\x07\x01\x08", Err(Code::MISSING_SETTINGS));
        check(b"\x00\x21\x00", Err(Code::MISSING_SETTINGS));
    }

    #[test]
    fn a_control_stream_that_is_wrong_closes_the_connection() {
        for (wrong, code) in [
            (&b"\x00\x04\x00\x04\x00"[..], Code::FRAME_UNEXPECTED),
            (b"\x00\x04\x00\x00\x01a", Code::FRAME_UNEXPECTED),
            (b"\x00\x04\x00\x01\x01a", Code::FRAME_UNEXPECTED),
            (b"\x00\x04\x00\x05\x01a", Code::FRAME_UNEXPECTED),
            (b"\x00\x04\x00\x08\x00", Code::FRAME_UNEXPECTED),
            (b"\x00\x04\x00\x07\x01\x04\x07\x01\x08", Code::ID_ERROR),
            (b"\x00\x04\x00\x0d\x01\x04\x0d\x01\x03", Code::ID_ERROR),
            (b"\x00\x04\x00\x03\x01\x00", Code::ID_ERROR),
            (b"\x00\x04\x00\x07\x02\x04\x04", Code::FRAME_ERROR),
            (b"\x00\x04\x00\x07\x00", Code::FRAME_ERROR),
            (b"\x00\x04\x50\x01", Code::EXCESSIVE_LOAD),
            (b"\x01", Code::STREAM_CREATION_ERROR),
            (b"\x02\x3f\x01", Code::QPACK_ENCODER_STREAM_ERROR),
            (b"\x03\x80", Code::QPACK_DECODER_STREAM_ERROR),
        ] {
            check(wrong, Err(code));
        }
    }

    #[test]
    fn each_stream_is_there_once() {
        for kind in [&b"\x00"[..], b"\x02", b"\x03"] {
            let mut opened = Opened::default();
            let mut open = || UniStream::default().read(&mut opened, &mut Bytes::copy_from_slice(kind));
            assert_eq!(open(), Ok(None));
            assert_eq!(open().unwrap_err().code, Code::STREAM_CREATION_ERROR);
        }
    }

    #[test]
    fn what_nobody_knows_need_not_be_read() {
        let (mut stream, mut opened) = (UniStream::default(), Opened::default());
        assert_eq!(stream.end(), Ok(()), "before it is known what it is");
        assert_eq!(stream.read(&mut opened, &mut Bytes::from_static(b"\x21rest")), Ok(None));
        assert!(stream.is_unknown());
        assert_eq!(stream.end(), Ok(()));
        let mut control = UniStream::default();
        control.read(&mut opened, &mut Bytes::from_static(b"\x00\x04\x00")).unwrap();
        assert_eq!(control.end().unwrap_err().code, Code::CLOSED_CRITICAL_STREAM);
    }
}
