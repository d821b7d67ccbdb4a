//! Gateways that share what they keep by a Redis server: what one has stored the others take, and purges reach all.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test"
)]

mod admin_support;
mod shared_support;

use std::path::Path;

use admin_support::{Metrics, ask, get};
use propylon_testkit::certificates::{Authority, file};
use propylon_tests::{Answer, LIMIT, Origin, Redis, address, check, lossy, until};
use shared_support::{Gateway, PATIENT, zone};

const DISK: &str = "path = \"@DIR@/cache\"\n";

#[test]
fn what_one_stored_the_others_take() {
    let (redis, origin) = (Redis::start(&[]), Origin::start());
    let url = format!("redis://{}", redis.address());
    for (path, more) in [("/a", ""), ("/b", DISK)] {
        let start = || Gateway::start(&origin, &format!("{more}{}", zone(&url, PATIENT)));
        let (a, b) = (start(), start());
        a.is(&format!("GET {path}"), "X-Reply: ETag: \"x\"|X-Do: size=1000", "200 MISS");
        a.keeps(1);
        let answer = b.ask(&format!("GET {path}"), "");
        assert_eq!((answer.status, answer.body.len()), (200, 1000));
        assert_eq!(answer.head.field("x-status").as_deref(), Some("HIT"));
        assert_eq!(answer.head.field("etag").as_deref(), Some("\"x\""));
        assert!(answer.head.field("age").is_some());
        let said = answer.head.field("cache-status").unwrap();
        assert!(said.starts_with("propylon; hit; ttl=") && said.ends_with("; detail=tier"), "{said}");
        // From here on it has it itself.
        let said = b.ask(&format!("GET {path}"), "").head.field("cache-status").unwrap();
        assert!(said.starts_with("propylon; hit; ttl=") && !said.contains("tier"), "{said}");
        assert_eq!(origin.take().len(), 1);
        let metrics = Metrics::of(b.admin);
        assert_eq!(metrics.value("propylon_cache_tier_up{cache=\"main\"}"), 1.0);
        assert_eq!(metrics.value("propylon_cache_tier_lookups_total{cache=\"main\",result=\"hit\"}"), 1.0);
        assert_eq!(b.tier()["stores"]["stored"], 0, "what came from there is not sent there");
    }
}

#[test]
fn conditions_ranges_and_head_are_answered_by_it() {
    let (redis, origin) = (Redis::start(&[]), Origin::start());
    let config = zone(&format!("unix:{}?db=3", redis.socket().display()), PATIENT);
    let a = Gateway::start(&origin, &config);
    for (n, (line, fields, expected, length)) in [
        ("HEAD", "", "200 HIT", 0),
        ("GET", "Range: bytes=10-19", "206 HIT", 10),
        ("GET", "If-None-Match: \"x\"", "304 HIT", 0),
        ("GET", "Cache-Control: only-if-cached", "200 HIT", 1000),
    ]
    .into_iter()
    .enumerate()
    {
        let path = format!("/{n}");
        a.is(&format!("GET {path}"), "X-Reply: ETag: \"x\"|X-Do: size=1000", "200 MISS");
        a.keeps(n + 1);
        let b = Gateway::start(&origin, &config);
        let answer = b.is(&format!("{line} {path}"), fields, expected);
        assert_eq!(answer.body.len(), length, "{line} {fields}");
        assert_eq!(b.tier()["lookups"]["hit"], 1);
    }
    assert_eq!(origin.take().len(), 4);
    assert_eq!(redis.keys("*"), Vec::<String>::new(), "it is in another database");
}

