//! Which responses are pages: no tower, no I/O.

use http::header::{
    ACCEPT_RANGES, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, LAST_MODIFIED,
};
use http::{HeaderValue, StatusCode, response};

#[derive(Clone, Debug)]
pub(crate) struct Rules {
    /// `*`: any.
    pub(crate) types: Vec<Box<str>>,
    pub(crate) last_modified: bool,
    pub(crate) silent_errors: bool,
    pub(crate) value_length: usize,
    pub(crate) output_size: usize,
}

impl Rules {
    /// Whether a response is a page. `empty`: there is no body; `head`: as HEAD wants it.
    pub(crate) fn is_page(&self, response: &response::Parts, empty: bool, head: bool) -> bool {
        let headers = &response.headers;
        let says_nothing = headers.get(CONTENT_LENGTH).is_some_and(|length| length == "0");
        let is_left = (empty && (!head || says_nothing))
            || matches!(
                response.status,
                StatusCode::SWITCHING_PROTOCOLS | StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED
            )
            || headers.contains_key(CONTENT_ENCODING)
            || headers.contains_key(CONTENT_RANGE);
        !is_left && headers.get(CONTENT_TYPE).is_some_and(|kind| self.is_type(kind))
    }

    /// Writes into the head that the body is another one.
    pub(crate) fn write(&self, response: &mut response::Parts) {
        let headers = &mut response.headers;
        headers.remove(CONTENT_LENGTH);
        headers.remove(ACCEPT_RANGES);
        if self.last_modified {
            weaken(response);
        } else {
            headers.remove(LAST_MODIFIED);
            headers.remove(ETAG);
        }
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
