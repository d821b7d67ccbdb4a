//! `force_ranges` beside nginx, from TOML, and of what FastCGI servers answer.
#![allow(clippy::unwrap_used, clippy::panic, clippy::string_slice, reason = "a test")]

use std::net::SocketAddr;

use propylon_tests::{End, Origin, Pair, Propylon, address, raw_request};

const CONF: &str = r#"
http {
    access_log off;
    proxy_cache_path @DIR@/one keys_zone=one:1m use_temp_path=off;
    proxy_cache_valid any 1h;
    proxy_cache_key $uri;
    proxy_force_ranges on;
    server {
        listen @LISTEN@;
        location / { proxy_pass http://@ORIGIN@; }
        location /off/ { proxy_pass http://@ORIGIN@; proxy_force_ranges off; }
        location /kept/ { proxy_pass http://@ORIGIN@; proxy_cache one; }
        location /unbuffered/ { proxy_pass http://@ORIGIN@; proxy_buffering off; }
        location /none/ { proxy_pass http://@ORIGIN@; max_ranges 0; }
    }
}
"#;

type Answer = (u16, Vec<Option<String>>, String, Vec<String>);

fn ask(at: SocketAddr, origin: &Origin, line: &str, fields: &str) -> Answer {
    origin.take();
    let fields: String =
        fields.split('|').filter(|field| !field.is_empty()).map(|field| format!("{field}\r\n")).collect();
    let text = format!("{line} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{fields}\r\n");
    let answer = raw_request(at, text.as_bytes()).unwrap();
    assert_ne!(answer.end, End::Cut, "{line} {fields}");
    let shown = ["content-range", "content-length", "accept-ranges", "etag"];
    let shown = shown.iter().filter(|name| answer.status < 400 || **name == "content-range");
    let asked = origin.take().iter().map(|seen| seen.head.field("range").unwrap_or_default()).collect();
    let body = if answer.status < 400 { answer.text() } else { String::new() };
    (answer.status, shown.map(|name| answer.head.field(name)).collect(), body, asked)
}

#[test]
fn as_nginx_has_it() {
    let origin = Origin::start();
    let pair = Pair::start(&CONF.replace("@ORIGIN@", &origin.address().to_string()), &[]);
    // What knows nothing of ranges, says that it does not, says that it does, and does.
    let large = "X-Do: size=100000";
    for (index, made) in [
        "X-Do: size=100",
        large,
        "X-Do: size=100|X-Reply: Accept-Ranges: none",
        "X-Do: size=100|X-Reply: Accept-Ranges: bytes|X-Reply: ETag: \"x\"",
        "X-Do: ranges=100|X-Reply: Accept-Ranges: bytes",
        "X-Do: size=100 status=404",
        "X-Do: size=100 chunked",
    ]
    .into_iter()
    .enumerate()
    {
        for name in ["a", "off", "kept", "unbuffered", "none"] {
            // What is kept has a length: for nginx from the next time on. Where there are no ranges, what is said of them passes.
            if (name, index) == ("kept", 6) || (name == "none" && index > 1) {
                continue;
            }
            let line = format!("GET /{name}/{index}");
            for range in [
                "",
                "bytes=0-0",
                "bytes=10-19",
                "bytes=90-",
                "bytes=-5",
                "bytes=200000-",
                "bytes=0-1,5-6",
                "bytes=0-1|If-Range: \"x\"",
                "bytes=0-1|If-Range: \"y\"",
            ] {
                if name == "kept" && range.contains(',') {
                    continue; // several parts, with a boundary of each one's own
                }
                let range = if range.is_empty() { String::new() } else { format!("|Range: {range}") };
                let fields = format!("{made}{range}");
                let [ours, theirs] = pair.at.map(|at| ask(at, &origin, &line, &fields));
                assert_eq!(ours, theirs, "{line} {fields}: left is propylon, right is nginx");
                if (name, made, &*range) == ("a", large, "|Range: bytes=10-19") {
                    assert_eq!((ours.0, ours.2.len()), (206, 10));
                }
            }
            let [ours, theirs] = pair.at.map(|at| ask(at, &origin, &line.replace("GET", "HEAD"), made));
            assert_eq!(ours, theirs, "HEAD of {line} {made}");
        }
    }
}

#[test]
fn from_toml() {
    let (origin, at) = (Origin::start(), address());
    let _gateway = Propylon::start(&format!(
        "[[server]]\nlisten = [\"{at}\"]\n[defaults.upstream]\nforce_ranges = true\n\
         [[server.location]]\nmatch = \"/\"\nproxy_pass = \"http://{0}\"\n\
         [[server.location]]\nmatch = \"/off\"\nproxy_pass = \"http://{0}\"\nupstream.force_ranges = false\n",
        origin.address()
    ));
    let made = "X-Do: size=100|Range: bytes=10-19";
    assert_eq!(ask(at, &origin, "GET /", made).0, 206);
    assert_eq!(ask(at, &origin, "GET /off", made).0, 200);
}
