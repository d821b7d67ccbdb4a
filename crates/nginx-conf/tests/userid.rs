//! `userid` and its relatives.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use std::time::Duration;

use propylon_config::{UserId, UserIdExpires, UserIdFlag, UserIdMode};
use propylon_nginx_conf::{Converted, Verdict, convert};

fn of(directives: &str) -> Result<Converted, String> {
    let text =
        format!("events {{ }}\nhttp {{\n{directives}\nserver {{ listen 127.0.0.1:8080; return 204; }}\n}}\n");
    convert(&text, "nginx.conf").map_err(|problems| problems[0].to_string())
}

fn loaded(directives: &str) -> UserId {
    let converted = of(directives).unwrap();
    assert_eq!(converted.count(Verdict::Refused), 0, "{}", converted.report());
    let loaded = converted.load();
    let config = loaded.unwrap_or_else(|problems| panic!("{}\n{}", problems[0], converted.toml())).config;
    config.servers[0].settings.userid.clone()
}

#[test]
fn what_the_cookie_is_like() {
    let default = loaded("");
    assert_eq!((default.mode, &*default.name, &*default.path), (UserIdMode::Off, "uid", "/"));
    assert_eq!((default.domain, default.expires, default.mark, default.reset), (None, None, None, None));
    let all = loaded(
        "userid on; userid_name id; userid_domain example.com; userid_path /a; userid_expires 365d; userid_mark x;\n\
         userid_flags secure samesite=strict; userid_p3p 'policyref=\"/w3c/p3p.xml\"'; userid_service 4294967297;",
    );
    assert_eq!((all.mode, &*all.name, all.domain.as_deref()), (UserIdMode::On, "id", Some("example.com")));
    assert_eq!((&*all.path, all.mark, all.service), ("/a", Some(b'x'), Some(1)));
    assert_eq!(all.expires, Some(UserIdExpires::After(Duration::from_secs(365 * 24 * 3600))));
    assert_eq!(all.flags, [UserIdFlag::Secure, UserIdFlag::SameSiteStrict]);
    assert_eq!(all.p3p.unwrap(), "policyref=\"/w3c/p3p.xml\"");
    let off = loaded(
        "userid log; userid_domain none; userid_expires off; userid_mark off; userid_flags off; userid_p3p none;",
    );
    assert_eq!(off, UserId { mode: UserIdMode::Log, ..loaded("") });
    assert_eq!(loaded("userid_expires max;").expires, Some(UserIdExpires::Max));
    assert_eq!(loaded("userid_expires 0;").expires, None);
    assert_eq!(loaded("userid v1;").mode, UserIdMode::V1);
}

#[test]
fn who_is_to_get_another_id() {
    let reset = |directives: &str| loaded(directives).reset.map(|reset| reset.source().to_owned());
    assert_eq!(reset("userid on;"), None);
    let some = Some("$uid_reset".to_owned());
    assert_eq!(reset("userid on; map $arg_a $uid_reset { default 0; 1 log; }"), some);
    assert_eq!(reset("userid on; server { set $uid_reset $arg_a; return 204; }"), some);
    assert_eq!(reset("userid on; keyval_zone zone=a:1m; keyval $arg_a $uid_reset zone=a;"), some);
    assert_eq!(reset("userid on; geoip2 /a.mmdb { $uid_reset country iso_code; }"), some);
    assert_eq!(reset("userid on; server { set $uid_reset_by $arg_a; return 204; }"), None);
}

#[test]
fn what_is_wrong_is_told_as_nginx_would() {
    let check = |directives: &str, expected: &str| {
        let problem = of(directives).err().unwrap_or_else(|| panic!("{directives}: nothing is wrong"));
        assert!(problem.contains(expected), "{directives}: {problem}");
    };
    check("userid yes;", "invalid value \"yes\"");
    check("userid on off;", "invalid number of arguments");
    check("userid on; userid off;", "is duplicate");
    check("userid_expires soon;", "invalid value");
    check("userid_flags secure samesite;", "invalid value \"samesite\"");
    check("userid_mark ab;", "value must be 1 letter");
    check("userid_mark -;", "value must be 1 letter");
    check("userid_service x;", "invalid number");
}
