//! What conditions see before a request is answered: referers, files, the client's address. The same nginx.conf for nginx and for
//! the gateway.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;

use propylon_tests::{Pair, raw_request};

const CONF: &str = r#"
http {
    access_log off;
    default_type text/plain;
    server {
        listen @LISTEN@;
        server_name main.test .dot.test ~^re[0-9]+\.test$;
        root @FILES@/server;
        set_real_ip_from 127.0.0.0/8;
        real_ip_header X-Client;
        set $at_server "-";
        if (-f $request_filename) { set $at_server "f"; }
        if ($remote_addr = 192.0.2.1) { set $at_server "${at_server}c"; }
        location /any { return 200 "<$invalid_referer>"; }
        location /none { valid_referers none x.invalid; return 200 "<$invalid_referer>"; }
        location /blocked { valid_referers blocked x.invalid; return 200 "<$invalid_referer>"; }
        location /own { valid_referers server_names; return 200 "<$invalid_referer>"; }
        location /hosts {
            valid_referers none blocked one.test *.two.test;
            valid_referers www.three.* .four.test five.test/path/ *.a.two.test/deep;
            if ($invalid_referer) { return 403; }
            return 200 "in";
        }
        location /regex { valid_referers ~\.Six\. ~^seven\.test/[a-c]; return 200 "<$invalid_referer>"; }
        location /outer {
            valid_referers none x.invalid;
            location /outer/inherits { return 200 "<$invalid_referer>"; }
            location /outer/own { valid_referers one.test; return 200 "<$invalid_referer>"; }
        }
        location /move { valid_referers none x.invalid; rewrite ^ /any last; }
        location /files/ {
            root @FILES@/location;
            if (!-e $request_filename) { return 200 "no $request_filename"; }
            return 200 "yes $document_root $at_server";
        }
        location /seen/ { return 200 "$at_server"; }
    }
}
"#;

struct World {
    pair: Pair,
    _files: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let files = tempfile::tempdir().unwrap();
        for name in ["server/seen", "location/files"] {
            fs::create_dir_all(files.path().join(name)).unwrap();
            fs::write(files.path().join(name).join("here"), "").unwrap();
            fs::write(files.path().join(name).join(OsStr::from_bytes(b"\xff.txt")), "").unwrap();
        }
        let pair = Pair::start(CONF, &[("FILES", &files.path().to_string_lossy())]);
        Self { pair, _files: files }
    }

    /// The same of both.
    fn ask(&self, path: &str, fields: &str) -> String {
        let request = format!("GET {path} HTTP/1.1\r\nHost: main.test\r\nConnection: close\r\n{fields}\r\n");
        let [ours, nginx] = self.pair.at.map(|at| {
            let answer = raw_request(at, request.as_bytes()).unwrap();
            match answer.status {
                200 => answer.text(),
                status => status.to_string(),
            }
        });
        assert_eq!(ours, nginx, "{path} {fields}");
        ours
    }

    fn check(&self, path: &str, referer: &str, expected: &str) {
        let field = if referer.is_empty() { String::new() } else { format!("Referer: {referer}\r\n") };
        assert_eq!(self.ask(path, &field), expected, "{path} {referer}");
    }
}

#[test]
fn referers() {
    let world = World::new();
    for (path, referer, expected) in [
        ("/any", "http://x.test/", "<>"),
        ("/any", "", "<>"),
        ("/none", "", "<>"),
        ("/none", "http://x.test/", "<1>"),
        ("/none", "-", "<1>"),
        ("/blocked", "", "<1>"),
        ("/blocked", "-", "<>"),
        ("/blocked", "ftp://main.test/", "<>"),
        ("/blocked", "http://main.test/", "<1>"),
        ("/own", "http://main.test", "<>"),
        ("/own", "HTTPS://MAIN.test:8443/x", "<>"),
        ("/own", "http://dot.test/", "<>"),
        ("/own", "http://a.dot.test/", "<>"),
        ("/own", "http://re12.test/", "<>"),
        ("/own", "http://re.test/", "<1>"),
        ("/own", "", "<1>"),
        ("/hosts", "", "in"),
        ("/hosts", "about", "in"),
        ("/hosts", "http://one.test/any", "in"),
        ("/hosts", "http://www.one.test/", "403"),
        ("/hosts", "http://a.b.two.test/", "in"),
        ("/hosts", "http://two.test/", "403"),
        ("/hosts", "http://x.a.two.test/deeper", "in"),
        ("/hosts", "http://x.a.two.test/other", "403"),
        ("/hosts", "http://www.three.com/", "in"),
        ("/hosts", "http://www.three.co.uk/", "in"),
        ("/hosts", "http://three.com/", "403"),
        ("/hosts", "http://four.test", "in"),
        ("/hosts", "http://b.four.test", "in"),
        ("/hosts", "http://five.test/path/x", "in"),
        ("/hosts", "http://five.test:81/path/x", "in"),
        ("/hosts", "http://five.test/", "403"),
        ("/hosts", "http://five.test", "403"),
        ("/regex", "http://a.six.test/", "<>"),
        ("/regex", "http://seven.test/B", "<>"),
        ("/regex", "http://seven.test/d", "<1>"),
        ("/regex", "http://seven.test/x?y=.six.", "<>"),
        ("/outer/inherits", "", "<>"),
        ("/outer/inherits", "http://one.test/", "<1>"),
        ("/outer/own", "", "<1>"),
        ("/outer/own", "http://one.test/", "<>"),
        ("/move", "http://one.test/", "<>"),
    ] {
        world.check(path, referer, expected);
    }
}

#[test]
fn files_and_addresses() {
    let world = World::new();
    assert!(world.ask("/files/there", "").starts_with("no /"));
    assert!(world.ask("/files/here", "").ends_with("/location -"));
    assert!(world.ask("/files/%FF.txt", "").starts_with("yes "), "a name that is no UTF-8");
    assert_eq!(world.ask("/seen/%FF.txt", ""), "f");
    assert_eq!(world.ask("/seen/there", ""), "-");
    assert_eq!(world.ask("/seen/here", ""), "f");
    assert_eq!(world.ask("/seen/here", "X-Client: 192.0.2.1\r\n"), "fc");
    assert_eq!(world.ask("/seen/there", "X-Client: 192.0.2.2\r\n"), "-");
}
