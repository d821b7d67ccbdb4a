//! What `dav_*` become.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use propylon_nginx_conf::{Verdict, convert};

#[test]
fn all_of_them() {
    let text = "events { }\nhttp { dav_access group:r; server { listen 127.0.0.1:8080; root /srv;
        location / { dav_methods PUT delete; dav_methods MkCol; create_full_put_path on; min_delete_depth 3; dav_access user:rw group:rw all:r; }
        location /none/ { dav_methods off; } } }\n";
    let converted = convert(text, "nginx.conf").unwrap_or_else(|problems| panic!("{}", problems[0]));
    assert_eq!(converted.count(Verdict::Refused), 0, "{}", converted.report());
    converted.load().unwrap_or_else(|problems| panic!("{}\n{}", problems[0], converted.toml()));
    for line in [
        "dav.methods = [\"PUT\", \"DELETE\", \"MKCOL\"]",
        "dav.create_full_put_path = true",
        "dav.min_delete_depth = 3",
        "dav.access = [\"user:rw\", \"group:rw\", \"all:r\"]",
        "dav.access = [\"group:r\"]",
        "dav.methods = []",
    ] {
        assert!(converted.toml().contains(line), "{line} in\n{}", converted.toml());
    }
    for wrong in ["dav_methods PROPFIND;", "dav_access user:x;"] {
        let text = format!("events {{ }}\nhttp {{ {wrong} }}\n");
        let refused = convert(&text, "nginx.conf").map(|converted| converted.load().is_err());
        assert!(refused.unwrap_or(true), "{wrong}");
    }
}
