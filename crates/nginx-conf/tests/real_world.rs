//! Configurations as they are found in the world: at least nine lines of ten convert, and the others are named here.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

use std::path::Path;

use propylon_nginx_conf::import;

fn check(name: &str, refused: &[&str]) {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conf");
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("nginx.conf");
    std::fs::copy(from.join(name), &path).unwrap();
    std::fs::write(directory.path().join("fastcgi_params"), "fastcgi_param QUERY_STRING $query_string;\n")
        .unwrap();
    let converted = import(&path, "").unwrap_or_else(|problems| panic!("{name}: {}", problems[0]));
    let named: Vec<&str> = converted.refused().map(|line| line.directive.as_str()).collect();
    assert_eq!(named, refused, "{name}:\n{}", converted.report());
    let (all, good) = (converted.lines().len(), converted.lines().len() - named.len());
    assert!(good * 10 >= all * 9, "{name}: {good} of {all} lines convert\n{}", converted.report());
    if refused.is_empty() {
        converted.load().unwrap_or_else(|problems| panic!("{name}: {}\n{}", problems[0], converted.toml()));
    }
}

#[test]
fn grafana() {
    check("grafana.conf", &[]);
}

#[test]
fn jenkins() {
    check("jenkins.conf", &[]);
}

#[test]
fn registry() {
    check("registry.conf", &[]);
}

#[test]
fn matrix() {
    check("matrix.conf", &[]);
}

#[test]
fn gitlab() {
    check("gitlab.conf", &[]);
}

#[test]
fn discourse() {
    check("discourse.conf", &[]);
}

#[test]
fn mastodon() {
    check("mastodon.conf", &[]);
}

#[test]
fn wordpress() {
    check("wordpress.conf", &[]);
}

#[test]
fn nextcloud() {
    check("nextcloud.conf", &[]);
}

#[test]
fn h5bp() {
    check("h5bp.conf", &[]);
}
