//! The cache from TOML: RFC 9111 by default, zones in memory and on disk, locks, updates beside requests, reloads.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test"
)]

use std::net::SocketAddr;
use std::thread;

use propylon_testkit::gate::Gate;
use propylon_testkit::peer::{Plan, RawPeer};
use propylon_tests::{
    Client, End, LIMIT, Origin, Propylon, RawResponse, Signal, address, check, raw_request, until,
};

const CONFIG: &str = r#"
[cache_zone.memory]
[cache_zone.disk]
path = "@DIR@/cache"
[error_log]
path = "@DIR@/error.log"
level = "info"
[log_format]
seen = "$request_uri $status $upstream_cache_status"
[defaults.access_log]
path = "@DIR@/seen.log"
format = "seen"
[defaults.cache]
zone = "ZONE"
key = "$host$request_uri"
[defaults.headers]
add_always = { X-Status = "$upstream_cache_status" }
[[server]]
listen = ["LISTEN"]
[[server.location]]
match = "/"
proxy_pass = "http://ORIGIN"
[[server.location]]
match = "/valid/"
proxy_pass = "http://ORIGIN"
cache.valid = "1h"
[[server.location]]
match = "/lock/"
proxy_pass = "http://ORIGIN"
cache = { valid = "1h", lock = true, lock_timeout = "1h", lock_age = "1h" }
[[server.location]]
match = "/update/"
proxy_pass = "http://ORIGIN"
cache = { use_stale = ["updating"], background_update = true }
"#;

struct Gateway {
    gateway: Propylon,
    at: SocketAddr,
}

impl Gateway {
    fn start(zone: &str, origin: SocketAddr) -> Self {
        let at = address();
        Self { gateway: Propylon::start(&config(zone, at, origin)), at }
    }

    #[track_caller]
    fn ask(&self, line: &str, fields: &str) -> RawResponse {
        raw_request(self.at, &request(line, fields)).unwrap_or_else(|error| panic!("{line}: {error}"))
    }

    /// A request, its status, what the cache did, and which answer came.
    #[track_caller]
    fn is(&self, line: &str, fields: &str, status: u16, cache: &str, number: &str) -> RawResponse {
        let answer = self.ask(line, fields);
        let field = |name: &str| answer.head.field(name).unwrap_or_else(|| "-".to_owned());
        let found = (answer.status, field("x-status"), field("x-number"));
        assert_eq!(
            found,
            (status, cache.to_owned(), number.to_owned()),
            "{line} {fields:?}: {:?}",
            answer.head
        );
        answer
    }
}

fn config(zone: &str, at: SocketAddr, origin: SocketAddr) -> String {
    let text = CONFIG.replace("ZONE", zone).replace("LISTEN", &at.to_string());
    text.replace("ORIGIN", &origin.to_string())
}

fn request(line: &str, fields: &str) -> Vec<u8> {
    let fields: String =
        fields.split('|').filter(|field| !field.is_empty()).map(|field| format!("{field}\r\n")).collect();
    format!("{line} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{fields}\r\n").into_bytes()
}

const FRESH: &str = "X-Reply: Cache-Control: max-age=3600";
const STALE: &str = "X-Reply: Cache-Control: max-age=1|X-Reply: Age: 100|X-Reply: ETag: \"x\"";

fn both_zones(test: impl Fn(&Gateway, &Origin)) {
    for zone in ["memory", "disk"] {
        let origin = Origin::start();
        test(&Gateway::start(zone, origin.address()), &origin);
    }
}

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

/// A body that is cut is never kept, and its client sees that it was cut.
#[test]
fn half_a_body_is_not_kept() {
    both_zones(|gateway, _| {
        let answer = gateway.ask("GET /a", &format!("{FRESH}|X-Do: cut size=1000|X-Reply: X-Number: 1"));
        assert_eq!((answer.status, answer.end), (200, End::Cut));
        gateway.is("GET /a", &format!("{FRESH}|X-Reply: X-Number: 2"), 200, "MISS", "2");
        let answer = gateway.ask("GET /b", &format!("{FRESH}|X-Do: chunked cut size=1000"));
        assert_eq!((answer.status, answer.end), (200, End::Cut));
        gateway.is(
            "GET /b",
            &format!("{FRESH}|X-Do: chunked size=1000|X-Reply: X-Number: 2"),
            200,
            "MISS",
            "2",
        );
        assert_eq!(gateway.is("GET /b", "", 200, "HIT", "2").body.len(), 1000);
    });
}

