//! What may be stored, and for how long it is fresh then: RFC 9111 3 and 4.2.

use std::time::Duration;

use http::header::{self, HeaderMap};
use http::{HeaderName, Method, StatusCode};
use smallvec::SmallVec;

use super::directives::{Delta, RequestDirectives, ResponseDirectives};
use super::fields::delta_seconds;
use super::rules::{Ignore, Rules};
use super::targeted;
use super::terms::Terms;
use propylon_conditions::date;
use propylon_conditions::list::members;

/// When a request was sent and when the head of its response came, in milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// RFC 9111's request_time.
    pub requested: u64,
    /// RFC 9111's response_time.
    pub received: u64,
}

/// A response that is judged, and what it answers.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// The method of the request that it answers.
    pub method: &'a Method,
    /// The fields of the client's request.
    pub request: &'a HeaderMap,
    /// Its status.
    pub status: StatusCode,
    /// Its fields.
    pub headers: &'a HeaderMap,
    /// The fields that tell how old it is, if they are others: a 304's.
    pub dated_by: &'a HeaderMap,
}

/// How a response may be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Storable {
    /// RFC 9111's corrected_initial_age.
    pub initial_age: Duration,
    /// RFC 9111's freshness_lifetime.
    pub lifetime: Duration,
    /// On what terms it may be used.
    pub terms: Terms,
    /// Fields that must not be stored with it.
    pub withheld: SmallVec<[HeaderName; 2]>,
}

/// Why a response is not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// `no-store`, or `X-Accel-Expires: 0`.
    NoStore,
    /// The client said `no-store`.
    RequestNoStore,
    /// `private`.
    Private,
    /// A status that cannot be stored.
    Status,
    /// An answer to somebody who authenticated, which does not say that others may have it.
    Authorization,
    /// `Vary: *`, or a `Vary` that does not name fields.
    Vary,
    /// It sets a cookie.
    SetCookie,
    /// It does not say how long it is fresh, and nobody else does.
    NoLifetime,
    /// It would be stale at once, and cannot be validated.
    Stale,
}

impl Refusal {
    /// One word for it, which is a token.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoStore => "no-store",
            Self::RequestNoStore => "request-no-store",
            Self::Private => "private",
            Self::Status => "status",
            Self::Authorization => "authorization",
            Self::Vary => "vary",
            Self::SetCookie => "set-cookie",
            Self::NoLifetime => "no-lifetime",
            Self::Stale => "stale",
        }
    }
}

/// Whether the answer may be stored, and how.
///
/// # Errors
/// The first reason found why not.
pub fn judge(rules: &Rules, answer: Answer<'_>, times: Times) -> Result<Storable, Refusal> {
    let Answer { method, request, status, headers, dated_by } = answer;
    if !may_have_status(rules, status) {
        return Err(Refusal::Status);
    }
    if rules.request_directives && RequestDirectives::parse(request).no_store {
        return Err(Refusal::RequestNoStore);
    }
    let listens = |what| !rules.ignore.has(what);
    if listens(Ignore::SET_COOKIE) && !rules.set_cookie && headers.contains_key(header::SET_COOKIE) {
        return Err(Refusal::SetCookie);
    }
    // RFC 9111 4.1: "A stored response with a Vary header field value containing a member "*" always fails to match." What is
    // no name of a field does not tell for whom it is, so it is not for others either.
    let unknown = |name: &[u8]| name == b"*" || HeaderName::from_bytes(name).is_err();
    if listens(Ignore::VARY) && members(headers.get_all(header::VARY)).any(unknown) {
        return Err(Refusal::Vary);
    }
    let said = Said::new(rules, headers);
    let accel = if listens(Ignore::ACCEL_EXPIRES) { accel_expires(headers) } else { None };
    if accel == Some(Accel::Never) {
        return Err(Refusal::NoStore);
    }
    // What is said to this cache alone goes before what is said to all, as in nginx.
    if accel.is_none() {
        may_be_shared(&said.directives, status)?;
    }
    may_answer_others(rules, request, &said.directives)?;

    let mut terms = Terms::new(rules, &said.directives, method == Method::HEAD);
    if accel.is_some() {
        terms = terms.without_validation();
    }
    let date = date_of(rules, dated_by, times);
    let initial_age = initial_age(dated_by, date, times);
    let told = accel.and_then(|accel| accel.time(times)).map(|time| initial_age.saturating_add(time));
    let lifetime = match told.or_else(|| said.lifetime(rules, headers, date, times)) {
        Some(lifetime) => lifetime,
        // It says that it must be validated: how long it is fresh does not matter.
        None if terms.validate() => Duration::ZERO,
        None => match rules.valid_for(status) {
            Some(Duration::ZERO) => return Err(Refusal::NoLifetime),
            Some(time) => initial_age.saturating_add(time),
            None => {
                heuristic(rules, status, &said.directives, headers, date, times).ok_or(Refusal::NoLifetime)?
            }
        },
    };
    // nginx stores even what X-Accel-Expires says was stale long ago.
    let usable = lifetime > initial_age && !terms.validate() || (accel.is_some() && !rules.unfresh);
    if !usable && !(rules.unfresh && (has_validator(headers) || terms.has_window())) {
        return Err(Refusal::Stale);
    }
    Ok(Storable { initial_age, lifetime, terms, withheld: said.directives.withheld })
}

