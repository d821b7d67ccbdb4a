use bytes::BytesMut;
use http::{Extensions, HeaderMap, HeaderValue, Method, StatusCode, Version, header};

use super::encoder::Encoder;
use super::write::{END, Fields, Given, Own, put, put_field, status_line};
use crate::names::classify;
use crate::{BodySize, EncodeError, HeaderCase, Marks, Spelling};

/// The interim response that a client waits for before it sends its body.
pub const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// A response head to be written.
#[derive(Debug, Clone, Copy)]
pub struct ResponseToSend<'a> {
    /// Its status.
    pub status: StatusCode,
    /// Its fields. `Content-Length`, `Transfer-Encoding` and `Connection` are not written but read: a length counts
    /// where `body` is unknown and where there is none (HEAD, 304), `close` closes.
    pub headers: &'a HeaderMap,
    /// [`Reason`](crate::Reason) and [`Spelling`] are read.
    pub extensions: &'a Extensions,
    /// Its body's size.
    pub body: BodySize,
    /// The request's method.
    pub method: &'a Method,
    /// The request's version.
    pub version: Version,
    /// Whether the connection may stay open.
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
    /// Its fields, `Host` among them, which is written first. `Content-Length`, `Transfer-Encoding` and `Connection` are
    /// not written but read: a length counts where `body` is unknown, `close` closes.
    pub headers: &'a HeaderMap,
    /// [`Spelling`] is read.
    pub extensions: &'a Extensions,
    /// Its body's size.
    pub body: BodySize,
    /// Whether the connection shall stay open.
    pub keep_alive: bool,
}

/// What was decided when a head was written.
#[derive(Debug, Clone, Copy)]
pub struct Sent {
    /// Frames the body.
    pub encoder: Encoder,
    /// Whether the connection stays open after the body, as the peer has been told.
    pub keep_alive: bool,
    /// Whether there is an `Upgrade` field.
    pub upgrade: bool,
}

/// Appends a response head to `dst`, and says how its body is framed.
///
/// An exact size becomes `Content-Length`, an unknown one chunked, towards HTTP/1.0 the end of the connection. 1xx, 204
/// and 2xx to CONNECT have no framing; HEAD and 304 keep the length of what they stand for. `Connection` has `close`,
/// `keep-alive` (HTTP/1.0) and `upgrade` (where there is an `Upgrade` field).
///
/// ```
/// use bytes::BytesMut;
/// use http::{Extensions, HeaderMap, Method, StatusCode, Version};
/// use propylon_h1::{BodySize, proto::{ResponseToSend, encode_response}};
///
/// let mut wire = BytesMut::new();
/// let head = ResponseToSend {
///     status: StatusCode::OK,
///     headers: &HeaderMap::new(),
///     extensions: &Extensions::new(),
///     body: BodySize::Known(5),
///     method: &Method::GET,
///     version: Version::HTTP_11,
///     keep_alive: true,
///     date: None,
/// };
/// assert!(encode_response(&head, &mut wire).keep_alive);
/// assert_eq!(wire, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
/// ```
pub fn encode_response(head: &ResponseToSend<'_>, dst: &mut BytesMut) -> Sent {
    encode_response_dated(head, head.date.map(HeaderValue::as_bytes), dst)
}

/// The same with this date.
pub(crate) fn encode_response_dated(
    head: &ResponseToSend<'_>,
    date: Option<&[u8]>,
    dst: &mut BytesMut,
) -> Sent {
    status_line(head.status, head.extensions, dst);
    let fields = Fields::write(head.headers, head.extensions, false, dst);
    let given = &fields.given;
    let (framing, sent) = response_framing(head, given);
    // The connection of these is not HTTP's any more, and an interim response says nothing of it.
    let tunnel = is_tunnel(head.status, head.method);
    let own = Own {
        upgrade: sent.upgrade,
        close: !sent.keep_alive && !tunnel,
        keep_alive: sent.keep_alive && head.version == Version::HTTP_10,
        date: date.filter(|_| !given.marks.contains(Marks::DATE)),
        ..framing
    };
    fields.end(&own, dst);
    sent
}

fn is_tunnel(status: StatusCode, method: &Method) -> bool {
    status.is_informational() || (*method == Method::CONNECT && status.is_success())
}

