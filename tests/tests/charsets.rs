//! Charsets: the same nginx.conf for nginx and for the gateway, and the same answers, byte for byte.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use std::fs;

use propylon_tests::{End, LIMIT, Origin, Pair, raw_request, until};

const CONF: &str = r#"
http {
    access_log off;
    default_type application/octet-stream;
    types { text/html html; text/plain txt; text/css css; }
    charset_map koi8-r utf-8 { C1 D0B0; C2 D0B1; 9F E282AC; }
    charset_map koi8-r windows-1251 { C1 E0; C2 E1; 58 59; }
    map $arg_to $wanted { default $arg_to; "" off; }
    server {
        listen @LISTEN@;
        root @FILES@;
        charset utf-8;
        location /plain/ { alias @FILES@/; }
        location /off/ { alias @FILES@/; charset off; }
        location /types/ { alias @FILES@/; charset_types text/css; }
        location /any/ { alias @FILES@/; charset_types *; }
        location /koi8/ { alias @FILES@/; source_charset koi8-r; }
        location /bytes/ { alias @FILES@/; charset windows-1251; source_charset koi8-r; }
        location /back/ { alias @FILES@/; charset koi8-r; source_charset utf-8; }
        location /chosen/ { alias @FILES@/; charset $wanted; source_charset koi8-r; }
        location /same/ { alias @FILES@/; charset koi8-r; source_charset koi8-r; }
        location /sent/ { proxy_pass http://@ORIGIN@; proxy_http_version 1.1; charset $sent_http_x_charset; }
        location /moved { return 302 /there; }
        location /moved307 { return 307 /there; }
        location /page { return 404; }
        location /said { default_type text/plain; return 200 "said"; }
        location /origin/ { proxy_pass http://@ORIGIN@; proxy_http_version 1.1; }
        location /override/ { proxy_pass http://@ORIGIN@; proxy_http_version 1.1; override_charset on; }
        location /ignored/ { proxy_pass http://@ORIGIN@; proxy_http_version 1.1; proxy_ignore_headers X-Accel-Charset; }
    }
}
"#;

struct World {
    pair: Pair,
    _origin: Origin,
    _files: tempfile::TempDir,
}

fn world() -> World {
    let files = tempfile::tempdir().unwrap();
    let koi8: Vec<u8> = (0..2000).map(|at| [b'X', 0xC1, 0xC2, 0x9F, 0xE0, b'\n'][at % 6]).collect();
    fs::write(files.path().join("koi8.html"), &koi8).unwrap();
    let utf8: Vec<u8> = "aаб€я😀\n".repeat(500).into_bytes();
    fs::write(files.path().join("utf8.html"), utf8).unwrap();
    fs::write(files.path().join("a.css"), "b{}").unwrap();
    fs::write(files.path().join("a.bin"), "b").unwrap();
    let origin = Origin::start();
    let (path, address) = (files.path().to_string_lossy(), origin.address().to_string());
    let pair = Pair::start(CONF, &[("FILES", &path), ("ORIGIN", &address)]);
    World { pair, _origin: origin, _files: files }
}

#[test]
fn as_nginx_does() {
    let world = world();
    let html = "X-Reply: Content-Type: text/html";
    let cases: &[(&str, &[&str])] = &[
        ("/koi8.html", &[]),
        ("/plain/a.css", &[]),
        ("/plain/a.bin", &[]),
        ("/off/koi8.html", &[]),
        ("/types/a.css", &[]),
        ("/types/koi8.html", &[]),
        ("/any/a.bin", &[]),
        ("/koi8/koi8.html", &[]),
        ("/koi8/koi8.html", &["Range: bytes=0-9"]),
        ("/bytes/koi8.html", &[]),
        ("/bytes/koi8.html", &["Range: bytes=6-11"]),
        ("/bytes/koi8.html", &["Range: bytes=-5"]),
        ("/back/utf8.html", &[]),
        ("/chosen/koi8.html", &[]),
        ("/chosen/koi8.html?to=utf-8", &[]),
        ("/chosen/koi8.html?to=windows-1251", &[]),
        ("/chosen/koi8.html?to=nobody-knows", &[]),
        ("/same/koi8.html", &[]),
        ("/moved", &[]),
        ("/moved307", &[]),
        ("/page", &[]),
        ("/said", &[]),
        ("/nothing.html", &[]),
        ("/origin/", &[html]),
        ("/origin/", &["X-Reply: Content-Type: text/html; charset=koi8-r"]),
        ("/origin/", &["X-Reply: Content-Type: image/png"]),
        ("/origin/", &[]),
        ("/origin/", &[html, "X-Reply: X-Accel-Charset: koi8-r"]),
        ("/origin/", &[html, "X-Reply: X-Accel-Charset: nobody-knows"]),
        ("/sent/", &[html, "X-Reply: X-Charset: koi8-r"]),
        ("/ignored/", &[html, "X-Reply: X-Accel-Charset: koi8-r"]),
        ("/override/", &["X-Reply: Content-Type: text/html; charset=koi8-r"]),
        ("/override/", &["X-Reply: Content-Type: text/html; charset=\"KOI8-R\""]),
        ("/override/", &["X-Reply: Content-Type: text/html; charset=utf-8"]),
        ("/override/", &["X-Reply: Content-Type: text/html; charset=nobody-knows"]),
        ("/override/", &["X-Reply: Content-Type: text/html; charset=koi8-r", "X-Reply: Content-Encoding: x"]),
    ];
    let mut different = Vec::new();
    for (path, fields) in cases {
        let fields: String = fields.iter().map(|field| format!("{field}\r\n")).collect();
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-Do: size=40\r\n{fields}\r\n");
        let [ours, nginx] = world.pair.at.map(|at| {
            let answer = raw_request(at, request.as_bytes()).unwrap();
            assert_eq!(answer.end, End::Complete, "{path}");
            let names = ["content-type", "content-length", "content-range"];
            let fields = names.map(|name| answer.head.field(name));
            (answer.status, fields, if answer.status == 200 { answer.text() } else { String::new() })
        });
        if ours != nginx {
            different.push(format!("{path} {fields}\n  propylon {ours:?}\n  nginx    {nginx:?}"));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
    let missing = "no \"charset_map\" between the charsets \"nobody-knows\" and \"utf-8\"";
    let Pair { gateway, nginx, .. } = &world.pair;
    until("the log's line", LIMIT, || gateway.error_log().contains(missing).then_some(()));
    assert!(nginx.read("error.log").contains(missing));
}
