//! Zones, and what they outlive.

use propylon_tests::{LIMIT, Origin, Propylon, Signal, address, check, until};

use crate::support::{FRESH, Gateway, both_zones, config};

/// What is in memory survives a reload; what is in files survives a restart.
#[test]
fn zones_outlive_configurations() {
    both_zones(|gateway, origin| {
        gateway.is("GET /a", &format!("{FRESH}|X-Reply: X-Number: 1"), 200, "MISS", "1");
        gateway.gateway.signal(Signal::HUP);
        until("the reload", LIMIT, || gateway.gateway.error_log().contains("reloaded").then_some(()));
        gateway.is("GET /a", "X-Reply: X-Number: 2", 200, "HIT", "1");
        assert_eq!(origin.heads(), 1);
    });
}

/// A directory's store is that of the directory, whatever the zone is called.
#[test]
fn a_zone_may_get_another_name() {
    let (origin, at) = (Origin::start(), address());
    let text = config("disk", at, origin.address());
    let gateway = Gateway { gateway: Propylon::start(&text), at };
    gateway.is("GET /a", &format!("{FRESH}|X-Reply: X-Number: 1"), 200, "MISS", "1");
    let other = text.replace("cache_zone.disk", "cache_zone.files").replace("\"disk\"", "\"files\"");
    gateway.gateway.reload(&other);
    gateway.is("GET /a", "Cache-Control: only-if-cached", 200, "HIT", "1");
    assert_eq!(origin.heads(), 1);
}

#[test]
fn files_outlive_the_process() {
    let (origin, at) = (Origin::start(), address());
    let dir = tempfile::tempdir().unwrap();
    let text = config("disk", at, origin.address()).replace("@DIR@/cache", &dir.path().to_string_lossy());
    let mut first = Gateway { gateway: Propylon::start(&text), at };
    first.is("GET /a", &format!("{FRESH}|X-Reply: X-Number: 1|X-Do: size=100000"), 200, "MISS", "1");
    first.is("GET /a", "", 200, "HIT", "1");
    first.gateway.signal(Signal::TERM);
    assert!(first.gateway.ended(LIMIT).success());
    let second = Gateway { gateway: Propylon::start(&text), at };
    // It serves before it has looked at all files.
    let answer = until("what is kept", LIMIT, || {
        let answer = second.ask("GET /a", "Cache-Control: only-if-cached");
        (answer.status == 200).then_some(answer)
    });
    assert_eq!((answer.head.field("x-number").as_deref(), answer.body.len()), (Some("1"), 100_000));
    assert_eq!(origin.heads(), 1);
}

#[test]
fn a_directory_that_cannot_be_is_an_error() {
    let output = check("[cache_zone.a]\npath = \"/dev/null/cache\"\n[[server]]\nreturn = [204]\n");
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && text.contains("cannot open the cache directory"), "{text}");
}