fn response_framing(head: &ResponseToSend<'_>, given: &Given) -> (Own<'static>, Sent) {
    let keep_alive = head.keep_alive && !given.close;
    let upgrade = given.marks.contains(Marks::UPGRADE);
    let own = Own::default();
    if is_tunnel(head.status, head.method) {
        return (own, Sent { encoder: Encoder::empty(), keep_alive: false, upgrade });
    }
    if head.status == StatusCode::NO_CONTENT {
        return (own, Sent { encoder: Encoder::empty(), keep_alive, upgrade });
    }
    if head.status == StatusCode::NOT_MODIFIED || *head.method == Method::HEAD {
        // No body is no size: only one that is there tells of the representation.
        let length = match head.body {
            BodySize::Known(length) if length > 0 => Some(length),
            _ => given.length,
        };
        return (Own { length, ..own }, Sent { encoder: Encoder::empty(), keep_alive, upgrade });
    }
    match (head.body, given.length) {
        (BodySize::Known(length), _) | (BodySize::Unknown, Some(length)) => (
            Own { length: Some(length), ..own },
            Sent { encoder: Encoder::length(length), keep_alive, upgrade },
        ),
        (BodySize::Unknown, None) if head.version >= Version::HTTP_11 => {
            (Own { chunked: true, ..own }, Sent { encoder: Encoder::chunked(), keep_alive, upgrade })
        }
        (BodySize::Unknown, None) => {
            (own, Sent { encoder: Encoder::until_close(), keep_alive: false, upgrade })
        }
    }
}

/// Appends a request head to `dst`, and says how its body is framed.
///
/// An exact size becomes `Content-Length`, 0 only where the caller gave the field (an intermediary passes on what the client
/// said, and a user agent that follows RFC 9110 8.6 gives it for POST); an unknown one chunked. `Connection` has `close`, `keep-alive` (HTTP/1.0), `upgrade` and `te` (where there are fields of that name).
///
/// # Errors
/// `Target` if it cannot stand in a request line, `LengthRequired` for a body of unknown size in HTTP/1.0; `dst` is as before.
pub fn encode_request(head: &RequestToSend<'_>, dst: &mut BytesMut) -> Result<Sent, EncodeError> {
    if head.target.is_empty() || has_blank_or_control(head.target) {
        return Err(EncodeError::Target);
    }
    let start = dst.len();
    dst.reserve(head.target.len() + 32);
    put(head.method.as_str().as_bytes(), dst);
    put(b" ", dst);
    put(head.target, dst);
    put(if head.version == Version::HTTP_10 { b" HTTP/1.0" } else { b" HTTP/1.1" }, dst);
    let fields = Fields::write(head.headers, head.extensions, true, dst);
    let given = &fields.given;
    let (framing, encoder) = match request_framing(head, given) {
        Ok(framing) => framing,
        Err(error) => {
            dst.truncate(start);
            return Err(error);
        }
    };
    let (keep_alive, upgrade) = (head.keep_alive && !given.close, given.marks.contains(Marks::UPGRADE));
    let own = Own {
        close: !keep_alive,
        keep_alive: keep_alive && head.version == Version::HTTP_10,
        upgrade,
        te: given.marks.contains(Marks::TE),
        ..framing
    };
    fields.end(&own, dst);
    Ok(Sent { encoder, keep_alive, upgrade })
}

/// Looks at all of it, many bytes at a time.
fn has_blank_or_control(target: &[u8]) -> bool {
    target.iter().fold(false, |found, byte| found | (*byte <= b' ') | (*byte == 0x7F))
}

fn request_framing(head: &RequestToSend<'_>, given: &Given) -> Result<(Own<'static>, Encoder), EncodeError> {
    let own = Own::default();
    if *head.method == Method::CONNECT {
        return Ok((own, Encoder::empty()));
    }
    match (head.body, given.length) {
        (BodySize::Known(0), length) => Ok((Own { length: length.map(|_| 0), ..own }, Encoder::length(0))),
        (BodySize::Known(length), _) | (BodySize::Unknown, Some(length)) => {
            Ok((Own { length: Some(length), ..own }, Encoder::length(length)))
        }
        (BodySize::Unknown, None) if head.version >= Version::HTTP_11 => {
            Ok((Own { chunked: true, ..own }, Encoder::chunked()))
        }
        (BodySize::Unknown, None) => Err(EncodeError::LengthRequired),
    }
}

/// Appends an interim response to `dst`: 100, 103, … without fields of framing and of the connection.
///
/// # Errors
/// `NotInterim` for any other status, 101 too.
pub fn encode_interim(
    status: StatusCode,
    headers: &HeaderMap,
    extensions: &Extensions,
    dst: &mut BytesMut,
) -> Result<(), EncodeError> {
    if !status.is_informational() || status == StatusCode::SWITCHING_PROTOCOLS {
        return Err(EncodeError::NotInterim);
    }
    status_line(status, extensions, dst);
    let case = extensions.get().map_or(HeaderCase::Title, |spelling: &Spelling| spelling.case);
    for (name, value) in headers {
        if !classify(name).any(Marks::HOP_BY_HOP | Marks::CONTENT_LENGTH) && *name != header::DATE {
            put_field(name, case, value, dst);
        }
    }
    put(END, dst);
    Ok(())
}
