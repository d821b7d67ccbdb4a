//! What is done to the fields that send a client elsewhere.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{HeaderName, LOCATION, REFRESH};
use http::{HeaderValue, response};

type Change = Arc<dyn Fn(&response::Parts, &[u8]) -> Option<Vec<u8>> + Send + Sync>;

/// The rules, in order.
#[derive(Clone, Default)]
pub(crate) struct Rules(Vec<Change>);

/// A response with this extension has a `Location` that a rule has made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rewritten;

impl Rules {
    pub(crate) fn push(&mut self, change: Change) {
        self.0.push(change);
    }

    pub(crate) fn apply(&self, parts: &mut response::Parts) {
        if self.rewrite(parts, LOCATION, |_| Some(0)) {
            parts.extensions.insert(Rewritten);
        }
        self.rewrite(parts, REFRESH, url_of_refresh);
    }

    /// Rewrites what stands from a place of a field on; says whether a rule fits.
    fn rewrite(
        &self,
        parts: &mut response::Parts,
        name: HeaderName,
        place: fn(&[u8]) -> Option<usize>,
    ) -> bool {
        let Some(value) = parts.headers.get(&name).map(HeaderValue::as_bytes) else { return false };
        let Some((before, url)) = place(value).and_then(|at| value.split_at_checked(at)) else {
            return false;
        };
        let Some(new) = self.0.iter().find_map(|rule| rule(parts, url)) else { return false };
        let new = if before.is_empty() { new } else { [before, &new].concat() };
        let Ok(new) = HeaderValue::from_maybe_shared(Bytes::from(new)) else { return false };
        parts.headers.insert(name, new);
        true
    }
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Rules").field(&self.0.len()).finish()
    }
}

/// Where the URL of `7; url=http://...` begins.
fn url_of_refresh(value: &[u8]) -> Option<usize> {
    const MARK: &[u8] = b"url=";
    let at = value.windows(MARK.len()).position(|window| window.eq_ignore_ascii_case(MARK))?;
    Some(at + MARK.len())
}

/// `to` in the place of `from` at the beginning of a URL. `None` if the URL begins otherwise.
///
/// ```
/// use propylon_redirect::replace_start;
///
/// assert_eq!(replace_start(b"http://a:80/x", b"http://a:80/", b"/app/").unwrap(), b"/app/x");
/// assert_eq!(replace_start(b"http://b/", b"http://a/", b"/"), None);
/// ```
#[must_use]
pub fn replace_start(url: &[u8], from: &[u8], to: &[u8]) -> Option<Vec<u8>> {
    url.strip_prefix(from).map(|rest| [to, rest].concat())
}
