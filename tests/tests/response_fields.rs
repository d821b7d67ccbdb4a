//! Fields that the configuration adds to responses, and what their values see: the same nginx.conf for nginx and for the gateway.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use propylon_tests::{Origin, Pair, raw_request};

const CONF: &str = r#"
http {
    access_log off;
    default_type text/plain;
    map $sent_http_x_first $seen { default none; one two; }
    server {
        listen @LISTEN@;
        location /own {
            add_header X-First one;
            add_header X-Second "<$sent_http_x_first>";
            add_header X-Third "<$sent_http_content_type> <$sent_http_nothing>";
            return 200 text;
        }
        location /mapped {
            add_header X-First one;
            add_header X-Second $seen;
            return 200 text;
        }
        location /late {
            add_header X-Second "<$sent_http_x_first>";
            add_header X-First one;
            return 200 text;
        }
        location /origin {
            proxy_pass http://@ORIGIN@;
            proxy_http_version 1.1;
            proxy_hide_header X-Hidden;
            add_header X-First "<$sent_http_x_shown>" always;
            add_header X-Second "<$sent_http_x_hidden><$upstream_http_x_hidden>" always;
            add_header ETag "\"new\"";
            add_header X-Third "<$sent_http_etag>";
        }
        location /asked {
            add_header X-First "<$content_type>";
            return 204;
        }
    }
}
"#;

#[test]
fn values_see_what_is_sent() {
    let origin = Origin::start();
    let pair = Pair::start(CONF, &[("ORIGIN", &origin.address().to_string())]);
    let reply = "X-Do: size=10\r\nX-Reply: X-Shown: s\r\nX-Reply: X-Hidden: h\r\nX-Reply: ETag: \"old\"\r\n";
    let cases: &[(&str, &str, &[&str])] = &[
        ("/own", "", &["one", "<one>", "<text/plain> <>"]),
        ("/mapped", "", &["one", "two"]),
        ("/late", "", &["one", "<>"]),
        ("/origin", reply, &["<s>", "<><h>", "<\"new\">"]),
        ("/origin", "X-Do: status=500 size=1\r\nX-Reply: X-Shown: s\r\n", &["<s>", "<><>"]),
        ("/asked", "Content-Type: a\r\n", &["<a>"]),
    ];
    for (path, fields, expected) in cases {
        let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{fields}\r\n");
        let [ours, nginx] = pair.at.map(|at| {
            let answer = raw_request(at, request.as_bytes()).unwrap();
            let added = answer.head.by_name().into_iter().filter(|(name, _)| {
                ["x-first", "x-second", "x-third"].contains(&name.to_ascii_lowercase().as_str())
            });
            added
                .flat_map(|(_, values)| values)
                .map(|value| String::from_utf8(value).unwrap())
                .collect::<Vec<_>>()
        });
        assert_eq!(ours, *expected, "{path}");
        assert_eq!(ours, nginx, "{path}");
    }
}