/// Whether the response can be validated.
fn has_validator(headers: &HeaderMap) -> bool {
    headers.contains_key(header::ETAG) || headers.contains_key(header::LAST_MODIFIED)
}

/// RFC 9111 3: "the response status code is final", and "if the response status code is 206 or 304, [...] the cache
/// understands".
fn may_have_status(rules: &Rules, status: StatusCode) -> bool {
    match status {
        StatusCode::PARTIAL_CONTENT => rules.partial,
        StatusCode::NOT_MODIFIED => false,
        _ => !status.is_informational(),
    }
}

fn may_be_shared(said: &ResponseDirectives, status: StatusCode) -> Result<(), Refusal> {
    // RFC 9111 5.2.2.3: must-understand "limits caching of the response to a cache that understands and conforms to the
    // requirements for that response's status code", and with it no-store is overridden.
    if said.must_understand {
        if !understood(status) {
            return Err(Refusal::NoStore);
        }
    } else if said.no_store {
        return Err(Refusal::NoStore);
    }
    if said.private { Err(Refusal::Private) } else { Ok(()) }
}

/// RFC 9111 3.5: "A shared cache MUST NOT use a cached response to a request with an Authorization header field [...] unless
/// the response contains a Cache-Control field with a response directive [...] that allows it": must-revalidate, public,
/// s-maxage.
fn may_answer_others(rules: &Rules, request: &HeaderMap, said: &ResponseDirectives) -> Result<(), Refusal> {
    let allowed = rules.authorization_in_key
        || said.public
        || said.must_revalidate
        || said.s_maxage != Delta::Absent
        || !request.contains_key(header::AUTHORIZATION);
    if allowed { Ok(()) } else { Err(Refusal::Authorization) }
}

/// What the response says of its use, and where it says it.
struct Said {
    directives: ResponseDirectives,
    /// A targeted field says it: RFC 9213 2.2, "the cache MUST [...] ignore the Cache-Control and Expires header fields".
    targeted: bool,
}

impl Said {
    fn new(rules: &Rules, headers: &HeaderMap) -> Self {
        if let Some(directives) = targeted::directives(headers, &rules.targeted) {
            return Self { directives, targeted: true };
        }
        let ignored = rules.ignore.has(Ignore::CACHE_CONTROL);
        let directives = if ignored {
            ResponseDirectives::default()
        } else {
            ResponseDirectives::parse(headers, &header::CACHE_CONTROL)
        };
        Self { directives, targeted: false }
    }

    /// The explicit lifetime. What is there and cannot be read is stale (RFC 9111 4.2.1), not absent.
    fn lifetime(&self, rules: &Rules, headers: &HeaderMap, date: i64, times: Times) -> Option<Duration> {
        for delta in [self.directives.s_maxage, self.directives.max_age] {
            match delta {
                Delta::Seconds(seconds) => return Some(Duration::from_secs(seconds.into())),
                Delta::Invalid => return Some(Duration::ZERO),
                Delta::Absent => {}
            }
        }
        if self.targeted || rules.ignore.has(Ignore::EXPIRES) {
            return None;
        }
        let mut lines = headers.get_all(header::EXPIRES).iter();
        let (first, second) = (lines.next()?, lines.next());
        let expires =
            if second.is_none() { date::parse(first.as_bytes(), seconds(times.received)) } else { None };
        let lifetime = expires.and_then(|expires| u64::try_from(expires - date).ok()).unwrap_or_default();
        Some(Duration::from_secs(lifetime))
    }
}

