//! What is replaced in which responses: no tower, no I/O.

use std::fmt;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http::header::{
    ACCEPT_RANGES, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, LAST_MODIFIED,
};
use http::{HeaderValue, StatusCode, response};

use crate::search::{Search, Texts};

pub(crate) type Compute = Arc<dyn Fn(&response::Parts) -> Bytes + Send + Sync>;

/// A text: always the same, or made of the head of the response.
#[derive(Clone)]
pub(crate) enum Text {
    Fixed(Bytes),
    Computed(Compute),
}

#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) from: Text,
    pub(crate) to: Text,
}

#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) rules: Vec<Rule>,
    pub(crate) once: bool,
    pub(crate) last_modified: bool,
    /// `*`: any.
    pub(crate) types: Vec<Box<str>>,
    /// Of texts that are always the same: made when it is needed first.
    pub(crate) texts: OnceLock<Texts>,
}

impl Rules {
    /// Writes into the head that the body is another one; returns what is to be searched, if anything is. `empty`: there is no
    /// body; `head`: as HEAD wants it.
    pub(crate) fn judge(&self, response: &mut response::Parts, empty: bool, head: bool) -> Option<Search> {
        let headers = &response.headers;
        let is_left = self.rules.is_empty()
            || empty && !(head && says_body(response))
            || response.status == StatusCode::SWITCHING_PROTOCOLS
            || headers.contains_key(CONTENT_ENCODING)
            || headers.contains_key(CONTENT_RANGE)
            || !self.is_type(headers.get(CONTENT_TYPE)?);
        if is_left {
            return None;
        }
        let texts = if self.rules.iter().all(|rule| matches!(rule.from, Text::Fixed(_))) {
            self.texts.get_or_init(|| self.texts(response)).clone()
        } else {
            self.texts(response)
        };
        if texts.is_empty() {
            return None;
        }
        let to = self.rules.iter().map(|rule| rule.to.of(response)).collect();
        let headers = &mut response.headers;
        headers.remove(CONTENT_LENGTH);
        headers.remove(ACCEPT_RANGES);
        if self.last_modified {
            weaken(response);
        } else {
            headers.remove(LAST_MODIFIED);
            headers.remove(ETAG);
        }
        Some(Search::new(texts, to, self.once))
    }

    fn texts(&self, response: &response::Parts) -> Texts {
        Texts::new(self.rules.iter().map(|rule| rule.from.of(response)))
    }

    fn is_type(&self, value: &HeaderValue) -> bool {
        let kind = value.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
        self.types.iter().any(|known| &**known == "*" || known.as_bytes().eq_ignore_ascii_case(kind))
    }
}

impl Text {
    fn of(&self, response: &response::Parts) -> Bytes {
        match self {
            Self::Fixed(text) => text.clone(),
            Self::Computed(compute) => compute(response),
        }
    }
}

/// Whether the same response to a GET would have a body, as far as its head says: then it gets that one's head
/// (RFC 9110 9.3.2).
fn says_body(response: &response::Parts) -> bool {
    !matches!(response.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
        && response.headers.get(CONTENT_LENGTH).is_none_or(|length| length != "0")
}

/// Other bytes are not the same, byte for byte (RFC 9110 8.8.1).
fn weaken(response: &mut response::Parts) {
    let Some(strong) = response.headers.get(ETAG).filter(|tag| tag.as_bytes().starts_with(b"\"")) else {
        return;
    };
    match HeaderValue::from_bytes(&[b"W/", strong.as_bytes()].concat()) {
        Ok(weak) => drop(response.headers.insert(ETAG, weak)),
        Err(_) => drop(response.headers.remove(ETAG)),
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(text) => text.fmt(f),
            Self::Computed(_) => f.write_str("(computed)"),
        }
    }
}
