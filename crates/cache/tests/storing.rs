//! What is stored, and for how long it is fresh: RFC 9111 3 and 4.2, RFC 9213, and nginx's habits.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test")]

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use propylon_cache::policy::{Answer, Ignore, Refusal, Rules, Storable, Terms, Times, Valid, judge};

/// 2018-01-02 00:00:00, and what dates of then look like.
const NOW: u64 = 1_514_851_200;
const TODAY: &str = "Tue, 02 Jan 2018 00:00:00 GMT";
const TOMORROW: &str = "Wed, 03 Jan 2018 00:00:00 GMT";
const YESTERDAY: &str = "Mon, 01 Jan 2018 00:00:00 GMT";
const DAY: u64 = 86_400;

type Fields = [(&'static str, &'static str)];

struct Case<'a> {
    rules: Rules,
    method: Method,
    request: &'a Fields,
    status: u16,
    response: &'a Fields,
    delay: u64,
}

fn map(fields: &Fields) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in fields {
        map.append(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    map
}

impl Default for Case<'_> {
    fn default() -> Self {
        Self { rules: Rules::rfc(), method: Method::GET, request: &[], status: 200, response: &[], delay: 0 }
    }
}

impl Case<'_> {
    fn judge(&self) -> Result<Storable, Refusal> {
        let (request, response) = (map(self.request), map(self.response));
        let answer = Answer {
            method: &self.method,
            request: &request,
            status: StatusCode::from_u16(self.status).unwrap(),
            headers: &response,
            dated_by: &response,
        };
        judge(&self.rules, answer, Times { requested: (NOW - self.delay) * 1000, received: NOW * 1000 })
    }
}

/// Seconds that are left of the freshness, 0 for what is stale from the beginning.
#[track_caller]
fn check(case: &Case<'_>, expected: Result<u64, Refusal>) {
    let found = case.judge().map(|it| it.lifetime.saturating_sub(it.initial_age).as_secs());
    assert_eq!(found, expected, "{:?} {} {:?}", case.request, case.status, case.response);
}

#[track_caller]
fn rfc(response: &Fields, expected: Result<u64, Refusal>) {
    check(&Case { response, ..Case::default() }, expected);
}

#[track_caller]
fn nginx(response: &Fields, expected: Result<u64, Refusal>) {
    check(&Case { rules: Rules::nginx(), response, ..Case::default() }, expected);
}

/// RFC 9111 4.2.1: "If the cache is shared and the s-maxage response directive is present, use its value, or If the max-age
/// response directive is present, use its value, or If the Expires response header field is present, use its value minus
/// the value of the Date response header field".
#[test]
fn the_first_that_is_there_counts() {
    rfc(&[("cache-control", "max-age=60")], Ok(60));
    rfc(&[("cache-control", "max-age=60, s-maxage=30")], Ok(30));
    rfc(&[("cache-control", "max-age=60"), ("expires", YESTERDAY)], Ok(60));
    rfc(&[("cache-control", "max-age=60"), ("expires", "0")], Ok(60));
    rfc(&[("cache-control", "foo"), ("expires", TOMORROW)], Ok(DAY));
    rfc(&[("expires", TOMORROW), ("date", TODAY)], Ok(DAY));
    rfc(&[("expires", TOMORROW), ("date", "nonsense")], Ok(DAY));
    rfc(&[("cache-control", "max-age=99999999999")], Ok(u64::from(u32::MAX)));
    rfc(&[("expires", "Fri, 01 Jan 2055 00:00:00 GMT")], Ok(1_167_523_200));
}

/// RFC 9111 4.2.1: "Caches are encouraged to consider responses that have invalid freshness information (e.g., a max-age
/// directive with non-integer content) to be stale."
#[test]
fn what_cannot_be_read_is_stale() {
    let stale = Err(Refusal::Stale);
    rfc(&[("cache-control", "max-age='60'"), ("expires", TOMORROW)], stale);
    rfc(&[("cache-control", "max-age=-60"), ("last-modified", YESTERDAY)], Ok(0));
    rfc(&[("cache-control", "max-age=60, s-maxage=x")], stale);
    rfc(&[("expires", "0")], stale);
    rfc(&[("expires", "Wed, 03 Jan 2018 00:00:00 UTC")], stale);
    rfc(&[("expires", TOMORROW), ("expires", TOMORROW)], stale);
    rfc(&[("expires", TODAY)], stale);
    rfc(&[("expires", YESTERDAY), ("date", YESTERDAY)], stale);
}

