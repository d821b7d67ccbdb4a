use http::Version;

/// Where a body ends (RFC 9112 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BodyKind {
    /// There is none.
    Empty,
    /// After so many bytes, at least 1.
    Length(u64),
    /// At the last chunk and its trailers.
    Chunked,
    /// When the peer closes: responses only.
    UntilClose,
    /// There is none, and what follows is another protocol: 101, or 2xx to CONNECT.
    Tunnel,
}

/// How many bytes a body to send has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BodySize {
    /// Exactly so many.
    Known(u64),
    /// Only its end will tell.
    Unknown,
}

impl From<http_body::SizeHint> for BodySize {
    fn from(hint: http_body::SizeHint) -> Self {
        hint.exact().map_or(Self::Unknown, Self::Known)
    }
}

/// The options of `Connection` that the engine itself obeys (RFC 9112 9.3, 9.6).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ConnectionOptions {
    /// `close`
    pub close: bool,
    /// `keep-alive`
    pub keep_alive: bool,
    /// `upgrade`
    pub upgrade: bool,
}

impl ConnectionOptions {
    /// Whether the connection persists after a message of this version: 1.1 unless `close`, 1.0 only with `keep-alive`.
    #[must_use]
    pub fn persist(self, version: Version) -> bool {
        !self.close && (version >= Version::HTTP_11 || self.keep_alive)
    }
}