#[test]
fn variants_are_told_apart() {
    let (redis, origin) = (Redis::start(&[]), Origin::start());
    let config = zone(&format!("redis://{}", redis.address()), PATIENT);
    let (a, b) = (Gateway::start(&origin, &config), Gateway::start(&origin, &config));
    let vary = "X-Reply: Vary: Accept-Language";
    for (n, language) in ["de", "fr"].into_iter().enumerate() {
        a.is("GET /a", &format!("{vary}|Accept-Language: {language}"), "200 MISS");
        a.keeps(n + 1);
    }
    for language in ["fr", "de"] {
        let answer = b.is("GET /a", &format!("Accept-Language: {language}"), "200 HIT");
        assert!(answer.text().contains(&format!("Accept-Language: {language}\r\n")), "{}", answer.text());
    }
    b.is("GET /a", &format!("{vary}|Accept-Language: it"), "200 MISS");
    assert_eq!(b.tier()["lookups"]["miss"], 1);
}

/// TLS, a user with a password of his own and no more rights than he needs, and a certificate of the gateway's.
#[test]
fn by_tls_and_as_a_user() {
    let directory = tempfile::tempdir().unwrap();
    let (plain, root) = (address(), Authority::root("Root"));
    let secure = std::net::TcpListener::bind((plain.ip(), 0)).unwrap().local_addr().unwrap();
    let trusted = file(directory.path(), "root.pem", &root.certificate);
    let (server, server_key) = root.server(&[&plain.ip().to_string()]).write(directory.path(), "server");
    let (own, own_key) = root.server(&["gateway"]).write(directory.path(), "gateway");
    let text = |path: &Path| path.display().to_string();
    let arguments: [&str; 10] = [
        "--tls-port",
        &secure.port().to_string(),
        "--tls-cert-file",
        &text(&server),
        "--tls-key-file",
        &text(&server_key),
        "--tls-ca-cert-file",
        &text(&trusted),
        "--tls-auth-clients",
        "yes",
    ];
    let redis = Redis::start_at(plain, &arguments);
    redis.ask(&[
        "ACL", "SETUSER", "gateway", "on", ">secret", "~mine:*", "+get", "+set", "+del", "+pttl", "+lrange",
        "+lrem", "+lpush", "+ltrim", "+pexpire", "+xrange", "+xadd", "+ping", "+select",
    ]);
    let password = file(directory.path(), "password", "secret\n");
    let more = format!(
        "{PATIENT}user = \"gateway\"\npassword_file = \"{}\"\nprefix = \"mine:\"\ntrusted_certificate = \"{}\"\n\
         certificate = \"{}\"\nkey = \"{}\"\n",
        text(&password),
        text(&trusted),
        text(&own),
        text(&own_key)
    );
    let origin = Origin::start();
    let config = zone(&format!("rediss://{secure}/1"), &more);
    let (a, b) = (Gateway::start(&origin, &config), Gateway::start(&origin, &config));
    for (path, fields) in [("/a", ""), ("/b", "X-Reply: Vary: Accept")] {
        a.is(&format!("GET {path}"), fields, "200 MISS");
    }
    a.keeps(2);
    for path in ["/a", "/b"] {
        b.is(&format!("GET {path}"), "", "200 HIT");
    }
    b.is("PURGE /a", "", "204");
    assert!(redis.ask(&["INFO", "keyspace"]).text().contains("db1:"));
    assert!(redis.keys("*").is_empty());

    // Whoever is signed by somebody else is not believed.
    let _ = file(directory.path(), "root.pem", &Authority::root("Other").certificate);
    let c = Gateway::start(&origin, &config);
    c.tells("cannot be used");
    c.is("GET /b", "", "200 MISS");
}

