use bytes::Bytes;
use http::HeaderName;

/// Extension of a message to send: how header names are written. Not set: [`HeaderCase::Title`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HeaderCase {
    /// `Content-Type`: what HTTP/1.1 peers are used to.
    #[default]
    Title,
    /// `content-type`, the form in which a `HeaderMap` holds them.
    Lower,
}

/// Extension of a message to send: the order and the spelling of its fields.
///
/// Values come from the `HeaderMap`, so that what layers change is what is sent: the nth entry of a name stands for its
/// nth value, an entry without a value writes nothing, values without an entry follow in [`HeaderCase`]. Fields of the
/// engine itself (`Content-Length`, `Transfer-Encoding`, `Connection`, `Date`) obey it too.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FieldOrder {
    pub(crate) entries: Vec<(HeaderName, Bytes)>,
}

impl FieldOrder {
    /// No entry.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a name as it shall be written; one that is not a token is left out.
    #[must_use]
    pub fn then(mut self, name: impl Into<Bytes>) -> Self {
        self.push(name.into());
        self
    }

    /// The order and spelling of a received head (`RequestHead::raw`, `ResponseHead::raw`).
    #[must_use]
    pub fn of(raw: &Bytes) -> Self {
        let mut order = Self::default();
        for (name, _) in crate::proto::RawFields::new(raw) {
            order.push(raw.slice_ref(name));
        }
        order
    }

    fn push(&mut self, written: Bytes) {
        if let Ok(name) = HeaderName::from_bytes(&written) {
            self.entries.push((name, written));
        }
    }
}

/// Extension of a response: the reason phrase of its status line, received or to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reason(Bytes);

impl Reason {
    /// A phrase of tabs, blanks, visible characters and bytes above 0x7F.
    ///
    /// # Errors
    /// Any other byte, a line end above all.
    pub fn new(phrase: impl Into<Bytes>) -> Result<Self, ReasonError> {
        let phrase = phrase.into();
        let valid = |byte: &u8| *byte == b'\t' || (*byte >= b' ' && *byte != 0x7F);
        if phrase.iter().all(valid) { Ok(Self(phrase)) } else { Err(ReasonError) }
    }

    /// The phrase.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// A reason phrase with a control character in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("control character in a reason phrase")]
pub struct ReasonError;
