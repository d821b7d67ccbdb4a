//! What can go wrong between us and a peer.

use std::error::Error as StdError;
use std::fmt;
use std::io;

use http::StatusCode;

/// Any error, as services and bodies pass it on.
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// What can go wrong between us and a peer. The messages are nginx's where nginx has one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No connection: refused, unreachable, no such socket.
    #[error("connect() failed {} while connecting to upstream", Errno(source))]
    Connect {
        /// What the kernel said.
        source: io::Error,
    },
    /// No connection, and no peer is to blame: no descriptor is left, or the local address that was asked for cannot be had.
    #[error("{what} failed {} while connecting to upstream", Errno(source))]
    Local {
        /// What was asked of the kernel: `socket()`, `bind(10.0.0.1)`.
        what: Box<str>,
        /// What the kernel said.
        source: io::Error,
    },
    /// No connection in time.
    #[error("upstream timed out (110: Connection timed out) while connecting to upstream")]
    ConnectTimeout,
    /// The connection could not be secured (TLS).
    #[error("{source}")]
    Secure {
        /// What the handshake said.
        source: BoxError,
    },
    /// The request has no [`Peer`](crate::Peer) extension.
    #[error("request without a peer")]
    NoPeer,
    /// The [`Target`](crate::Target) is neither origin-form nor `*`, or longer than 65,534 bytes.
    #[error("request target cannot be sent to upstream")]
    InvalidTarget,
    /// memcached: the request has no [`Key`](crate::Key) extension.
    #[error("request without a key")]
    NoKey,
    /// uwsgi, SCGI: params that cannot be sent.
    #[error("{0} while sending request to upstream")]
    InvalidParams(propylon_cgi::RequestFault),
    /// A body of unknown length cannot go to an HTTP/1.0 peer, nor by uwsgi or SCGI.
    #[error("request body of unknown length cannot be sent to an HTTP/1.0, uwsgi or SCGI upstream")]
    LengthRequired,
    /// The peer closed the connection before a response head was complete.
    #[error("upstream prematurely closed connection while reading response header from upstream")]
    Closed {
        /// Whether the kernel had taken any byte of the request.
        sent: bool,
    },
    /// The connection failed before a response head was complete.
    #[error("recv() failed {} while reading response header from upstream", Errno(source))]
    Io {
        /// Whether the kernel had taken any byte of the request.
        sent: bool,
        /// What the kernel said.
        source: io::Error,
    },
    /// What came is no response head, or one that must not be passed on.
    #[error("{0} while reading response header from upstream")]
    InvalidHead(HeadFault),
    /// HTTP/2: the peer would not have the request (RST_STREAM), before a response head.
    #[error("upstream rejected request with error {} while reading response header from upstream", Code(*code))]
    Rejected {
        /// The code (RFC 9113 7).
        code: u32,
    },
    /// HTTP/2: the peer goes away and did nothing with the request (GOAWAY).
    #[error("upstream sent goaway with error {} while reading response header from upstream", Code(*code))]
    GoneAway {
        /// The code (RFC 9113 7).
        code: u32,
    },
    /// The request's own body failed, ended early or was longer than declared. The connection is closed, so that the
    /// request cannot look complete.
    #[error("request body failed while sending request to upstream")]
    RequestBody {
        /// The body's error.
        source: BoxError,
    },
    /// The response body was cut short.
    #[error("upstream prematurely closed connection while reading upstream")]
    Truncated,
    /// The response body's framing is wrong.
    #[error("upstream sent invalid chunked response while reading upstream")]
    InvalidBody,
    /// FastCGI: within the response body, what came is none of its records.
    #[error("upstream sent {0} while reading upstream")]
    InvalidRecord(propylon_fastcgi::Invalid),
    /// memcached: what follows a value is not its end.
    #[error("{0} while reading upstream")]
    InvalidReply(propylon_memcached::Fault),
    /// HTTP/2: the peer broke off the response body (RST_STREAM).
    #[error("upstream rejected request with error {} while reading upstream", Code(*code))]
    Reset {
        /// The code (RFC 9113 7).
        code: u32,
    },
    /// HTTP/2: the response body breaks the protocol's rules, or is not as long as its head says.
    #[error("upstream sent invalid http2 response while reading upstream")]
    InvalidStream,
    /// The connection failed within the response body.
    #[error("recv() failed {} while reading upstream", Errno(source))]
    BodyIo {
        /// What the kernel said.
        source: io::Error,
    },
}

