//! What a client gets to see of a response that is there: conditions first, then ranges (RFC 9110 13.2.2), and the head that it has
//! then.

use std::ops::Range;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Response, StatusCode};

use crate::preconditions::{client_has, forbids, strip_representation};
use crate::range::{self, Selected};

/// What of a response a client gets to see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    /// All of it, or all that is known of it.
    Whole,
    /// These bytes, of so many.
    Part(Range<u64>, u64),
    /// These ranges, of so many bytes.
    Parts(Vec<Range<u64>>, u64),
    /// None of so many bytes.
    Unsatisfiable(u64),
    /// He has it already.
    NotModified,
    /// He wants it only if it were another one.
    Forbidden,
}

/// What a client gets to see of a response with this head, of which `length` bytes are known to be there. `now` is in milliseconds since
/// 1970.
#[must_use]
pub fn judge(
    method: &Method,
    request: &HeaderMap,
    status: StatusCode,
    ours: &HeaderMap,
    length: Option<u64>,
    now: u64,
) -> Shown {
    if forbids(request, status, ours, now) {
        return Shown::Forbidden;
    }
    if client_has(request, status, ours, now) {
        return Shown::NotModified;
    }
    let Some(length) = length else { return Shown::Whole };
    Shown::of(range::select(method, request, status, ours, length), length)
}

impl Shown {
    /// What is selected of so many bytes.
    #[must_use]
    pub fn of(selected: Selected, length: u64) -> Self {
        match selected {
            Selected::Whole => Self::Whole,
            Selected::Part(part) => Self::Part(part, length),
            Selected::Parts(ranges) => Self::Parts(ranges, length),
            Selected::Unsatisfiable => Self::Unsatisfiable(length),
        }
    }
}

/// Gives a response the head of what is shown of it. The bytes of it that are its body then, perhaps none; `None`: its body as it is. So it
/// is of several ranges too: all of it is always right.
pub fn show<B>(response: &mut Response<B>, shown: &Shown) -> Option<Range<u64>> {
    match shown {
        Shown::Whole | Shown::Parts(..) => return None,
        Shown::Part(part, length) => {
            partial(response, part, *length);
            return Some(part.clone());
        }
        Shown::Unsatisfiable(length) => unsatisfiable(response, *length),
        Shown::NotModified => not_modified(response),
        Shown::Forbidden => forbidden(response),
    }
    Some(0..0)
}

/// Makes it a 304.
pub fn not_modified<B>(response: &mut Response<B>) {
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    strip_representation(response.headers_mut());
}

/// Makes it a 412: RFC 9110 15.5.13.
pub fn forbidden<B>(response: &mut Response<B>) {
    *response.status_mut() = StatusCode::PRECONDITION_FAILED;
    strip_representation(response.headers_mut());
    response.headers_mut().insert(header::CONTENT_LENGTH, 0.into());
}

/// Makes it a 206 of these bytes of `length`. RFC 9110 15.3.7: "a Content-Range header field, describing what range is included".
pub fn partial<B>(response: &mut Response<B>, part: &Range<u64>, length: u64) {
    *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    let headers = response.headers_mut();
    let text = format!("bytes {}-{}/{length}", part.start, part.end.saturating_sub(1));
    set(headers, header::CONTENT_RANGE, text);
    headers.insert(header::CONTENT_LENGTH, (part.end - part.start).into());
}

/// Makes it a 416 of something that is `length` bytes long. RFC 9110 15.5.17: "SHOULD generate a Content-Range header field specifying the current length".
pub fn unsatisfiable<B>(response: &mut Response<B>, length: u64) {
    *response.status_mut() = StatusCode::RANGE_NOT_SATISFIABLE;
    let headers = response.headers_mut();
    strip_representation(headers);
    headers.remove(header::ETAG);
    headers.remove(header::LAST_MODIFIED);
    set(headers, header::CONTENT_RANGE, format!("bytes */{length}"));
    headers.insert(header::CONTENT_LENGTH, 0.into());
}