/// One request asks the upstream, the others wait for what it gets.
#[test]
fn one_asks_for_all() {
    for zone in ["memory", "disk"] {
        let gate = Gate::new();
        let held = gate.clone();
        let peer = RawPeer::tcp(move |_| {
            Plan::new().read_request().wait(&held).write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood")
        });
        let gateway = Gateway::start(zone, peer.addr());
        thread::scope(|scope| {
            let asked: Vec<_> = (0..8).map(|_| scope.spawn(|| gateway.ask("GET /lock/a", ""))).collect();
            until("a request at the peer", LIMIT, || (peer.requests().len() == 1).then_some(()));
            gate.open();
            let answers: Vec<RawResponse> = asked.into_iter().map(|asked| asked.join().unwrap()).collect();
            assert!(answers.iter().all(|answer| answer.status == 200 && answer.body == b"good"));
        });
        assert_eq!(peer.requests().len(), 1, "{zone}");
    }
}

/// What may be used while it is fetched anew is answered at once, and fetched beside.
#[test]
fn an_update_beside_requests() {
    both_zones(|gateway, origin| {
        gateway.is("GET /update/a", &format!("{STALE}|X-Reply: X-Number: 1"), 200, "MISS", "1");
        gateway.is("GET /update/a", &format!("{FRESH}|X-Reply: X-Number: 2"), 200, "STALE", "1");
        until("the update", LIMIT, || (origin.heads() == 2).then_some(()));
        until("the new one", LIMIT, || {
            let answer = gateway.ask("GET /update/a", &format!("{FRESH}|X-Reply: X-Number: 2"));
            let field = |name: &str| answer.head.field(name).unwrap_or_default();
            ((field("x-number"), field("x-status")) == ("2".into(), "HIT".into())).then_some(())
        });
    });
}

/// What a client began to ask for is kept although it has left.
#[test]
fn a_client_that_leaves_does_not_end_a_fill() {
    let gate = Gate::new();
    let held = gate.clone();
    let peer = RawPeer::tcp(move |_| {
        Plan::new()
            .read_request()
            .write("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf")
            .wait(&held)
            .write("half")
    });
    let gateway = Gateway::start("memory", peer.addr());
    let mut client = Client::connect(gateway.at).unwrap();
    client.send(&request("GET /valid/a", "")).unwrap();
    let head = client.stream().head().unwrap().unwrap();
    assert!(head.start_line().starts_with(b"HTTP/1.1 200"));
    client.leave();
    gate.open();
    until("the whole", LIMIT, || {
        let answer = gateway.ask("GET /valid/a", "Cache-Control: only-if-cached");
        (answer.status == 200 && answer.body == b"halfhalf").then_some(())
    });
    assert_eq!(peer.requests().len(), 1);
}

