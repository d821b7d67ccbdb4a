//! `keyval_zone` and `keyval`.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use std::path::Path;
use std::time::Duration;

use propylon_config::KeyvalKind;
use propylon_nginx_conf::{Converted, Verdict, convert};

fn of(directives: &str) -> Result<Converted, String> {
    let text = format!(
        "events {{ }}\nhttp {{\n{directives}\nserver {{ listen 127.0.0.1:8080; return 200 $text; }}\n}}\n"
    );
    convert(&text, "nginx.conf").map_err(|problems| problems[0].to_string())
}

#[test]
fn zones_and_variables() {
    let text = "keyval_zone zone=one:32k state=/var/lib/nginx/state/one.keyval;\n\
                keyval_zone zone=two:1m timeout=1h type=ip;\nkeyval_zone timeout=30 type=prefix zone=three:2m;\n\
                keyval_zone zone=four:32k type=string;\n\
                keyval $arg_text $text zone=one; # what is said\nkeyval $remote_addr:$host $where zone=two;";
    let converted = of(text).unwrap();
    assert_eq!(converted.count(Verdict::Refused), 0, "{}", converted.report());
    // nginx's file is another's.
    assert_eq!(converted.count(Verdict::Different), 1, "{}", converted.report());
    assert!(converted.report().contains("keys in nginx's file are not imported"), "{}", converted.report());
    let toml = converted.toml();
    assert!(toml.contains("[keyval.text]") && toml.contains("key = \"$remote_addr:$host\""), "{toml}");
    let config = converted.load().unwrap_or_else(|problems| panic!("{}\n{toml}", problems[0])).config;
    let all: Vec<_> = config
        .keyval_zones
        .values()
        .map(|zone| (&*zone.name, zone.size, zone.timeout, zone.kind, zone.state.as_deref()))
        .collect();
    let state = Path::new("/var/lib/nginx/state/one.keyval.json");
    let (hour, half) = (Duration::from_secs(3600), Duration::from_secs(30));
    assert_eq!(
        all,
        [
            ("one", 32 << 10, None, KeyvalKind::String, Some(state)),
            ("two", 1 << 20, Some(hour), KeyvalKind::Ip, None),
            ("three", 2 << 20, Some(half), KeyvalKind::Prefix, None),
            ("four", 32 << 10, None, KeyvalKind::String, None),
        ]
    );
    assert!(config.definitions.known_names().any(|name| name == "where"));
}

#[test]
fn what_is_not_built_is_refused() {
    let converted = of("keyval_zone zone=one:32k timeout=1h sync;\nkeyval $uri $text zone=one;").unwrap();
    assert_eq!(converted.count(Verdict::Refused), 1);
    assert!(converted.report().contains("`sync` is not supported"), "{}", converted.report());
}

#[test]
fn what_is_wrong_is_told_as_nginx_would() {
    let check = |directives: &str, expected: &str| {
        let problem = of(directives).err().unwrap_or_else(|| panic!("{directives}: nothing is wrong"));
        assert!(problem.contains(expected), "{directives}: {problem}");
    };
    check("keyval_zone zone=one;", "invalid zone size \"zone=one\"");
    check("keyval_zone zone=one:much;", "invalid zone size");
    check("keyval_zone zone=one:31k;", "is too small");
    check("keyval_zone state=one.json;", "must have \"zone\" parameter");
    check("keyval_zone zone=:32k;", "must have \"zone\" parameter");
    check("keyval_zone zone=one:32k type=regex;", "invalid type \"type=regex\"");
    check("keyval_zone zone=one:32k timeout=soon;", "invalid timeout");
    check("keyval_zone zone=one:32k timeout=0s;", "invalid timeout");
    check("keyval_zone zone=one:32k state=;", "invalid parameter \"state=\"");
    check("keyval_zone zone=one:32k more;", "invalid parameter \"more\"");
    check("keyval_zone zone=one:32k; keyval_zone zone=one:64k;", "duplicate zone \"one\"");
    check("keyval $uri text zone=one;", "invalid variable name \"text\"");
    check("keyval $uri $text one;", "invalid parameter \"one\"");
    check("keyval $uri $text;", "invalid number of arguments");
}