/// RFC 9111 4.2.3: the larger of what the origin's clock says and what `Age` says with the time of the journey.
#[test]
fn age_is_counted() {
    let max_age = ("cache-control", "max-age=100");
    rfc(&[max_age, ("age", "30")], Ok(70));
    rfc(&[max_age, ("age", "100")], Err(Refusal::Stale));
    rfc(&[max_age, ("age", "99999999999"), ("etag", "\"a\"")], Ok(0));
    for ignored in ["abc", "-7200", "7200.0", ""] {
        rfc(&[max_age, ("age", ignored)], Ok(100));
    }
    rfc(&[max_age, ("age", "30, 99")], Ok(70));
    rfc(&[max_age, ("age", "30"), ("age", "99")], Ok(70));
    rfc(&[max_age, ("date", "Mon, 01 Jan 2018 23:59:00 GMT")], Ok(40));
    rfc(&[max_age, ("date", TOMORROW)], Ok(100));
    let response = &[max_age, ("age", "30"), ("date", "Mon, 01 Jan 2018 23:59:50 GMT")][..];
    check(&Case { response, delay: 5, ..Case::default() }, Ok(65));
}

/// RFC 9111 3.
#[test]
fn any_final_status_that_says_how_long() {
    for status in [200, 299, 301, 400, 404, 500, 503, 599] {
        let response = &[("cache-control", "max-age=60")][..];
        check(&Case { status, response, ..Case::default() }, Ok(60));
    }
    for status in [101, 206, 304] {
        let response = &[("cache-control", "max-age=60"), ("etag", "\"a\"")][..];
        check(&Case { status, response, ..Case::default() }, Err(Refusal::Status));
    }
}

/// RFC 9111 5.2.2.
#[test]
fn who_may_keep_it() {
    let fresh = ("cache-control", "max-age=60");
    rfc(&[fresh, ("cache-control", "no-store")], Err(Refusal::NoStore));
    rfc(&[fresh, ("cache-control", "private")], Err(Refusal::Private));
    rfc(&[fresh, ("vary", "*")], Err(Refusal::Vary));
    for star in ["*, *", ", *", "Foo, *", "*, foo"] {
        rfc(&[fresh, ("vary", star)], Err(Refusal::Vary));
    }
    for malformed in ["Accept Encoding", "Cookie;Origin", "Foo, B/r", "\"Foo, Bar\""] {
        rfc(&[fresh, ("vary", malformed)], Err(Refusal::Vary));
        nginx(&[fresh, ("vary", malformed)], Err(Refusal::Vary));
    }
    rfc(&[fresh, ("vary", ", Foo,, bar ,")], Ok(60));
    rfc(&[fresh, ("vary", ""), ("vary", "*")], Err(Refusal::Vary));
    rfc(&[fresh, ("set-cookie", "a=b")], Ok(60));
    rfc(&[], Err(Refusal::NoLifetime));

    // "A cache that implements must-understand [...] SHOULD ignore the no-store directive".
    let response = &[fresh, ("cache-control", "no-store, must-understand")][..];
    check(&Case { response, ..Case::default() }, Ok(60));
    check(&Case { status: 299, response, ..Case::default() }, Err(Refusal::NoStore));

    // "no-cache [...] MUST NOT be used to satisfy any other request without forwarding it for validation".
    let case =
        Case { response: &[fresh, ("cache-control", "no-cache"), ("etag", "\"a\"")], ..Case::default() };
    assert!(case.judge().unwrap().terms.validate());
    rfc(&[("cache-control", "no-cache")], Err(Refusal::Stale));
    rfc(&[("cache-control", "no-cache"), ("last-modified", YESTERDAY)], Ok(0));

    // "If a no-cache response directive is present [with] field names, [...] the listed header fields" only.
    let case = Case { response: &[fresh, ("cache-control", "no-cache=\"a\", private=b")], ..Case::default() };
    let Storable { terms, withheld, .. } = case.judge().unwrap();
    assert_eq!(
        (terms, withheld.as_slice()),
        (Terms::default(), &["a", "b"].map(HeaderName::from_static)[..])
    );
}

