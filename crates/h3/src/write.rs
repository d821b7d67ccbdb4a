//! What one end says: frames, and what opens its control stream.

use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderMap, StatusCode};

use crate::frame::kind;
use crate::{Settings, qpack, varint};

/// How long the beginning of a frame is at most.
const HEAD: usize = 16;

/// A section of fields on its way: they are written in this order.
#[derive(Clone, Debug)]
pub struct Fields(Vec<u8>);

impl Default for Fields {
    fn default() -> Self {
        Self(qpack::begin())
    }
}

impl Fields {
    /// Adds a field; its name is in lower case.
    #[must_use]
    pub fn field(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        qpack::put(name, value.as_ref(), false, &mut self.0);
        self
    }

    /// Adds them all; those that are secret are marked so.
    #[must_use]
    pub fn all(mut self, headers: &HeaderMap) -> Self {
        for (name, value) in headers {
            qpack::put(name.as_str(), value.as_bytes(), value.is_sensitive(), &mut self.0);
        }
        self
    }

    /// All of them as a frame.
    #[must_use]
    pub fn into_frame(self) -> Bytes {
        frame(kind::HEADERS, &self.0)
    }
}

/// A response's head as a frame, be it the final one or not.
#[must_use]
pub fn response(status: StatusCode, headers: &HeaderMap) -> Bytes {
    Fields::default().field(":status", status.as_str()).all(headers).into_frame()
}

/// What stands before a piece of a body that is so long.
#[must_use]
pub fn data(length: usize) -> Bytes {
    let mut out = BytesMut::with_capacity(HEAD);
    varint::put(kind::DATA, &mut out);
    varint::put(length as u64, &mut out);
    out.freeze()
}

/// What a control stream begins with: its type, and the settings.
#[must_use]
pub fn control(settings: &Settings) -> Bytes {
    let mut payload = Vec::new();
    settings.write(&mut payload);
    let frame = frame(kind::SETTINGS, &payload);
    let mut out = BytesMut::with_capacity(1 + frame.len());
    varint::put(0, &mut out);
    out.put(frame);
    out.freeze()
}

/// A GOAWAY of a server: requests on this stream and on later ones are not served.
#[must_use]
pub fn goaway(stream: u64) -> Bytes {
    let mut payload = Vec::new();
    varint::put(stream, &mut payload);
    frame(kind::GOAWAY, &payload)
}

/// The last stream that a client can open, for a GOAWAY that says no more than that there will be another (RFC 9114 5.2).
pub const LAST_STREAM: u64 = varint::MAX - 3;

fn frame(kind: u64, payload: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(HEAD + payload.len());
    varint::put(kind, &mut out);
    varint::put(payload.len() as u64, &mut out);
    out.put_slice(payload);
    out.freeze()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn frames_are_those_of_the_rfc() {
        assert_eq!(&data(5)[..], b"\x00\x05");
        assert_eq!(&data(70_000)[..], b"\x00\x80\x01\x11\x70");
        assert_eq!(&goaway(4)[..], b"\x07\x01\x04");
        assert_eq!(&goaway(LAST_STREAM)[..], b"\x07\x08\xff\xff\xff\xff\xff\xff\xff\xfc");
        let settings = Settings { max_field_section_size: Some(63), connect_protocol: true };
        assert_eq!(&control(&settings)[..], b"\x00\x04\x04\x06\x3f\x08\x01");
    }

    #[test]
    fn a_response_is_a_status_and_fields() {
        let headers = HeaderMap::from_iter([
            (http::header::CONTENT_TYPE, HeaderValue::from_static("text/css")),
            (http::header::AGE, HeaderValue::from_static("1")),
        ]);
        assert_eq!(&response(StatusCode::OK, &headers)[..], b"\x01\x07\x00\x00\xd9\xf3\x52\x01\x31");
        let mut secret = HeaderValue::from_static("text/css");
        secret.set_sensitive(true);
        let headers = HeaderMap::from_iter([(http::header::CONTENT_TYPE, secret)]);
        assert_eq!(response(StatusCode::OK, &headers)[5..7], [0x7f, 0x24], "never to be indexed");
    }
}