fn set(headers: &mut HeaderMap, name: HeaderName, text: String) {
    if let Ok(value) = HeaderValue::try_from(text) {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAG: (HeaderName, &str) = (header::ETAG, "\"a\"");

    fn fields<const N: usize>(fields: [(HeaderName, &'static str); N]) -> HeaderMap {
        fields.into_iter().map(|(name, value)| (name, HeaderValue::from_static(value))).collect()
    }

    #[track_caller]
    fn check<const N: usize>(request: [(HeaderName, &'static str); N], expected: &Shown) {
        let found = judge(&Method::GET, &fields(request), StatusCode::OK, &fields([TAG]), Some(10), 0);
        assert_eq!(found, *expected);
    }

    #[test]
    fn conditions_go_before_ranges() {
        let range = (header::RANGE, "bytes=2-3");
        check([], &Shown::Whole);
        check([range.clone()], &Shown::Part(2..4, 10));
        check([(header::RANGE, "bytes=10-")], &Shown::Unsatisfiable(10));
        check([(header::IF_NONE_MATCH, TAG.1), range.clone()], &Shown::NotModified);
        check([(header::IF_NONE_MATCH, "\"b\""), range.clone()], &Shown::Part(2..4, 10));
        check(
            [(header::IF_MATCH, "\"b\""), (header::IF_NONE_MATCH, TAG.1), range.clone()],
            &Shown::Forbidden,
        );
        check([(header::IF_RANGE, "\"b\""), range.clone()], &Shown::Whole);
        let request = fields([range]);
        let unknown = judge(&Method::GET, &request, StatusCode::OK, &fields([TAG]), None, 0);
        assert_eq!(unknown, Shown::Whole, "nobody knows where a range ends");
    }

    #[test]
    fn heads_say_what_is_sent() {
        let response = || {
            let mut response = Response::new(());
            *response.headers_mut() =
                fields([TAG, (header::CONTENT_LENGTH, "10"), (header::CONTENT_TYPE, "text/plain")]);
            response
        };
        let has = |response: &Response<()>, name: HeaderName| {
            response.headers().get(name).map(|value| value.to_str().unwrap().to_owned())
        };
        let shown = |shown: &Shown| {
            let mut response = response();
            let part = show(&mut response, shown);
            (response, part)
        };
        for all in [Shown::Whole, Shown::Parts(vec![0..1, 3..4], 10)] {
            let (response, part) = shown(&all);
            assert_eq!((response.status(), part), (StatusCode::OK, None));
            assert_eq!(has(&response, header::CONTENT_LENGTH).as_deref(), Some("10"));
        }
        let (part, range) = shown(&Shown::Part(2..4, 10));
        assert_eq!(range, Some(2..4));
        assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
        assert_eq!(has(&part, header::CONTENT_RANGE).as_deref(), Some("bytes 2-3/10"));
        assert_eq!(has(&part, header::CONTENT_LENGTH).as_deref(), Some("2"));
        assert_eq!(has(&part, header::ETAG).as_deref(), Some(TAG.1));
        let (none, range) = shown(&Shown::Unsatisfiable(10));
        assert_eq!(range, Some(0..0));
        assert_eq!(none.status(), StatusCode::RANGE_NOT_SATISFIABLE);
        assert_eq!(has(&none, header::CONTENT_RANGE).as_deref(), Some("bytes */10"));
        assert_eq!(has(&none, header::CONTENT_LENGTH).as_deref(), Some("0"));
        assert_eq!(has(&none, header::CONTENT_TYPE), None);
        let (same, range) = shown(&Shown::NotModified);
        assert_eq!(range, Some(0..0));
        assert_eq!(same.status(), StatusCode::NOT_MODIFIED);
        assert_eq!(
            (has(&same, header::CONTENT_LENGTH), has(&same, header::ETAG).as_deref()),
            (None, Some(TAG.1))
        );
        let (other, range) = shown(&Shown::Forbidden);
        assert_eq!(range, Some(0..0));
        assert_eq!(other.status(), StatusCode::PRECONDITION_FAILED);
        assert_eq!(has(&other, header::CONTENT_LENGTH).as_deref(), Some("0"));
    }
}
