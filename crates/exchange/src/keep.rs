//! What is kept on demand.

/// Facts that cost something to keep, and are kept only for an exchange whose readers will ask.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keep(pub(crate) u8);

impl Keep {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// The fields of the upstream's response, trailers included (`$upstream_http_NAME`).
    pub const UPSTREAM_HEAD: Self = Self(1);
    /// The fields sent to the client (`$sent_http_NAME`).
    pub const SENT_HEAD: Self = Self(2);
    /// The body of the request, if it is short enough to be kept in memory (`$request_body`).
    pub const REQUEST_BODY: Self = Self(4);
    /// Where the request goes (`$proxy_host`), which is always kept once it is known: who asks before has to tell first.
    pub const PROXY: Self = Self(8);
    /// The ids of the trace that the request belongs to (`$otel_trace_id`), also where nothing is traced.
    pub const TRACE: Self = Self(16);
    /// How long the response was before it was compressed, and after (`$gzip_ratio`).
    pub const COMPRESSED: Self = Self(32);

    /// Both of these.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What both name.
    #[must_use]
    pub const fn among(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether all of `other` is among these.
    #[must_use]
    pub fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}
