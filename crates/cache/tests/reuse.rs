//! When what is stored is used: RFC 9111 4 and 5.2.1, RFC 5861, and nginx's `use_stale`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test")]

use std::time::Duration;

use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use propylon_cache::policy::{
    Answer, Conditions, Failure, Freshness, RequestDirectives, Reuse, Rules, Times, judge,
};

/// What is stored at 0 with this `Cache-Control`, which says max-age=100.
fn stored(rules: &Rules, said: &str) -> Freshness {
    let said = format!("max-age=100, {said}").parse().unwrap();
    let headers = HeaderMap::from_iter([
        (header::CACHE_CONTROL, said),
        (header::ETAG, HeaderValue::from_static("\"a\"")),
    ]);
    let (method, request) = (Method::GET, HeaderMap::new());
    let answer = Answer {
        method: &method,
        request: &request,
        status: StatusCode::OK,
        headers: &headers,
        dated_by: &headers,
    };
    let it = judge(rules, answer, Times { requested: 0, received: 0 }).unwrap();
    Freshness {
        stored_at: 0,
        initial_age: it.initial_age,
        lifetime: it.lifetime,
        terms: it.terms,
        expired: false,
    }
}

fn asked(cache_control: &str) -> RequestDirectives {
    let value = cache_control.parse().unwrap();
    RequestDirectives::parse(&HeaderMap::from_iter([(header::CACHE_CONTROL, value)]))
}

fn rules(use_stale: Conditions) -> [Rules; 2] {
    [Rules { use_stale, ..Rules::rfc() }, Rules { use_stale, ..Rules::nginx() }]
}

/// What is done at `age` with what said `said`, for a client that says `wants`.
#[track_caller]
fn check(said: &str, age: u64, wants: &str, expected: Reuse) {
    let rules = Rules::rfc();
    let found = stored(&rules, said).reuse(&rules, &asked(wants), age * 1000);
    assert_eq!(found, expected, "{said:?} at {age} for {wants:?}");
}

/// RFC 9111 4.2: "response_is_fresh = (freshness_lifetime > current_age)".
#[test]
fn fresh_until_its_age_is_its_lifetime() {
    check("", 0, "", Reuse::Fresh);
    check("", 99, "", Reuse::Fresh);
    check("", 100, "", Reuse::Stale);
    check("must-revalidate", 99, "", Reuse::Fresh);
    check("no-cache", 0, "", Reuse::Stale);
    let old = Freshness { initial_age: Duration::from_secs(40), ..stored(&Rules::rfc(), "") };
    assert!(old.is_fresh(59_999) && !old.is_fresh(60_000));
    assert_eq!((old.age(5_000).as_secs(), old.ttl(5_000), old.ttl(70_000)), (45, 55, -10));
    assert!(!Freshness { expired: true, ..old }.is_fresh(0));
}

/// RFC 9111 5.2.1.
#[test]
fn clients_can_want_it_fresher() {
    check("", 10, "no-cache", Reuse::Refused);
    check("", 10, "max-age=0", Reuse::Refused);
    check("", 10, "max-age=9", Reuse::Refused);
    check("", 10, "max-age=10", Reuse::Fresh);
    check("", 10, "min-fresh=90", Reuse::Fresh);
    check("", 10, "min-fresh=91", Reuse::Refused);
}

/// "max-stale [...] indicates that the client will accept a response that has exceeded its freshness lifetime", where the
/// origin does not forbid it.
#[test]
fn clients_can_take_it_stale() {
    check("", 150, "max-stale", Reuse::StaleAccepted);
    check("", 150, "max-stale=50", Reuse::StaleAccepted);
    check("", 151, "max-stale=50", Reuse::Stale);
    check("", 150, "max-stale, max-age=149", Reuse::Stale);
    check("", 150, "max-stale, no-cache", Reuse::Stale);
    for forbids in ["must-revalidate", "proxy-revalidate", "s-maxage=100", "no-cache"] {
        check(forbids, 150, "max-stale", Reuse::Stale);
    }
}

/// RFC 5861 3: "caches MAY serve the response in which it appears after it becomes stale, up to the indicated number of
/// seconds."
#[test]
fn stale_while_it_is_revalidated() {
    let window = "stale-while-revalidate=30";
    check(window, 99, "", Reuse::Fresh);
    check(window, 100, "", Reuse::WhileRevalidating);
    check(window, 130, "", Reuse::WhileRevalidating);
    check(window, 131, "", Reuse::Stale);
    check(window, 110, "no-cache", Reuse::Stale);
    check(window, 110, "max-age=500", Reuse::Stale);
    check("stale-while-revalidate=30, must-revalidate", 110, "", Reuse::Stale);
    // What is said expressly goes before what s-maxage implies.
    check("stale-while-revalidate=30, s-maxage=100", 110, "", Reuse::WhileRevalidating);
    check("stale-while-revalidate=0", 100, "", Reuse::Stale);

    let [rfc, nginx] = rules(Conditions::UPDATING);
    for (rules, said, expected) in [
        (&rfc, "", Reuse::WhileRevalidating),
        (&rfc, "must-revalidate", Reuse::Stale),
        (&nginx, "", Reuse::WhileRevalidating),
        (&nginx, "must-revalidate", Reuse::WhileRevalidating),
    ] {
        let found = stored(rules, said).reuse(rules, &RequestDirectives::default(), 1_000_000);
        assert_eq!(found, expected, "{said}");
    }
}

/// RFC 9111 4.2.4, RFC 5861 4.
#[test]
fn stale_instead_of_an_error() {
    #[track_caller]
    fn check(rules: &Rules, said: &str, age: u64, failure: Failure, expected: bool) {
        let found = stored(rules, said).instead_of(rules, failure, age * 1000);
        assert_eq!(found, expected, "{said:?} at {age} for {failure:?}");
    }
    let status = |status| Failure::Status(StatusCode::from_u16(status).unwrap());
    let rfc = Rules::rfc();
    for failure in
        [Failure::Error, Failure::Timeout, Failure::InvalidHeader, status(500), status(502), status(504)]
    {
        check(&rfc, "", 1_000, failure, true);
        check(&rfc, "stale-if-error=10", 110, failure, true);
        check(&rfc, "stale-if-error=10", 111, failure, false);
        for forbids in ["must-revalidate", "proxy-revalidate", "s-maxage=100", "no-cache"] {
            check(&rfc, forbids, 1_000, failure, false);
        }
        check(&rfc, "stale-if-error=10, must-revalidate", 105, failure, false);
        check(&rfc, "stale-if-error=10, s-maxage=100", 105, failure, true);
    }
    for failure in [status(501), status(404), status(403), status(200)] {
        check(&rfc, "stale-if-error=1000", 110, failure, false);
    }

    let [_, off] = rules(Conditions::NONE);
    check(&off, "", 110, Failure::Error, false);
    check(&off, "stale-if-error=10", 110, Failure::Error, true);
    check(&off, "stale-while-revalidate=10", 110, Failure::Error, true);
    check(&off, "stale-if-error=10", 120, Failure::Error, false);
    check(&off, "stale-if-error=10", 110, status(500), false);
    let [_, some] = rules(Conditions::ERROR | Conditions::HTTP_404);
    check(&some, "must-revalidate", 1_000, Failure::Error, true);
    check(&some, "stale-if-error=10", 1_000, Failure::Error, true);
    check(&some, "", 1_000, status(404), true);
    check(&some, "", 1_000, status(403), false);
    check(&some, "", 1_000, Failure::Timeout, false);
}
