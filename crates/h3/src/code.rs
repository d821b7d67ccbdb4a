//! Error codes.

use std::fmt;

/// An error code of HTTP/3 (RFC 9114 8.1) or QPACK (RFC 9204 6): with it a stream is reset, or a connection closed.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Code(u64);

macro_rules! codes {
    ($($name:ident = $value:literal, $doc:literal;)*) => {
        impl Code {
            $(#[doc = $doc] pub const $name: Self = Self($value);)*

            /// Its name in the RFC, without `H3_`; none if it is of nobody's that is known here.
            #[must_use]
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($value => Some(stringify!($name)),)*
                    _ => None,
                }
            }
        }
    };
}

codes! {
    NO_ERROR = 0x100, "Nothing is wrong.";
    GENERAL_PROTOCOL_ERROR = 0x101, "Something is wrong that has no code of its own.";
    INTERNAL_ERROR = 0x102, "Something is wrong here.";
    STREAM_CREATION_ERROR = 0x103, "A stream that is not to be.";
    CLOSED_CRITICAL_STREAM = 0x104, "A stream has ended that must not.";
    FRAME_UNEXPECTED = 0x105, "A frame where it must not be.";
    FRAME_ERROR = 0x106, "A frame that is not as it must be.";
    EXCESSIVE_LOAD = 0x107, "Too much is wanted.";
    ID_ERROR = 0x108, "A number of a stream or a push that cannot be.";
    SETTINGS_ERROR = 0x109, "Settings that cannot be.";
    MISSING_SETTINGS = 0x10a, "A control stream begins with something else than settings.";
    REQUEST_REJECTED = 0x10b, "Nobody has looked at the request: it may be sent again.";
    REQUEST_CANCELLED = 0x10c, "The request or its response is not wanted any more.";
    REQUEST_INCOMPLETE = 0x10d, "The stream has ended before its request was there.";
    MESSAGE_ERROR = 0x10e, "A message that is malformed.";
    CONNECT_ERROR = 0x10f, "The connection that CONNECT asked for is gone.";
    VERSION_FALLBACK = 0x110, "It has to be asked for by another version of HTTP.";
    QPACK_DECOMPRESSION_FAILED = 0x200, "A field section that cannot be read.";
    QPACK_ENCODER_STREAM_ERROR = 0x201, "An instruction of the encoder's that cannot be.";
    QPACK_DECODER_STREAM_ERROR = 0x202, "An instruction of the decoder's that cannot be.";
}

impl Code {
    /// A code as it came.
    #[must_use]
    pub const fn new(value: u64) -> Self {
        Self(value)
    }

    /// The number.
    #[must_use]
    pub const fn value(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "{:#x}", self.0),
        }
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
