//! `health_check` in a location and `match`: they become the upstream's.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

use propylon_config::{BodyMatch, HealthCheck, ValueMatch};
use propylon_nginx_conf::{Converted, Verdict, convert};

fn converted(http: &str, location: &str) -> Converted {
    let text = format!(
        "events {{}}\nhttp {{\nserver {{ listen 80; location / {{\n{location}\n}} }}\n\
         upstream app {{ zone app 64k; server 127.0.0.1:1; }}\n{http}\n}}\n"
    );
    convert(&text, "nginx.conf").unwrap()
}

fn check(http: &str, location: &str) -> HealthCheck {
    let loaded = converted(http, location).load().unwrap();
    loaded.config.upstreams["app"].health_check.clone().unwrap()
}

/// What becomes of the directive.
fn verdict(http: &str, location: &str) -> (Verdict, String) {
    let converted = converted(http, location);
    let line = converted.lines().iter().find(|line| line.directive == "health_check").unwrap().clone();
    (line.verdict, line.note)
}

#[test]
fn a_locations_check_is_its_upstreams() {
    let found = check(
        "",
        "health_check interval=2s jitter=1 fails=3 passes=2 uri=/health port=81 mandatory persistent;\nproxy_pass http://app/path;",
    );
    assert_eq!((found.interval.as_secs(), found.jitter.as_secs()), (2, 1));
    assert_eq!((found.fails, found.passes, &*found.uri, found.port), (3, 2, "/health", Some(81)));
    assert!(found.mandatory && found.persistent);
    let bare = check("", "proxy_pass https://app;\nhealth_check;");
    assert_eq!((&*bare.uri, &*bare.status), ("/", &[(200, 399)][..]));
    assert_eq!(verdict("", "proxy_pass http://app;\nhealth_check;").0, Verdict::Different);
}

#[test]
fn a_match_says_what_a_good_answer_is() {
    let text = "match good {
        status 200 301-303; # these
        header Content-Type = text/html;
        header Server !~ ^apache;
        header Via;
        header ! Refresh;
        body ~ \"Welcome to\";
    }
    match bad { status ! 500 502-504; body !~ maintenance; }
    match odd { body ~ !; }";
    let with = |name: &str| check(text, &format!("proxy_pass http://app;\nhealth_check match={name};"));
    let good = with("good");
    assert_eq!((good.status, good.not_status), (vec![(200, 200), (301, 303)], vec![]));
    let headers: Vec<_> =
        good.headers.iter().map(|field| (field.name.as_str(), field.value.clone(), field.is)).collect();
    assert_eq!(
        headers,
        [
            ("content-type", Some(ValueMatch::Equals("text/html".into())), true),
            ("server", Some(ValueMatch::Matches("^apache".into())), false),
            ("via", None, true),
            ("refresh", None, false),
        ]
    );
    assert_eq!(good.body, Some(BodyMatch { pattern: "Welcome to".into(), found: true }));
    let bad = with("bad");
    assert_eq!((bad.status, bad.not_status), (vec![], vec![(500, 500), (502, 504)]));
    assert_eq!(bad.body, Some(BodyMatch { pattern: "maintenance".into(), found: false }));
    let odd = with("odd");
    assert_eq!(odd.body, Some(BodyMatch { pattern: "[!]".into(), found: true }), "a `!` that is meant");
    assert!(odd.status.is_empty(), "without a condition for it, any status will do");
    let toml = converted(text, "proxy_pass http://app;\nhealth_check match=good;").toml().to_owned();
    assert!(toml.contains("# these"), "comments are kept: {toml}");
}

#[test]
fn what_is_not_possible_is_refused_and_what_is_wrong_is_told() {
    for (http, location, why) in [
        ("", "proxy_pass http://127.0.0.1;\nhealth_check;", "names no `upstream` block"),
        ("", "proxy_pass http://$host;\nhealth_check;", "names no `upstream` block"),
        ("", "return 204;\nhealth_check;", "names no `upstream` block"),
        ("", "fastcgi_pass 127.0.0.1:9000;\nhealth_check;", "names no `upstream` block"),
        ("", "proxy_pass http://app;\nhealth_check type=grpc;", "`type` is not supported yet"),
        (
            "",
            "proxy_pass http://app;\nhealth_check keepalive_time=1m;",
            "`keepalive_time` is not supported yet",
        ),
    ] {
        let (verdict, note) = verdict(http, location);
        assert_eq!(verdict, Verdict::Refused, "{location}");
        assert!(note.contains(why), "{location}: {note}");
    }
    assert_eq!(verdict("", "fastcgi_pass app;\nhealth_check;").0, Verdict::Different);
    let twice =
        "proxy_pass http://app;\nhealth_check;\nlocation /b { proxy_pass http://app; health_check uri=/b; }";
    let refused: Vec<_> = converted("", twice).refused().map(|line| line.note.clone()).collect();
    assert_eq!(refused, ["the upstream already has a health check, and only one is supported"]);
    let refused = converted("match a { require $a; }", "").refused().next().unwrap().note.clone();
    assert_eq!(refused, "health checks cannot test variables");

    let problem = |http: &str, location: &str| {
        let text = format!(
            "events {{}}\nhttp {{ upstream app {{ server 127.0.0.1:1; }}\n{http}\nserver {{ location / {{ {location} }} }} }}\n"
        );
        convert(&text, "nginx.conf").unwrap_err()[0].to_string()
    };
    let missing = "proxy_pass http://app; health_check match=none;";
    assert_eq!(problem("", missing), "[emerg] match \"none\" not found in nginx.conf:4");
    for (inside, message) in [
        ("status;", "invalid \"status\" in a match"),
        ("header A is b;", "invalid \"header\" in a match"),
        ("body x;", "invalid \"body\" in a match"),
        ("stat 200;", "unknown directive \"stat\" in a match"),
    ] {
        let found = problem(&format!("match a {{ {inside} }}"), "");
        assert_eq!(found, format!("[emerg] {message} in nginx.conf:3"));
    }
    assert!(problem("match a { }\nmatch a { }", "").contains("duplicate match \"a\""));
}
