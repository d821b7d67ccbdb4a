//! An answer from what is stored.

use http::header::{self, HeaderMap, HeaderName};
use http::{Method, Response, StatusCode};
use propylon_conditions::{Shown, judge, show};

use crate::asked::Fields;
use crate::layer::Options;
use crate::parts::Parts;
use crate::policy::{Freshness, Handling, Terms};
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
        shown => {
            if let Some(part) = show(&mut response, &shown).filter(|part| !part.is_empty()) {
                *response.body_mut() = ResponseBody::stored(entry.range(part));
            }
        }
    }
    response.headers_mut().insert(header::AGE, freshness.age(now).as_secs().into());
    tell(options, &mut response, status, handling);
    Ok(response)
}

/// What a client gets to see of this, of which `length` bytes are known to be there.
pub(crate) fn shown(
    asked: Asked<'_>,
    status: StatusCode,
    headers: &HeaderMap,
    length: Option<u64>,
    now: u64,
) -> Shown {
    // Most requests ask for all of it.
    if !asked.fields.has(Fields::JUDGED) {
        return Shown::Whole;
    }
    judge(asked.method, asked.headers, status, headers, length, now)
}

/// Says in the response what became of the request.
pub(crate) fn tell<B>(options: &Options, response: &mut Response<B>, status: Status, handling: Handling) {
    if let Some(value) = options.name.as_deref().and_then(|name| handling.value(name)) {
        response.headers_mut().append(CACHE_STATUS, value);
    }
    response.extensions_mut().insert(status);
}
