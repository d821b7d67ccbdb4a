use std::ops::Range;

use bytes::{Buf, Bytes, BytesMut};
use http::{HeaderMap, Method, Request, Version};

use super::is_method_byte;
use super::lines::Lines;
use super::scan::{Scan, Scanner, content, failed, refused};
use super::section::Section;
use crate::target::Shape;
use crate::{
    BodyKind, ConnectionOptions, HeadError, HeadErrorKind, Limits, Marks, ReceivedRequest, Spelling, Target,
    Unwanted, maps,
};

/// The head of a request.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RequestHead {
    /// Its method.
    pub method: Method,
    /// Its target, exactly.
    pub target: Target,
    /// 1.0, or 1.1 for this and all later minors.
    pub version: Version,
    /// All fields; none is hidden.
    pub headers: HeaderMap,
    /// Which fields of consequence there are.
    pub marks: Marks,
    /// Where the body ends: `Empty`, `Length` or `Chunked`.
    pub body: BodyKind,
    /// What `Connection` says.
    pub connection: ConnectionOptions,
    /// Whether the connection may serve another request after this one.
    pub keep_alive: bool,
    /// Whether the client waits for 100 before it sends its body: HTTP/1.1, and there is a body.
    pub expect_continue: bool,
    /// The bytes of the head, from the first line to the empty one: order and spelling of the fields are here.
    pub raw: Bytes,
    /// How many bytes were taken, empty lines before the head included.
    pub head_len: usize,
}

impl RequestHead {
    /// The request for a service: the target as [`Target::uri`], [`ReceivedRequest`] as its extension, and [`Spelling`] where names
    /// are not spelled as usual.
    pub fn into_request<B>(self, body: B) -> Request<B> {
        let (mut request, received) = self.split(body);
        request.extensions_mut().insert(received);
        request
    }

    /// The request, and beside it what it has no place for.
    pub fn split<B>(self, body: B) -> (Request<B>, ReceivedRequest) {
        let mut request = Request::new(body);
        maps::put(request.headers_mut(), self.headers);
        let received = ReceivedRequest { target: self.target, marks: self.marks, raw: self.raw };
        fill(&mut request, self.method, self.version, &received);
        (request, received)
    }
}

/// Gives a new request all but its fields and its body.
#[inline]
fn fill<B>(request: &mut Request<B>, method: Method, version: Version, received: &ReceivedRequest) {
    maps::put(request.method_mut(), method);
    maps::put(request.uri_mut(), received.target.uri());
    *request.version_mut() = version;
    maps::put(request.extensions_mut(), maps::take_extensions());
    if received.marks.contains(Marks::SPELLED) {
        request.extensions_mut().insert(Spelling::of(received.raw.clone()));
    }
}

/// Reads request heads; keeps how far it has looked, so that a head that comes in many pieces is looked at once.
///
/// ```
/// use bytes::BytesMut;
/// use propylon_h1::{BodyKind, Limits, proto::RequestParser};
///
/// let mut parser = RequestParser::new();
/// let mut buffer = BytesMut::from("POST /a HTTP/1.1\r\nHost: x\r\nContent-");
/// assert!(parser.parse(&mut buffer, &Limits::default())?.is_none());
/// buffer.extend_from_slice(b"Length: 2\r\n\r\nhi");
/// let head = parser.parse(&mut buffer, &Limits::default())?.unwrap();
/// assert_eq!(head.body, BodyKind::Length(2));
/// assert_eq!(buffer, "hi");
/// # Ok::<(), propylon_h1::HeadError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct RequestParser {
    scanner: Scanner,
    /// Empty lines before the head: how many, and their bytes.
    empty: (u8, usize),
    line: Option<RequestLine>,
    /// Those of a head that came as a whole.
    lines: Lines,
    /// The head that is complete and has not been taken.
    found: Found,
}

/// Empty lines that are let pass before a request line: some clients send one behind a body (RFC 9112 2.2).
const EMPTY_LINES: u8 = 16;

impl RequestParser {
    /// For a new connection; one serves all requests of it.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next head off the front of `buf`; `None`: more bytes are needed, and until then `buf` may only grow at
    /// its end.
    ///
    /// # Errors
    /// See [`HeadErrorKind`]. Nothing after an error can be trusted: answer and close.
    pub fn parse(&mut self, buf: &mut BytesMut, limits: &Limits) -> Result<Option<RequestHead>, HeadError> {
        if !self.find(buf, limits)? {
            return Ok(None);
        }
        let (raw, mut headers) = (self.cut(buf), maps::take());
        match self.judge(&raw, &mut headers) {
            Ok(judged) => Ok(Some(self.head(judged, raw, headers))),
            Err(kind) => Err(self.refused(kind, &raw)),
        }
    }

