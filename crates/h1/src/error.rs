use bytes::Bytes;
use http::StatusCode;

/// Why a head was refused, and as much of its first line as had come.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind}")]
pub struct HeadError {
    kind: HeadErrorKind,
    line: Bytes,
}

impl HeadError {
    pub(crate) fn new(kind: HeadErrorKind, line: Bytes) -> Self {
        Self { kind, line }
    }

    /// What is wrong.
    #[must_use]
    pub fn kind(&self) -> HeadErrorKind {
        self.kind
    }

    /// What to answer a request with. A response that was refused is 502 to whoever asked, whatever its kind.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.kind.status()
    }

    /// The first line without its end, or what had come of it, at most `Limits::first_line` bytes: nginx's `$request`.
    #[must_use]
    pub fn first_line(&self) -> &Bytes {
        &self.line
    }
}

/// What is wrong with a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum HeadErrorKind {
    /// The method is not made of `A`-`Z`, `-` and `_` (nginx's set; RFC 9110 allows any token). 400.
    #[error("invalid method")]
    Method,
    /// The target is none of the four forms of RFC 9112 3.2, not the one its method wants, or has a control in it. 400.
    #[error("invalid request target")]
    Target,
    /// Not `HTTP/` digit `.` digit, or major 0, or no version at all (HTTP/0.9). 400.
    #[error("invalid HTTP version")]
    Version,
    /// A well-formed version above 1. 505.
    #[error("unsupported HTTP version")]
    VersionUnsupported,
    /// Not `HTTP/1.` digit, space, three digits, space, reason. 502.
    #[error("invalid status line")]
    StatusLine,
    /// The request or status line is above `Limits::first_line`. 414.
    #[error("first line too long")]
    FirstLineTooLong,
    /// A header line is above `Limits::header_line`. 400, nginx's 494.
    #[error("header line too long")]
    HeaderLineTooLong,
    /// The head is above `Limits::head`. 400.
    #[error("header section too large")]
    HeadTooLarge,
    /// More header lines than `Limits::fields`. 400.
    #[error("too many header fields")]
    TooManyFields,
    /// A header name is empty or not a token, or no colon follows it at once (RFC 9112 5.1). 400.
    #[error("invalid header name")]
    FieldName,
    /// A header line begins with a blank (RFC 9112 5.2). 400.
    #[error("obsolete line folding")]
    ObsFold,
    /// A control other than tab in a header value: NUL, a CR without its LF, … (RFC 9110 5.5). 400.
    #[error("invalid header value")]
    FieldValue,
    /// `Content-Length` is not digits alone, above 2^63-1, or there is more than one. 400.
    #[error("invalid Content-Length")]
    ContentLength,
    /// `Content-Length` and `Transfer-Encoding` together (RFC 9112 6.3). 400.
    #[error("Content-Length with Transfer-Encoding")]
    LengthAndEncoding,
    /// `Transfer-Encoding` is empty, repeated, malformed, or chunked is not its last coding. 400.
    #[error("invalid Transfer-Encoding")]
    TransferEncoding,
    /// A coding other than `chunked`. 501.
    #[error("unsupported transfer coding")]
    CodingUnsupported,
    /// `Transfer-Encoding` in HTTP/1.0 (RFC 9112 6.1). 400.
    #[error("Transfer-Encoding in HTTP/1.0")]
    EncodingInHttp10,
    /// CONNECT with a body. 400, as nginx.
    #[error("CONNECT with a body")]
    ConnectWithBody,
    /// The peer closed in the middle of the head. 400.
    #[error("connection closed inside a head")]
    Truncated,
    /// The head did not arrive in time. 408.
    #[error("head did not arrive in time")]
    TimedOut,
}

impl HeadErrorKind {
    /// What to answer a request with; 502 for what only a response can have.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            Self::VersionUnsupported => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
            Self::StatusLine => StatusCode::BAD_GATEWAY,
            Self::FirstLineTooLong => StatusCode::URI_TOO_LONG,
            Self::CodingUnsupported => StatusCode::NOT_IMPLEMENTED,
            Self::TimedOut => StatusCode::REQUEST_TIMEOUT,
            _ => StatusCode::BAD_REQUEST,
        }
    }
}

/// Why a body could not be read. The connection is in doubt after any of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum BodyError {
    /// The peer closed before the end that the framing announced.
    #[error("body cut short")]
    Truncated,
    /// A chunk size is not hexadecimal digits, or something follows it that is no extension and no CRLF.
    #[error("invalid chunk size")]
    ChunkSize,
    /// A chunk size of more than 16 digits or above 2^63-1.
    #[error("chunk size overflow")]
    ChunkOverflow,
    /// A control in a chunk extension, or a line end that is not CRLF.
    #[error("invalid chunk extension")]
    ChunkExtension,
    /// Chunk extensions above `Limits::chunk_extensions` in all.
    #[error("chunk extensions too large")]
    ExtensionsTooLarge,
    /// The bytes of a chunk are not followed by CRLF.
    #[error("invalid chunk end")]
    ChunkEnd,
    /// A trailer line is malformed.
    #[error("invalid trailer field")]
    Trailer,
    /// Trailers above `Limits::trailers` bytes or `Limits::trailer_fields` lines.
    #[error("trailers too large")]
    TrailersTooLarge,
}

impl BodyError {
    /// What to answer if no response was begun: 400.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        StatusCode::BAD_REQUEST
    }
}

/// Why a message could not be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// More body bytes than its `Content-Length`.
    #[error("body longer than announced")]
    BodyTooLong,
    /// The body ended before its `Content-Length`.
    #[error("body shorter than announced")]
    BodyTooShort,
    /// A body of unknown length in an HTTP/1.0 request.
    #[error("length of the body is not known")]
    LengthRequired,
    /// The target is empty or has a blank or a control in it.
    #[error("invalid request target")]
    Target,
    /// Not a 1xx status, or 101.
    #[error("not an interim status")]
    NotInterim,
}
