//! An answer from what is stored.

use std::ops::Range;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Response, StatusCode};

use crate::asked::Fields;
use crate::layer::Options;
use crate::parts::Parts;
use crate::policy::range::{self, Selected};
use crate::policy::{Freshness, Handling, Terms, validation};
use crate::store::{Entry, Meta};
use crate::{Error, ResponseBody, Status};

pub(crate) const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");

/// What a client asks.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) method: &'a Method,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) fields: Fields,
}

/// How fresh a stored response is. None: it was stored by somebody else, on terms that are not known.
#[inline]
pub(crate) fn freshness(entry: &Entry) -> Option<Freshness> {
    let meta = entry.meta();
    Some(Freshness {
        stored_at: meta.stored_at,
        initial_age: meta.initial_age,
        lifetime: meta.lifetime,
        terms: Terms::decode(&meta.terms)?,
        expired: entry.is_purged(),
    })
}

/// The answer that `entry` holds. `head`: the head that it has now, if that is not the entry's own.
#[expect(clippy::too_many_arguments, reason = "each is a different thing, and there are few callers")]
pub(crate) fn from_store<R>(
    options: &Options,
    asked: Asked<'_>,
    entry: &Entry,
    head: Option<HeaderMap>,
    freshness: &Freshness,
    now: u64,
    status: Status,
    handling: Handling,
) -> Result<Response<ResponseBody<R>>, Error> {
    let meta: &Meta = entry.meta();
    if freshness.terms.remembered() {
        return Err(Error::Remembered(meta.status));
    }
    let headers = head.unwrap_or_else(|| meta.headers.clone());
    let mut response = Response::new(ResponseBody::empty());
    *response.status_mut() = meta.status;
    *response.headers_mut() = headers;

    let length = entry.len();
    match shown(asked, meta.status, response.headers(), length, now) {
        Shown::NotModified => not_modified(&mut response),
        Shown::Unsatisfiable(length) => unsatisfiable(&mut response, length),
        Shown::Forbidden => forbidden(&mut response),
        Shown::Part(part, length) => {
            *response.body_mut() = ResponseBody::stored(entry.range(part.clone()));
            partial(&mut response, &part, length);
        }
        Shown::Parts(ranges, length) => {
            let parts = Parts::new(&mut response, entry, &ranges, length);
            *response.body_mut() = ResponseBody::parts(parts);
        }
        Shown::Whole if asked.method == Method::HEAD => {
            if let Some(length) = length.filter(|_| !freshness.terms.head()) {
                response.headers_mut().entry(header::CONTENT_LENGTH).or_insert_with(|| length.into());
            }
        }
        Shown::Whole => *response.body_mut() = ResponseBody::stored(entry.body()),
    }
    response.headers_mut().insert(header::AGE, freshness.age(now).as_secs().into());
    tell(options, &mut response, status, handling);
    Ok(response)
}

/// What of a response a client gets to see.
pub(crate) enum Shown {
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

/// What a client gets to see of this, of which `length` bytes are known to be there.
pub(crate) fn shown(
    asked: Asked<'_>,
    status: StatusCode,
    headers: &HeaderMap,
    length: Option<u64>,
    now: u64,
) -> Shown {
    let fields = asked.fields;
    if fields.has(Fields::PRECONDITION) && validation::forbids(asked.headers, status, headers, now) {
        return Shown::Forbidden;
    }
    if fields.has(Fields::CONDITION) && validation::client_has(asked.headers, status, headers, now) {
        return Shown::NotModified;
    }
    if let Some(length) = length
        && fields.has(Fields::RANGE)
    {
        return match range::select(asked.method, asked.headers, status, headers, length) {
            Selected::Whole => Shown::Whole,
            Selected::Part(part) => Shown::Part(part, length),
            Selected::Parts(ranges) => Shown::Parts(ranges, length),
            Selected::Unsatisfiable => Shown::Unsatisfiable(length),
        };
    }
    Shown::Whole
}

pub(crate) fn not_modified<B>(response: &mut Response<B>) {
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    validation::strip_representation(response.headers_mut());
}

/// RFC 9110 15.5.13
pub(crate) fn forbidden<B>(response: &mut Response<B>) {
    *response.status_mut() = StatusCode::PRECONDITION_FAILED;
    validation::strip_representation(response.headers_mut());
    response.headers_mut().insert(header::CONTENT_LENGTH, 0.into());
}

/// RFC 9110 15.3.7: "a Content-Range header field, describing what range is included".
pub(crate) fn partial<B>(response: &mut Response<B>, part: &Range<u64>, length: u64) {
    *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    let headers = response.headers_mut();
    let text = format!("bytes {}-{}/{length}", part.start, part.end.saturating_sub(1));
    set(headers, header::CONTENT_RANGE, text);
    headers.insert(header::CONTENT_LENGTH, (part.end - part.start).into());
}

/// RFC 9110 15.5.17: "SHOULD generate a Content-Range header field specifying the current length".
pub(crate) fn unsatisfiable<B>(response: &mut Response<B>, length: u64) {
    *response.status_mut() = StatusCode::RANGE_NOT_SATISFIABLE;
    let headers = response.headers_mut();
    validation::strip_representation(headers);
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

/// Says in the response what became of the request.
pub(crate) fn tell<B>(options: &Options, response: &mut Response<B>, status: Status, handling: Handling) {
    if let Some(value) = options.name.as_deref().and_then(|name| handling.value(name)) {
        response.headers_mut().append(CACHE_STATUS, value);
    }
    response.extensions_mut().insert(status);
}
