//! What is answered from the store, and how: RFC 9111 4, RFC 9110 13 to 15, RFC 9211.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test")]

mod support;

use http::Method;
use propylon_cache::Status;
use propylon_cache::policy::Rules;
use propylon_cache::store::{Limits, Zone};
use support::{Bench, seconds, settle};

const FRESH: (&str, &str) = ("cache-control", "max-age=60");

#[tokio::test(start_paused = true)]
async fn what_is_stored_is_answered_at_once() {
    let bench = Bench::new();
    let fields =
        [FRESH, ("x-a", "1"), ("x-a", "2"), ("set-cookie", "a=b"), ("connection", "x-hop"), ("x-hop", "1")];
    bench.says(200, &fields, "hello");
    let miss = bench.get("/").await;
    miss.is(Status::Miss, "hello").has("cache-status", "test; fwd=uri-miss; ttl=60; stored").has("age", "");
    miss.has("date", "");
    for (age, ttl) in [(0, 60), (59, 1)] {
        seconds(age).await;
        let hit = bench.get("/").await;
        hit.is(Status::Hit, "hello")
            .has("age", &age.to_string())
            .has("x-a", "1 | 2")
            .has("set-cookie", "a=b");
        hit.has("cache-status", &format!("test; hit; ttl={ttl}")).has("x-hop", "").has("connection", "");
        hit.has("date", "Tue, 02 Jan 2018 00:00:00 GMT");
    }
    assert_eq!(bench.asked().len(), 1);
    assert_eq!(*bench.told.lock().unwrap(), [Status::Miss, Status::Hit, Status::Hit]);

    bench.says(200, &[FRESH], "other");
    bench.get("/?query").await.is(Status::Miss, "other");
    bench.says(404, &[FRESH], "none");
    bench.get("/404").await.is(Status::Miss, "none");
    bench.get("/404").await.is(Status::Hit, "none").status(404);
}

/// RFC 9111 4.2.3, 5.1.
#[tokio::test(start_paused = true)]
async fn age_is_what_was_inherited_and_what_was_added() {
    let bench = Bench::new();
    bench.says(200, &[FRESH, ("age", "10")], "x");
    bench.get("/").await.has("age", "10");
    seconds(5).await;
    bench.get("/").await.is(Status::Hit, "x").has("age", "15");
    seconds(45).await;
    bench.says(200, &[], "y");
    bench.get("/").await.is(Status::Expired, "y");
}

#[tokio::test(start_paused = true)]
async fn clients_that_have_it_get_a_304() {
    let bench = Bench::new();
    let modified = "Mon, 01 Jan 2018 00:00:00 GMT";
    let fields =
        [FRESH, ("etag", "\"a\""), ("last-modified", modified), ("content-type", "x/y"), ("vary", "x")];
    bench.says(200, &fields, "hello");
    // The first one too: its condition is judged here, so that all is stored.
    let first = bench.get_with("/", &[("if-none-match", "\"a\"")]).await;
    first.status(304).is(Status::Miss, "").has("etag", "\"a\"").has("content-type", "").has("vary", "x");
    first.has("cache-status", "test; fwd=uri-miss; fwd-status=200; ttl=60; stored");
    support::settle().await;
    assert!(!bench.asked()[0].headers.contains_key("if-none-match"));
    for (name, value, status) in [
        ("if-none-match", "W/\"a\"", 304),
        ("if-none-match", "\"b\", \"a\"", 304),
        ("if-none-match", "\"b\"", 200),
        ("if-modified-since", modified, 304),
        ("if-modified-since", "Sun, 31 Dec 2017 00:00:00 GMT", 200),
    ] {
        let reply = bench.get_with("/", &[(name, value)]).await;
        reply.status(status).is(Status::Hit, if status == 304 { "" } else { "hello" }).has("age", "0");
        reply.has("cache-control", "max-age=60");
    }
}

