//! What one end says: frames, and what opens its control stream.

use bytes::{Buf, Bytes};
use http::{HeaderMap, StatusCode};

use crate::frame::kind;
use crate::{Settings, qpack, varint};

/// How long the beginning of a frame is at most here: no type takes more than one byte.
const HEAD: usize = 9;

/// What a field takes at most beside its texts, where these are no longer than 16 KiB.
const FIELD: usize = 8;

/// How much room there is for a section of nobody knows which fields.
const SECTION: usize = 256;

/// A section of fields on its way, after room for the beginning of its frame: they are written in this order.
#[derive(Clone, Debug)]
pub struct Fields(Vec<u8>);

impl Default for Fields {
    fn default() -> Self {
        Self::with_room(SECTION)
    }
}

impl Fields {
    fn with_room(room: usize) -> Self {
        let mut section = Vec::with_capacity(HEAD + room);
        section.resize(HEAD, 0);
        qpack::begin(&mut section);
        Self(section)
    }

    /// One with room for all of these, and a status.
    fn for_response(headers: &HeaderMap) -> Self {
        let texts = headers.iter().map(|(name, value)| name.as_str().len() + value.len());
        Self::with_room(texts.sum::<usize>() + (headers.len() + 2) * FIELD)
    }

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
        let mut bytes = self.0;
        let (head, length) = head(kind::HEADERS, bytes.len().saturating_sub(HEAD));
        let begin = HEAD.saturating_sub(length);
        if let Some(place) = bytes.get_mut(begin..HEAD) {
            place.copy_from_slice(head.get(..length).unwrap_or_default());
        }
        let mut frame = Bytes::from(bytes);
        frame.advance(begin);
        frame
    }
}

/// A response's head as a frame, be it the final one or not.
#[must_use]
pub fn response(status: StatusCode, headers: &HeaderMap) -> Bytes {
    Fields::for_response(headers).field(":status", status.as_str()).all(headers).into_frame()
}

/// What stands before a piece of a body that is so long.
#[must_use]
pub fn data(length: usize) -> Bytes {
    let (head, known) = head(kind::DATA, length);
    Bytes::copy_from_slice(head.get(..known).unwrap_or_default())
}

/// What a control stream begins with: its type, and the settings.
#[must_use]
pub fn control(settings: &Settings) -> Bytes {
    let mut payload = Vec::new();
    settings.write(&mut payload);
    let mut out = Vec::new();
    varint::put(0, &mut out);
    frame(kind::SETTINGS, &payload, &mut out);
    out.into()
}

/// A GOAWAY of a server: requests on this stream and on later ones are not served.
#[must_use]
pub fn goaway(stream: u64) -> Bytes {
    let mut payload = Vec::new();
    varint::put(stream, &mut payload);
    let mut out = Vec::new();
    frame(kind::GOAWAY, &payload, &mut out);
    out.into()
}

/// The last stream that a client can open, for a GOAWAY that says no more than that there will be another (RFC 9114 5.2).
pub const LAST_STREAM: u64 = varint::MAX - 3;

fn frame(kind: u64, payload: &[u8], out: &mut Vec<u8>) {
    let (head, length) = head(kind, payload.len());
    out.extend_from_slice(head.get(..length).unwrap_or_default());
    out.extend_from_slice(payload);
}

/// The beginning of a frame whose payload is so long, and its own length.
fn head(kind: u64, length: usize) -> ([u8; HEAD], usize) {
    let mut head = [0; HEAD];
    let mut left = &mut head[..];
    varint::put(kind, &mut left);
    varint::put(length as u64, &mut left);
    let unused = left.len();
    (head, HEAD - unused)
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

    /// What README says of its cost.
    #[test]
    fn there_is_room_for_all_fields_of_a_response() {
        let value = |size: usize| HeaderValue::from_str(&"~".repeat(size)).unwrap(); // nothing is longer in its code
        for size in [0, 1, 126, 127, 128, 5000, 16_000] {
            let name = |n| http::HeaderName::try_from(format!("{}{n}", "~".repeat(40))).unwrap();
            let headers: HeaderMap = (0..10).map(|n| (name(n), value(size))).collect();
            let fields = Fields::for_response(&headers);
            let room = fields.0.capacity();
            let fields = fields.field(":status", "599").all(&headers);
            assert_eq!(fields.0.capacity(), room, "{size}");
            let frame = fields.into_frame();
            assert_eq!(frame, response(StatusCode::from_u16(599).unwrap(), &headers));
            assert!(frame.len() > 10 * size);
        }
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