/// What is in memory survives a reload; what is in files survives a restart.
#[test]
fn zones_outlive_configurations() {
    both_zones(|gateway, origin| {
        gateway.is("GET /a", &format!("{FRESH}|X-Reply: X-Number: 1"), 200, "MISS", "1");
        let zone = if gateway.gateway.error_log().contains("zone = \"disk\"") { "disk" } else { "memory" };
        let _ = zone;
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
    assert!(!output.status.success() && text.contains("its directory cannot be used"), "{text}");
}

/// The documentation's example.
#[test]
fn as_the_example_has_it() {
    let (origin, at) = (Origin::start(), address());
    let text = format!(
        r#"
[cache_zone.main]
path = "@DIR@/data/cache"
levels = [1, 2]
keys = "10m"
max_size = "1g"
inactive = "60m"
[[server]]
listen = ["{at}"]
[server.headers]
add_always = {{ X-Status = "$upstream_cache_status" }}
[[server.location]]
match = "/"
proxy_pass = "http://{}"
[server.location.cache]
zone = "main"
key = "$scheme$host$request_uri"
valid = {{ "200 302" = "10m", "404" = "1m", any = "1m" }}
use_stale = ["error", "timeout", "updating", "http_500", "http_502", "http_503", "http_504"]
lock = true
background_update = true
bypass = ["$cookie_nocache", "$arg_nocache"]
no_cache = ["$http_pragma", "$http_authorization"]
"#,
        origin.address()
    );
    let gateway = Gateway { gateway: Propylon::start(&text), at };
    gateway.is("GET /a", "X-Reply: X-Number: 1", 200, "MISS", "1");
    gateway.is("GET /a", "X-Reply: X-Number: 2", 200, "HIT", "1");
    gateway.is("GET /a", "Cookie: nocache=1|X-Reply: X-Number: 3", 200, "BYPASS", "3");
    gateway.is("GET /b", "X-Do: status=404|X-Reply: X-Number: 1", 404, "MISS", "1");
    gateway.is("GET /b", "X-Reply: X-Number: 2", 404, "HIT", "1");
    gateway.is("GET /c", "Pragma: no-cache|X-Reply: X-Number: 1", 200, "MISS", "1");
    gateway.is("GET /c", "X-Reply: X-Number: 2", 200, "MISS", "2");
}

#[test]
fn explained() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.toml");
    let text = "[cache_zone.main]\n[[server]]\n[[server.location]]\nmatch = \"/\"\nproxy_pass = \"http://127.0.0.1:1\"\n\
        cache = { zone = \"main\", key = \"$uri\", bypass = [\"$arg_a\"], purge = { when = [\"$arg_p\"] } }\n\
        [[server.location]]\nmatch = \"/purge/\"\npurge = { zone = \"main\", tags = \"$arg_tags\" }\n";
    std::fs::write(&path, text).unwrap();
    let explain = |method: &str, url: &str| {
        let mut command = std::process::Command::new(propylon_tests::binary());
        command.args(["explain", "--config"]).arg(&path).args([method, url]);
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    for (method, url, expected) in [
        (
            "GET",
            "/a",
            "cache     zone \"main\" (in memory), line 1, under $uri; not answered from it if any of $arg_a is set; \
             instead removes what is kept if any of $arg_p is set",
        ),
        ("PURGE", "/a", "cache     PURGE removes what zone \"main\" (in memory), line 1 has under $uri"),
        (
            "POST",
            "/a",
            "cache     POST is not looked up; if it succeeds, what is kept of its target goes; instead removes \
            what is kept if any of $arg_p is set",
        ),
        (
            "GET",
            "/purge/",
            "answer    removes what zone \"main\" (in memory), line 1 has with the tags $arg_tags",
        ),
    ] {
        let text = explain(method, url);
        assert!(text.lines().any(|line| line == expected), "{expected}\n{text}");
    }
}

/// Whoever asks for another host may be answered otherwise.
#[test]
fn a_key_that_nobody_wrote_has_the_host() {
    let (origin, at) = (Origin::start(), address());
    let text = format!(
        "[cache_zone.a]\n[defaults.cache]\nzone = \"a\"\nvalid = \"1h\"\n[defaults.headers]\nset.Host = \"$host\"\n\
         add_always = {{ X-Status = \"$upstream_cache_status\" }}\n[[server]]\nlisten = [\"{at}\"]\n\
         [[server.location]]\nmatch = \"/\"\nproxy_pass = \"http://{}\"\n",
        origin.address()
    );
    let _gateway = Propylon::start(&text);
    let ask = |line: &str, host: &str| {
        let text = format!("{line} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        raw_request(at, text.as_bytes()).unwrap().head.field("x-status").unwrap()
    };
    assert_eq!(ask("GET /a", "a.test"), "MISS");
    assert_eq!(ask("GET /a", "A.test"), "HIT");
    assert_eq!(ask("GET /a", "b.test"), "MISS");
    assert_eq!(ask("GET http://c.test/a", "a.test"), "MISS");
    assert_eq!(ask("GET /a?b", "a.test"), "MISS");
    assert_eq!(ask("HEAD /a", "a.test"), "HIT");
}

/// Where a request goes is known to the key, also by way of a map.
#[test]
fn a_key_may_name_the_upstream_by_way_of_a_map() {
    let (one, other, at) = (Origin::start(), Origin::start(), address());
    let text = format!(
        "[cache_zone.a]\n[map.to]\nkey = \"$proxy_host\"\ndefault = \"$proxy_host\"\n\
         [defaults.cache]\nzone = \"a\"\nvalid = \"1h\"\nkey = \"$to\"\n\
         [defaults.headers]\nadd_always = {{ X-Status = \"$upstream_cache_status\" }}\n[[server]]\nlisten = [\"{at}\"]\n\
         [[server.location]]\nmatch = \"/one/\"\nproxy_pass = \"http://{}\"\n\
         [[server.location]]\nmatch = \"/other/\"\nproxy_pass = \"http://{}\"\n",
        one.address(),
        other.address()
    );
    let gateway = Gateway { gateway: Propylon::start(&text), at };
    gateway.is("GET /one/", "X-Reply: X-Number: 1", 200, "MISS", "1");
    gateway.is("GET /other/", "X-Reply: X-Number: 2", 200, "MISS", "2");
    gateway.is("GET /one/a", "", 200, "HIT", "1");
    gateway.is("GET /other/a", "", 200, "HIT", "2");
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
