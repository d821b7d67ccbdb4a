//! The snippets of guides to nginx as a reverse proxy, run as they are: each starts, answers, and ends in order.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use std::net::Shutdown;

use propylon_testkit::certificates::{Authority, file};
use propylon_tests::{LIMIT, Propylon, Signal, Stream, address, raw_request};

/// The same that `nginx-conf` converts.
const GUIDE: &str = include_str!("../../crates/nginx-conf/tests/guide.conf");

#[test]
fn every_snippet_runs() {
    let names = regex::Regex::new(r"\b\w+\.example\.com\b").unwrap();
    let mut count = 0;
    for snippet in GUIDE.split("#### ").skip(1) {
        let (title, text) = snippet.split_once('\n').unwrap();
        let (context, title) = title.split_once(": ").unwrap();
        if context == "stream" || text.contains(" transparent;") {
            continue; // below; a privilege: see transparent.rs
        }
        // Names are the machine itself: nobody is to be asked for them.
        let text = text.replace("/var/log/nginx/", "logs/");
        let text = text.replace("include fastcgi_params;", "include /etc/nginx/fastcgi_params;"); // nginx's own
        let text = text
            .replace(" /data/nginx/cache", " cache/guide")
            .replace(" /var/cache/nginx/php", " cache/guide-php");
        let text = names.replace_all(&text, "localhost");
        let text = match text.contains("upstream backend") {
            true => text.into_owned(),
            false => text.replace("//backend", "//localhost"),
        };
        // The zones that a snippet takes for granted.
        let zones =
            ["one", "php", "cache_zone"].map(|zone| match text.contains(&format!("keys_zone={zone}:")) {
                true => String::new(),
                false => format!("proxy_cache_path cache/{zone} keys_zone={zone}:10m;\n"),
            });
        let listen = address();
        let text = text.replace("listen 80;", &format!("listen {listen};"));
        let text = match context {
            // What has no server of its own says nothing to anybody by itself.
            "http" if text.contains("listen ") => text,
            "http" => format!("{text}\nserver {{ listen {listen}; return 204; }}"),
            "server" => format!("server {{ listen {listen};\n{text}}}\n"),
            "location" => format!("server {{ listen {listen}; location / {{\n{text}}} }}\n"),
            other => panic!("{other}"),
        };
        let mut gateway =
            Propylon::start_nginx(&format!("events {{ }}\nhttp {{\n{}{text}}}\n", zones.concat()));
        let answer =
            raw_request(listen, b"GET /a HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n");
        assert!(answer.is_ok_and(|answer| answer.status > 0), "{title}");
        gateway.signal(Signal::QUIT);
        assert!(gateway.ended(LIMIT).success(), "{title}");
        count += 1;
    }
    assert!(count > 30, "{count}");
}

#[test]
fn every_stream_runs() {
    let listens = regex::Regex::new(r"(listen +)(?:[0-9.]+:|\[::\]:)?[0-9]+").unwrap();
    let others =
        regex::Regex::new(r"\b(?:10\.0\.0|192\.168\.[0-9]+|9\.9\.9)\.[0-9]+\b|\b\w+\.example\.com\b")
            .unwrap();
    let dir = tempfile::tempdir().unwrap();
    let root = Authority::root("Root");
    let _ = file(dir.path(), "root.pem", &root.certificate);
    let _ = root.server(&["localhost"]).write(dir.path(), "dot");
    let at = |name: &str| dir.path().join(name).display().to_string();
    let mut count = 0;
    for snippet in GUIDE.split("#### stream: ").skip(1) {
        let (title, text) = snippet.split_once('\n').unwrap();
        let text = text.split("#### ").next().unwrap();
        if text.contains(" transparent;") {
            continue;
        }
        let text = text.replace("/var/log/nginx/", "logs/");
        let text = text.replace("/etc/ssl/certs/ca-certificates.crt", &at("root.pem"));
        let text = text.replace("/etc/ssl/dot.", &at("dot."));
        // Whoever is behind it is this machine, where nobody listens.
        let text = others.replace_all(&text, "127.0.0.1");
        let mut listening = Vec::new();
        let text = listens.replace_all(&text, |found: &regex::Captures<'_>| {
            listening.push(address());
            format!("{}{}", &found[1], listening[listening.len() - 1])
        });
        let mut gateway = Propylon::start_nginx(&format!("events {{ }}\nstream {{\n{text}}}\n"));
        for listen in listening {
            let mut client = Stream::connect(listen).unwrap();
            client.shutdown(Shutdown::Write);
            let mut answer = Vec::new();
            client.to_end(&mut answer).unwrap();
            assert_eq!(answer.is_empty(), !text.contains("return "), "{title}");
        }
        gateway.signal(Signal::QUIT);
        assert!(gateway.ended(LIMIT).success(), "{title}");
        count += 1;
    }
    assert!(count > 7, "{count}");
}
