//! Server side includes beside nginx.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use std::net::SocketAddr;

use propylon_tests::{
    Client, End, LIMIT, Origin, Pair, Propylon, Refusing, address, lossy, raw_request, until,
};

const CONF: &str = r#"
http {
    access_log off;
    server_tokens off;
    default_type text/html;
    map $arg_m $mapped { default other; x "it is x"; }
    server {
        listen @LISTEN@;
        root @FILES@;
        ssi on;
        set $own "a <value>";
        set $http_elsewhere none;

        location / { }
        location /silent/ { alias @FILES@/; ssi_silent_errors on; }
        location /kept/ { alias @FILES@/; ssi_last_modified on; }
        location /off/ { alias @FILES@/; ssi off; }
        location /xml/ { alias @FILES@/; default_type text/xml; ssi_types text/xml; }
        location /said { return 200 "said <!--#echo var='own' -->"; }
        location /coded/ { alias @FILES@/; gzip on; gzip_min_length 1; }
        location /sub/ { alias @FILES@/; sub_filter one ONE; }
        location /part/ { internal; return 200 "[$uri $args $request_method]"; }
        location /plain { default_type text/plain; return 200 "<!--#echo var='own' -->"; }
        location /nested { default_type text/html; return 200 "<!--#set var='inner' value='of the part' -->($own)<!--#echo var='outer' -->"; }
        location /sets { set $own changed; return 200 "<!--#echo var='own' -->"; }
        location /refuses { return 403; }
        location /denies { deny all; return 200 "let in"; }
        location /empty { return 200; }
        location /cycle { return 200 "x<!--#include virtual='/cycle' -->"; }
        location /origin { proxy_pass http://@ORIGIN@; proxy_http_version 1.1; proxy_set_header Connection ""; }
        location /nobody { proxy_pass http://@NOBODY@; }
    }
}
"#;

/// What is written into pages.
const PAGES: &[&str] = &[
    "nothing special <!-- a comment --> <!- <b <<!--#echo var='own' -->",
    "<!--#echo var='own' -->|<!--#echo var='own' encoding='none' -->|<!--#echo var='own' -->",
    "<!--#echo var='own' encoding='url' -->",
    "<!--# echo var=\"request_uri\" --> <!--#echo var='uri' --> <!--#echo var='args' default='none' --> <!--#echo var='document_root' default='' -->|",
    "<!--#echo var='mapped' --> <!--#echo var='http_x_a' --> <!--#echo var='http_elsewhere' --> <!--#echo var='arg_m' -->",
    "<!--#echo var='http_nothing' --> <!--#echo var='nothing' default='' --> <!--#echo var='nothing' default='<def>' -->",
    "<!--#set var='a' value='1 $own \\$ \\'x\\' \"y\"' --><!--#echo var='a' --> <!--#echo var='A' -->",
    "<!--#set var='a' value='1' --><!--#set var='a' value='${a}2' --><!--#echo var='a' -->",
    "<!--#if expr='$arg_m' -->yes<!--#else -->no<!--#endif -->.",
    "<!--#if expr='$arg_m = x' -->x<!--#elif expr='$arg_m = y' -->y<!--#else -->other<!--#endif -->.",
    "<!--#if expr='$arg_m != x' -->not x<!--#endif -->.",
    "<!--#if expr='$own = /^a (.*)>/' -->[<!--#echo var='1' encoding='none' -->]<!--#endif -->",
    "<!--#if expr='$own = /(?<all>.*)/' -->[<!--#echo var='all' -->]<!--#endif -->",
    "<!--#if expr='$own = /VALUE/' -->found<!--#else -->case counts<!--#endif -->",
    "<!--#if expr='$arg_m' -->1<!--#if expr='$own' -->2<!--#endif -->3<!--#endif -->4",
    "<!--#else -->a<!--#endif -->b<!--#elif expr='$own' -->c",
    "<!--#if expr='$own < 1' -->a<!--#endif -->b",
    "<!--#config errmsg='[wrong]' -->a<!--#nothing -->b<!--#echo -->c<!--#echo var='a' nothing='b' -->d",
    "<!--#nothing -->b<!--#echo var=x -->c<!--#include -->d<!--#include virtual='/a' file='b' -->e",
    "<!--#config timefmt='%Z %%' --><!--#echo var='date_gmt' --> <!--#echo var='date_local' --> <!--#echo var='DATE_GMT' -->",
    "1<!--#include virtual='/part/a?b=c' -->2<!--#include virtual='part/d' -->3<!--#include file='one.html' -->4",
    "<!--#include virtual='/part/$arg_m?${own}' -->",
    "<!--#include virtual='../x' --><!--#include virtual='/a/../b' --><!--#include virtual='' -->",
    "<!--#include virtual='/plain' --><!--#include virtual='/nested' -->",
    "<!--#set var='outer' value='of the page' --><!--#include virtual='/nested' wait='yes' -->[<!--#echo var='inner' -->]",
    "<!--#include virtual='/sets' wait='yes' --> <!--#echo var='own' -->",
    "<!--#include virtual='/refuses' --> <!--#include virtual='/denies' -->",
    "<!--#include virtual='/part/a' set='p' -->[<!--#echo var='p' -->]<!--#include virtual='/refuses' set='q' -->[<!--#echo var='q' -->]",
    "<!--#include virtual='/part/a' --><!--#include virtual='/part/b' set='p' -->[<!--#echo var='p' -->]",
    "<!--#block name='b' -->in the block<!--#endblock -->[<!--#include virtual='/empty' stub='b' -->][<!--#include virtual='/part/a' stub='b' -->][<!--#include virtual='/refuses' stub='b' -->]",
    "<!--#block name='b' -->x<!--#endblock -->[<!--#include virtual='/empty' stub='no' -->][<!--#include virtual='/nobody' stub='b' -->]",
    "<!--#include virtual='/origin' -->",
    "<!--#include virtual='/part/a' wait='perhaps' --><!--#include virtual='/part/a' set='a' stub='b' -->",
];

/// The status, the fields that say something of the body, and the body.
fn looks(at: SocketAddr, request: &str) -> (u16, Vec<(String, String)>, String) {
    let answer = raw_request(at, request.as_bytes()).unwrap();
    let names =
        ["content-type", "content-length", "accept-ranges", "content-encoding", "etag", "last-modified"];
    let fields = answer.head.fields().into_iter().filter(|(name, _)| names.contains(&name.as_str()));
    let mut fields: Vec<_> = fields.map(|(name, value)| (name, lossy(&value))).collect();
    fields.sort();
    // Lines end as each one's pages have them, and pages tell whose they are.
    let text = answer.text().lines().filter(|line| !line.contains("<hr>")).collect::<Vec<_>>().join("\n");
    (answer.status, fields, text)
}

#[test]
fn pages_are_what_nginx_makes_of_them() {
    let (origin, nobody) = (Origin::start(), Refusing::new());
    let files = tempfile::tempdir().unwrap();
    std::fs::write(files.path().join("one.html"), "one <!--#echo var='uri' -->").unwrap();
    for (number, page) in PAGES.iter().enumerate() {
        std::fs::write(files.path().join(format!("p{number}.html")), page).unwrap();
        std::fs::write(files.path().join(format!("p{number}.xml")), page).unwrap();
    }
    let holes = [
        ("ORIGIN", &*origin.address().to_string()),
        ("NOBODY", &*nobody.address().to_string()),
        ("FILES", &*files.path().to_string_lossy()),
    ];
    let pair = Pair::start(CONF, &holes);
    let same = |page: &str, request: &str| {
        let [ours, theirs] = pair.at.map(|at| looks(at, request));
        assert_eq!(ours, theirs, "{page}\n{request}: left is propylon, right is nginx");
        ours
    };
    for (number, page) in PAGES.iter().enumerate() {
        for path in ["", "silent/", "kept/", "off/", "sub/"] {
            for args in ["", "?m=x", "?m=y&z"] {
                let get = format!(
                    "GET /{path}p{number}.html{args} HTTP/1.1\r\nHost: a\r\nX-A: <a>\r\nConnection: close\r\n"
                );
                assert_eq!(same(page, &format!("{get}\r\n")).0, 200);
                // Parts are asked for without the range that is wanted of the page; nginx's have it.
                if !page.contains("/origin") {
                    let part = same(page, &format!("{get}Range: bytes=0-3\r\n\r\n"));
                    assert_eq!(part.0, if path == "off/" { 206 } else { 200 });
                }
            }
            same(
                page,
                &format!("HEAD /{path}p{number}.html HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
            );
        }
        same(page, &format!("GET /xml/p{number}.xml HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
        same(page, &format!("GET /p{number}.html HTTP/1.0\r\n\r\n"));
    }
    for path in ["said", "empty", "plain", "nested", "sets"] {
        same(path, &format!("GET /{path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
    }
}

fn gateway(origin: SocketAddr, at: SocketAddr) -> Propylon {
    Propylon::start(&format!(
        r#"
[runtime]
workers = 1
[error_log]
level = "error"
[log_format]
line = '$uri $status'
[[server]]
listen = ["{at}"]
ssi = {{ on = true, types = ["text/html"] }}
files.default_type = "text/html"
log_subrequest = true
access_log = {{ path = "@DIR@/access.log", format = "line" }}
[[server.location]]
match = "/page"
return = [200, "a<!--#include virtual='/part?$args' -->b<!--#include virtual='/said' -->c"]
[[server.location]]
match = "/proxied"
proxy_pass = "http://{origin}"
[[server.location]]
match = "/cut"
return = [200, "a<!--#include virtual='/half' -->b<!--#include virtual='/said' -->c"]
[[server.location]]
match = "/half"
proxy_pass = "http://{origin}"
headers.set = {{ X-Do = "size=4 cut" }}
[[server.location]]
match = "/cycle"
return = [200, "x<!--#include virtual='/cycle' -->"]
[[server.location]]
match = "/closed"
return = [200, "x<!--#include virtual='/closes' -->"]
[[server.location]]
match = "/wrong"
return = [200, "x<!--#echo -->"]
[[server.location]]
match = "/part"
internal = true
proxy_pass = "http://{origin}"
headers.set = {{ X-Do = "$args" }}
[[server.location]]
match = "/said"
return = [200, "said"]
[[server.location]]
match = "/closes"
return = [444]
"#
    ))
}

fn get(at: SocketAddr, path: &str, fields: &str) -> (String, End) {
    let mut client = Client::connect(at).unwrap();
    let answer = client.ask(format!("GET {path} HTTP/1.1\r\nHost: a\r\n{fields}\r\n").as_bytes()).unwrap();
    (answer.text(), answer.end)
}

/// A page that lacks something never looks complete; what is only wrong in it does.
#[test]
fn what_fails_cuts_the_page() {
    let (origin, at) = (Origin::start(), address());
    let gateway = gateway(origin.address(), at);
    let whole = |text: &str| (text.to_owned(), End::Complete);
    let cut = |text: &str| (text.to_owned(), End::Cut);
    assert_eq!(get(at, "/page?size=3", ""), whole("axxxbsaidc"));
    assert_eq!(get(at, "/cut", ""), cut("axx"));
    assert_eq!(get(at, "/closed", ""), cut("x"));
    let html = "X-Reply: Content-Type: text/html\r\n";
    assert_eq!(get(at, "/proxied", &format!("X-Do: size=4 chunked\r\n{html}")), whole("xxxx"));
    assert_eq!(get(at, "/proxied", &format!("X-Do: size=4 chunked cut\r\n{html}")), cut("xx"));
    let wrong = "[an error occurred while processing the directive]";
    assert_eq!(get(at, "/wrong", ""), whole(&format!("x{wrong}")));
    assert_eq!(get(at, "/cycle", ""), whole(&format!("{}{wrong}", "x".repeat(51))));
    for told in [
        "mandatory \"var\" parameter is absent in \"echo\" SSI command, client: 127.0.0.1",
        "subrequests cycle while processing \"/cycle\"",
    ] {
        until("the error log", LIMIT, || gateway.error_log().contains(told).then_some(()));
    }
}

/// Parts have lines of their own, before that of their page.
#[test]
fn parts_are_logged_if_they_are_to_be() {
    let (origin, at) = (Origin::start(), address());
    let gateway = gateway(origin.address(), at);
    assert_eq!(get(at, "/page?size=1", "").0, "axbsaidc");
    let mut lines = gateway.lines("access.log", 3);
    lines.sort();
    assert_eq!(lines, ["/page 200", "/part 200", "/said 200"]);
}
