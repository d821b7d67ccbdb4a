//! What several gateways share while the server fails, or the wire to it: no client hears of it, and no purge is lost.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

mod admin_support;
mod shared_support;

use admin_support::ask;
use propylon_tests::{Fate, LIMIT, Origin, Redis, Refusing, Wire, until};
use shared_support::{Gateway, PATIENT, QUICK, zone};

const LOST: &str = "cache \"main\" is not shared through";

fn url(at: impl std::fmt::Display) -> String {
    format!("redis://{at}")
}

/// By key, prefix, tag and all, hard and softly.
#[test]
fn what_one_purges_the_others_do() {
    let (redis, origin) = (Redis::start(&[]), Origin::start());
    let config = zone(&url(redis.address()), PATIENT);
    let all = [(); 3].map(|()| Gateway::start(&origin, &config));
    let [a, b, c] = &all;
    let purges: [(&str, &dyn Fn()); 4] = [
        ("key", &|| drop(a.is("PURGE /x/a", "", "204"))),
        ("prefix", &|| drop(a.is("PURGE /x/*", "", "204"))),
        ("tag", &|| drop(a.is("GET /purge-tags?tags=one,other", "", "204"))),
        ("all", &|| {
            assert_eq!(ask(a.admin, "POST", "/api/v1/caches/main/purge", "{\"all\": true}").status, 200)
        }),
    ];
    for (n, (name, purge)) in purges.iter().enumerate() {
        b.is("GET /x/a", "X-Reply: Cache-Tag: one", "200 MISS");
        b.is("GET /y/a", "", if n == 0 { "200 MISS" } else { "200 HIT" });
        until("both are kept", LIMIT, || (redis.keys("propylon:main:o:*").len() == 2).then_some(()));
        a.is("GET /x/a", "", "200 HIT");
        purge();
        // Here at once; and what is there is not taken, by nobody.
        let looks = c.tier()["lookups"]["hit"].clone();
        a.is("GET /x/a", "X-Reply: Cache-Control: no-store", "200 MISS");
        c.is("GET /x/a", "X-Reply: Cache-Control: no-store", "200 MISS");
        assert_eq!(c.tier()["lookups"]["hit"], looks, "{name}");
        b.becomes("GET /x/a", "X-Reply: Cache-Control: no-store", "200 MISS");
        if *name == "all" {
            b.is("GET /y/a", "X-Reply: Cache-Control: no-store", "200 MISS");
        } else {
            b.is("GET /y/a", "", "200 HIT");
        }
    }
    assert_eq!(b.tier()["purges"]["obeyed"], 5);

    a.is("GET /soft/a", "X-Reply: ETag: \"x\"", "200 MISS");
    a.keeps(1);
    b.is("GET /soft/a", "", "200 HIT");
    a.is("PURGE /soft/a", "", "204");
    b.becomes("GET /soft/a", "X-Do: close", "200 STALE");
    b.is("GET /soft/a", "X-Do: status=304", "200 REVALIDATED");
    b.is("GET /soft/a", "", "200 HIT");
}

/// One is cut off, by a wire that ends, and by one on which all vanishes. What the others purge meanwhile it obeys when it hears of
/// it, and what it purges itself is made up for.
#[test]
fn who_was_cut_off_obeys_afterwards() {
    let (redis, origin) = (Redis::start(&[]), Origin::start());
    for fate in [Fate::Ends, Fate::Vanishes, Fate::Garbles] {
        let wire = Wire::to(redis.address());
        let more = format!("{QUICK}prefix = \"{fate:?}:\"\n");
        let a = Gateway::start(&origin, &zone(&url(redis.address()), &more.replace("1s", "20s")));
        let b = Gateway::start(&origin, &zone(&url(wire.address()), &more));
        for path in ["/a", "/b", "/c"] {
            a.is(&format!("GET {path}"), "", "200 MISS");
        }
        a.keeps(3);
        for path in ["/a", "/b", "/c"] {
            b.becomes(&format!("GET {path}"), "", "200 HIT");
        }
        wire.is(fate);
        b.is_up(false);
        a.is("PURGE /a", "", "204");
        a.is("GET /a", "X-Reply: Cache-Control: no-store", "200 MISS");
        b.is("GET /a", "", "200 HIT"); // nobody has told it
        b.is("PURGE /b", "", "503");
        b.is("GET /b", "X-Reply: Cache-Control: no-store", "200 MISS"); // here it is in force
        a.is("GET /b", "", "200 HIT");
        assert_eq!(b.tier()["purges"]["owed"], 1);
        wire.is(Fate::Passes);
        b.becomes("GET /a", "X-Reply: Cache-Control: no-store", "200 MISS");
        a.becomes("GET /b", "X-Reply: Cache-Control: no-store", "200 MISS");
        b.is("GET /c", "", "200 HIT");
        b.is_up(true);
        assert_eq!(b.tier()["purges"]["owed"], 0);
        b.tells("the purge took effect on this server only");
    }
}

