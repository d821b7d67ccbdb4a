//! What may answer a request, as RFC 9111 has it.

use propylon_tests::{End, LIMIT, Origin, Propylon, address, until};

use crate::support::{FRESH, Gateway, STALE, both_zones, config};

#[test]
fn a_response_is_kept_for_as_long_as_it_says() {
    both_zones(|gateway, origin| {
        let first = gateway.is(
            "GET /a",
            &format!("{FRESH}|X-Reply: X-Number: 1|X-Do: size=200000"),
            200,
            "MISS",
            "1",
        );
        let status = first.head.field("cache-status").unwrap();
        assert!(
            status.starts_with("propylon; fwd=uri-miss; ttl=3") && status.ends_with("; stored"),
            "{status}"
        );
        let second = gateway.is("GET /a", "X-Reply: X-Number: 2", 200, "HIT", "1");
        assert_eq!((second.body.len(), second.end), (200_000, End::Complete));
        assert!(second.body == first.body && second.head.field("age").is_some(), "{:?}", second.head);
        let status = second.head.field("cache-status").unwrap();
        assert!(
            status.starts_with("propylon; hit; ttl=35") || status == "propylon; hit; ttl=3600",
            "{status}"
        );
        assert_eq!(origin.heads(), 1);
        // Nothing is said of how long: it is not used again.
        gateway.is("GET /b", "X-Reply: X-Number: 1", 200, "MISS", "1");
        gateway.is("GET /b", "X-Reply: X-Number: 2", 200, "MISS", "2");
        // Unless the configuration says it.
        gateway.is("GET /valid/b", "X-Reply: X-Number: 1", 200, "MISS", "1");
        gateway.is("GET /valid/b", "X-Reply: X-Number: 2", 200, "HIT", "1");
        let lines = gateway.gateway.lines("seen.log", 6);
        for line in ["/a 200 MISS", "/a 200 HIT"] {
            assert!(lines.iter().any(|written| written == line), "{lines:?}");
        }
    });
}

#[test]
fn what_is_stale_is_validated() {
    both_zones(|gateway, origin| {
        gateway.is("GET /a", &format!("{STALE}|X-Reply: X-Number: 1|X-Reply: X-Old: 1"), 200, "MISS", "1");
        origin.take();
        let new = "X-Do: status=304|X-Reply: Cache-Control: max-age=60|X-Reply: X-Number: 2";
        let answer = gateway.is("GET /a", new, 200, "REVALIDATED", "2");
        assert_eq!(origin.take()[0].head.field("if-none-match").as_deref(), Some("\"x\""));
        assert!(
            !answer.body.is_empty() && answer.head.field("x-old").as_deref() == Some("1"),
            "{:?}",
            answer.head
        );
        // A file is changed beside the response; one that was just being written is validated once more.
        until("the change", LIMIT, || {
            let answer = gateway.ask("GET /a", new);
            (answer.head.field("x-status").as_deref() == Some("HIT")).then_some(())
        });
        gateway.is("GET /a", "X-Do: close", 200, "HIT", "2");
    });
}

#[test]
fn clients_ask_for_parts_and_for_news() {
    both_zones(|gateway, origin| {
        let made = format!("{FRESH}|X-Reply: ETag: \"x\"|X-Do: size=100");
        gateway.ask("GET /a", &made);
        let part = gateway.ask("GET /a", "Range: bytes=10-19");
        assert_eq!((part.status, part.body.len()), (206, 10));
        assert_eq!(part.head.field("content-range").as_deref(), Some("bytes 10-19/100"));
        assert_eq!(gateway.ask("GET /a", "Range: bytes=100-").status, 416);
        let same = gateway.ask("GET /a", "If-None-Match: \"y\", W/\"x\"");
        assert_eq!((same.status, same.head.field("etag").as_deref()), (304, Some("\"x\"")));
        assert_eq!(gateway.ask("HEAD /a", "").head.field("content-length").as_deref(), Some("100"));
        assert_eq!(gateway.ask("GET /none", "Cache-Control: only-if-cached").status, 504);
        assert_eq!(origin.heads(), 1);
        gateway.is("GET /a", "Cache-Control: no-cache|X-Do: status=304", 200, "REVALIDATED", "-");
    });
}

