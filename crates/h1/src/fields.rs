use std::sync::Arc;

use bytes::Bytes;
use http::HeaderName;

use crate::names;
use crate::proto::RawFields;

/// How header names are written: see [`Spelling::in_case`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HeaderCase {
    /// `Content-Type`: what HTTP/1.1 peers are used to; names that have a spelling of their own get it (`ETag`, `WWW-Authenticate`).
    #[default]
    Title,
    /// `content-type`, the form in which a `HeaderMap` holds them.
    Lower,
}

/// The order and the spelling of the fields of a message to send: see [`Spelling::in_order`].
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

/// Extension of a message to send: how names are spelled that are not written as usual, for those of its fields that are still
/// there. It leaves alone fields of framing and the connection, `Date` and `Server`, and the order unless it has [one](Self::in_order).
///
/// Parsers give it to heads that have such names, so that a proxy passes on `x-lower` and `X-UPPER` as they came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spelling {
    raw: Bytes,
    names: Option<Names>,
    pub(crate) case: HeaderCase,
    pub(crate) order: Option<FieldOrder>,
}

/// Names with a spelling of their own. A clone is the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names(Arc<[(HeaderName, Box<str>)]>);

impl Names {
    /// Those of `names` that are tokens and not written as they would be anyway; `None` if there is none.
    #[must_use]
    pub fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let unusual = |name: &&str| !names::is_usual(name.as_bytes());
        let spelled =
            names.into_iter().filter(unusual).filter_map(|name| Some((name.parse().ok()?, name.into())));
        let names: Arc<[_]> = spelled.collect();
        (!names.is_empty()).then_some(Self(names))
    }
}

impl Spelling {
    /// As a received head has them (`RequestHead::raw`, `ResponseHead::raw`).
    #[must_use]
    pub fn of(raw: Bytes) -> Self {
        Self { raw, ..Self::default() }
    }

    /// The same, and all other names are written like this.
    #[must_use]
    pub fn in_case(mut self, case: HeaderCase) -> Self {
        self.case = case;
        self
    }

    /// The same, and the fields have this order, which spells them too.
    #[must_use]
    pub fn in_order(mut self, order: FieldOrder) -> Self {
        self.order = Some(order);
        self
    }

    /// The same, and these names before all others.
    #[must_use]
    pub fn with_names(mut self, names: Names) -> Self {
        self.names = Some(names);
        self
    }

    /// Looks names up in the order in which they are written, which is that of the raw head as a rule.
    pub(crate) fn speller(&self) -> Speller<'_> {
        Speller { spelling: self, rest: RawFields::new(&self.raw) }
    }
}

/// A walk along a [`Spelling`].
pub(crate) struct Speller<'a> {
    spelling: &'a Spelling,
    rest: RawFields<'a>,
}

impl<'a> Speller<'a> {
    /// How a name is spelled, if that is known.
    pub(crate) fn find(&mut self, name: &HeaderName) -> Option<&'a [u8]> {
        let mut own = self.spelling.names.iter().flat_map(|names| names.0.iter());
        if let Some((_, spelled)) = own.find(|(own, _)| own == name) {
            return Some(spelled.as_bytes());
        }
        let is = |(spelled, _): &(&[u8], &[u8])| spelled.eq_ignore_ascii_case(name.as_str().as_bytes());
        let before = self.rest.clone();
        let found = self.rest.find(is).or_else(|| {
            self.rest = before;
            RawFields::new(&self.spelling.raw).find(is)
        });
        found.map(|(spelled, _)| spelled)
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