/// What is wrong with a response head.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeadFault {
    /// It is not HTTP, or a line is malformed (also: folded lines, controls, lines without a colon).
    #[error("upstream sent invalid header")]
    Syntax,
    /// It has more bytes or fields than [`Transport`](crate::Transport) allows.
    #[error("upstream sent too big header")]
    TooLarge,
    /// `Content-Length` together with `Transfer-Encoding`, or `Transfer-Encoding` over HTTP/1.0.
    #[error("upstream sent \"Content-Length\" and \"Transfer-Encoding\" headers at the same time")]
    ConflictingFraming,
    /// A `Content-Length` that is no number, or several that differ.
    #[error("upstream sent invalid \"Content-Length\" header")]
    InvalidLength,
    /// A `Transfer-Encoding` other than `chunked`.
    #[error("upstream sent unknown \"Transfer-Encoding\"")]
    UnknownEncoding,
    /// A 101 that nobody asked for.
    #[error("upstream switched protocols unexpectedly")]
    UnexpectedUpgrade,
    /// HTTP/2 was expected, and something else came.
    #[error("upstream does not speak http2")]
    NotHttp2,
    /// What came breaks the rules of HTTP/2's frames.
    #[error("upstream sent invalid http2 frame")]
    InvalidFrame,
    /// FastCGI: what came is none of its records, or no answer to the request.
    #[error("upstream sent {0}")]
    InvalidRecord(propylon_fastcgi::Invalid),
    /// memcached: what came is no answer to the request.
    #[error("{0}")]
    InvalidReply(propylon_memcached::Fault),
    /// CGI: a `Status` that is none of a final response.
    #[error("upstream sent invalid status")]
    InvalidStatus,
    /// FastCGI: the request was over before there was a head.
    #[error("upstream prematurely closed FastCGI stdout")]
    NoHead,
    /// FastCGI: the application said on its standard error what makes its response an error.
    #[error("upstream wrote a text to stderr that `catch_stderr` matches")]
    Caught,
    /// More than eight interim (1xx) responses.
    #[error("upstream sent too many interim responses")]
    TooManyInterim,
}

/// How far an attempt got before it failed: what a retry may do depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AttemptClass {
    /// There was no connection.
    NotConnected,
    /// There was one, but no byte of the request was sent, or the peer said that it did nothing with it (HTTP/2).
    NotSent,
    /// The peer may have acted on the request.
    Sent,
    /// The response head was passed on already.
    ResponseStarted,
}

impl Error {
    /// How far the attempt got.
    #[must_use]
    pub fn class(&self) -> AttemptClass {
        match self {
            Self::Connect { .. } | Self::Local { .. } | Self::ConnectTimeout | Self::NoPeer => {
                AttemptClass::NotConnected
            }
            Self::InvalidTarget
            | Self::InvalidParams(_)
            | Self::NoKey
            | Self::Secure { .. }
            | Self::LengthRequired
            | Self::Closed { sent: false }
            | Self::Io { sent: false, .. }
            | Self::GoneAway { .. }
            | Self::Rejected { code: REFUSED_STREAM } => AttemptClass::NotSent,
            Self::Closed { sent: true }
            | Self::Io { sent: true, .. }
            | Self::InvalidHead(_)
            | Self::Rejected { .. }
            | Self::RequestBody { .. } => AttemptClass::Sent,
            Self::Truncated
            | Self::InvalidBody
            | Self::InvalidRecord(_)
            | Self::InvalidReply(_)
            | Self::Reset { .. }
            | Self::InvalidStream
            | Self::BodyIo { .. } => AttemptClass::ResponseStarted,
        }
    }

