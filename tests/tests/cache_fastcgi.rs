//! FastCGI with a cache, as guides have it, beside nginx: before an application that the test plays.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::cast_possible_truncation,
    reason = "a test"
)]

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

use propylon_tests::{Pair, address, raw_request};

const CONF: &str = r#"
http {
    fastcgi_cache_path @DIR@/php levels=1:2 keys_zone=php:10m max_size=100m inactive=60m use_temp_path=off;
    add_header X-Status $upstream_cache_status always;
    server {
        listen @LISTEN@;
        location ~ \.php$ {
            fastcgi_cache php;
            fastcgi_cache_key "$scheme$request_method$host$uri";
            fastcgi_cache_valid 200 302 1h;
            fastcgi_cache_valid 404 1m;
            fastcgi_cache_valid any 5m;
            fastcgi_cache_use_stale error timeout updating http_500 http_503;
            fastcgi_cache_background_update on;
            fastcgi_cache_revalidate on;
            fastcgi_cache_lock on;
            fastcgi_cache_lock_timeout 5s;
            fastcgi_cache_bypass $cookie_nocache $arg_nocache;
            fastcgi_no_cache $http_pragma $http_authorization;
            fastcgi_pass @APP@;
            fastcgi_index index.php;
            fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;
            fastcgi_param QUERY_STRING $query_string;
            fastcgi_param REQUEST_METHOD $request_method;
            fastcgi_intercept_errors on;
        }
        location /slices {
            slice 2;
            fastcgi_cache php;
            fastcgi_cache_key $uri$slice_range;
            fastcgi_cache_valid 200 206 1h;
            fastcgi_pass @APP@;
            fastcgi_param QUERY_STRING $query_string;
            fastcgi_param REQUEST_METHOD $request_method;
            fastcgi_param HTTP_RANGE $slice_range;
        }
        location /forced { fastcgi_pass @APP@; fastcgi_param QUERY_STRING $query_string; fastcgi_force_ranges on; }
        location /plain { fastcgi_pass @APP@; fastcgi_param QUERY_STRING $query_string; }
    }
}
"#;

/// An application that answers each request on a connection of its own with the fields that its query has.
fn application() -> SocketAddr {
    let listener = TcpListener::bind(address()).unwrap();
    let at = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || answer(stream));
        }
    });
    at
}

fn answer(mut stream: TcpStream) -> Option<()> {
    let mut params = Vec::new();
    loop {
        let mut head = [0; 8];
        stream.read_exact(&mut head).ok()?;
        let length = usize::from(u16::from_be_bytes([head[4], head[5]]));
        let mut content = vec![0; length + usize::from(head[6])];
        stream.read_exact(&mut content).ok()?;
        match head[1] {
            4 => params.extend_from_slice(&content[..length]),
            5 if length == 0 => break,
            _ => {}
        }
    }
    let params = decode(&params);
    let (query, method) =
        (params.get("QUERY_STRING")?, params.get("REQUEST_METHOD").map_or("-", String::as_str));
    let fields: String = query.split('&').map(|pair| format!("{}\r\n", pair.replace('=', ": "))).collect();
    let body = if method == "HEAD" { "" } else { "hello" };
    let (range, body) = params
        .get("HTTP_RANGE")
        .filter(|_| query.starts_with("X-Sliced"))
        .map_or((String::new(), body), |range| part(range, body));
    let text = format!("{range}{fields}X-Method: {method}\r\nContent-Type: text/plain\r\n\r\n{body}");
    let mut out = Vec::new();
    for (kind, content) in [(6, text.as_bytes()), (6, &[]), (3, &[0; 8])] {
        out.extend_from_slice(&[1, kind, 0, 1, (content.len() >> 8) as u8, content.len() as u8, 0, 0]);
        out.extend_from_slice(content);
    }
    stream.write_all(&out).ok()
}

/// The fields and the body of the part that is asked for.
fn part<'a>(range: &str, body: &'a str) -> (String, &'a str) {
    let (first, last) = range.strip_prefix("bytes=").unwrap().split_once('-').unwrap();
    let (first, end) = (first.parse().unwrap(), (last.parse::<usize>().unwrap() + 1).min(body.len()));
    (format!("Status: 206\r\nContent-Range: bytes {first}-{}/{}\r\n", end - 1, body.len()), &body[first..end])
}

fn decode(mut bytes: &[u8]) -> HashMap<String, String> {
    let mut params = HashMap::new();
    let length = |bytes: &mut &[u8]| {
        let first = bytes[0];
        let (length, size) = match first >> 7 {
            0 => (usize::from(first), 1),
            _ => (u32::from_be_bytes([first & 0x7f, bytes[1], bytes[2], bytes[3]]) as usize, 4),
        };
        *bytes = &bytes[size..];
        length
    };
    while !bytes.is_empty() {
        let (name, value) = (length(&mut bytes), length(&mut bytes));
        let text = |part: &[u8]| String::from_utf8_lossy(part).into_owned();
        params.insert(text(&bytes[..name]), text(&bytes[name..name + value]));
        bytes = &bytes[name + value..];
    }
    params
}

