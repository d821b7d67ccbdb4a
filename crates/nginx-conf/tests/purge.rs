//! The forms of `proxy_cache_purge`: which requests are purges, and whose they may be.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use propylon_nginx_conf::{Converted, Verdict, convert};

fn converted(purge: &str) -> Converted {
    let text = format!(
        "events {{ }}
http {{
proxy_cache_path /var/cache keys_zone=one:1m;
server {{
listen 127.0.0.1:8080;
location / {{ proxy_pass http://127.0.0.1:81; proxy_cache one; {purge} }}
}}
}}
"
    );
    convert(&text, "nginx.conf").unwrap_or_else(|problems| panic!("{}", problems[0]))
}

#[test]
fn each_form_says_which_requests_and_whose() {
    for (purge, expected, verdict) in [
        ("off", "false", None),
        ("$a", "{ methods = [], when = [\"$arg_a\"], allow = [\"all\"] }", None),
        ("$a x$b", "{ methods = [], when = [\"$arg_a\", \"x$arg_b\"], allow = [\"all\"] }", None),
        ("PURGE", "{ methods = [\"PURGE\"], when = [], allow = [\"all\"] }", Some("may purge")),
        ("on", "{ methods = [\"PURGE\"], when = [], allow = [\"all\"] }", Some("may purge")),
        ("on from all", "{ methods = [\"PURGE\"], when = [], allow = [\"all\"] }", Some("204")),
        (
            "PURGE from 127.0.0.1 10.0.0.0/8",
            "{ methods = [\"PURGE\"], when = [], allow = [\"127.0.0.1\", \"10.0.0.0/8\"] }",
            Some("204"),
        ),
    ] {
        let purge = purge.replace("$a", "$arg_a").replace("$b", "$arg_b");
        let converted = converted(&format!("proxy_cache_purge {purge};"));
        let (toml, report) = (converted.toml(), converted.report());
        assert!(toml.contains(&format!("cache.purge = {expected}")), "{purge}: {toml}");
        assert_eq!(converted.count(Verdict::Refused), 0, "{purge}: {report}");
        assert!(verdict.is_none_or(|text| report.contains(text)), "{purge}: {report}");
        assert_eq!(report.contains("purge"), verdict.is_some(), "{purge}: {report}");
        converted.load().unwrap_or_else(|problems| panic!("{}\n{toml}", problems[0]));
    }
}

#[test]
fn what_would_make_every_request_a_purge_is_refused() {
    for purge in
        ["1", "$arg_a 1", "PURGE from", "PURGE purge_all from all", "$arg_a from 127.0.0.1", "one /a"]
    {
        let converted = converted(&format!("proxy_cache_purge {purge};"));
        let report = converted.report();
        assert!(report.contains("would turn every request into a purge"), "{purge}: {report}");
        assert_eq!(converted.count(Verdict::Refused), 1, "{purge}: {report}");
        assert!(!converted.toml().contains("cache.purge ="), "{purge}: {}", converted.toml());
    }
}
