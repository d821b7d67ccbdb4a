//! Compression: what is compressed for whom, compared with nginx; curl and a decoder read it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

use std::net::SocketAddr;
use std::process::Command;

use propylon_tests::{End, Nginx, Origin, Propylon, addresses, lossy, raw_request};

struct World {
    gateway: Propylon,
    nginx: Nginx,
    origin: Origin,
    listen: SocketAddr,
    reference: SocketAddr,
}

impl World {
    fn new() -> Self {
        let origin = Origin::start();
        let [listen, reference] = addresses();
        let to = origin.address();
        let gateway = Propylon::start(&format!(
            r#"
[log_format]
body = "$status $body_bytes_sent $sent_http_content_encoding"
[defaults.access_log]
path = "@DIR@/access.log"
format = "body"
[defaults.compression]
codings = ["gzip"]
types = ["text/html", "text/plain"]
[[server]]
listen = ["{listen}"]
[[server.location]]
match = "/"
proxy_pass = "http://{to}"
[[server.location]]
match = "/proxied/"
proxy_pass = "http://{to}"
compression = {{ proxied = ["no-cache", "expired"], min_length = "100", disable = ["Old Browser"] }}
[[server.location]]
match = "/all/"
proxy_pass = "http://{to}"
compression.codings = ["zstd", "br", "gzip"]
[[server.location]]
match = "/off/"
proxy_pass = "http://{to}"
compression.codings = []
[[server.location]]
match = "/adds/"
proxy_pass = "http://{to}"
headers.add.Cache-Control = "public, No-Transform"
[[server.location]]
match = "/template/"
proxy_pass = "http://{to}"
headers.add.Cache-Control = "$arg_say"
[[server.location]]
match = "/expires/"
proxy_pass = "http://{to}"
expires = "1h"
[[server.location]]
match = "/hides/"
proxy_pass = "http://{to}"
headers.hide = ["Cache-Control"]
[[server.location]]
match = "/own"
return = [200, "an answer of the gateway's own, which is long enough"]
"#
        ));
        let nginx = Nginx::start(&format!(
            "http {{ default_type application/octet-stream; server {{ listen {reference};
             gzip on; gzip_types text/plain; gzip_vary on; gzip_proxied off;
             location / {{ proxy_pass http://{to}; proxy_http_version 1.1; proxy_set_header Connection ''; }}
             location /proxied/ {{ proxy_pass http://{to}; gzip_proxied no-cache expired; gzip_min_length 100;
             gzip_disable 'old browser'; }} }} }}"
        ));
        Self { gateway, nginx, origin, listen, reference }
    }

    /// What matters of the answers: the gateway's, nginx's.
    fn both(&self, request: &str) -> [String; 2] {
        [self.listen, self.reference].map(|at| {
            let answer = raw_request(at, request.as_bytes()).unwrap();
            assert_eq!(answer.end, End::Complete);
            let names =
                ["content-encoding", "content-length", "vary", "etag", "transfer-encoding", "accept-ranges"];
            let fields: Vec<String> = names
                .iter()
                .filter_map(|name| Some(format!("{name}: {}", answer.head.field(name)?)))
                .collect();
            format!("{} {fields:?}", answer.status)
        })
    }
}

fn get(path: &str, fields: &[&str]) -> String {
    let fields: String = fields.iter().map(|field| format!("{field}\r\n")).collect();
    format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{fields}\r\n")
}

const GZIP: &str = "Accept-Encoding: gzip";
const HTML: &str = "X-Reply: Content-Type: text/html";

