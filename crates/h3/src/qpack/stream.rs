//! What two peers say of their tables: without a table, nearly nothing.

use bytes::{Buf, Bytes};

use crate::{Code, Fault};

/// What the peer's encoder says (RFC 9204 4.3). There is no room for a table here, so that there is none is all that it may say.
#[derive(Debug, Default)]
pub(crate) struct EncoderStream(());

/// Set Dynamic Table Capacity to 0.
const NO_CAPACITY: u8 = 0x20;

impl EncoderStream {
    pub(crate) fn read(&mut self, input: &mut Bytes) -> Result<(), Fault> {
        let only = input.iter().all(|&byte| byte == NO_CAPACITY);
        input.clear();
        let what = "an instruction for the dynamic table, whose capacity is 0";
        if only { Ok(()) } else { Err(Fault::connection(Code::QPACK_ENCODER_STREAM_ERROR, what)) }
    }
}

/// What the peer's decoder says (RFC 9204 4.4): no section that it gets refers to a table, so that it has given one up is all that it
/// may say.
#[derive(Debug, Default)]
pub(crate) struct DecoderStream {
    /// How many bytes of a number have come that has more.
    within: u8,
}

impl DecoderStream {
    pub(crate) fn read(&mut self, input: &mut Bytes) -> Result<(), Fault> {
        let fault = |what| Err(Fault::connection(Code::QPACK_DECODER_STREAM_ERROR, what));
        while let Some(byte) = input.first().copied() {
            input.advance(1);
            self.within = match self.within {
                0 if byte >> 6 != 1 => return fault("an acknowledgment of something that was never sent"),
                0 => u8::from(byte & 0x3f == 0x3f),
                10 => return fault("an integer that is too large"),
                so_far if byte & 0x80 != 0 => so_far + 1,
                _ => 0,
            };
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encoder_has_nothing_to_say() {
        let read = |bytes: &'static [u8]| EncoderStream::default().read(&mut Bytes::from_static(bytes));
        assert_eq!(read(b""), Ok(()));
        assert_eq!(read(b"\x20\x20"), Ok(()));
        for wrong in [&b"\x21"[..], b"\x3f\x01", b"\xc0\x00", b"\x40\x00", b"\x00"] {
            assert_eq!(read(wrong).unwrap_err().code, Code::QPACK_ENCODER_STREAM_ERROR, "{wrong:x?}");
        }
    }

    #[test]
    fn a_decoder_may_give_up_sections() {
        let mut stream = DecoderStream::default();
        for part in [&b"\x44\x7f"[..], b"\x80", b"\x01\x40"] {
            assert_eq!(stream.read(&mut Bytes::from_static(part)), Ok(()));
        }
        for wrong in [&b"\x84"[..], b"\x01", b"\x7f\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"] {
            let read = DecoderStream::default().read(&mut Bytes::from_static(wrong));
            assert_eq!(read.unwrap_err().code, Code::QPACK_DECODER_STREAM_ERROR, "{wrong:x?}");
        }
    }
}
