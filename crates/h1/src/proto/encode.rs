use bytes::BytesMut;
use http::{Extensions, HeaderMap, HeaderValue, Method, StatusCode, Version};

use crate::{BodySize, EncodeError};

/// A response head to be written.
#[derive(Debug, Clone, Copy)]
pub struct ResponseToSend<'a> {
    /// Its status.
    pub status: StatusCode,
    /// Its fields; `Content-Length`, `Transfer-Encoding` and `Connection` are the engine's and replaced by its own.
    pub headers: &'a HeaderMap,
    /// [`Reason`](crate::Reason), [`HeaderCase`](crate::HeaderCase), [`FieldOrder`](crate::FieldOrder) are read.
    pub extensions: &'a Extensions,
    /// Its body's size.
    pub body: BodySize,
    /// The request's method.
    pub method: &'a Method,
    /// The request's version.
    pub version: Version,
    /// Whether the connection may stay open; `Connection: close` among the fields also closes it.
    pub keep_alive: bool,
    /// Written if there is no `Date` among the fields.
    pub date: Option<&'a HeaderValue>,
}

/// A request head to be written.
#[derive(Debug, Clone, Copy)]
pub struct RequestToSend<'a> {
    /// Its method.
    pub method: &'a Method,
    /// Its target, written as it is.
    pub target: &'a [u8],
    /// 1.0 or 1.1.
    pub version: Version,
    /// Its fields, `Host` among them; `Content-Length`, `Transfer-Encoding` and `Connection` are the engine's.
    pub headers: &'a HeaderMap,
    /// [`HeaderCase`](crate::HeaderCase), [`FieldOrder`](crate::FieldOrder) are read.
    pub extensions: &'a Extensions,
    /// Its body's size.
    pub body: BodySize,
    /// Whether the connection shall stay open.
    pub keep_alive: bool,
}

/// What was decided when a head was written.
#[derive(Debug)]
pub struct Sent {
    /// Writes the body.
    pub encoder: Encoder,
    /// Whether the connection stays open after the body, as the peer has been told.
    pub keep_alive: bool,
}

/// Appends a response head to `dst`.
pub fn encode_response(_head: &ResponseToSend<'_>, _dst: &mut BytesMut) -> Sent {
    Sent { encoder: Encoder {}, keep_alive: false }
}

/// Appends a request head to `dst`.
///
/// # Errors
/// `Target`, `LengthRequired`; `dst` is as before.
pub fn encode_request(_head: &RequestToSend<'_>, _dst: &mut BytesMut) -> Result<Sent, EncodeError> {
    Err(EncodeError::Target)
}

/// Appends an interim response to `dst`: 100, 103, …; fields of framing and of the connection are left out.
///
/// # Errors
/// `NotInterim`.
pub fn encode_interim(
    _status: StatusCode,
    _headers: &HeaderMap,
    _extensions: &Extensions,
    _dst: &mut BytesMut,
) -> Result<(), EncodeError> {
    Err(EncodeError::NotInterim)
}

/// Frames a body: the caller sends its bytes, this what stands before, between and behind.
#[derive(Debug)]
pub struct Encoder {}

impl Encoder {
    /// What stands before `len` bytes of data.
    ///
    /// # Errors
    /// `BodyTooLong`.
    pub fn begin(&mut self, _len: usize, _dst: &mut BytesMut) -> Result<(), EncodeError> {
        Ok(())
    }
    /// What stands behind them.
    pub fn end(&mut self, _dst: &mut BytesMut) {}
    /// What stands behind the whole body; trailers are written in chunked framing only.
    ///
    /// # Errors
    /// `BodyTooShort`.
    pub fn finish(&mut self, _trailers: Option<&HeaderMap>, _dst: &mut BytesMut) -> Result<(), EncodeError> {
        Ok(())
    }
    /// Whether data is sent at all: not after HEAD, 204, 304, 1xx.
    #[must_use]
    pub fn takes_data(&self) -> bool {
        true
    }
    /// Whether chunked.
    #[must_use]
    pub fn is_chunked(&self) -> bool {
        true
    }
    /// Bytes still owed in length framing.
    #[must_use]
    pub fn remaining(&self) -> Option<u64> {
        None
    }
}