#[test]
fn as_nginx_does() {
    let world = World::new();
    let large = "X-Do: size=50000";
    let via = "Via: 1.1 proxy";
    let cases: &[(&str, &[&str])] = &[
        ("/", &[GZIP, HTML, large]),
        ("/", &[GZIP, HTML, "X-Do: size=50000 chunked"]),
        ("/", &[GZIP, HTML, large, "X-Reply: ETag: \"a\"", "X-Reply: Accept-Ranges: bytes"]),
        ("/", &[GZIP, HTML, large, "X-Reply: ETag: W/\"a\""]),
        ("/", &["Accept-Encoding: gzip;q=0", HTML, large]),
        ("/", &["Accept-Encoding: deflate, gzip;q=0.5", HTML, large]),
        ("/", &["Accept-Encoding: gzipped", HTML, large]),
        ("/", &[HTML, large]),
        ("/", &[GZIP, "X-Reply: Content-Type: text/plain; charset=utf-8", large]),
        ("/", &[GZIP, "X-Reply: Content-Type: image/png", large]),
        ("/", &[GZIP, large]),
        ("/", &[GZIP, HTML, "X-Do: size=19"]),
        ("/", &[GZIP, HTML, "X-Do: size=20"]),
        ("/", &[GZIP, HTML, "X-Do: size=0"]),
        ("/", &[GZIP, HTML, large, "X-Reply: Content-Encoding: br"]),
        ("/", &[GZIP, HTML, "X-Do: size=50000 status=404"]),
        ("/", &[GZIP, HTML, "X-Do: size=50000 status=403"]),
        ("/", &[GZIP, HTML, "X-Do: size=50000 status=500"]),
        ("/", &[GZIP, HTML, "X-Do: size=50000 status=206"]),
        ("/", &[GZIP, HTML, "X-Do: status=304", "X-Reply: ETag: \"a\""]),
        ("/", &[GZIP, HTML, large, via]),
        ("/proxied/", &[GZIP, HTML, large, via]),
        ("/proxied/", &[GZIP, HTML, large, via, "X-Reply: Cache-Control: no-cache"]),
        ("/proxied/", &[GZIP, HTML, large, via, "X-Reply: Cache-Control: private"]),
        ("/proxied/", &[GZIP, HTML, large, via, "X-Reply: Expires: Thu, 01 Jan 1970 00:00:01 GMT"]),
        ("/proxied/", &[GZIP, HTML, "X-Do: size=99"]),
        ("/proxied/", &[GZIP, HTML, "X-Do: size=100"]),
        ("/proxied/", &[GZIP, HTML, large, "User-Agent: My OLD BROWSER"]),
    ];
    let different: Vec<String> = cases
        .iter()
        .filter_map(|(path, fields)| {
            let [ours, nginx] = world.both(&get(path, fields));
            (ours != nginx).then(|| format!("{path} {fields:?}\n  propylon {ours}\n  nginx    {nginx}"))
        })
        .collect();
    assert!(different.is_empty(), "{}", different.join("\n"));
    assert_eq!(world.origin.take().len(), 2 * cases.len());
    assert!(world.nginx.read("error.log").is_empty());
}

/// What nginx does otherwise, and the standard does not allow or the client does not want.
#[test]
fn where_nginx_errs() {
    let world = World::new();
    let large = "X-Do: size=50000";
    for (fields, ours, nginx) in [
        ([GZIP, HTML, "X-Reply: Cache-Control: no-transform"], None, Some("gzip")), // RFC 9111 5.2.2.6
        (["Accept-Encoding: *", HTML, "X-A: b"], Some("gzip"), None),               // RFC 9110 12.5.3
        (["Accept-Encoding: gzip;q=0.1, identity", HTML, "X-A: b"], None, Some("gzip")),
    ] {
        let request = get("/", &[&fields[..], &[large]].concat());
        let coding = |at| raw_request(at, request.as_bytes()).unwrap().head.field("content-encoding");
        assert_eq!(
            (coding(world.listen).as_deref(), coding(world.reference).as_deref()),
            (ours, nginx),
            "{fields:?}"
        );
    }
}

/// What the origin says holds, whatever the location does to the field; what the location says is for those that come after.
#[test]
fn no_transform_is_the_origins_to_say() {
    let world = World::new();
    for path in ["/adds/", "/template/", "/template/?say=no-transform", "/expires/", "/hides/"] {
        for (said, coding) in
            [("X-A: b", Some("gzip")), ("X-Reply: Cache-Control: max-age=1, NO-Transform", None)]
        {
            let request = get(path, &[GZIP, HTML, "X-Do: size=50000", said]);
            let answer = raw_request(world.listen, request.as_bytes()).unwrap();
            assert_eq!(answer.head.field("content-encoding").as_deref(), coding, "{path} {said}");
        }
    }
}