/// CACHE: a change removes what is kept of its target.
#[test]
fn changes_remove_what_is_kept() {
    both_zones(|gateway, _| {
        gateway.is("GET /a", &format!("{FRESH}|X-Reply: X-Number: 1"), 200, "MISS", "1");
        gateway.is("DELETE /a", "X-Do: status=500", 500, "-", "-");
        gateway.is("GET /a", "X-Reply: X-Number: 2", 200, "HIT", "1");
        gateway.is("DELETE /a", "X-Do: status=204", 204, "-", "-");
        gateway.is("GET /a", "X-Reply: X-Number: 3", 200, "MISS", "3");
    });
}

#[test]
fn who_authenticates_is_answered_alone() {
    both_zones(|gateway, _| {
        let secret = "Authorization: Basic eA==";
        gateway.is("GET /a", &format!("{FRESH}|{secret}|X-Reply: X-Number: 1"), 200, "MISS", "1");
        gateway.is("GET /a", &format!("{FRESH}|X-Reply: X-Number: 2"), 200, "MISS", "2");
        gateway.is("GET /a", secret, 200, "HIT", "2");
        let public = "X-Reply: Cache-Control: public, max-age=60";
        gateway.is("GET /b", &format!("{public}|{secret}|X-Reply: X-Number: 1"), 200, "MISS", "1");
        gateway.is("GET /b", "X-Reply: X-Number: 2", 200, "HIT", "1");
    });
}

#[test]
fn an_upstream_that_fails_is_stood_in_for() {
    both_zones(|gateway, _| {
        gateway.is("GET /a", &format!("{STALE}|X-Reply: X-Number: 1"), 200, "MISS", "1");
        gateway.is("GET /a", "X-Do: close", 200, "STALE", "1");
        gateway.is("GET /a", "X-Do: status=503", 200, "STALE", "1");
        let guarded =
            "X-Reply: Cache-Control: max-age=1, must-revalidate|X-Reply: Age: 100|X-Reply: ETag: \"x\"";
        gateway.is("GET /b", &format!("{guarded}|X-Reply: X-Number: 1"), 200, "MISS", "1");
        gateway.is("GET /b", "X-Do: close", 502, "EXPIRED", "-");
    });
}

/// A field that clients do not get means to the cache what it means, and is kept.
#[test]
fn fields_that_are_hidden_are_looked_at() {
    let (origin, at) = (Origin::start(), address());
    let hides = "[defaults.headers]\nhide = [\"X-Cache-Control\"]\n";
    let text = config("memory", at, origin.address())
        .replace("[defaults.headers]\n", hides)
        .replace("[defaults.cache]\n", "[defaults.cache]\ntargeted = [\"X-Cache-Control\"]\n");
    let gateway = Gateway { gateway: Propylon::start(&text), at };
    let fields = "X-Reply: X-Cache-Control: max-age=60|X-Reply: Cache-Control: no-store|X-Reply: X-Number: 1";
    for cache in ["MISS", "HIT"] {
        let answer = gateway.is("GET /a", fields, 200, cache, "1");
        assert_eq!(answer.head.field("x-cache-control"), None, "{cache}: {:?}", answer.head);
        let server = answer.head.field("server").unwrap_or_default();
        assert!(server.starts_with("propylon"), "{cache}: {:?}", answer.head);
    }
    assert_eq!(origin.heads(), 1);
}