/// A server that was away and knows what it knew: nothing is lost, and only what was purged. One that has forgotten everything: what
/// it had heard and not told nobody knows.
#[test]
fn a_server_that_starts_again() {
    for keeps in [true, false] {
        let arguments: &[&str] =
            if keeps { &["--appendonly", "yes", "--appendfsync", "always"] } else { &[] };
        let (mut redis, origin) = (Redis::start(arguments), Origin::start());
        let wire = Wire::to(redis.address());
        let a = Gateway::start(&origin, &zone(&url(redis.address()), PATIENT));
        let b = Gateway::start(&origin, &zone(&url(wire.address()), PATIENT));
        a.is("GET /a", "", "200 MISS");
        a.is("GET /b", "", "200 MISS");
        a.keeps(2);
        b.is("GET /a", "", "200 HIT");
        b.is("GET /b", "", "200 HIT");
        wire.is(Fate::Ends);
        b.is_up(false);
        a.is("PURGE /a", "", "204");
        redis.kill();
        a.is_up(false);
        a.is("GET /b", "", "200 HIT");
        redis.restart();
        wire.is(Fate::Passes);
        b.becomes("GET /a", "X-Reply: Cache-Control: no-store", "200 MISS");
        a.is_up(true);
        let expected = if keeps { "200 HIT" } else { "200 MISS" };
        a.is("GET /b", "X-Reply: Cache-Control: no-store", expected);
        b.is("GET /b", "X-Reply: Cache-Control: no-store", expected);
        assert_eq!((a.told("is emptied"), b.told("is emptied")), if keeps { (0, 0) } else { (1, 1) });
        a.is("GET /c", "", "200 MISS");
        b.becomes("GET /c", "X-Reply: Cache-Control: no-store", "200 HIT");
    }
}

/// It fails from one moment to the next, in any way: requests are answered, the log says so once, and it is left alone.
#[test]
fn one_that_fails_is_left_alone() {
    let (redis, origin) = (Redis::start(&[]), Origin::start());
    for (fate, why) in [
        (Fate::Ends, "the cache server cannot be used: "),
        (Fate::Garbles, "the cache server cannot be used: "),
        (Fate::Vanishes, "the cache server did not respond in time; the server is not used for a while"),
    ] {
        let wire = Wire::to(redis.address());
        // It is not tried again before the test is over, and not asked by itself.
        let quiet = format!(
            "timeout = \"200ms\"\nbackground_timeout = \"20s\"\npoll = \"1h\"\npause = \"1h\"\nprefix = \"{fate:?}:\"\n"
        );
        let a = Gateway::start(&origin, &zone(&url(wire.address()), &quiet));
        wire.is(fate);
        for n in 0..5 {
            a.is(&format!("GET /{n}"), "", "200 MISS");
            a.is(&format!("GET /{n}"), "", "200 HIT");
        }
        a.tells(why);
        let tier = a.tier();
        assert_eq!((&tier["up"], &tier["lookups"]["failed"]), (&false.into(), &1.into()), "{fate:?}: {tier}");
        assert_eq!(tier["lookups"]["skipped"], 4, "{fate:?}: {tier}");
        assert_eq!(tier["stores"]["dropped"], 5, "{fate:?}: {tier}");
        assert_eq!((a.told(LOST), wire.connections()), (1, 2), "{fate:?}");
    }
}

