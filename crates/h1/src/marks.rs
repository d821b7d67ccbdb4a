use std::fmt;
use std::ops::{BitOr, BitOrAssign};

/// Which fields of consequence a head has, noted while it was parsed: whoever removes hop-by-hop fields searches nothing
/// when there are none.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Marks(u32);

macro_rules! marks {
    ($($(#[$doc:meta])* $name:ident = $bit:literal;)*) => {
        impl Marks {
            $($(#[$doc])* pub const $name: Self = Self(1 << $bit);)*
        }
        const NAMES: &[(Marks, &str)] = &[$((Marks::$name, stringify!($name)),)*];
    };
}

marks! {
    /// `Connection`
    CONNECTION = 0;
    /// `Connection` names a field (an option other than `close`, `keep-alive`, `upgrade`, `te`).
    NOMINATED = 1;
    /// `Keep-Alive`
    KEEP_ALIVE = 2;
    /// `Proxy-Connection`
    PROXY_CONNECTION = 3;
    /// `TE`
    TE = 4;
    /// `Trailer`
    TRAILER = 5;
    /// `Transfer-Encoding`
    TRANSFER_ENCODING = 6;
    /// `Upgrade`
    UPGRADE = 7;
    /// `Content-Length`
    CONTENT_LENGTH = 8;
    /// `Host`
    HOST = 9;
    /// `Host`, more than once.
    HOST_REPEATED = 10;
    /// `Expect`
    EXPECT = 11;
    /// `Expect` with anything but `100-continue` (RFC 9110 10.1.1: may be answered with 417).
    EXPECT_UNKNOWN = 12;
    /// `Proxy-Authenticate` or `Proxy-Authorization`
    PROXY_AUTH = 13;
    /// `HTTP2-Settings`
    HTTP2_SETTINGS = 14;
    /// `Date`
    DATE = 15;
    /// A name with `_`: nginx drops these fields unless `underscores_in_headers` is on.
    UNDERSCORE = 16;
    /// A name that is a token but has more than letters, digits, `-` and `_`: nginx drops these fields unless
    /// `ignore_invalid_headers` is off.
    UNUSUAL_NAME = 17;
    /// `Server`
    SERVER = 18;
    /// A name is spelled otherwise than the engine writes it (see [`Spelling`](crate::Spelling)).
    SPELLED = 19;
}

impl Marks {
    /// No mark.
    pub const NONE: Self = Self(0);

    /// What RFC 9110 7.6.1 wants removed before a message is forwarded.
    pub const HOP_BY_HOP: Self = Self(
        Self::CONNECTION.0
            | Self::KEEP_ALIVE.0
            | Self::PROXY_CONNECTION.0
            | Self::TE.0
            | Self::TRAILER.0
            | Self::TRANSFER_ENCODING.0
            | Self::UPGRADE.0
            | Self::HTTP2_SETTINGS.0,
    );

    /// What a trailer section must not have (RFC 9110 6.5.1): what frames, routes or concerns the connection.
    pub const NOT_IN_TRAILERS: Self = Self(
        Self::HOP_BY_HOP.0 | Self::CONTENT_LENGTH.0 | Self::HOST.0 | Self::EXPECT.0 | Self::PROXY_AUTH.0,
    );

    /// Whether all of `other` are here.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Both, where `|` cannot stand.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether one of `other` is here.
    #[must_use]
    pub const fn any(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl BitOr for Marks {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Marks {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

impl fmt::Debug for Marks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut set = f.debug_set();
        for (_, name) in NAMES.iter().filter(|(mark, _)| self.contains(*mark)) {
            set.entry(&format_args!("{name}"));
        }
        set.finish()
    }
}
