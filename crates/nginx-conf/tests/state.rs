//! `state`: nginx's file stays as it is.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

use std::path::Path;

use propylon_nginx_conf::{Verdict, convert};

#[test]
fn the_file_is_another_one_and_the_upstream_needs_no_server() {
    let text = |upstream: &str| {
        format!(
            "events {{}}\nhttp {{\nupstream app {{ zone app 64k; {upstream} }}\n\
             server {{ listen 80; location / {{ proxy_pass http://app; }} }}\n}}\n"
        )
    };
    let converted = convert(&text("state /var/lib/nginx/app.conf;"), "nginx.conf").unwrap();
    let line = converted.lines().iter().find(|line| line.directive == "state").unwrap();
    assert_eq!(line.verdict, Verdict::Different);
    let config = converted.load().unwrap().config;
    assert_eq!(config.upstreams["app"].state(), Some(Path::new("/var/lib/nginx/app.conf.toml")));
    assert!(config.upstreams["app"].servers.is_empty());
    assert!(convert(&text(""), "nginx.conf").is_err(), "without it nobody would ever come");
}