#[tokio::test(start_paused = true)]
async fn ranges_of_what_is_stored() {
    let bench = Bench::new();
    bench.says(200, &[FRESH, ("content-length", "5")], "hello");
    bench.get("/").await.is(Status::Miss, "hello");
    for (range, status, body, told) in [
        ("bytes=0-1", 206, "he", "bytes 0-1/5"),
        ("bytes=1-", 206, "ello", "bytes 1-4/5"),
        ("bytes=-1", 206, "o", "bytes 4-4/5"),
        ("bytes=9-", 416, "", "bytes */5"),
        ("lines=1-", 200, "hello", ""),
    ] {
        let reply = bench.get_with("/", &[("range", range)]).await;
        reply.status(status).is(Status::Hit, body).has("content-range", told);
        reply.has("content-length", &body.len().to_string());
    }
    let several = bench.get_with("/", &[("range", "bytes=0-1,3-")]).await;
    several.status(206).has("content-range", "");
    let (kind, body) = (several.headers["content-type"].to_str().unwrap(), several.body.as_deref().unwrap());
    let boundary = kind.strip_prefix("multipart/byteranges; boundary=").unwrap();
    several.has("content-length", &body.len().to_string());
    let part = |range, text| format!("\r\n--{boundary}\r\nContent-Range: bytes {range}/5\r\n\r\n{text}");
    assert_eq!(body, format!("{}{}\r\n--{boundary}--\r\n", part("0-1", "he"), part("3-4", "lo")));
    let reply = bench.get_with("/", &[("range", "bytes=0-1"), ("if-range", "\"x\"")]).await;
    reply.status(200).is(Status::Hit, "hello");
    assert_eq!(bench.asked().len(), 1);
}

/// All is asked for, so that all is stored.
#[tokio::test(start_paused = true)]
async fn a_range_of_what_is_not_stored() {
    let bench = Bench::with(|layer| layer.max_range_offset(Some(3)));
    bench.says(200, &[FRESH], "hello");
    let reply = bench.get_with("/", &[("range", "bytes=1-2")]).await;
    reply.status(206).is(Status::Miss, "el").has("content-range", "bytes 1-2/5").has("content-length", "2");
    support::settle().await;
    bench.get("/").await.is(Status::Hit, "hello");
    assert!(!bench.asked()[0].headers.contains_key("range"));

    // Too far: nginx's `proxy_cache_max_range_offset`.
    for range in ["bytes=3-", "bytes=-1"] {
        bench.says(206, &[FRESH, ("content-range", "bytes 3-4/5")], "lo");
        bench.get_with("/far", &[("range", range)]).await.status(206).is(Status::Miss, "lo");
        assert_eq!(bench.asked()[0].headers["range"], range);
    }
    bench.says(200, &[FRESH], "hello");
    bench.get("/far").await.is(Status::Miss, "hello");

    // What has a byte there is too large for the zone.
    let bench = Bench::in_zone(Zone::memory(Limits::default().max_object(3)), |layer| layer);
    for (range, sent) in [("bytes=2-", false), ("bytes=-1", false), ("bytes=3-", true)] {
        bench.says(200, &[FRESH], "hello");
        bench.get_with("/", &[("range", range)]).await;
        assert_eq!(bench.asked()[0].headers.contains_key("range"), sent, "{range}");
    }
}

#[tokio::test(start_paused = true)]
async fn heads() {
    let bench = Bench::new();
    bench.says(200, &[FRESH], "hello");
    bench.get("/").await.is(Status::Miss, "hello");
    let head = bench.send(Method::HEAD, "/", &[]).await;
    head.is(Status::Hit, "").has("content-length", "5");

    // What answers HEAD answers no GET.
    bench.says(200, &[FRESH, ("content-length", "5")], "");
    bench.send(Method::HEAD, "/h", &[]).await.is(Status::Miss, "");
    bench.send(Method::HEAD, "/h", &[]).await.is(Status::Hit, "").has("content-length", "5");
    bench.says(200, &[FRESH], "hello");
    bench.get("/h").await.is(Status::Miss, "hello");
    bench.get("/h").await.is(Status::Hit, "hello");
}

/// nginx's `proxy_cache_convert_head`.
#[tokio::test(start_paused = true)]
async fn heads_that_become_gets() {
    let bench = Bench::with(|layer| layer.convert_head(true));
    bench.says(200, &[FRESH], "hello");
    bench.send(Method::HEAD, "/", &[]).await.is(Status::Miss, "");
    assert_eq!(bench.asked()[0].method, Method::GET);
    support::settle().await;
    bench.get("/").await.is(Status::Hit, "hello");
}

#[tokio::test(start_paused = true)]
async fn variants() {
    let bench = Bench::new();
    for (value, fwd) in [("1", "uri-miss"), ("2", "vary-miss")] {
        bench.says(200, &[FRESH, ("vary", "X")], if value == "1" { "one" } else { "two" });
        let reply = bench.get_with("/", &[("x", value)]).await;
        reply.has("cache-status", &format!("test; fwd={fwd}; ttl=60; stored"));
    }
    bench.get_with("/", &[("x", "1")]).await.is(Status::Hit, "one");
    bench.get_with("/", &[("x", "2"), ("y", "3")]).await.is(Status::Hit, "two");
    bench.says(200, &[FRESH, ("vary", "X")], "none");
    bench.get("/").await.is(Status::Miss, "none");
}

