use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, Response, StatusCode, Version};

use super::lines::Lines;
use super::scan::{Scan, Scanner, content, failed, refused};
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
        is_interim(self.status)
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
    /// The head that is complete and has not been taken.
    found: Found,
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
        match self.find(buf, limits)? {
            Some(_) => self.take(buf, method, without).map(Some),
            None => Ok(None),
        }
    }

    /// The first step: whether a head is complete, and its status.
    #[inline]
    pub(crate) fn find(&mut self, buf: &[u8], limits: &Limits) -> Result<Option<StatusCode>, HeadError> {
        let Some((line, end)) = self.whole(buf, limits) else { return self.find_in_pieces(buf, limits) };
        self.found = Found { line, end };
        Ok(Some(line.status))
    }

    /// All other steps at once.
    pub(crate) fn take(
        &mut self,
        buf: &mut BytesMut,
        method: &Method,
        without: &Unwanted,
    ) -> Result<ResponseHead, HeadError> {
        let (raw, mut headers) = (self.cut(buf), maps::take());
        match self.judge(&raw, method, without, &mut headers) {
            Ok(judged) => Ok(self.head(&judged, raw, headers)),
            Err(kind) => Err(self.refused(kind, &raw)),
        }
    }

    /// The second step: takes the bytes of the head that was found.
    #[inline]
    pub(crate) fn cut(&self, buf: &mut BytesMut) -> Bytes {
        buf.split_to(self.found.end.min(buf.len())).freeze()
    }

    /// The third step: judges it, and gives its fields to `headers`.
    #[inline(never)] // so that it is here and in no other place
    pub(crate) fn judge(
        &mut self,
        raw: &Bytes,
        method: &Method,
        without: &Unwanted,
        headers: &mut HeaderMap,
    ) -> Result<Judged, HeadErrorKind> {
        let line = self.found.line;
        let all = Unwanted::NONE;
        let without = if line.status == StatusCode::SWITCHING_PROTOCOLS { &all } else { without };
        let section = Section::parse(raw, line.end, &mut self.lines, without, headers)?;
        let (chunked, content_length) = (section.chunked()?, section.content_length()?);
        let body = body(line.status, method, chunked, content_length);
        let in_order = match body {
            BodyKind::UntilClose | BodyKind::Tunnel => false,
            // RFC 9112 6.1: framing in doubt, usable once.
            _ => !(section.marks.contains(Marks::TRANSFER_ENCODING) && line.version == Version::HTTP_10),
        };
        let Section { marks, connection, .. } = section;
        let keep_alive = in_order && connection.persist(line.version);
        Ok(Judged { marks, body, content_length, connection, keep_alive })
    }

    /// The last step: puts together what was judged.
    #[inline]
    pub(crate) fn head(&self, judged: &Judged, raw: Bytes, headers: HeaderMap) -> ResponseHead {
        let line = self.found.line;
        ResponseHead {
            status: line.status,
            reason: if line.is_usual { None } else { line.reason(&raw) },
            version: line.version,
            headers,
            marks: judged.marks,
            body: judged.body,
            content_length: judged.content_length,
            connection: judged.connection,
            keep_alive: judged.keep_alive,
            head_len: raw.len(),
            raw,
        }
    }

    /// Or says what is wrong with it.
    pub(crate) fn refused(&self, kind: HeadErrorKind, raw: &Bytes) -> HeadError {
        refused(kind, raw, self.found.line.end)
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

    #[cold]
    fn find_in_pieces(&mut self, buf: &[u8], limits: &Limits) -> Result<Option<StatusCode>, HeadError> {
        let line = match self.line {
            Some(line) => line,
            None => {
                let line = self.first_line(buf, limits).map_err(|kind| failed(kind, buf, limits))?;
                let Some(line) = line else { return Ok(None) };
                *self.line.insert(line)
            }
        };
        match self.scanner.scan(buf, limits) {
            Ok(Scan::Complete(end)) => {
                *self = Self { found: Found { line, end }, ..Self::default() };
                Ok(Some(line.status))
            }
            Ok(_) => Ok(None),
            Err(kind) => Err(failed(kind, buf, limits)),
        }
    }

    /// The peer closed before the head was complete.
    #[must_use]
    pub fn eof(&self, buf: &BytesMut) -> HeadError {
        failed(HeadErrorKind::Truncated, buf, &Limits::default())
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

/// What a head says, but for its first line and its fields.
#[derive(Debug)]
pub(crate) struct Judged {
    marks: Marks,
    pub(crate) body: BodyKind,
    content_length: Option<u64>,
    connection: ConnectionOptions,
    pub(crate) keep_alive: bool,
}

/// A complete head, and how long it is.
#[derive(Debug, Clone, Copy, Default)]
struct Found {
    line: StatusLine,
    end: usize,
}

#[derive(Debug, Clone, Copy, Default)]
struct StatusLine {
    version: Version,
    status: StatusCode,
    /// Whether its phrase is that of its status.
    is_usual: bool,
    /// Behind its LF.
    end: usize,
}

impl StatusLine {
    /// The blank behind the status may be missing where there is no phrase, as many origins have it.
    fn parse(line: &[u8], end: usize) -> Option<Self> {
        if line == b"HTTP/1.1 200 OK" {
            return Some(Self { version: Version::HTTP_11, status: StatusCode::OK, is_usual: true, end });
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
        let phrase = rest.get(1..).unwrap_or_default();
        let is_usual = phrase == status.canonical_reason().unwrap_or_default().as_bytes();
        is_value(rest).then_some(Self { version, status, is_usual, end })
    }

    #[cold]
    fn reason(self, raw: &Bytes) -> Option<Reason> {
        const PHRASE: usize = "HTTP/1.1 200 ".len();
        let line = content(raw.get(..self.end).unwrap_or_default());
        Reason::new(raw.slice_ref(line.get(PHRASE..).unwrap_or_default())).ok()
    }
}

/// 1xx other than 101.
pub(crate) fn is_interim(status: StatusCode) -> bool {
    status.is_informational() && status != StatusCode::SWITCHING_PROTOCOLS
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
