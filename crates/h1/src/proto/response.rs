use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, Response, StatusCode, Version};

use super::lines::Lines;
use super::scan::{Scan, Scanner, content};
use super::section::Section;
use super::trusted::is_value;
use crate::{
    BodyKind, ConnectionOptions, HeadError, HeadErrorKind, Limits, Marks, Reason, ReceivedResponse, Spelling,
    Unwanted, maps,
};

/// The head of a response.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ResponseHead {
    /// 100 to 999.
    pub status: StatusCode,
    /// The reason phrase, unless it is the usual one of its status.
    pub reason: Option<Reason>,
    /// 1.0, or 1.1 for this and all later minors.
    pub version: Version,
    /// All fields; none is hidden.
    pub headers: HeaderMap,
    /// Which fields of consequence there are.
    pub marks: Marks,
    /// Where the body ends.
    pub body: BodyKind,
    /// `Content-Length`, also where it does not frame (HEAD, 304).
    pub content_length: Option<u64>,
    /// What `Connection` says.
    pub connection: ConnectionOptions,
    /// Whether the connection may be used again once the body has been read.
    pub keep_alive: bool,
    /// The bytes of the head, from the status line to the empty line.
    pub raw: Bytes,
    /// How many bytes were taken.
    pub head_len: usize,
}

impl ResponseHead {
    /// 1xx other than 101: the response is still to come.
    #[must_use]
    pub fn is_interim(&self) -> bool {
        self.status.is_informational() && self.status != StatusCode::SWITCHING_PROTOCOLS
    }

    /// The response for a caller, with [`ReceivedResponse`] as its extension, and [`Reason`] and [`Spelling`] where they are not the
    /// usual ones.
    pub fn into_response<B>(self, body: B) -> Response<B> {
        let (response, received) = self.split();
        let mut response = response.map(|()| body);
        response.extensions_mut().insert(received);
        response
    }

    /// The response without its body, with [`Reason`] and [`Spelling`] where they are not the usual ones; and beside it what it has no place for.
    pub fn split(self) -> (Response<()>, ReceivedResponse) {
        let (parts, received) = self.respond(|received| received).into_parts();
        (Response::from_parts(parts, ()), received)
    }

    /// The response with a body that takes what it has no place for.
    pub(crate) fn respond<B>(self, body: impl FnOnce(ReceivedResponse) -> B) -> Response<B> {
        let Self { status, reason, version, headers, marks, content_length, raw, .. } = self;
        let spelling = marks.contains(Marks::SPELLED).then(|| Spelling::of(raw.clone()));
        let mut response = Response::new(body(ReceivedResponse { marks, content_length, raw }));
        *response.status_mut() = status;
        *response.version_mut() = version;
        maps::put(response.headers_mut(), headers);
        if let Some(reason) = reason {
            response.extensions_mut().insert(reason);
        }
        if let Some(spelling) = spelling {
            response.extensions_mut().insert(spelling);
        }
        response
    }
}

/// Reads response heads; keeps how far it has looked, so that a head that comes in many pieces is looked at once.
///
/// ```
/// use bytes::BytesMut;
/// use http::Method;
/// use propylon_h1::{BodyKind, Limits, proto::ResponseParser};
///
/// let mut buffer = BytesMut::from("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
/// let head = ResponseParser::new().parse(&mut buffer, &Method::GET, &Limits::default())?.unwrap();
/// assert_eq!(head.body, BodyKind::Chunked);
/// # Ok::<(), propylon_h1::HeadError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct ResponseParser {
    scanner: Scanner,
    line: Option<StatusLine>,
    /// Those of a head that came as a whole.
    lines: Lines,
}

impl ResponseParser {
    /// For a new connection; one serves all responses of it.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next head, the answer to a request of `method`, off the front of `buf`; `None`: more bytes are needed, and
    /// until then `buf` may only grow at its end.
    ///
    /// # Errors
    /// See [`HeadErrorKind`]. The connection is in doubt: drop it.
    pub fn parse(
        &mut self,
        buf: &mut BytesMut,
        method: &Method,
        limits: &Limits,
    ) -> Result<Option<ResponseHead>, HeadError> {
        self.parse_without(buf, method, limits, &Unwanted::NONE)
    }

