//! `Cache-Status`, RFC 9211.

use bytes::Bytes;
use http::{HeaderValue, StatusCode};

/// What a cache did for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handling {
    /// Why the request was passed on; none if it was not.
    pub forward: Option<Forward>,
    /// What the upstream answered, if the client sees something else.
    pub forward_status: Option<StatusCode>,
    /// Seconds until the response is stale.
    pub ttl: Option<i64>,
    /// The response is being stored.
    pub stored: bool,
    /// The request waited for another one.
    pub collapsed: bool,
    /// A word on why not.
    pub detail: Option<&'static str>,
}

impl Handling {
    /// Answered from the store.
    #[must_use]
    pub const fn hit(ttl: i64) -> Self {
        Self {
            forward: None,
            forward_status: None,
            ttl: Some(ttl),
            stored: false,
            collapsed: false,
            detail: None,
        }
    }

    /// Passed on.
    #[must_use]
    pub const fn forwarded(why: Forward) -> Self {
        Self {
            forward: Some(why),
            forward_status: None,
            ttl: None,
            stored: false,
            collapsed: false,
            detail: None,
        }
    }

    /// The member of the field for a cache with this name, which is a token.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<HeaderValue> {
        let mut text = String::with_capacity(name.len() + 32);
        text.push_str(name);
        match self.forward {
            None => text.push_str("; hit"),
            Some(why) => text.extend(["; fwd=", why.as_str()]),
        }
        if let Some(status) = self.forward_status {
            text.extend(["; fwd-status=", status.as_str()]);
        }
        if let Some(ttl) = self.ttl {
            text.push_str("; ttl=");
            text.push_str(itoa::Buffer::new().format(ttl));
        }
        if self.stored {
            text.push_str("; stored");
        }
        if self.collapsed {
            text.push_str("; collapsed");
        }
        if let Some(detail) = self.detail {
            text.extend(["; detail=", detail]);
        }
        HeaderValue::from_maybe_shared(Bytes::from(text)).ok()
    }
}

/// Why a request was passed on: RFC 9211 2.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forward {
    /// The cache was told not to handle it.
    Bypass,
    /// Its method asks for that.
    Method,
    /// Nothing is stored for its URI.
    UriMiss,
    /// What is stored is for others.
    VaryMiss,
    /// The client asked for it.
    Request,
    /// What is stored is stale.
    Stale,
}

impl Forward {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Bypass => "bypass",
            Self::Method => "method",
            Self::UriMiss => "uri-miss",
            Self::VaryMiss => "vary-miss",
            Self::Request => "request",
            Self::Stale => "stale",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values() {
        let miss = Handling::forwarded(Forward::UriMiss);
        for (handling, expected) in [
            (Handling::hit(30), "propylon; hit; ttl=30"),
            (Handling::hit(-5), "propylon; hit; ttl=-5"),
            (miss, "propylon; fwd=uri-miss"),
            (Handling { stored: true, collapsed: true, ..miss }, "propylon; fwd=uri-miss; stored; collapsed"),
            (Handling { detail: Some("no-store"), ..miss }, "propylon; fwd=uri-miss; detail=no-store"),
            (
                Handling {
                    forward_status: Some(StatusCode::NOT_MODIFIED),
                    ttl: Some(9),
                    ..Handling::forwarded(Forward::Stale)
                },
                "propylon; fwd=stale; fwd-status=304; ttl=9",
            ),
        ] {
            assert_eq!(handling.value("propylon").unwrap(), expected);
        }
    }
}
