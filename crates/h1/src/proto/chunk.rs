use bytes::{Buf, Bytes, BytesMut};
use http::HeaderMap;

use super::decode::take;
use super::lines::Lines;
use super::section::Section;
use crate::names::classify;
use crate::{BodyError, Limits, Marks, Unwanted};

/// Reads chunked framing (RFC 9112 7.1), strictly: CRLF alone ends lines, nothing but extensions stands behind a size.
#[derive(Debug, Clone, Default)]
pub(super) struct ChunkReader {
    at: At,
    /// Of the current chunk, still to come.
    left: u64,
    /// Bytes of extensions so far.
    extensions: usize,
}

/// Before which byte it stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum At {
    #[default]
    Size,
    /// Behind so many digits.
    MoreSize(u8),
    /// Behind a blank that only an extension may follow.
    BeforeExtension,
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    Trailers,
}

#[derive(Debug)]
pub(super) enum Chunk {
    Data(Bytes),
    End(Option<HeaderMap>),
    Partial,
}

impl ChunkReader {
    pub(super) fn left(&self) -> u64 {
        self.left
    }

    pub(super) fn read(&mut self, buf: &mut BytesMut, limits: &Limits) -> Result<Chunk, BodyError> {
        if self.at != At::Data && self.at != At::Trailers {
            let mut taken = 0;
            for byte in buf.iter() {
                taken += 1;
                self.at = self.step(*byte, limits)?;
                if self.at == At::Data || self.at == At::Trailers {
                    break;
                }
            }
            buf.advance(taken);
        }
        match self.at {
            At::Trailers => read_trailers(buf, limits),
            At::Data if !buf.is_empty() => {
                let data = take(buf, &mut self.left);
                if self.left == 0 {
                    self.at = At::DataCr;
                }
                Ok(Chunk::Data(data))
            }
            _ => Ok(Chunk::Partial),
        }
    }

    fn step(&mut self, byte: u8, limits: &Limits) -> Result<At, BodyError> {
        Ok(match (self.at, byte) {
            (At::Size, _) => {
                self.left = hex(byte).ok_or(BodyError::ChunkSize)?;
                At::MoreSize(1)
            }
            (At::MoreSize(digits), _) if hex(byte).is_some() => {
                let digit = hex(byte).unwrap_or_default();
                // Sixteen digits and no more, zeros too: a size is not a place to hide bytes in.
                if digits >= 16 || self.left > i64::MAX.unsigned_abs() / 16 {
                    return Err(BodyError::ChunkOverflow);
                }
                self.left = self.left * 16 + digit;
                At::MoreSize(digits + 1)
            }
            (At::MoreSize(_) | At::Extension, b'\r') => At::SizeLf,
            (At::MoreSize(_) | At::BeforeExtension, b';') => self.extension(limits, At::Extension)?,
            // RFC 9112 7.1.1: a blank may stand before the `;` of an extension, not at the end of the line.
            (At::MoreSize(_) | At::BeforeExtension, b' ' | b'\t') => {
                self.extension(limits, At::BeforeExtension)?
            }
            (At::MoreSize(_) | At::BeforeExtension, _) => return Err(BodyError::ChunkSize),
            (At::Extension, b'\t' | b' '..=b'~' | 0x80..) => self.extension(limits, At::Extension)?,
            (At::SizeLf, b'\n') if self.left == 0 => At::Trailers,
            (At::SizeLf, b'\n') => At::Data,
            (At::Extension | At::SizeLf, _) => return Err(BodyError::ChunkExtension),
            (At::DataCr, b'\r') => At::DataLf,
            (At::DataLf, b'\n') => At::Size,
            (At::DataCr | At::DataLf | At::Data | At::Trailers, _) => return Err(BodyError::ChunkEnd),
        })
    }

    fn extension(&mut self, limits: &Limits, next: At) -> Result<At, BodyError> {
        self.extensions += 1;
        if self.extensions > limits.chunk_extensions { Err(BodyError::ExtensionsTooLarge) } else { Ok(next) }
    }
}

/// Nothing of the section is taken before all of it is there; it is small, so that looking again is cheap.
fn read_trailers(buf: &mut BytesMut, limits: &Limits) -> Result<Chunk, BodyError> {
    let (mut start, mut fields) = (0, 0);
    loop {
        let found = memchr::memchr(b'\n', buf.get(start..).unwrap_or_default()).map(|at| start + at + 1);
        if found.unwrap_or(buf.len() + 1) > limits.trailers {
            return Err(BodyError::TrailersTooLarge);
        }
        let Some(end) = found else { return Ok(Chunk::Partial) };
        let line = buf.get(start..end).unwrap_or_default();
        if line == b"\r\n" {
            let raw = buf.split_to(end).freeze();
            return if fields == 0 { Ok(Chunk::End(None)) } else { trailers(&raw).map(Chunk::End) };
        }
        if !line.ends_with(b"\r\n") {
            return Err(BodyError::Trailer);
        }
        fields += 1;
        if fields > limits.trailer_fields {
            return Err(BodyError::TrailersTooLarge);
        }
        start = end;
    }
}

fn hex(byte: u8) -> Option<u64> {
    match byte {
        b'0'..=b'9' => Some(u64::from(byte - b'0')),
        b'a'..=b'f' => Some(u64::from(byte - b'a') + 10),
        b'A'..=b'F' => Some(u64::from(byte - b'A') + 10),
        _ => None,
    }
}

fn trailers(raw: &Bytes) -> Result<Option<HeaderMap>, BodyError> {
    let mut fields = HeaderMap::new();
    Section::parse(raw, 0, &mut Lines::default(), &Unwanted::NONE, &mut fields)
        .map_err(|_| BodyError::Trailer)?;
    let unfit: Vec<_> =
        fields.keys().filter(|name| classify(name).any(Marks::NOT_IN_TRAILERS)).cloned().collect();
    for name in unfit {
        fields.remove(name);
    }
    Ok((!fields.is_empty()).then_some(fields))
}