/// RFC 9111 3.5.
#[test]
fn what_somebody_authenticated_for() {
    for mut rules in [Rules::rfc(), Rules::nginx()] {
        let request = &[("authorization", "Basic eDp4")][..];
        let check = |value, expected| {
            let response = &[("cache-control", value)][..];
            check(&Case { rules: rules.clone(), request, response, ..Case::default() }, expected);
        };
        check("max-age=60", Err(Refusal::Authorization));
        check("max-age=60, public", Ok(60));
        check("max-age=60, must-revalidate", Ok(60));
        check("max-age=1, s-maxage=60", Ok(60));
        rules.authorization_in_key = true;
        let response = &[("cache-control", "max-age=60")][..];
        self::check(&Case { rules, request, response, ..Case::default() }, Ok(60));
    }
}

/// RFC 9111 4.2.2, RFC 9110 15.1.
#[test]
fn a_tenth_of_the_age_of_what_has_one() {
    let tenth = Ok(DAY / 10);
    let modified = ("last-modified", YESTERDAY);
    for status in [200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501] {
        check(&Case { status, response: &[modified], ..Case::default() }, tenth);
    }
    for status in [201, 202, 302, 403, 502, 503, 504, 599] {
        check(&Case { status, response: &[modified], ..Case::default() }, Err(Refusal::NoLifetime));
        let response = &[modified, ("cache-control", "public")][..];
        check(&Case { status, response, ..Case::default() }, tenth);
    }
    rfc(&[("last-modified", TOMORROW)], Err(Refusal::NoLifetime));
    rfc(&[("last-modified", "nonsense")], Err(Refusal::NoLifetime));
    rfc(&[modified, ("cache-control", "max-age=0")], Ok(0));
    nginx(&[modified], Err(Refusal::NoLifetime));
}

/// RFC 9213 2.2: the field that is there and valid alone decides.
#[test]
fn targeted_fields_go_before_all_others() {
    let long = ("cache-control", "max-age=3600");
    let cdn = |value| ("cdn-cache-control", value);
    rfc(&[cdn("max-age=60"), ("cache-control", "no-store"), ("expires", "0")], Ok(60));
    rfc(&[cdn("no-store"), long], Err(Refusal::NoStore));
    rfc(&[cdn("private"), long], Err(Refusal::Private));
    rfc(&[cdn("max-age=0"), long], Err(Refusal::Stale));
    rfc(&[cdn("no-cache"), long, ("etag", "\"a\"")], Ok(0));
    rfc(&[cdn("foo"), long, ("expires", TOMORROW)], Err(Refusal::NoLifetime));
    for absent in ["", "max-age=1, &&&&&", "max-age=\"10\"", "MAX-AGE=10"] {
        rfc(&[cdn(absent), long], Ok(3600));
    }
    rfc(&[cdn("Max-Age=10")], Err(Refusal::NoLifetime));
    nginx(&[cdn("max-age=60"), long], Ok(3600));
}

#[test]
fn a_client_may_ask_that_nothing_be_kept() {
    let (request, response) = (&[("cache-control", "no-store")][..], &[("cache-control", "max-age=60")][..]);
    check(&Case { request, response, ..Case::default() }, Err(Refusal::RequestNoStore));
    check(&Case { rules: Rules::nginx(), request, response, ..Case::default() }, Ok(60));
}