#[test]
fn curl_reads_what_it_asked_for() {
    let world = World::new();
    for (path, coding) in
        [("/all/", None), ("/all/", Some("gzip")), ("/all/", Some("br")), ("/off/", Some("gzip"))]
    {
        let mut curl = Command::new("curl");
        curl.args(["-sS", "--compressed", "-D", "-", "-H", HTML, "-H", "X-Do: size=100000 chunked"]);
        if let Some(coding) = coding {
            curl.args(["-H", &format!("Accept-Encoding: {coding}")]);
        }
        let output = curl.arg(format!("http://{}{path}", world.listen)).output().expect("curl is there");
        let text = lossy(&output.stdout);
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(body.len() == 100_000 && body.bytes().all(|byte| byte == b'x'), "{path} {coding:?}: {head}");
        let head = head.to_ascii_lowercase();
        let expected = coding.filter(|_| path == "/all/").map(|coding| format!("content-encoding: {coding}"));
        assert!(expected.is_none_or(|expected| head.contains(&expected)), "{head}");
        assert_eq!(head.contains("content-encoding"), path == "/all/", "{head}");
    }
    let lines = world.gateway.lines("access.log", 4);
    assert_eq!(lines.iter().filter(|line| line.ends_with('-')).count(), 1, "{lines:?}");
}

#[test]
fn the_gateways_own_answers_too() {
    let world = World::new();
    let answer = raw_request(world.listen, get("/own", &[GZIP]).as_bytes()).unwrap();
    assert_eq!(answer.head.field("content-type").as_deref(), Some("text/plain"));
    assert_eq!(answer.head.field("content-encoding").as_deref(), Some("gzip"));
    let plain = raw_request(world.listen, get("/own", &[]).as_bytes()).unwrap();
    assert_eq!(plain.head.field("vary").as_deref(), Some("Accept-Encoding"));
    assert!(plain.text().starts_with("an answer"));
    // Cut by the upstream: cut for the client.
    let cut = raw_request(world.listen, get("/", &[GZIP, HTML, "X-Do: size=50000 cut"]).as_bytes());
    assert!(cut.is_ok_and(|answer| answer.end == End::Cut));
}

/// `$gzip_ratio`, beside nginx's: of what was compressed whole.
#[test]
fn the_log_knows_how_much_smaller_it_is() {
    let (origin, [listen, reference]) = (Origin::start(), addresses());
    let to = origin.address();
    let gateway = Propylon::start(&format!(
        "[log_format]\nratio = \"$request_uri $gzip_ratio\"\n[[server]]\nlisten = [\"{listen}\"]\ncompression.codings = [\"gzip\"]\n\
         access_log = {{ path = \"@DIR@/access.log\", format = \"ratio\" }}\n[[server.location]]\nmatch = \"/\"\nproxy_pass = \"http://{to}\"\n"
    ));
    let nginx = Nginx::start(&format!(
        "http {{ log_format ratio '$request_uri $gzip_ratio'; access_log @DIR@/access.log ratio; server {{ listen {reference}; gzip on;
         location / {{ proxy_pass http://{to}; }} }} }}"
    ));
    let mut expected = Vec::new();
    for (path, fields) in [
        ("/small", &[GZIP, HTML, "X-Do: size=30"][..]),
        ("/large", &[GZIP, HTML, "X-Do: size=100000"]),
        ("/plain", &[HTML, "X-Do: size=1000"]),
        ("/cut", &[GZIP, HTML, "X-Do: size=50000 cut"]),
    ] {
        let [ours, _] = [listen, reference].map(|at| raw_request(at, get(path, fields).as_bytes()).unwrap());
        let (size, length) = (if path == "/small" { 30 } else { 100_000 }, ours.body.len().max(1));
        let hundredths = (size * 1000 / length + 5) / 10;
        let is_whole = ours.head.field("content-encoding").is_some() && ours.end == End::Complete;
        let ratio =
            if is_whole { format!("{}.{:02}", hundredths / 100, hundredths % 100) } else { "-".to_owned() };
        expected.push(format!("{path} {ratio}"));
    }
    let ours = gateway.lines("access.log", 4);
    assert_eq!(ours, expected);
    assert!(ours[1].len() > "/large 1.00".len(), "{ours:?}");
    for (line, nginxs) in ours.iter().zip(nginx.lines("access.log", 4)) {
        assert_eq!(line.ends_with('-'), nginxs.ends_with('-'), "{line} {nginxs}");
    }
}