    /// The first step of [`parse`](Self::parse): whether a head is complete, which is to be [`cut`](Self::cut) off then. Of its parts nothing
    /// is given back that would only be moved: heads are what takes most moves.
    #[inline]
    pub(crate) fn find(&mut self, buf: &mut BytesMut, limits: &Limits) -> Result<bool, HeadError> {
        if let Some((line, end)) = self.whole(buf, limits) {
            self.found = Found { line, end, skipped: 0 };
            return Ok(true);
        }
        self.find_in_pieces(buf, limits)
    }

    /// The request line of a head that came as a whole, as nearly all do, and its end, if there is nothing wrong with it so far.
    #[inline]
    fn whole(&mut self, buf: &[u8], limits: &Limits) -> Option<(RequestLine, usize)> {
        if !self.scanner.is_fresh() || self.empty.0 > 0 {
            return None;
        }
        let (first, end) = self.lines.find_whole(buf, limits)?;
        let line = content(buf.get(..first)?);
        let method_end = line.iter().position(|byte| !is_method_byte(*byte))?;
        if method_end == 0 || line.get(method_end) != Some(&b' ') {
            return None;
        }
        Some((RequestLine::parse(line, first, method_end).ok()?, end))
    }

    #[cold]
    fn find_in_pieces(&mut self, buf: &mut BytesMut, limits: &Limits) -> Result<bool, HeadError> {
        let line = match self.line {
            Some(line) => line,
            None => {
                let line = self.first_line(buf, limits).map_err(|kind| failed(kind, buf, limits))?;
                let Some(line) = line else { return Ok(false) };
                *self.line.insert(line)
            }
        };
        match self.scanner.scan(buf, limits) {
            Ok(Scan::Complete(end)) => {
                let skipped = std::mem::take(self).empty.1;
                self.found = Found { line, end, skipped };
                Ok(true)
            }
            Ok(_) => Ok(false),
            Err(kind) => Err(failed(kind, buf, limits)),
        }
    }

    /// The second step: takes the bytes of the head that was found.
    #[inline]
    pub(crate) fn cut(&self, buf: &mut BytesMut) -> Bytes {
        buf.split_to(self.found.end.min(buf.len())).freeze()
    }

    /// The third step: judges it, and gives its fields to `headers`.
    #[inline(never)] // so that it is here and in no other place
    pub(crate) fn judge(&mut self, raw: &Bytes, headers: &mut HeaderMap) -> Result<Judged, HeadErrorKind> {
        let line = self.found.line;
        let method = raw.get(..line.method_end).unwrap_or_default();
        let method = Method::from_bytes(method).map_err(|_| HeadErrorKind::Method)?;
        let target = raw.get(line.target()).and_then(|target| Shape::of(&method, target));
        let target = target.ok_or(HeadErrorKind::Target)?;
        let section = Section::parse(raw, line.end, &mut self.lines, &Unwanted::NONE, headers)?;
        if line.version == Version::HTTP_10 && section.marks.contains(Marks::TRANSFER_ENCODING) {
            return Err(HeadErrorKind::EncodingInHttp10);
        }
        let body = if section.chunked()? {
            BodyKind::Chunked
        } else {
            match section.content_length()? {
                None | Some(0) => BodyKind::Empty,
                Some(length) => BodyKind::Length(length),
            }
        };
        if method == Method::CONNECT && body != BodyKind::Empty {
            return Err(HeadErrorKind::ConnectWithBody);
        }
        let expect_continue = body != BodyKind::Empty && section.expects_continue(line.version);
        let Section { marks, connection, .. } = section;
        let keep_alive = connection.persist(line.version);
        let (version, head_len) = (line.version, self.head_len());
        Ok(Judged { method, target, version, marks, body, connection, keep_alive, expect_continue, head_len })
    }

    /// The last step: puts together what was judged.
    fn head(&self, judged: Judged, raw: Bytes, headers: HeaderMap) -> RequestHead {
        RequestHead {
            method: judged.method,
            target: Target::shaped(raw.slice(self.found.line.target()), judged.target),
            version: judged.version,
            headers,
            marks: judged.marks,
            body: judged.body,
            connection: judged.connection,
            keep_alive: judged.keep_alive,
            expect_continue: judged.expect_continue,
            raw,
            head_len: judged.head_len,
        }
    }

    /// Or, where its fields are in `request` already: gives it the rest, and gives back what it has no place for.
    #[inline]
    pub(crate) fn fill<B>(&self, judged: Judged, raw: Bytes, request: &mut Request<B>) -> ReceivedRequest {
        let target = Target::shaped(raw.slice(self.found.line.target()), judged.target);
        let received = ReceivedRequest { target, marks: judged.marks, raw };
        fill(request, judged.method, judged.version, &received);
        received
    }

