//! What is compressed: no tower, no I/O.

use std::fmt;
use std::sync::Arc;

use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, VARY, VIA};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Version, request, response};

use crate::coding::{Coding, preferred};
use crate::proxied::{Proxied, authorized, directives};

/// What is compressed.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    /// In the order of our own preference.
    pub(crate) codings: Vec<Coding>,
    /// As written, their case does not matter; `*`: any.
    pub(crate) types: Vec<Box<str>>,
    pub(crate) min_length: u64,
    pub(crate) level: i32,
    pub(crate) vary: bool,
    pub(crate) proxied: Proxied,
    pub(crate) http_1_0: bool,
    /// Whether nobody is to change it.
    pub(crate) no_transform: Told<bool>,
    /// The status that decides.
    pub(crate) status: Told<StatusCode>,
}

/// What is told of a response.
#[derive(Clone)]
pub(crate) struct Told<T>(Arc<Tell<T>>);

type Tell<T> = dyn Fn(&response::Parts) -> T + Send + Sync;

impl<T> Told<T> {
    pub(crate) fn by(tell: impl Fn(&response::Parts) -> T + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }
}

impl<T> fmt::Debug for Told<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<told>")
    }
}

/// What is known of a request when its response comes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    coding: Option<Coding>,
    head: bool,
    proxied: bool,
    authorized: bool,
}

impl Asked {
    /// Whether the client takes any coding.
    pub(crate) const fn may_be_coded(self) -> bool {
        self.coding.is_some()
    }
}

impl Rules {
    /// What a request lets be done to its response; `excluded`: nothing.
    pub(crate) fn ask(&self, request: &request::Parts, excluded: bool) -> Asked {
        let refuses = excluded || !self.http_1_0 && request.version < Version::HTTP_11;
        let coding = if refuses { None } else { preferred(&request.headers, &self.codings) };
        Asked {
            coding,
            head: request.method == Method::HEAD,
            proxied: request.headers.contains_key(VIA),
            authorized: authorized(&request.headers),
        }
    }

    /// Whether this is a response that is compressed for whoever accepts it, if it has a body and that is whole. `length`: of
    /// the body, if it is known.
    fn eligible(&self, asked: Asked, response: &response::Parts, length: Option<u64>) -> bool {
        let headers = &response.headers;
        let number = |text: &str| text.parse().ok();
        let whole = match headers.get(CONTENT_RANGE) {
            Some(range) => range.to_str().ok().and_then(|range| number(range.rsplit_once('/')?.1)),
            None => {
                let declared = headers.get(CONTENT_LENGTH).and_then(|value| number(value.to_str().ok()?));
                length.filter(|_| !asked.head).or(declared)
            }
        };
        let is_one = match (self.status.0)(response) {
            StatusCode::OK | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND => {
                !headers.contains_key(CONTENT_RANGE)
            }
            StatusCode::PARTIAL_CONTENT => headers.contains_key(CONTENT_RANGE),
            _ => false,
        };
        is_one
            && !headers.contains_key(CONTENT_ENCODING)
            && whole.is_none_or(|length: u64| length >= self.min_length.max(1))
            && self.is_type(headers)
            && !(self.no_transform.0)(response)
    }

    fn is_type(&self, headers: &HeaderMap) -> bool {
        let Some(value) = headers.get(CONTENT_TYPE) else { return false };
        let kind = value.as_bytes().split(|byte| matches!(byte, b';' | b' ')).next().unwrap_or_default();
        let begins =
            |prefix: &[u8]| kind.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
        if begins(b"text/event-stream") || begins(b"application/grpc") {
            return false; // each message of these is to leave by itself
        }
        self.types.iter().any(|known| &**known == "*" || known.as_bytes().eq_ignore_ascii_case(kind))
    }

    /// How a response is to be coded, if it is; its head gets what it needs in either case.
    pub(crate) fn judge(
        &self,
        asked: Asked,
        response: &mut response::Parts,
        length: Option<u64>,
    ) -> Option<Coding> {
        if !self.eligible(asked, response, length) {
            return None;
        }
        if self.vary && !varies(&response.headers) {
            response.headers.append(VARY, HeaderValue::from_static("Accept-Encoding"));
        }
        // HEAD has the fields of GET, and a part those of the whole (RFC 9110 9.3.2, 15.3.7): their bodies stay.
        if asked.head || response.headers.contains_key(CONTENT_RANGE) {
            return None;
        }
        let coding = asked.coding?;
        if asked.proxied && !self.proxied.allows(&response.headers, asked.authorized) {
            return None;
        }
        weaken(&mut response.headers);
        Some(coding)
    }
}

/// Whether these fields of a response say `no-transform` (RFC 9110 7.7).
#[must_use]
pub fn no_transform(headers: &HeaderMap) -> bool {
    directives(headers).any(|directive| directive.eq_ignore_ascii_case(b"no-transform"))
}

fn varies(headers: &HeaderMap) -> bool {
    let values = headers.get_all(VARY).iter();
    let mut names =
        values.flat_map(|value| value.as_bytes().split(|byte| *byte == b',')).map(<[u8]>::trim_ascii);
    names.any(|name| name == b"*" || name.eq_ignore_ascii_case(b"accept-encoding"))
}

/// Other bytes are another representation: a strong `ETag` would say that they are the same (RFC 9110 8.8.1).
fn weaken(headers: &mut HeaderMap) {
    let Some(strong) = headers.get(ETAG).filter(|tag| tag.as_bytes().starts_with(b"\"")) else { return };
    match HeaderValue::from_bytes(&[b"W/", strong.as_bytes()].concat()) {
        Ok(weak) => drop(headers.insert(ETAG, weak)),
        Err(_) => drop(headers.remove(ETAG)),
    }
}