    /// Whether time ran out.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        matches!(self, Self::ConnectTimeout)
    }

    /// Whether the peer is well, and says that the request is wrong: memcached, of a key that is too long. Whoever may choose a key can have
    /// this as often as he likes, so it is not to be held against the peer.
    #[must_use]
    pub fn is_requests(&self) -> bool {
        matches!(self, Self::InvalidHead(HeadFault::InvalidReply(propylon_memcached::Fault::Request)))
    }

    /// The status that stands for it: 504 for a timeout, 411 for [`LengthRequired`](Self::LengthRequired), 400 for
    /// [`RequestBody`](Self::RequestBody) (look at its source for better), 500 for what is nobody's but ours
    /// ([`Local`](Self::Local), [`InvalidParams`](Self::InvalidParams), [`NoKey`](Self::NoKey)), else 502.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::ConnectTimeout => StatusCode::GATEWAY_TIMEOUT,
            Self::Local { .. } | Self::InvalidParams(_) | Self::NoKey => StatusCode::INTERNAL_SERVER_ERROR,
            Self::LengthRequired => StatusCode::LENGTH_REQUIRED,
            Self::RequestBody { .. } => StatusCode::BAD_REQUEST,
            _ => StatusCode::BAD_GATEWAY,
        }
    }
}

/// The peer did nothing with the request (RFC 9113 8.7).
pub(crate) const REFUSED_STREAM: u32 = 7;

/// An error code of HTTP/2, as nginx prints it and with its name.
struct Code(u32);

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        match ::h2::Reason::from(self.0) {
            reason if self.0 <= 0xD => write!(f, " ({reason:?})"),
            _ => Ok(()),
        }
    }
}

/// An I/O error as nginx prints it: `(111: Connection refused)`.
struct Errno<'a>(&'a io::Error);

impl fmt::Display for Errno<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.to_string();
        match self.0.raw_os_error() {
            Some(code) => {
                let text = text.split(" (os error").next().unwrap_or_default();
                write!(f, "({code}: {text})")
            }
            None => write!(f, "({text})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_nginx_s() {
        let refused = Error::Connect { source: io::Error::from_raw_os_error(111) };
        assert_eq!(
            refused.to_string(),
            "connect() failed (111: Connection refused) while connecting to upstream"
        );
        let invalid = Error::InvalidHead(HeadFault::Syntax);
        assert_eq!(
            invalid.to_string(),
            "upstream sent invalid header while reading response header from upstream"
        );
        assert_eq!(
            Error::Rejected { code: REFUSED_STREAM }.to_string(),
            "upstream rejected request with error 7 (REFUSED_STREAM) while reading response header from upstream"
        );
        assert_eq!(
            Error::Reset { code: 99 }.to_string(),
            "upstream rejected request with error 99 while reading upstream"
        );
        let plain = Error::BodyIo { source: io::ErrorKind::ConnectionReset.into() };
        assert_eq!(plain.to_string(), "recv() failed (connection reset) while reading upstream");
    }

    #[test]
    fn classes() {
        use AttemptClass::{NotConnected, NotSent, ResponseStarted, Sent};
        let io = || io::Error::from_raw_os_error(104);
        for (error, class, status) in [
            (Error::Connect { source: io() }, NotConnected, 502),
            (Error::ConnectTimeout, NotConnected, 504),
            (Error::NoPeer, NotConnected, 502),
            (Error::LengthRequired, NotSent, 411),
            (Error::Closed { sent: false }, NotSent, 502),
            (Error::Io { sent: true, source: io() }, Sent, 502),
            (Error::RequestBody { source: "gone".into() }, Sent, 400),
            (Error::Rejected { code: REFUSED_STREAM }, NotSent, 502),
            (Error::Rejected { code: 2 }, Sent, 502),
            (Error::GoneAway { code: 0 }, NotSent, 502),
            (Error::Truncated, ResponseStarted, 502),
            (Error::Reset { code: 8 }, ResponseStarted, 502),
        ] {
            assert_eq!((error.class(), error.status().as_u16()), (class, status), "{error}");
            assert_eq!(error.is_timeout(), status == 504);
        }
    }
}