    /// Or says what is wrong with it.
    pub(crate) fn refused(&self, kind: HeadErrorKind, raw: &Bytes) -> HeadError {
        refused(kind, raw, self.found.line.end)
    }

    /// How many bytes the head that was found took, empty lines before it included.
    pub(crate) fn head_len(&self) -> usize {
        self.found.end + self.found.skipped
    }

    /// Whether nothing of a head has come, empty lines aside: a connection that is closed now, or waits too long, is no error.
    #[must_use]
    pub fn is_idle(&self, buf: &BytesMut) -> bool {
        !self.scanner.has_first_line() && matches!(buf.as_ref(), b"" | b"\r" | b"\n" | b"\r\n")
    }

    /// The peer closed: `None` if that is in order.
    #[must_use]
    pub fn eof(&self, buf: &BytesMut) -> Option<HeadError> {
        (!self.is_idle(buf)).then(|| failed(HeadErrorKind::Truncated, buf, &Limits::default()))
    }

    /// Time is up: `None` if nothing of a head has come.
    #[must_use]
    pub fn timed_out(&self, buf: &BytesMut) -> Option<HeadError> {
        (!self.is_idle(buf)).then(|| failed(HeadErrorKind::TimedOut, buf, &Limits::default()))
    }

    fn first_line(
        &mut self,
        buf: &mut BytesMut,
        limits: &Limits,
    ) -> Result<Option<RequestLine>, HeadErrorKind> {
        loop {
            let empty = match buf.as_ref() {
                [b'\n', ..] => 1,
                [b'\r', b'\n', ..] => 2,
                [] | [b'\r'] => return Ok(None),
                _ => break,
            };
            buf.advance(empty);
            self.empty.0 += 1;
            self.empty.1 += empty;
            if self.empty.0 > EMPTY_LINES {
                return Err(HeadErrorKind::Method);
            }
        }
        // Judged before its line is complete: what is no HTTP at all is answered at once.
        let window = buf.get(..limits.first_line).unwrap_or(buf);
        let method = window.iter().position(|byte| !is_method_byte(*byte));
        if method.is_some_and(|at| at == 0 || window.get(at) != Some(&b' ')) {
            return Err(HeadErrorKind::Method);
        }
        match self.scanner.scan(buf, limits)? {
            Scan::FirstLine(end) => {
                let line = content(buf.get(..end).unwrap_or_default());
                RequestLine::parse(line, end, method.unwrap_or_default()).map(Some)
            }
            _ => Ok(None),
        }
    }
}

/// What a head says, but for its fields.
#[derive(Debug)]
pub(crate) struct Judged {
    pub(crate) method: Method,
    target: Shape,
    pub(crate) version: Version,
    pub(crate) marks: Marks,
    pub(crate) body: BodyKind,
    pub(crate) connection: ConnectionOptions,
    pub(crate) keep_alive: bool,
    pub(crate) expect_continue: bool,
    pub(crate) head_len: usize,
}

/// A complete head: how long it is, and how long the empty lines before it were.
#[derive(Debug, Clone, Copy, Default)]
struct Found {
    line: RequestLine,
    end: usize,
    skipped: usize,
}

/// Where the parts of a request line are: the target begins one behind the method.
#[derive(Debug, Clone, Copy, Default)]
struct RequestLine {
    method_end: usize,
    target_end: usize,
    /// Behind its LF.
    end: usize,
    version: Version,
}

impl RequestLine {
    /// One blank stands between the parts, and nowhere else (RFC 9112 3: anything more lenient has been used to smuggle).
    fn parse(line: &[u8], end: usize, method_end: usize) -> Result<Self, HeadErrorKind> {
        let Some((before, version)) = line.split_last_chunk::<8>() else {
            return Err(HeadErrorKind::Version);
        };
        let target_end = match before.split_last() {
            Some((b' ', before)) if before.len() > method_end => before.len(),
            _ => return Err(HeadErrorKind::Version),
        };
        let version = match version {
            b"HTTP/1.1" => Version::HTTP_11,
            b"HTTP/1.0" => Version::HTTP_10,
            [b'H', b'T', b'T', b'P', b'/', major @ b'1'..=b'9', b'.', b'0'..=b'9'] => match major {
                b'1' => Version::HTTP_11,
                _ => return Err(HeadErrorKind::VersionUnsupported),
            },
            _ => return Err(HeadErrorKind::Version),
        };
        Ok(Self { method_end, target_end, end, version })
    }

    fn target(&self) -> Range<usize> {
        self.method_end + 1..self.target_end
    }
}
