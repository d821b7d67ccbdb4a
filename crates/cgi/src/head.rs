//! The head of a response: CGI's header fields (RFC 3875 6).

use bytes::{Bytes, BytesMut};
use http::header::{CONNECTION, CONTENT_LENGTH, HeaderName, HeaderValue, LOCATION, TRANSFER_ENCODING};
use http::{HeaderMap, Response, StatusCode};

use crate::HeadFault;

/// A response's head.
#[derive(Debug)]
pub struct Head {
    status: StatusCode,
    reason: Option<Bytes>,
    headers: HeaderMap,
    length: Option<u64>,
}

/// The reason phrase that came with a status, if it is another than the status's own. A response extension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason(pub Bytes);

impl Head {
    /// How long the body is, if the head says it.
    #[must_use]
    pub fn length(&self) -> Option<u64> {
        self.length
    }

    /// Whether no body follows, whatever is written: `head_only` if the request was one of HEAD.
    #[must_use]
    pub fn is_bodiless(&self, head_only: bool) -> bool {
        head_only || matches!(self.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
    }

    /// The response, with this body.
    pub fn respond<B>(self, body: B) -> Response<B> {
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        let usual = self.status.canonical_reason().map(str::as_bytes);
        if let Some(reason) = self.reason.filter(|reason| Some(&**reason) != usual) {
            response.extensions_mut().insert(Reason(reason));
        }
        response
    }
}

/// Collects what may be a head.
#[derive(Debug)]
pub struct HeadReader {
    bytes: BytesMut,
    max: usize,
    max_fields: usize,
    /// Whether a status line of HTTP may come first.
    status_line: bool,
    /// Where to go on to look for its end.
    from: usize,
}

impl HeadReader {
    /// Of heads with so many bytes and fields at most.
    #[must_use]
    pub fn new(max: usize, max_fields: usize) -> Self {
        Self { bytes: BytesMut::new(), max, max_fields, status_line: false, from: 0 }
    }

    /// A line such as `HTTP/1.1 200 OK` may come first: its status counts, and none of a field. To FastCGI it is no field, and an error.
    #[must_use]
    pub fn with_status_line(mut self) -> Self {
        self.status_line = true;
        self
    }