/// What is kept is checked: a bit that flipped, a part of it, somebody else's, nothing.
#[test]
fn what_is_damaged_is_a_miss() {
    let (redis, origin) = (Redis::start(&[]), Origin::start());
    let config = zone(&format!("redis://{}", redis.address()), PATIENT);
    let a = Gateway::start(&origin, &config);
    a.is("GET /a", "X-Do: size=1000", "200 MISS");
    a.keeps(1);
    let key = redis.keys("propylon:main:o:*")[0].clone();
    let Answer::Text(whole) = redis.ask(&["GET", &key]) else { panic!("it is there") };
    let b = Gateway::start(&origin, &config);
    let mut damaged = 0;
    for at in (0..whole.len()).step_by(97) {
        let mut record = whole.clone();
        record[at] ^= 0x10;
        redis.ask::<&[u8]>(&[b"SET", key.as_bytes(), &record, b"PX", b"600000"]);
        b.is("GET /a", "X-Reply: Cache-Control: no-store", "200 MISS");
        damaged += 1;
    }
    for record in [&whole[..whole.len() - 1], &whole[..30], b"", b"hello"] {
        redis.ask::<&[u8]>(&[b"SET", key.as_bytes(), record, b"PX", b"600000"]);
        b.is("GET /a", "X-Reply: Cache-Control: no-store", "200 MISS");
        damaged += 1;
    }
    assert_eq!(b.tier()["lookups"]["damaged"], damaged);
    // One that has no end is as old as one can be.
    redis.ask::<&[u8]>(&[b"SET", key.as_bytes(), &whole]);
    b.is("GET /a", "X-Reply: Cache-Control: no-store", "200 EXPIRED");
    assert_eq!(b.tier()["up"], true);
    // A list in the place of a response.
    redis.ask(&["DEL", &key]);
    redis.ask(&["LPUSH", &key, "x"]);
    b.is("GET /a", "X-Reply: Cache-Control: no-store", "200 EXPIRED");
    b.tells("WRONGTYPE");
}

/// A gateway that starts again has what is on its disk, but for what was purged while it was away.
#[test]
fn a_restart_hears_what_it_missed() {
    let (redis, origin) = (Redis::start(&[]), Origin::start());
    let directory = tempfile::tempdir().unwrap();
    let shared = zone(&format!("redis://{}", redis.address()), PATIENT);
    let config = format!("path = \"{}/cache\"\n{shared}", directory.path().display());
    let a = Gateway::start(&origin, &shared);
    a.is("PURGE /old", "", "204");
    {
        let b = Gateway::start(&origin, &config);
        b.is("GET /a", "", "200 MISS");
        b.is("GET /b", "", "200 MISS");
        b.keeps(2);
    }
    a.is("PURGE /a", "", "204");
    for key in redis.keys("propylon:main:o:*") {
        redis.ask(&["DEL", &key]);
    }
    let b = Gateway::start(&origin, &config);
    b.is("GET /a", "", "200 MISS");
    b.is("GET /b", "", "200 HIT");
    assert_eq!(b.tier()["purges"]["obeyed"], 1);
}

/// Zones may be shared, or not any more, from one configuration to the next. What one has kept for itself is no part of it.
#[test]
fn reloads() {
    let (redis, origin) = (Redis::start(&[]), Origin::start());
    let url = format!("redis://{}", redis.address());
    let a = Gateway::start(&origin, &zone(&url, PATIENT));
    a.is("GET /a", "", "200 MISS");
    a.keeps(1);
    let b = Gateway::start(&origin, "");
    b.is("GET /b", "", "200 MISS");
    assert!(get(b.admin, "/api/v1/caches/main")["shared"].is_null());
    b.reload(&origin, &zone(&url, PATIENT));
    until("the zone is shared", LIMIT, || (b.tier()["up"] == true).then_some(()));
    b.is("GET /a", "", "200 HIT");
    b.is("GET /b", "", "200 MISS");
    b.keeps(1);
    // The same goes on as it was; another prefix is another place.
    b.reload(&origin, &zone(&url, PATIENT));
    assert_eq!(b.tier()["lookups"]["hit"], 1);
    b.reload(&origin, &zone(&url, &format!("{PATIENT}prefix = \"other:\"\n")));
    until("the zone is shared", LIMIT, || (b.tier()["up"] == true).then_some(()));
    b.is("GET /a", "", "200 MISS");
    b.reload(&origin, "");
    b.is("GET /a", "", "200 HIT");
    b.is("PURGE /a", "", "204");
    b.is("PURGE /a", "", "404");
    a.is("GET /a", "", "200 HIT");
}