/// nginx: `X-Accel-Expires` first, `Expires` is a time of our clock, `Set-Cookie` prevents storing, and what would be stale
/// at once is not stored.
#[test]
fn as_nginx_does_it() {
    for rules in [Rules::rfc(), Rules::nginx()] {
        let check = |response: &Fields, expected| {
            check(&Case { rules: rules.clone(), response, ..Case::default() }, expected);
        };
        check(&[("x-accel-expires", "60"), ("cache-control", "no-store")], Ok(60));
        check(&[("x-accel-expires", "60"), ("cache-control", "no-cache, max-age=5")], Ok(60));
        check(&[("x-accel-expires", "0"), ("cache-control", "max-age=5")], Err(Refusal::NoStore));
        check(&[("x-accel-expires", "@1514851260")], Ok(60));
        check(&[("x-accel-expires", "60"), ("age", "100")], Ok(60));
        check(&[("x-accel-expires", "x"), ("cache-control", "max-age=5")], Ok(5));
    }
    rfc(&[("x-accel-expires", "@1"), ("cache-control", "max-age=5")], Err(Refusal::Stale));
    nginx(&[("x-accel-expires", "@1"), ("cache-control", "max-age=5")], Ok(0));
    let fresh = ("cache-control", "max-age=60");
    nginx(&[fresh], Ok(60));
    nginx(&[fresh, ("set-cookie", "a=b")], Err(Refusal::SetCookie));
    nginx(&[fresh, ("date", YESTERDAY)], Ok(60));
    nginx(&[("expires", TOMORROW), ("date", YESTERDAY)], Ok(DAY));
    nginx(&[("expires", YESTERDAY), ("etag", "\"a\"")], Err(Refusal::Stale));
    nginx(&[("cache-control", "no-cache"), ("etag", "\"a\"")], Err(Refusal::Stale));
    nginx(&[("cache-control", "max-age=0"), ("etag", "\"a\"")], Err(Refusal::Stale));
    check(&Case { rules: Rules::nginx(), status: 206, response: &[fresh], ..Case::default() }, Ok(60));
}

#[test]
fn what_is_ignored_is_as_if_it_were_not_there() {
    let check = |ignore, response: &Fields, expected| {
        let rules = Rules { ignore, ..Rules::nginx() };
        check(&Case { rules, response, ..Case::default() }, expected);
    };
    let fresh = ("cache-control", "max-age=60");
    check(Ignore::CACHE_CONTROL, &[fresh, ("cache-control", "no-store")], Err(Refusal::NoLifetime));
    check(Ignore::CACHE_CONTROL, &[("cache-control", "private"), ("expires", TOMORROW)], Ok(DAY));
    check(Ignore::EXPIRES, &[("expires", TOMORROW)], Err(Refusal::NoLifetime));
    check(Ignore::ACCEL_EXPIRES, &[fresh, ("x-accel-expires", "0")], Ok(60));
    check(Ignore::SET_COOKIE | Ignore::VARY, &[fresh, ("set-cookie", "a=b"), ("vary", "*")], Ok(60));
}

/// nginx's `proxy_cache_valid`, for what does not say it by itself.
#[test]
fn a_time_for_a_status() {
    let valid = |status: Option<u16>, time| Valid {
        status: status.map(|status| StatusCode::from_u16(status).unwrap()),
        time: Duration::from_secs(time),
    };
    for mut rules in [Rules::rfc(), Rules::nginx()] {
        rules.valid = vec![valid(Some(200), 10), valid(Some(404), 0), valid(None, 20)];
        let check = |status, response: &Fields, expected| {
            check(&Case { rules: rules.clone(), status, response, ..Case::default() }, expected);
        };
        check(200, &[], Ok(10));
        check(200, &[("age", "1000")], Ok(10));
        check(500, &[], Ok(20));
        check(404, &[], Err(Refusal::NoLifetime));
        check(200, &[("cache-control", "max-age=60")], Ok(60));
        check(200, &[("cache-control", "no-store")], Err(Refusal::NoStore));
        check(200, &[("expires", YESTERDAY)], Err(Refusal::Stale));
        check(200, &[("last-modified", YESTERDAY)], Ok(10));
    }
}
