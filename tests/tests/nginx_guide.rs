//! The snippets of guides to nginx as a reverse proxy, run as they are: each starts, answers, and ends in order.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use propylon_tests::{LIMIT, Propylon, Signal, address, raw_request};

/// The same that `nginx-conf` converts.
const GUIDE: &str = include_str!("../../crates/nginx-conf/tests/guide.conf");

#[test]
fn every_snippet_runs() {
    let names = regex::Regex::new(r"\b\w+\.example\.com\b").unwrap();
    let mut count = 0;
    for snippet in GUIDE.split("#### ").skip(1) {
        let (title, text) = snippet.split_once('\n').unwrap();
        let (context, title) = title.split_once(": ").unwrap();
        if text.contains(" transparent;") {
            continue; // a privilege: see transparent.rs
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