/// An unsafe request makes invalid what is here and what is there; what others have of it stays until it is stale.
#[test]
fn unsafe_requests_invalidate_here_and_there() {
    let (redis, origin) = (Redis::start(&[]), Origin::start());
    let config = zone(&format!("redis://{}", redis.address()), PATIENT);
    let (a, b) = (Gateway::start(&origin, &config), Gateway::start(&origin, &config));
    a.is("GET /a", "", "200 MISS");
    a.keeps(1);
    b.is("GET /a", "", "200 HIT");
    a.is("POST /a", "Content-Length: 0", "200");
    assert!(redis.keys("propylon:main:o:*").is_empty());
    a.is("GET /a", "", "200 MISS");
    b.is("GET /a", "", "200 HIT");
}

#[test]
fn what_cannot_be_shared_is_told() {
    for (redis, code, text) in [
        ("\"redis+sentinel://a/main\"", 1, "Redis Sentinel is not supported"),
        ("\"rediss+cluster://a\"", 1, "Redis Cluster is not supported"),
        ("\"redis://a,b\"", 1, "expected a single server"),
        ("\"redis://:secret@a\"", 1, "a URL cannot contain a user name or a password"),
        ("\"http://a\"", 1, "expected a URL with the scheme"),
        (
            "{ url = \"redis://a\", trusted_certificate = \"/a\" }",
            1,
            "certificates can only be used with `rediss://`",
        ),
        ("{ url = \"redis://a\", sentinel = \"x\" }", 1, "`sentinel` is not built into this version"),
        ("{ url = \"redis://a\", password_file = \"@DIR@/none\" }", 2, "cannot read the password file"),
        ("{ url = \"rediss://a\", trusted_certificate = \"@DIR@/none\" }", 2, "cannot be shared"),
        ("\"redis://a\"", 0, ""),
    ] {
        let output = check(&format!("[cache_zone.main]\nredis = {redis}\n[[server]]\nreturn = [204]\n"));
        let said = lossy(&output.stderr) + &lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(code), "{redis}: {said}");
        assert!(said.contains(text), "{redis}: {said}");
    }
}

/// By the API: what is purged, and whether everywhere.
#[test]
fn the_api_says_whether_all_obey() {
    let (mut redis, origin) = (Redis::start(&[]), Origin::start());
    let config = zone(&format!("redis://{}", redis.address()), PATIENT);
    let a = Gateway::start(&origin, &config);
    a.is("GET /a", "", "200 MISS");
    a.keeps(1);
    let purge = |what: &str| ask(a.admin, "POST", "/api/v1/caches/main/purge", what);
    let answer = purge("{\"all\": true}");
    assert_eq!((answer.status, answer.json()["purged"].as_u64()), (200, Some(1)));
    assert_eq!(answer.json()["everywhere"], true);
    redis.kill();
    until("it is lost", LIMIT, || (a.tier()["up"] == false).then_some(()));
    a.is("GET /a", "", "200 MISS");
    let answer = purge("{\"prefix\": \"a/\"}");
    assert_eq!((answer.status, answer.json()["purged"].as_u64()), (503, Some(1)));
    assert_eq!(
        (&answer.json()["everywhere"], answer.json()["error"]["code"].as_str()),
        (&false.into(), Some("not_everywhere"))
    );
    assert_eq!(a.tier()["purges"]["owed"], 1);
    a.is("GET /a", "", "200 MISS");
    redis.restart();
    until("it is told", LIMIT, || (a.tier()["purges"]["owed"] == 0).then_some(()));
    assert_eq!(a.tier()["purges"]["ordered"], 2);
}