/// What caches are known to disagree about: which responses answer the next request.
#[test]
fn which_responses_are_used_again() {
    let rows = [
        ("200", "Cache-Control: max-age=60", true),
        ("200", "cache-control: MAX-AGE=0060, unknown, other=\"x, y\"", true),
        ("200", "Cache-Control: max-age=99999999999", true),
        ("200", "Cache-Control: max-age='60'", false),
        ("200", "Cache-Control: max-age=-60", false),
        ("200", "Cache-Control: other=\"max-age=60\"", false),
        ("200", "Cache-Control: max-age=60, s-maxage=0", false),
        ("200", "Cache-Control: max-age=0, s-maxage=60", true),
        ("200", "Cache-Control: max-age=60|X-Reply: Cache-Control: No-Store", false),
        ("200", "Cache-Control: private, max-age=60", false),
        ("200", "Cache-Control: no-store, must-understand, max-age=60", true),
        ("200", "Cache-Control: no-cache=\"x-named\", max-age=60|X-Reply: X-Named: 1", true),
        ("200", "Expires: 0", false),
        ("200", "Expires: Thu, 31 Dec 2037 23:55:55 GMT", true),
        ("200", "Expires: Thu, 31 Dec 2037 23:55:55 UTC", false),
        ("200", "Expires: Thu, 31 Dec 1998 23:55:55 GMT|X-Reply: Cache-Control: max-age=60", true),
        ("200", "Age: 100|X-Reply: Cache-Control: max-age=60", false),
        ("200", "Age: abc|X-Reply: Cache-Control: max-age=60", true),
        ("200", "Age: 10, 100|X-Reply: Cache-Control: max-age=60", true),
        ("200", "Set-Cookie: a=b|X-Reply: Cache-Control: max-age=60", true),
        ("200", "Vary: Foo, *|X-Reply: Cache-Control: max-age=60", false),
        ("200", "Vary: Foo|X-Reply: Cache-Control: max-age=60", true),
        ("200", "Content-Range: bytes 0-1/2|X-Reply: Cache-Control: max-age=60", true),
        ("299", "Cache-Control: max-age=60", true),
        ("404", "Cache-Control: max-age=60", true),
        ("502", "Cache-Control: max-age=60", true),
        ("599", "Cache-Control: max-age=60", true),
        ("200", "Last-Modified: Mon, 01 Jan 2024 00:00:00 GMT", true),
        ("410", "Last-Modified: Mon, 01 Jan 2024 00:00:00 GMT", true),
        ("201", "Last-Modified: Mon, 01 Jan 2024 00:00:00 GMT", false),
        ("201", "Last-Modified: Mon, 01 Jan 2024 00:00:00 GMT|X-Reply: Cache-Control: public", true),
        ("200", "CDN-Cache-Control: max-age=60|X-Reply: Cache-Control: no-store", true),
        ("200", "CDN-Cache-Control: max-age=0|X-Reply: Cache-Control: max-age=60", false),
        ("200", "CDN-Cache-Control: no-store|X-Reply: Cache-Control: max-age=60", false),
        ("200", "CDN-Cache-Control: max-age=0, &&&&&|X-Reply: Cache-Control: max-age=60", true),
        ("200", "CDN-Cache-Control: max-age=\"0\"|X-Reply: Cache-Control: max-age=60", true),
        ("200", "X-Accel-Expires: 60|X-Reply: Cache-Control: no-store", true),
        ("200", "X-Accel-Expires: 0|X-Reply: Cache-Control: max-age=60", false),
    ];
    let origin = Origin::start();
    let gateway = Gateway::start("memory", origin.address());
    let mut wrong = Vec::new();
    for (index, (status, said, used)) in rows.into_iter().enumerate() {
        let ask = |number: u8| {
            let fields = format!("X-Do: status={status}|X-Reply: X-Number: {number}|X-Reply: {said}");
            let answer = gateway.ask(&format!("GET /row-{index}"), &fields);
            answer.head.field("x-number").is_some_and(|number| number == "1")
        };
        if !ask(1) || ask(2) != used {
            wrong.push((status, said));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