#[test]
fn as_guides_have_it() {
    let pair = Pair::start(CONF, &[("APP", &application().to_string())]);
    let same = |line: &str, fields: &str| {
        let text = format!("{line} HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n{fields}\r\n");
        let [ours, theirs] = pair.at.map(|at| {
            let answer = raw_request(at, text.as_bytes()).unwrap();
            let field = |name: &str| answer.head.field(name).unwrap_or_else(|| "-".to_owned());
            format!("{} {} {} {}", answer.status, field("x-status"), field("x-number"), answer.text())
        });
        assert_eq!(ours, theirs, "{line}: left is propylon, right is nginx");
        ours
    };
    assert_eq!(same("GET /a.php?X-Number=1", ""), "200 MISS 1 hello");
    assert_eq!(same("GET /a.php?X-Number=2", ""), "200 HIT 1 hello");
    assert_eq!(same("GET /a.php?X-Number=3&nocache=1", ""), "200 BYPASS 3 hello");
    assert_eq!(same("GET /a.php?X-Number=4", ""), "200 HIT 3 hello");
    assert_eq!(same("GET /a.php?X-Number=5", "Cookie: nocache=1\r\n"), "200 BYPASS 5 hello");
    assert_eq!(same("GET /b.php?X-Number=1", "Pragma: x\r\n"), "200 MISS 1 hello");
    assert_eq!(same("GET /b.php?X-Number=2", ""), "200 MISS 2 hello");
    assert_eq!(same("GET /c.php?X-Number=1&Status=404", ""), "404 MISS 1 hello");
    assert_eq!(same("GET /c.php?X-Number=2", ""), "404 HIT 1 hello");
    assert_eq!(same("GET /d.php?X-Number=1&Set-Cookie=a", ""), "200 MISS 1 hello");
    assert_eq!(same("GET /d.php?X-Number=2", ""), "200 MISS 2 hello");
    assert_eq!(same("GET /plain?X-Number=1", ""), "200 - 1 hello");
    assert_eq!(same("GET /plain?X-Number=2", ""), "200 - 2 hello");
    for (path, length, expected) in [
        ("forced", "&Content-Length=5", "206 - 3 ll"),
        ("forced", "", "200 - 3 hello"),
        ("plain", "&Content-Length=5", "200 - 3 hello"),
    ] {
        assert_eq!(same(&format!("GET /{path}?X-Number=3{length}"), "Range: bytes=2-3\r\n"), expected);
    }
}

/// With `$slice_range` in the params and the key, and without.
#[test]
fn scripts_are_asked_for_slices() {
    let named = CONF.to_owned();
    let ours = CONF
        .replace("            fastcgi_param HTTP_RANGE $slice_range;\n", "")
        .replace("$uri$slice_range", "$uri");
    let application = application().to_string();
    let ask = |at: SocketAddr, fields: &str| {
        let text =
            format!("GET /slices?X-Sliced=1 HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n{fields}\r\n");
        let answer = raw_request(at, text.as_bytes()).unwrap();
        format!("{} {} {}", answer.status, answer.head.field("x-status").unwrap(), answer.text())
    };
    let pair = Pair::start(&named, &[("APP", &application)]);
    let other = Pair::start(&ours, &[("APP", &application)]);
    for at in [pair.at[0], pair.at[1], other.at[0]] {
        assert_eq!(ask(at, "Range: bytes=2-4\r\n"), "206 MISS llo");
        assert_eq!(ask(at, "Range: bytes=2-4\r\n"), "206 HIT llo");
        assert_eq!(ask(at, ""), "200 MISS hello");
        assert_eq!(ask(at, ""), "200 HIT hello");
    }
}

/// nginx asks PHP with HEAD, keeps what it answers, and has an empty body for whoever gets that by another key; here GET is asked.
#[test]
fn head_is_asked_as_get() {
    let conf = CONF.replace("$scheme$request_method$host$uri", "$host$uri");
    let pair = Pair::start(&conf, &[("APP", &application().to_string())]);
    let ask = |line: &str| {
        let text = format!("{line} HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n");
        let answer = raw_request(pair.at[0], text.as_bytes()).unwrap();
        (answer.head.field("x-status").unwrap(), answer.head.field("x-method").unwrap(), answer.text())
    };
    assert_eq!(ask("HEAD /a.php?X-Number=1"), ("MISS".into(), "GET".into(), String::new()));
    assert_eq!(ask("GET /a.php?X-Number=2"), ("HIT".into(), "GET".into(), "hello".into()));
}