    /// Takes a piece of the response. The head, once it is complete, and what of the body came with it.
    ///
    /// # Errors
    /// If it is none that may be passed on, or too large.
    pub fn push(&mut self, piece: &Bytes) -> Result<Option<(Head, Bytes)>, HeadFault> {
        self.bytes.extend_from_slice(piece);
        let Some(end) = end(&self.bytes, self.from) else {
            self.from = self.bytes.len().saturating_sub(2);
            return if self.bytes.len() > self.max { Err(HeadFault::TooLarge) } else { Ok(None) };
        };
        if end > self.max {
            return Err(HeadFault::TooLarge);
        }
        let mut head = self.bytes.split_to(end).freeze();
        let first = if self.status_line { status_line(&mut head)? } else { None };
        Ok(Some((parse(&head, first, self.max_fields)?, self.bytes.split().freeze())))
    }
}

/// Where the empty line ends that ends the head: lines end in a line feed, with or without a carriage return.
fn end(bytes: &[u8], from: usize) -> Option<usize> {
    let rest = bytes.get(from..)?;
    // An empty line at the very beginning: a head without a field.
    if from == 0 {
        match rest {
            [b'\n', ..] => return Some(1),
            [b'\r', b'\n', ..] => return Some(2),
            _ => {}
        }
    }
    for (at, _) in rest.iter().enumerate().filter(|(_, byte)| **byte == b'\n') {
        match rest.get(at + 1..) {
            Some([b'\n', ..]) => return Some(from + at + 2),
            Some([b'\r', b'\n', ..]) => return Some(from + at + 3),
            _ => {}
        }
    }
    None
}

type Status = (StatusCode, Option<Bytes>);

/// The status of the line that `head` begins with, if it does: what is left is its fields.
fn status_line(head: &mut Bytes) -> Result<Option<Status>, HeadFault> {
    if !head.starts_with(b"HTTP/") {
        return Ok(None);
    }
    let end = head.iter().position(|byte| *byte == b'\n').map_or(head.len(), |at| at + 1);
    let line = head.split_to(end);
    let blank = line.iter().position(|byte| *byte == b' ').ok_or(HeadFault::Status)?;
    let status = line.get(blank..).unwrap_or_default().trim_ascii();
    status_of(&line.slice_ref(status)).map(Some)
}

/// `first`: the status of the line before them.
fn parse(bytes: &Bytes, first: Option<Status>, max_fields: usize) -> Result<Head, HeadFault> {
    let mut fields = vec![httparse::EMPTY_HEADER; max_fields.min(bytes.len() / 3 + 1)];
    let fields = match httparse::parse_headers(bytes, &mut fields) {
        Ok(httparse::Status::Complete((_, fields))) => fields,
        Err(httparse::Error::TooManyHeaders) => return Err(HeadFault::TooLarge),
        Ok(httparse::Status::Partial) | Err(_) => return Err(HeadFault::Syntax),
    };
    let mut headers = HeaderMap::with_capacity(fields.len() + 4);
    let mut status = first;
    for field in fields {
        let value = bytes.slice_ref(field.value);
        if field.name.eq_ignore_ascii_case("status") {
            // The first one counts, as in nginx.
            if status.is_none() {
                status = Some(status_of(&value)?);
            }
            continue;
        }
        let name = HeaderName::from_bytes(field.name.as_bytes()).map_err(|_| HeadFault::Syntax)?;
        if name == CONNECTION || name == TRANSFER_ENCODING {
            continue; // there is no connection of the script's, nor a coding of its message
        }
        let value = HeaderValue::from_maybe_shared(value).map_err(|_| HeadFault::Syntax)?;
        headers.append(name, value);
    }
    let moved = if headers.contains_key(LOCATION) { StatusCode::FOUND } else { StatusCode::OK };
    let (status, reason) = status.unwrap_or((moved, None));
    let length = length(&mut headers)?;
    Ok(Head { status, reason, headers, length })
}

/// `404 Not Found`: three digits, and a reason, if there is one.
fn status_of(value: &Bytes) -> Result<Status, HeadFault> {
    let (digits, rest) = value.split_at_checked(3).ok_or(HeadFault::Status)?;
    let status = StatusCode::from_bytes(digits).map_err(|_| HeadFault::Status)?;
    let proper = matches!(rest.first(), None | Some(b' ')) && (200..600).contains(&status.as_u16());
    if !proper {
        return Err(HeadFault::Status);
    }
    let reason = rest.trim_ascii();
    Ok((status, (!reason.is_empty()).then(|| value.slice_ref(reason))))
}

/// How long the body is, if that is said: once, and as a number (RFC 9110 8.6).
fn length(headers: &mut HeaderMap) -> Result<Option<u64>, HeadFault> {
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    let Some(first) = lengths.next() else { return Ok(None) };
    if lengths.next().is_some() {
        return Err(HeadFault::Length);
    }
    let digits = first.as_bytes();
    let number = std::str::from_utf8(digits).ok().filter(|_| digits.iter().all(u8::is_ascii_digit));
    number.and_then(|number| number.parse().ok()).map(Some).ok_or(HeadFault::Length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Option<(Head, Bytes)>, HeadFault> {
        HeadReader::new(200, 5).push(&Bytes::copy_from_slice(text.as_bytes()))
    }

    fn status(text: &str) -> Result<u16, HeadFault> {
        read(text).map(|head| head.unwrap().0.status.as_u16())
    }

    #[test]
    fn statuses() {
        assert_eq!(status("Content-Type: a\r\n\r\n"), Ok(200));
        assert_eq!(status("\n"), Ok(200));
        assert_eq!(status("Location: /x\n\n"), Ok(302));
        assert_eq!(status("Location: /x\nStatus: 201\n\n"), Ok(201));
        assert_eq!(status("sTaTus: 404 Not Found\r\n\r\n"), Ok(404));
        assert_eq!(status("Status: 500\nStatus: 200\n\n"), Ok(500));
        for bad in ["", "9", "99", "100 Continue", "600", "20x", "2000", "abc"] {
            assert_eq!(status(&format!("Status: {bad}\r\n\r\n")), Err(HeadFault::Status), "{bad}");
        }
    }

    #[test]
    fn status_lines() {
        let status = |text: &str| {
            let mut reader = HeadReader::new(200, 5).with_status_line();
            let head = reader.push(&Bytes::copy_from_slice(text.as_bytes()));
            head.map(|head| head.map(|(head, rest)| (head.status.as_u16(), head.headers.len(), rest)))
        };
        let body = || Bytes::from_static(b"body");
        assert_eq!(status("HTTP/1.1 404 Not Found\r\nX: y\r\n\r\nbody"), Ok(Some((404, 1, body()))));
        assert_eq!(status("HTTP/1.0 201\n\nbody"), Ok(Some((201, 0, body()))));
        assert_eq!(
            status("HTTP/1.1 200 OK\r\nStatus: 500\r\nLocation: /x\r\n\r\nbody"),
            Ok(Some((200, 1, body())))
        );
        assert_eq!(status("HTTP/1.1 200 OK\r\n"), Ok(None));
        assert_eq!(status("Status: 500\r\n\r\nbody"), Ok(Some((500, 0, body()))));
        for bad in ["HTTP/1.1", "HTTP/1.1 ", "HTTP/1.1 20", "HTTP/1.1 100 Continue", "HTTP/1.1 2000 x"] {
            assert_eq!(status(&format!("{bad}\r\n\r\n")), Err(HeadFault::Status), "{bad}");
        }
        // Nothing of the kind is expected of FastCGI.
        assert_eq!(read("HTTP/1.1 200 OK\r\n\r\n").err(), Some(HeadFault::Syntax));
    }

    #[test]
    fn what_belongs_to_a_connection_is_left_out() {
        let head =
            "Status: 404 Gone Fishing\nConnection: close\nTransfer-Encoding: chunked\nX-A: 1\nX-A: 2\n\nbody";
        let (head, rest) = read(head).unwrap().unwrap();
        let fields: Vec<_> =
            head.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        assert_eq!(fields, [("x-a", &b"1"[..]), ("x-a", b"2")]);
        assert_eq!((head.reason.as_deref(), &rest[..]), (Some(&b"Gone Fishing"[..]), &b"body"[..]));
    }

    #[test]
    fn lengths() {
        let length = |text: &str| read(text).map(|head| head.unwrap().0.length);
        assert_eq!(length("A: b\n\n"), Ok(None));
        assert_eq!(length("Content-Length: 12\n\n"), Ok(Some(12)));
        for bad in ["-1", "+1", "1, 1", "x", "99999999999999999999999"] {
            assert_eq!(length(&format!("Content-Length: {bad}\n\n")), Err(HeadFault::Length), "{bad}");
        }
        assert_eq!(length("Content-Length: 1\nContent-Length: 1\n\n"), Err(HeadFault::Length));
    }

    #[test]
    fn malformed() {
        for bad in ["no colon\n\n", "A\x01: b\n\n", ": b\n\n", "A: \x01\n\n"] {
            assert_eq!(read(bad).err(), Some(HeadFault::Syntax), "{bad:?}");
        }
    }

    #[test]
    fn too_large() {
        let many = "A: b\n".repeat(6) + "\n";
        assert_eq!(read(&many).err(), Some(HeadFault::TooLarge));
        assert_eq!(read(&format!("A: {}\n\n", "b".repeat(200))).err(), Some(HeadFault::TooLarge));
        assert_eq!(read(&format!("A: {}", "b".repeat(200))).err(), Some(HeadFault::TooLarge));
        let fits = format!("A: {}\n\n", "b".repeat(194));
        assert!(read(&fits).unwrap().is_some());
    }

    #[test]
    fn any_split_gives_the_same() {
        for text in ["Status: 201\r\nX: y\r\n\r\nbody", "Status: 201\nX: y\n\nbody", "\r\nbody"] {
            for at in 0..text.len() {
                let mut reader = HeadReader::new(200, 5);
                let mut first = None;
                for piece in <[&str; 2]>::from(text.split_at(at)) {
                    let piece = Bytes::copy_from_slice(piece.as_bytes());
                    match &mut first {
                        None => first = reader.push(&piece).unwrap(),
                        Some((_, rest)) => *rest = [&rest[..], &piece[..]].concat().into(),
                    }
                }
                assert_eq!(&first.unwrap().1[..], b"body", "{text:?} at {at}");
            }
        }
    }
}
