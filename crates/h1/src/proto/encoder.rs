use bytes::{BufMut, BytesMut};
use http::HeaderMap;

use super::write::{END, put_field};
use crate::names::classify;
use crate::{EncodeError, HeaderCase, Marks};

/// Frames a body: the caller sends its bytes, this writes what stands before and behind them. Two words, `Copy`.
///
/// ```
/// use bytes::BytesMut;
/// use propylon_h1::proto::Encoder;
///
/// let mut wire = BytesMut::new();
/// let mut encoder = Encoder::chunked();
/// encoder.begin(3, &mut wire)?;
/// wire.extend_from_slice(b"abc");
/// encoder.end(&mut wire);
/// encoder.finish(None, &mut wire)?;
/// assert_eq!(wire, "3\r\nabc\r\n0\r\n\r\n");
/// # Ok::<(), propylon_h1::EncodeError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Encoder(Framing);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Framing {
    Empty,
    Length(u64),
    Chunked,
    UntilClose,
}

impl Encoder {
    /// No body, whatever the caller has: after HEAD, 204, 304, 1xx, CONNECT.
    #[must_use]
    pub const fn empty() -> Self {
        Self(Framing::Empty)
    }

    /// So many bytes.
    #[must_use]
    pub const fn length(length: u64) -> Self {
        Self(Framing::Length(length))
    }

    /// Chunked (RFC 9112 7.1).
    #[must_use]
    pub const fn chunked() -> Self {
        Self(Framing::Chunked)
    }

    /// Ends with the connection.
    #[must_use]
    pub const fn until_close() -> Self {
        Self(Framing::UntilClose)
    }

    /// Whether only the end of the connection tells that the body is over.
    pub(crate) const fn ends_with_connection(&self) -> bool {
        matches!(self.0, Framing::UntilClose)
    }

    /// What stands before `len` bytes of data; nothing for none.
    ///
    /// # Errors
    /// `BodyTooLong`; nothing is counted then.
    pub fn begin(&mut self, len: usize, dst: &mut BytesMut) -> Result<(), EncodeError> {
        match &mut self.0 {
            Framing::Length(left) => {
                *left = left.checked_sub(len as u64).ok_or(EncodeError::BodyTooLong)?;
            }
            Framing::Chunked if len > 0 => put_chunk_size(len, dst),
            Framing::Empty | Framing::Chunked | Framing::UntilClose => {}
        }
        Ok(())
    }

    /// What stands behind data, if there was any.
    pub fn end(&self, dst: &mut BytesMut) {
        if self.0 == Framing::Chunked {
            dst.put_slice(b"\r\n");
        }
    }

    /// What stands behind the whole body. Trailers are written in chunked framing only, without fields of framing, routing
    /// and the connection.
    ///
    /// # Errors
    /// `BodyTooShort`: close the connection, so that the peer sees it.
    pub fn finish(&mut self, trailers: Option<&HeaderMap>, dst: &mut BytesMut) -> Result<(), EncodeError> {
        match self.0 {
            Framing::Length(left) if left > 0 => Err(EncodeError::BodyTooShort),
            Framing::Chunked => {
                dst.put_u8(b'0');
                for (name, value) in trailers.into_iter().flatten() {
                    if !classify(name).any(Marks::NOT_IN_TRAILERS) {
                        put_field(name, HeaderCase::Title, value, dst);
                    }
                }
                dst.put_slice(END);
                Ok(())
            }
            Framing::Empty | Framing::Length(_) | Framing::UntilClose => Ok(()),
        }
    }

    /// Whether data is sent at all; if not, drop the body unread.
    #[must_use]
    pub const fn takes_data(&self) -> bool {
        !matches!(self.0, Framing::Empty)
    }

    /// Whether `begin`, `end` and `finish` write.
    #[must_use]
    pub const fn is_chunked(&self) -> bool {
        matches!(self.0, Framing::Chunked)
    }

    /// Whether only the end of the connection will end the body.
    #[must_use]
    pub const fn is_until_close(&self) -> bool {
        matches!(self.0, Framing::UntilClose)
    }

    /// Bytes still owed in length framing.
    #[must_use]
    pub const fn remaining(&self) -> Option<u64> {
        match self.0 {
            Framing::Length(left) => Some(left),
            _ => None,
        }
    }
}

/// Hexadecimal digits, without leading zeros, and CRLF.
fn put_chunk_size(len: usize, dst: &mut BytesMut) {
    let digits = (usize::BITS - len.leading_zeros()).div_ceil(4).max(1);
    dst.reserve(digits as usize + 2);
    for digit in (0..digits).rev() {
        let [.., low] = (len >> (4 * digit)).to_be_bytes();
        let nibble = low & 0xF;
        dst.put_u8(if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 });
    }
    dst.put_slice(b"\r\n");
}
