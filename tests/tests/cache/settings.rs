//! What is written down, and what it comes to.

use propylon_tests::{Origin, Propylon, address, raw_request};

use crate::support::Gateway;

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
            "cache     zone \"main\" (in memory), line 1, key $uri; bypassed if any of $arg_a is set; \
             the cached response is removed instead if any of $arg_p is set",
        ),
        (
            "PURGE",
            "/a",
            "cache     PURGE removes the response with the key $uri from zone \"main\" (in memory), line 1",
        ),
        (
            "POST",
            "/a",
            "cache     POST is not looked up; if it succeeds, cached responses of its target are removed; \
            the cached response is removed instead if any of $arg_p is set",
        ),
        (
            "GET",
            "/purge/",
            "answer    removes the responses with the tags $arg_tags in zone \"main\" (in memory), line 1",
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