/// It cannot be had from the beginning.
#[test]
fn one_that_is_not_there_keeps_nobody_from_starting() {
    let (origin, refusing) = (Origin::start(), Refusing::new());
    let redis = Redis::start(&["--requirepass", "secret"]);
    let directory = tempfile::tempdir().unwrap();
    let wrong = propylon_testkit::certificates::file(directory.path(), "password", "guessed\n");
    let none = format!("{QUICK}password_file = \"{}\"\n", directory.path().join("none").display());
    for (url, more, why) in [
        (url(refusing.address()), QUICK.to_owned(), "Connection refused"),
        (url(redis.address()), QUICK.to_owned(), "NOAUTH"),
        (url(redis.address()), format!("{QUICK}password_file = \"{}\"\n", wrong.display()), "WRONGPASS"),
        (url(redis.address()), none, "cannot read the password file"),
        ("unix:/nowhere/redis.sock".to_owned(), QUICK.to_owned(), "No such file"),
        (format!("rediss://{}", redis.address()), QUICK.to_owned(), "did not respond"),
        (url("nobody.invalid"), QUICK.replace("1s", "20s"), "cannot be used"),
    ] {
        let a = Gateway::start(&origin, &zone(&url, &more));
        a.is("GET /a", "", "200 MISS");
        a.is("GET /a", "", "200 HIT");
        a.is("PURGE /a", "", "503");
        a.is("GET /a", "", "200 MISS");
        let log = a.tells(why);
        assert_eq!(log.matches(LOST).count(), 1, "{log}");
    }
}

/// A server that is full and may not forget: what is there is read, and what cannot be purged everywhere says so.
#[test]
fn one_that_is_full_is_read() {
    let (redis, origin) = (Redis::start(&["--maxmemory-policy", "noeviction"]), Origin::start());
    let config = zone(&url(redis.address()), PATIENT);
    let (a, b) = (Gateway::start(&origin, &config), Gateway::start(&origin, &config));
    a.is("GET /a", "", "200 MISS");
    a.keeps(1);
    redis.ask(&["CONFIG", "SET", "maxmemory", "1"]);
    for path in ["/b", "/c"] {
        a.is(&format!("GET {path}"), "", "200 MISS");
    }
    until("it is not kept", LIMIT, || (a.tier()["stores"]["failed"] == 2).then_some(()));
    assert_eq!(a.tier()["up"], true);
    a.tells("stores nothing: the cache server refused the request: OOM");
    assert_eq!(a.told("stores nothing"), 1);
    b.is("GET /a", "", "200 HIT");
    a.is("PURGE /a", "", "503");
    a.is("GET /a", "X-Reply: Cache-Control: no-store", "200 MISS");
    b.is("GET /a", "", "200 HIT");
    redis.ask(&["CONFIG", "SET", "maxmemory", "0"]);
    b.becomes("GET /a", "X-Reply: Cache-Control: no-store", "200 MISS");
    a.is("GET /d", "", "200 MISS");
    a.tells("stores responses again");
    b.becomes("GET /d", "X-Reply: Cache-Control: no-store", "200 HIT");
}

/// What is larger than is to be kept there is kept here alone.
#[test]
fn what_is_too_large_is_not_sent() {
    let (redis, origin) = (Redis::start(&[]), Origin::start());
    let a = Gateway::start(&origin, &zone(&url(redis.address()), &format!("{PATIENT}max_object = \"1k\"\n")));
    a.is("GET /large", "X-Do: size=1025", "200 MISS");
    a.is("GET /a", "X-Do: size=1024", "200 MISS");
    a.keeps(1);
    a.is("GET /large", "", "200 HIT");
    assert_eq!(redis.keys("propylon:main:o:*").len(), 1);
    assert_eq!(a.tier()["stores"]["dropped"], 0);
}
