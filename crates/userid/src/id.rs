//! An id, and its two forms: in cookies and in logs.

use std::fmt;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// How much of a cookie's value is the id; a mark and padding may follow.
pub(crate) const LENGTH: usize = 22;

/// nginx ignores the bits that are left over.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(true),
);

/// Whom a client is known as: 16 bytes, which are four numbers to whoever made them. It is shown as nginx shows it in variables, on machines
/// like ours: each four bytes from the last to the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Id([u8; 16]);

impl Id {
    /// The id with these bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The id in the value of a cookie; nothing if there is none, or its last number is 0, which no id's is.
    #[must_use]
    pub fn parse(value: &[u8]) -> Option<Self> {
        let bytes = BASE64.decode(value.get(..LENGTH)?).ok()?;
        let bytes: [u8; 16] = bytes.try_into().ok()?;
        let [.., a, b, c, d] = bytes;
        ([a, b, c, d] != [0; 4]).then_some(Self(bytes))
    }

    /// Its bytes.
    #[must_use]
    pub const fn bytes(self) -> [u8; 16] {
        self.0
    }

    /// As it stands in a cookie, without what follows it.
    pub(crate) fn text(self) -> String {
        BASE64.encode(self.0)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (words, _) = self.0.as_chunks();
        words.iter().try_for_each(|word| write!(f, "{:08X}", u32::from_le_bytes(*word)))
    }
}
