//! Which responses get something: no tower, no I/O.

use std::fmt;
use std::sync::Arc;

use http::header::{ACCEPT_RANGES, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG};
use http::{HeaderValue, StatusCode, response};

use crate::addition::Asking;

pub(crate) type Of = dyn Fn(&response::Parts) -> Option<Asking> + Send + Sync;

#[derive(Clone)]
pub(crate) struct Rules {
    pub(crate) before: Option<Arc<Of>>,
    pub(crate) after: Option<Arc<Of>>,
    /// `*`: any.
    pub(crate) types: Vec<Box<str>>,
}

/// What a response gets; if that is nothing, it is as it was.
#[derive(Debug, Default)]
pub(crate) struct Additions {
    pub(crate) before: Option<Asking>,
    pub(crate) after: Option<Asking>,
}

impl Rules {
    /// Writes into the head that the body is another one, if it is.
    pub(crate) fn judge(&self, response: &mut response::Parts) -> Option<Additions> {
        let headers = &response.headers;
        let is_left = self.is_empty()
            || response.status != StatusCode::OK
            || headers.contains_key(CONTENT_ENCODING)
            || !self.is_type(headers.get(CONTENT_TYPE)?);
        if is_left {
            return None;
        }
        let ask = |of: &Option<Arc<Of>>| of.as_ref().and_then(|of| of(response));
        let additions = Additions { before: ask(&self.before), after: ask(&self.after) };
        if additions.before.is_none() && additions.after.is_none() {
            return None;
        }
        response.headers.remove(CONTENT_LENGTH);
        response.headers.remove(ACCEPT_RANGES);
        weaken(response);
        Some(additions)
    }

    /// Whether nothing is ever added.
    pub(crate) const fn is_empty(&self) -> bool {
        self.before.is_none() && self.after.is_none()
    }

    fn is_type(&self, value: &HeaderValue) -> bool {
        let kind = value.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
        self.types.iter().any(|known| &**known == "*" || known.as_bytes().eq_ignore_ascii_case(kind))
    }
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

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rules")
            .field("before", &self.before.is_some())
            .field("after", &self.after.is_some())
            .field("types", &self.types)
            .finish()
    }
}
