//! What becomes of a response: no tower, no I/O.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{ACCEPT_RANGES, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, RANGE};
use http::{HeaderMap, StatusCode, response};

use crate::Map;
use crate::content_type;
use crate::recode::Recoder;

/// A charset by name: always the same, or another one for each response; none: as if there were no rule.
#[derive(Clone)]
pub(crate) enum Name {
    Fixed(Bytes),
    Chosen(Choose),
}

pub(crate) type Choose = Arc<dyn Fn(&response::Parts) -> Option<Bytes> + Send + Sync>;
pub(crate) type Missing = Arc<dyn Fn(&[u8], &[u8]) + Send + Sync>;

/// What becomes of a response.
#[derive(Clone)]
pub(crate) struct Rules {
    pub(crate) charset: Name,
    pub(crate) source: Option<Name>,
    pub(crate) order: Option<Choose>,
    pub(crate) overrides: bool,
    /// `*`: any.
    pub(crate) types: Vec<Box<str>>,
    pub(crate) maps: Vec<Map>,
    pub(crate) missing: Option<Missing>,
}

/// What of a request may not be asked of the service inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ranges {
    Any,
    One,
    None,
}

impl Rules {
    /// Which ranges may be asked for where the response may be recoded: its bytes may have other places then, and a body of
    /// several parts is none of its type.
    pub(crate) fn ranges(&self) -> Ranges {
        if self.source.is_none() && !self.overrides {
            return Ranges::Any;
        }
        let wanted = |map: &&Map| match &self.charset {
            Name::Fixed(name) => map.knows(name),
            Name::Chosen(_) => true,
        };
        let maps = self.maps.iter().filter(wanted);
        maps.fold(Ranges::Any, |ranges, map| match ranges {
            _ if map.is_utf8() => Ranges::None,
            Ranges::Any => Ranges::One,
            ranges => ranges,
        })
    }

    /// Writes the charset into the head; returns how the body is recoded, if it is.
    pub(crate) fn judge(&self, response: &mut response::Parts) -> Option<Recoder> {
        let kind = response.headers.get(CONTENT_TYPE).filter(|kind| !kind.is_empty())?.clone();
        let declared = content_type::charset(kind.as_bytes());
        let wanted = self.wanted(response, kind.as_bytes(), declared)?;
        let source = match declared {
            Some(name) => Some(Bytes::copy_from_slice(name)),
            None => self.source.as_ref().and_then(|source| source.of(response)),
        };
        let Some(source) = source.filter(|source| !source.eq_ignore_ascii_case(&wanted)) else {
            name(response, kind.as_bytes(), &wanted);
            return None;
        };
        if response.headers.contains_key(CONTENT_ENCODING) {
            return None;
        }
        let Some(recoder) = self.maps.iter().find_map(|map| map.recoder(&source, &wanted)) else {
            if let Some(missing) = &self.missing {
                missing(&source, &wanted);
            }
            return None;
        };
        if !recoder.keeps_length() {
            if response.headers.contains_key(CONTENT_RANGE) {
                return None;
            }
            response.headers.remove(CONTENT_LENGTH);
            response.headers.remove(ACCEPT_RANGES);
        }
        name(response, kind.as_bytes(), &wanted);
        Some(recoder)
    }

    /// The charset that a response is to have.
    fn wanted(&self, response: &response::Parts, kind: &[u8], declared: Option<&[u8]>) -> Option<Bytes> {
        if let Some(order) = self.order.as_ref().and_then(|order| order(response)) {
            return self.knows(&order).then_some(order);
        }
        let fits = match declared {
            Some(_) => self.overrides,
            None => {
                let kind = content_type::media_type(kind);
                self.types.iter().any(|known| &**known == "*" || known.as_bytes().eq_ignore_ascii_case(kind))
            }
        };
        if fits { self.charset.of(response) } else { None }
    }

    fn knows(&self, name: &[u8]) -> bool {
        let fixed = |known: &Name| matches!(known, Name::Fixed(known) if known.eq_ignore_ascii_case(name));
        fixed(&self.charset)
            || self.source.as_ref().is_some_and(fixed)
            || self.maps.iter().any(|map| map.knows(name))
    }
}

impl Ranges {
    /// Takes from a request what may not be asked.
    pub(crate) fn apply(self, headers: &mut HeaderMap) {
        let several = || headers.get(RANGE).is_some_and(|range| range.as_bytes().contains(&b','));
        let gone = match self {
            Self::Any => false,
            Self::One => several(),
            Self::None => true,
        };
        if gone {
            headers.remove(RANGE);
        }
    }
}

impl Name {
    fn of(&self, response: &response::Parts) -> Option<Bytes> {
        match self {
            Self::Fixed(name) => Some(name.clone()),
            Self::Chosen(choose) => choose(response).filter(|name| !name.is_empty()),
        }
    }
}

/// Redirects get none: it would not be that of the page that they lead to.
fn name(response: &mut response::Parts, kind: &[u8], charset: &[u8]) {
    let redirects = matches!(response.status, StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND);
    if let Some(kind) = content_type::with_charset(kind, (!redirects).then_some(charset)) {
        response.headers.insert(CONTENT_TYPE, kind);
    }
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rules")
            .field("charset", &self.charset)
            .field("source", &self.source)
            .field("overrides", &self.overrides)
            .field("types", &self.types)
            .field("maps", &self.maps.len())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(name) => name.fmt(f),
            Self::Chosen(_) => f.write_str("(chosen)"),
        }
    }
}