/// nginx's `X-Accel-Expires`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Accel {
    /// 0: it is not stored.
    Never,
    /// So many seconds from now on.
    For(u32),
    /// Until then, in seconds since 1970.
    Until(u32),
}

impl Accel {
    /// For how long from now on.
    fn time(self, times: Times) -> Option<Duration> {
        match self {
            Self::Never => None,
            Self::For(seconds) => Some(Duration::from_secs(seconds.into())),
            Self::Until(at) => {
                Some(Duration::from_millis((u64::from(at) * 1000).saturating_sub(times.received)))
            }
        }
    }
}

/// None: it is not there or no number.
fn accel_expires(headers: &HeaderMap) -> Option<Accel> {
    let value = headers.get("x-accel-expires")?.as_bytes();
    if let Some(at) = value.strip_prefix(b"@") {
        return delta_seconds(at).filter(|at| *at > 0).map(Accel::Until);
    }
    Some(match delta_seconds(value)? {
        0 => Accel::Never,
        seconds => Accel::For(seconds),
    })
}

/// RFC 9110 6.6.1: a response without a `Date` is dated by who receives it.
fn date_of(rules: &Rules, headers: &HeaderMap, times: Times) -> i64 {
    let now = seconds(times.received);
    let date = headers.get(header::DATE).filter(|_| rules.origin_dates);
    date.and_then(|date| date::parse(date.as_bytes(), now)).unwrap_or(now)
}

/// RFC 9111 4.2.3:
/// apparent_age = max(0, response_time - date_value);
/// response_delay = response_time - request_time;
/// corrected_age_value = age_value + response_delay;
/// corrected_initial_age = max(apparent_age, corrected_age_value).
fn initial_age(headers: &HeaderMap, date: i64, times: Times) -> Duration {
    // RFC 9111 5.1: "If the field contains multiple values, [...] use the first; [...] not a non-negative integer: ignored."
    let age = members(headers.get_all(header::AGE)).next().and_then(delta_seconds).unwrap_or_default();
    let delay = Duration::from_millis(times.received.saturating_sub(times.requested));
    let apparent = u64::try_from(seconds(times.received) - date).unwrap_or_default();
    Duration::from_secs(apparent).max(Duration::from_secs(age.into()) + delay)
}

/// RFC 9111 4.2.2: "a cache [...] MAY assign a heuristic expiration time when an explicit time is not specified", typically
/// 10 % of the time since `Last-Modified`.
fn heuristic(
    rules: &Rules,
    status: StatusCode,
    said: &ResponseDirectives,
    headers: &HeaderMap,
    date: i64,
    times: Times,
) -> Option<Duration> {
    // RFC 9110 15.1: the codes that are defined as heuristically cacheable.
    let allowed = said.public
        || matches!(status.as_u16(), 200 | 203 | 204 | 206 | 300 | 301 | 308 | 404 | 405 | 410 | 414 | 501);
    if !(rules.heuristic && allowed) {
        return None;
    }
    let modified = date::parse(headers.get(header::LAST_MODIFIED)?.as_bytes(), seconds(times.received))?;
    let unchanged = u64::try_from(date - modified).ok()?;
    Some(Duration::from_secs(unchanged) / 10)
}

/// The status codes of RFC 9110, and those that have been registered beside them, of which none asks a cache for
/// anything that this one does not do.
fn understood(status: StatusCode) -> bool {
    matches!(
        status.as_u16(),
        200..=205 | 300..=303 | 305 | 307 | 308 | 400..=417 | 421 | 422 | 426 | 428 | 429 | 431 | 451 | 500..=505 | 511
    )
}

fn seconds(millis: u64) -> i64 {
    i64::try_from(millis / 1000).unwrap_or(i64::MAX)
}