    /// The same without these fields, which nobody is going to look at: they are judged and marked, and do not go into the map. Only a
    /// `Connection` that names fields does, and all fields of a 101.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn parse_without(
        &mut self,
        buf: &mut BytesMut,
        method: &Method,
        limits: &Limits,
        without: &Unwanted,
    ) -> Result<Option<ResponseHead>, HeadError> {
        let found = match self.whole(buf, limits) {
            Some(found) => found,
            None => match self.find_in_pieces(buf, limits)? {
                Some(found) => found,
                None => return Ok(None),
            },
        };
        let (line, end) = found;
        let raw = buf.split_to(end.min(buf.len())).freeze();
        match head(&raw, line, &mut self.lines, method, without) {
            Ok(head) => Ok(Some(head)),
            Err(kind) => Err(HeadError::new(kind, raw.slice(..line.len))),
        }
    }

    /// The status line of a head that came as a whole, as nearly all do, and its end, if there is nothing wrong with it so far.
    #[inline]
    fn whole(&mut self, buf: &[u8], limits: &Limits) -> Option<(StatusLine, usize)> {
        if !self.scanner.is_fresh() {
            return None;
        }
        let (first, end) = self.lines.find_whole(buf, limits)?;
        Some((StatusLine::parse(content(buf.get(..first)?), first)?, end))
    }

    fn find_in_pieces(
        &mut self,
        buf: &[u8],
        limits: &Limits,
    ) -> Result<Option<(StatusLine, usize)>, HeadError> {
        let line = match self.line {
            Some(line) => line,
            None => {
                let line = self.first_line(buf, limits).map_err(|kind| error(kind, buf, limits))?;
                let Some(line) = line else { return Ok(None) };
                *self.line.insert(line)
            }
        };
        match self.scanner.scan(buf, limits) {
            Ok(Scan::Complete(end)) => {
                *self = Self::default();
                Ok(Some((line, end)))
            }
            Ok(_) => Ok(None),
            Err(kind) => Err(error(kind, buf, limits)),
        }
    }

    /// The peer closed before the head was complete.
    #[must_use]
    pub fn eof(&self, buf: &BytesMut) -> HeadError {
        error(HeadErrorKind::Truncated, buf, &Limits::default())
    }

    /// Whether no byte of a head has come.
    #[must_use]
    pub fn is_idle(&self, buf: &BytesMut) -> bool {
        !self.scanner.has_first_line() && buf.is_empty()
    }

    fn first_line(&mut self, buf: &[u8], limits: &Limits) -> Result<Option<StatusLine>, HeadErrorKind> {
        const START: &[u8] = b"HTTP/1.";
        // Judged before the line is complete: what is no HTTP is not waited for.
        if !buf.iter().zip(START).all(|(got, want)| got == want) {
            return Err(HeadErrorKind::StatusLine);
        }
        match self.scanner.scan(buf, limits)? {
            Scan::FirstLine(end) => {
                let line = content(buf.get(..end).unwrap_or_default());
                StatusLine::parse(line, end).map(Some).ok_or(HeadErrorKind::StatusLine)
            }
            _ => Ok(None),
        }
    }
}

fn error(kind: HeadErrorKind, buf: &[u8], limits: &Limits) -> HeadError {
    let end = memchr::memchr(b'\n', buf).map_or(buf.len(), |at| at + 1);
    let line = content(buf.get(..end).unwrap_or_default());
    HeadError::new(kind, Bytes::copy_from_slice(line.get(..limits.first_line).unwrap_or(line)))
}

#[derive(Debug, Clone, Copy)]
struct StatusLine {
    version: Version,
    status: StatusCode,
    len: usize,
    /// Behind its LF.
    end: usize,
}

impl StatusLine {
    /// The blank behind the status may be missing where there is no phrase, as many origins have it.
    fn parse(line: &[u8], end: usize) -> Option<Self> {
        if line == b"HTTP/1.1 200 OK" {
            return Some(Self { version: Version::HTTP_11, status: StatusCode::OK, len: line.len(), end });
        }
        let rest = line.strip_prefix(b"HTTP/1.")?;
        let (minor, rest) = rest.split_first()?;
        let version = match minor {
            b'0' => Version::HTTP_10,
            b'1'..=b'9' => Version::HTTP_11,
            _ => return None,
        };
        let (status, rest) = rest.strip_prefix(b" ")?.split_at_checked(3)?;
        // Three digits, and none of 000 to 099.
        let status = StatusCode::from_bytes(status).ok()?;
        matches!(rest.first(), None | Some(b' ')).then_some(())?;
        is_value(rest).then_some(Self { version, status, len: line.len(), end })
    }

    fn reason(self, raw: &Bytes) -> Option<Reason> {
        const PHRASE: usize = "HTTP/1.1 200 ".len();
        let phrase = raw.get(PHRASE..self.len).unwrap_or_default();
        let usual = self.status.canonical_reason().unwrap_or_default();
        if phrase == usual.as_bytes() {
            return None;
        }
        Reason::new(raw.slice(PHRASE.min(self.len)..self.len)).ok()
    }
}

#[inline]
fn head(
    raw: &Bytes,
    line: StatusLine,
    lines: &mut Lines,
    method: &Method,
    without: &Unwanted,
) -> Result<ResponseHead, HeadErrorKind> {
    let all = Unwanted::NONE;
    let without = if line.status == StatusCode::SWITCHING_PROTOCOLS { &all } else { without };
    let section = Section::parse(raw, line.end, lines, without)?;
    let (chunked, content_length) = (section.chunked()?, section.content_length()?);
    let body = body(line.status, method, chunked, content_length);
    let in_order = match body {
        BodyKind::UntilClose | BodyKind::Tunnel => false,
        // RFC 9112 6.1: framing in doubt, usable once.
        _ => !(section.marks.contains(Marks::TRANSFER_ENCODING) && line.version == Version::HTTP_10),
    };
    Ok(ResponseHead {
        status: line.status,
        reason: line.reason(raw),
        version: line.version,
        marks: section.marks,
        body,
        content_length,
        connection: section.connection,
        keep_alive: in_order && section.connection.persist(line.version),
        headers: section.headers,
        raw: raw.clone(),
        head_len: raw.len(),
    })
}

/// RFC 9112 6.3, in its order.
fn body(status: StatusCode, method: &Method, chunked: bool, length: Option<u64>) -> BodyKind {
    if status == StatusCode::SWITCHING_PROTOCOLS || (*method == Method::CONNECT && status.is_success()) {
        return BodyKind::Tunnel;
    }
    let bodiless =
        status.is_informational() || status == StatusCode::NO_CONTENT || status == StatusCode::NOT_MODIFIED;
    if bodiless || *method == Method::HEAD {
        return BodyKind::Empty;
    }
    match length {
        _ if chunked => BodyKind::Chunked,
        Some(0) => BodyKind::Empty,
        Some(length) => BodyKind::Length(length),
        None => BodyKind::UntilClose,
    }
}
