//! The layer, and what it does to a head.

use http::header::{HeaderMap, HeaderName};
use smallvec::SmallVec;
use tower_layer::Layer;

use super::service::Sanitize;

/// Drops request fields whose names have other characters than letters, digits and `-`.
///
/// For the edge, before anything reads the request. Many applications turn both `X-User` and `X_User` into one variable
/// (CGI's `HTTP_X_USER`), so that a client could send the second past a rule about the first.
///
/// ```
/// use http::{HeaderMap, HeaderValue};
/// use propylon_headers::SanitizeLayer;
///
/// let mut headers = HeaderMap::new();
/// headers.insert("x_user", HeaderValue::from_static("root"));
/// headers.insert("x-user", HeaderValue::from_static("eve"));
/// SanitizeLayer::new().apply(&mut headers);
/// assert_eq!(headers.keys().collect::<Vec<_>>(), ["x-user"]);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct SanitizeLayer {
    underscores: bool,
    ignore_invalid: bool,
}

impl SanitizeLayer {
    /// nginx's defaults: fields with an underscore or another odd character in their names are dropped.
    #[must_use]
    pub fn new() -> Self {
        Self { underscores: false, ignore_invalid: true }
    }

    /// Whether an underscore is as good as a letter (nginx: `underscores_in_headers`). Default: false.
    #[must_use]
    pub fn underscores_in_headers(mut self, allow: bool) -> Self {
        self.underscores = allow;
        self
    }

    /// Whether fields with odd names are dropped; with `false` all are kept (nginx: `ignore_invalid_headers`).
    /// Default: true.
    #[must_use]
    pub fn ignore_invalid_headers(mut self, ignore: bool) -> Self {
        self.ignore_invalid = ignore;
        self
    }

    /// Drops the fields with odd names: what the service does to each request.
    pub fn apply(&self, headers: &mut HeaderMap) {
        if !self.ignore_invalid || headers.keys().all(|name| self.is_valid(name)) {
            return;
        }
        let odd: SmallVec<[HeaderName; 4]> =
            headers.keys().filter(|name| !self.is_valid(name)).cloned().collect();
        for name in odd {
            headers.remove(name);
        }
    }

    fn is_valid(&self, name: &HeaderName) -> bool {
        // A HeaderName is in lower case.
        name.as_str()
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-') || byte == b'_' && self.underscores)
    }
}

impl Default for SanitizeLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for SanitizeLayer {
    type Service = Sanitize<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Sanitize::new(inner, *self)
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn drops_odd_names() {
        fn check(layer: SanitizeLayer, expected: &[&str]) {
            let mut headers = HeaderMap::new();
            for name in ["host", "x-a1", "x_a", "x.b", "_", "!x"] {
                headers.append(name, HeaderValue::from_static("1"));
                headers.append(name, HeaderValue::from_static("2"));
            }
            layer.apply(&mut headers);
            let mut left: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
            left.sort_unstable();
            assert_eq!(left, expected, "{layer:?}");
            assert_eq!(headers.len(), 2 * expected.len());
        }
        check(SanitizeLayer::new(), &["host", "x-a1"]);
        check(SanitizeLayer::new().underscores_in_headers(true), &["_", "host", "x-a1", "x_a"]);
        check(SanitizeLayer::new().ignore_invalid_headers(false), &["!x", "_", "host", "x-a1", "x.b", "x_a"]);
    }
}