/// RFC 9111 5.2.1.
#[tokio::test(start_paused = true)]
async fn what_clients_want() {
    let bench = Bench::new();
    let nothing = bench.get_with("/", &[("cache-control", "only-if-cached")]).await;
    nothing.status(504).is(Status::Miss, "").has("cache-status", "test; fwd=request; detail=only-if-cached");
    bench.says(200, &[FRESH, ("etag", "\"a\"")], "hello");
    bench.get("/").await.is(Status::Miss, "hello");
    bench.get_with("/", &[("cache-control", "only-if-cached")]).await.is(Status::Hit, "hello");
    seconds(10).await;

    // Validated, rather than asked for anew.
    bench.asked();
    for field in [("cache-control", "no-cache"), ("cache-control", "max-age=0"), ("pragma", "no-cache")] {
        bench.says(304, &[], "");
        let reply = bench.get_with("/", &[field]).await;
        reply.is(Status::Revalidated, "hello");
        reply.has("cache-status", "test; fwd=request; fwd-status=304; ttl=60; stored");
        assert_eq!(bench.asked()[0].headers["if-none-match"], "\"a\"");
        seconds(10).await;
    }
    bench.says(200, &[FRESH], "past");
    let reply = bench.get_with("/", &[("cache-control", "no-store")]).await;
    assert_eq!((reply.cache, reply.body.as_deref()), (None, Some("past")));
    reply.has("cache-status", "test; fwd=request");
    bench.get("/").await.is(Status::Hit, "hello");

    let bench = Bench::nginx();
    bench.says(200, &[FRESH], "hello");
    bench.get("/").await.is(Status::Miss, "hello");
    bench.get_with("/", &[("cache-control", "no-cache, no-store")]).await.is(Status::Hit, "hello");
}

/// nginx judges these by what it has; RFC 9111 4.3.2 leaves them to the origin.
#[tokio::test(start_paused = true)]
async fn nginx_judges_other_conditions_too() {
    let bench = Bench::nginx();
    let bad = [("if-match", "\"b\"")];
    bench.says(200, &[FRESH, ("etag", "\"a\"")], "hello");
    bench.get_with("/", &bad).await.status(412).is(Status::Miss, "");
    settle().await;
    bench.get_with("/", &bad).await.status(412).is(Status::Hit, "");
    bench.get_with("/", &[("if-match", "\"a\"")]).await.status(200).is(Status::Hit, "hello");
    assert!(!bench.asked()[0].headers.contains_key("if-match"));
}

/// What the key does not tell apart must not choose what others get.
#[tokio::test(start_paused = true)]
async fn what_goes_past() {
    let bench = Bench::new();
    let mut with_body = support::ask(Method::GET, "/", &[]);
    *with_body.body_mut() = "body".into();
    bench.says(200, &[FRESH], "poison");
    let response = bench.call(with_body).await.unwrap();
    assert_eq!(support::Reply::read(response).await.cache, None);
    for field in [("upgrade", "x"), ("if-match", "\"a\""), ("if-unmodified-since", "x")] {
        bench.says(200, &[FRESH], "past");
        assert_eq!(bench.get_with("/", &[field]).await.cache, None);
        assert!(bench.asked().last().unwrap().headers.contains_key(field.0));
    }
    bench.says(200, &[FRESH], "past");
    bench.get("/past").await.has("cache-status", "");
    bench.says(200, &[FRESH], "options");
    bench.send(Method::OPTIONS, "/", &[]).await.has("cache-status", "test; fwd=method");
    bench.says(200, &[FRESH], "hello");
    bench.get("/").await.is(Status::Miss, "hello");
}

