//! Where a directive may stand.

use std::fmt;
use std::ops::BitOr;

/// A set of blocks that a directive may stand in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Contexts(u16);

impl Contexts {
    pub(crate) const MAIN: Self = Self(1);
    pub(crate) const EVENTS: Self = Self(1 << 1);
    pub(crate) const HTTP: Self = Self(1 << 2);
    pub(crate) const SERVER: Self = Self(1 << 3);
    pub(crate) const LOCATION: Self = Self(1 << 4);
    pub(crate) const UPSTREAM: Self = Self(1 << 5);
    /// `if` in a server.
    pub(crate) const SERVER_IF: Self = Self(1 << 6);
    /// `if` in a location.
    pub(crate) const IF: Self = Self(1 << 7);
    pub(crate) const LIMIT_EXCEPT: Self = Self(1 << 8);
    /// `match`, of health checks.
    pub(crate) const MATCH: Self = Self(1 << 9);

    pub(crate) const STREAM: Self = Self(1 << 10);
    /// `server` in `stream`.
    pub(crate) const STREAM_SERVER: Self = Self(1 << 11);
    /// `upstream` in `stream`.
    pub(crate) const STREAM_UPSTREAM: Self = Self(1 << 12);

    /// stream, and `server` in it.
    pub(crate) const STREAMS: Self = Self(Self::STREAM.0 | Self::STREAM_SERVER.0);
    /// http, server, location.
    pub(crate) const LEVELS: Self = Self(Self::HTTP.0 | Self::SERVER.0 | Self::LOCATION.0);
    /// These and `if` in a location.
    pub(crate) const LEVELS_IF: Self = Self(Self::LEVELS.0 | Self::IF.0);
    /// http, server.
    pub(crate) const SERVERS: Self = Self(Self::HTTP.0 | Self::SERVER.0);
    /// location, and `if` in it.
    pub(crate) const INNER: Self = Self(Self::LOCATION.0 | Self::IF.0);
    /// Wherever the rewrite module works.
    pub(crate) const REWRITE: Self = Self(Self::SERVER.0 | Self::LOCATION.0 | Self::SERVER_IF.0 | Self::IF.0);

    pub(crate) const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether there is none that `other` lacks.
    pub(crate) const fn is_within(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }
}

impl BitOr for Contexts {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        self.or(other)
    }
}

impl fmt::Display for Contexts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [
            (Self::MAIN, "main"),
            (Self::EVENTS, "events"),
            (Self::HTTP, "http"),
            (Self::SERVER, "server"),
            (Self::LOCATION, "location"),
            (Self::UPSTREAM, "upstream"),
            (Self::SERVER_IF, "if in server"),
            (Self::IF, "if in location"),
            (Self::LIMIT_EXCEPT, "limit_except"),
            (Self::MATCH, "match"),
            (Self::STREAM, "stream"),
            (Self::STREAM_SERVER, "server in stream"),
            (Self::STREAM_UPSTREAM, "upstream in stream"),
        ];
        let names: Vec<&str> =
            names.into_iter().filter(|(bit, _)| self.has(*bit)).map(|(_, name)| name).collect();
        f.write_str(&names.join(", "))
    }
}