#[tokio::test(start_paused = true)]
async fn bypass_and_no_cache() {
    let bench = Bench::new();
    bench.says(200, &[FRESH], "one");
    bench.get("/").await.is(Status::Miss, "one");
    // Not answered from the store, but stored.
    bench.says(200, &[FRESH], "two");
    let reply = bench.get_with("/", &[("x-bypass", "1")]).await;
    reply.is(Status::Bypass, "two").has("cache-status", "test; fwd=bypass; ttl=60; stored");
    bench.get("/").await.is(Status::Hit, "two");
    bench.says(200, &[FRESH, ("x-no-cache", "1")], "three");
    let reply = bench.get_with("/", &[("x-bypass", "1")]).await;
    reply.is(Status::Bypass, "three").has("cache-status", "test; fwd=bypass; detail=no-cache");
    bench.get("/").await.is(Status::Hit, "two");
    // What may not be stored does not throw out what is.
    bench.says(200, &[("cache-control", "no-store")], "four");
    bench.get_with("/", &[("x-bypass", "1")]).await.has("cache-status", "test; fwd=bypass; detail=no-store");
    bench.get("/").await.is(Status::Hit, "two");
}

#[tokio::test(start_paused = true)]
async fn stored_from_the_second_request_on() {
    let bench = Bench::with(|layer| layer.min_uses(2.try_into().unwrap()));
    for _ in 0..2 {
        bench.says(200, &[FRESH], "hello");
        bench.get("/").await.is(Status::Miss, "hello");
    }
    bench.get("/").await.is(Status::Hit, "hello");
}

#[tokio::test(start_paused = true)]
async fn fields_that_are_not_for_others_are_not_stored() {
    let bench = Bench::new();
    bench.says(200, &[FRESH, ("cache-control", "private=\"x-mine\""), ("x-mine", "1")], "hello");
    bench.get("/").await.is(Status::Miss, "hello").has("x-mine", "1");
    bench.get("/").await.is(Status::Hit, "hello").has("x-mine", "");
}

#[tokio::test(start_paused = true)]
async fn other_methods_that_are_stored() {
    let bench = Bench::with(|layer| layer.methods([Method::from_bytes(b"SEARCH").unwrap()]));
    bench.says(200, &[FRESH], "hello");
    let search = || bench.send(Method::from_bytes(b"SEARCH").unwrap(), "/", &[]);
    search().await.is(Status::Miss, "hello");
    search().await.is(Status::Hit, "hello");
}

/// RFC 9111 4.4.
#[tokio::test(start_paused = true)]
async fn unsafe_requests_remove_what_they_change() {
    async fn fill(bench: &Bench) {
        for path in ["/", "/other", "/third"] {
            bench.says(200, &[FRESH], "hello");
            bench.send(Method::GET, path, &[("x-bypass", "1")]).await.is(Status::Bypass, "hello");
        }
    }
    async fn gone(bench: &Bench) -> Vec<&'static str> {
        bench.asked();
        let mut gone = Vec::new();
        for path in ["/", "/other", "/third"] {
            bench.acts(support::act(200, &[("x-no-cache", "1")], propylon_testkit::body::Script::new()));
            bench.get(path).await;
            if bench.asked().is_empty() {
                bench.forget();
            } else {
                gone.push(path);
            }
        }
        gone
    }
    let bench = Bench::new();
    let here = [("location", "/other"), ("content-location", "http://EXAMPLE.com/third")];
    let elsewhere = [("location", "http://other.com/other"), ("content-location", "//other.com/third")];
    for (method, status, fields, expected) in [
        (Method::POST, 200, &[][..], &["/"][..]),
        (Method::PUT, 204, &[], &["/"]),
        (Method::DELETE, 303, &[], &["/"]),
        (Method::PATCH, 201, &here, &["/", "/other", "/third"]),
        (Method::from_bytes(b"M-SEARCH").unwrap(), 200, &elsewhere, &["/"]),
        (Method::POST, 404, &here, &[]),
        (Method::POST, 500, &here, &[]),
        (Method::OPTIONS, 200, &here, &[]),
    ] {
        fill(&bench).await;
        bench.says(status, fields, "");
        bench.send(method.clone(), "/", &[("if-match", "*")]).await.status(status);
        assert_eq!(gone(&bench).await, expected, "{method} {status}");
    }
    let bench = Bench::nginx();
    fill(&bench).await;
    bench.says(200, &here, "");
    bench.send(Method::POST, "/", &[]).await;
    assert!(gone(&bench).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn nginx_stores_no_cookies() {
    let bench = Bench::rules(Rules::nginx());
    for _ in 0..2 {
        bench.says(200, &[FRESH, ("set-cookie", "a=b")], "hello");
        let reply = bench.get("/").await;
        reply.is(Status::Miss, "hello").has("cache-status", "test; fwd=uri-miss; detail=set-cookie");
    }
}
