//! Examples as guides to nginx have them: buffering, WebSocket, advanced directives; as nginx.conf and as TOML.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use std::net::SocketAddr;

use propylon_tests::{Client, End, Listener, Origin, Propylon, RawResponse, address, lossy, raw_request};

const CONF: &str = r#"
events {}
http {
    map $http_upgrade $connection_upgrade {
        default upgrade;
        '' close;
    }
    upstream backend { server ORIGIN; }
    server {
        listen LISTEN;
        location / { proxy_pass http://backend; }

        location /buffered/ {
            proxy_buffering on;
            proxy_buffer_size 4k;
            proxy_buffers 8 16k;
            proxy_busy_buffers_size 32k;
            proxy_max_temp_file_size 1024m;
            proxy_temp_file_write_size 64k;
            proxy_pass http://backend;
        }
        location /stream/ {
            proxy_buffering off;
            proxy_pass http://backend;
        }

        location /chat/ {
            proxy_pass http://backend;
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection "upgrade";
        }
        location /dynamic/ {
            proxy_pass http://backend;
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
            proxy_read_timeout 3600s;
        }

        location /bind/ {
            proxy_bind $server_addr;
            proxy_pass http://backend;
        }
        location /intercept/ {
            proxy_intercept_errors on;
            error_page 500 502 503 504 /50x.html;
            proxy_pass http://backend;
        }
        location = /50x.html { return 200 "sorry\n"; }
        location /headers/ {
            proxy_hide_header X-Powered-By;
            proxy_hide_header X-Runtime;
            proxy_pass_header X-Accel-Redirect;
            proxy_pass_header X-Accel-Limit-Rate;
            proxy_ignore_headers Cache-Control Expires X-Accel-Redirect X-Accel-Expires;
            proxy_pass http://backend;
        }
        location /cookies/ {
            proxy_cookie_domain localhost example.com;
            proxy_cookie_path /foo/ /bar/;
            proxy_cookie_flags session httponly secure samesite=strict;
            proxy_cookie_flags * samesite=lax;
            proxy_pass http://backend;
            location /cookies/off/ {
                proxy_cookie_domain off;
                proxy_cookie_path off;
                proxy_pass http://backend;
            }
        }
        location /limited/ {
            proxy_limit_rate 100k;
            proxy_pass http://backend;
        }
        location /whole/ {
            proxy_request_buffering on;
            proxy_pass http://backend;
        }
        location /through/ {
            proxy_request_buffering off;
            proxy_pass http://backend;
        }
        location /default/ {
            proxy_redirect default;
            proxy_pass http://backend/inner/;
        }
        location /as-it-is/ {
            proxy_redirect off;
            proxy_pass http://backend/inner/;
        }
        location /redirects/ {
            proxy_redirect http://localhost:8080/ http://$host/;
            proxy_redirect ~^http://([^/]+)/(.+)$ http://$host/$2;
            proxy_pass http://backend;
        }
    }
}
"#;

const TOML: &str = r#"
[map.connection_upgrade]
key = "$http_upgrade"
default = "upgrade"
values = { "" = "close" }
[upstream.backend]
server = [{ address = "ORIGIN" }]
[[server]]
listen = ["LISTEN"]
[[server.location]]
match = "/"
proxy_pass = "http://backend"

[[server.location]]
match = "/buffered/"
proxy_pass = "http://backend"
[server.location.buffer]
response = true
header_size = "4k"
count = 8
size = "16k"
busy_size = "32k"
max_temp_file_size = "1024m"
temp_file_write_size = "64k"
[[server.location]]
match = "/stream/"
proxy_pass = "http://backend"
buffer.response = false

[[server.location]]
match = "/chat/"
proxy_pass = "http://backend"
headers.set = { Upgrade = "$http_upgrade", Connection = "upgrade" }
[[server.location]]
match = "/dynamic/"
proxy_pass = "http://backend"
headers.set = { Upgrade = "$http_upgrade", Connection = "$connection_upgrade" }
timeout.read = "3600s"

[[server.location]]
match = "/bind/"
proxy_pass = "http://backend"
upstream.bind = "$server_addr"
[[server.location]]
match = "/intercept/"
proxy_pass = "http://backend"
error_page = { intercept = true, pages = [{ codes = [500, 502, 503, 504], uri = "/50x.html" }] }
[[server.location]]
match = "= /50x.html"
return = [200, "sorry\n"]
[[server.location]]
match = "/headers/"
proxy_pass = "http://backend"
[server.location.headers]
hide = ["X-Powered-By", "X-Runtime"]
pass = ["X-Accel-Redirect", "X-Accel-Limit-Rate"]
ignore = ["Cache-Control", "Expires", "X-Accel-Redirect", "X-Accel-Expires"]
[[server.location]]
match = "/cookies/"
proxy_pass = "http://backend"
[server.location.cookie]
domain = [["localhost", "example.com"]]
path = [["/foo/", "/bar/"]]
flags = [["session", "httponly secure samesite=strict"], ["*", "samesite=lax"]]
[[server.location.location]]
match = "/cookies/off/"
proxy_pass = "http://backend"
cookie = { domain = [], path = [] }
[[server.location]]
match = "/limited/"
proxy_pass = "http://backend"
limit.upstream_rate = "100k"
[[server.location]]
match = "/whole/"
proxy_pass = "http://backend"
buffer.request = true
[[server.location]]
match = "/through/"
proxy_pass = "http://backend"
buffer.request = false
[[server.location]]
match = "/default/"
proxy_pass = "http://backend/inner/"
redirect.rules = ["default"]
[[server.location]]
match = "/as-it-is/"
proxy_pass = "http://backend/inner/"
redirect.rules = []
[[server.location]]
match = "/redirects/"
proxy_pass = "http://backend"
redirect.rules = [["http://localhost:8080/", "http://$host/"], ['~^http://([^/]+)/(.+)$', "http://$host/$2"]]
"#;

/// Both files, each run by a gateway of its own, before the same upstream.
fn each(origin: SocketAddr, test: impl Fn(SocketAddr)) {
    let fill = |text: &str, listen: SocketAddr| {
        text.replace("ORIGIN", &origin.to_string()).replace("LISTEN", &listen.to_string())
    };
    let listen = address();
    let _gateway = Propylon::start_nginx(&fill(CONF, listen));
    test(listen);
    let listen = address();
    let _gateway = Propylon::start(&fill(TOML, listen));
    test(listen);
}

fn ask(at: SocketAddr, path: &str, more: &str) -> RawResponse {
    raw_request(at, format!("GET {path} HTTP/1.1\r\nHost: site.test\r\n{more}\r\n").as_bytes()).unwrap()
}

/// The values of a field, for a response of the origin with these fields.
fn fields(at: SocketAddr, path: &str, name: &str, replies: &[&str]) -> Vec<String> {
    let replies: String = replies.iter().map(|reply| format!("X-Reply: {reply}\r\n")).collect();
    let answer = ask(at, path, &replies);
    let fields = answer.head.fields().into_iter();
    fields.filter(|(known, _)| known == name).map(|(_, value)| lossy(&value)).collect()
}

#[test]
fn buffering() {
    let origin = Origin::start();
    each(origin.address(), |at| {
        let answer = ask(at, "/buffered/x", "X-Do: size=3000000\r\n");
        assert_eq!((answer.status, answer.body.len(), answer.end), (200, 3_000_000, End::Complete));
        let large = |bytes: usize| format!("X-Reply: X-Large: {}\r\n", "x".repeat(bytes));
        assert_eq!(ask(at, "/buffered/x", &large(3500)).status, 200);
        assert_eq!(ask(at, "/buffered/x", &large(4100)).status, 502);
    });
    let upstream = Listener::new();
    each(upstream.address(), |at| {
        for path in ["/stream/x", "/buffered/x"] {
            let mut client = Client::connect(at).unwrap();
            client.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes()).unwrap();
            let mut peer = upstream.accept();
            peer.head().unwrap();
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst").unwrap();
            client.stream().head().unwrap().unwrap();
            let mut body = Vec::new();
            client.stream().exactly(5, &mut body).unwrap();
            peer.send(b"later").unwrap();
            client.stream().exactly(5, &mut body).unwrap();
            assert_eq!(lossy(&body), "firstlater");
        }
    });
}

#[test]
fn websocket() {
    let upstream = Listener::new();
    each(upstream.address(), |at| {
        for (path, plain) in [("/chat/x", None), ("/dynamic/x", Some("close"))] {
            let mut client = Client::connect(at).unwrap();
            let upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\n";
            client.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n{upgrade}\r\n").as_bytes()).unwrap();
            let mut peer = upstream.accept();
            let head = peer.head().unwrap().unwrap();
            assert_eq!(head.field("upgrade").as_deref(), Some("websocket"));
            assert_eq!(head.field("connection").as_deref(), Some("upgrade"));
            peer.send(
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
            )
            .unwrap();
            assert_eq!(client.response(false).unwrap().status, 101);
            client.send(b"\x81\x05hello").unwrap();
            let mut frame = Vec::new();
            peer.exactly(7, &mut frame).unwrap();
            peer.send(&frame).unwrap();
            client.stream().exactly(7, &mut frame).unwrap();
            assert_eq!(frame, b"\x81\x05hello\x81\x05hello");

            let mut client = Client::connect(at).unwrap();
            client.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes()).unwrap();
            let mut peer = upstream.accept();
            let head = peer.head().unwrap().unwrap();
            assert_eq!((head.field("upgrade"), head.field("connection")), (None, plain.map(str::to_owned)));
            peer.send(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
            assert_eq!(client.response(false).unwrap().status, 204);
        }
    });
}

#[test]
fn errors_and_fields() {
    let origin = Origin::start();
    each(origin.address(), |at| {
        for status in [500, 502, 503, 504] {
            let answer = ask(at, "/intercept/x", &format!("X-Do: status={status}\r\n"));
            assert_eq!((answer.status, &*answer.text()), (status, "sorry\n"));
        }
        let answer = ask(at, "/intercept/x", "X-Do: status=404 size=3\r\n");
        assert_eq!((answer.status, &*answer.text()), (404, "xxx"));

        let replies = [
            "X-Powered-By: a",
            "X-Runtime: b",
            "X-Accel-Redirect: /50x.html",
            "X-Accel-Limit-Rate: 0",
            "X-Other: c",
            "Expires: 0",
        ];
        let seen = |name: &str| fields(at, "/headers/x", name, &replies);
        assert!(seen("x-powered-by").is_empty() && seen("x-runtime").is_empty());
        assert_eq!(
            (seen("x-accel-redirect"), seen("x-accel-limit-rate"), seen("x-other"), seen("expires")),
            (vec!["/50x.html".into()], vec!["0".into()], vec!["c".into()], vec!["0".into()])
        );
        assert_eq!(ask(at, "/x", "X-Reply: X-Accel-Redirect: /50x.html\r\n").text(), "sorry\n");
        let answer = ask(at, "/limited/x", "X-Do: size=20000\r\n");
        assert_eq!((answer.body.len(), answer.end), (20_000, End::Complete));
    });
}

#[test]
fn cookies_and_redirects() {
    let origin = Origin::start();
    each(origin.address(), |at| {
        let cookie = |path: &str, line: &str| {
            fields(at, path, "set-cookie", &[&format!("Set-Cookie: {line}")]).remove(0)
        };
        assert_eq!(
            cookie("/cookies/x", "session=1; Domain=localhost; Path=/foo/a"),
            "session=1; Domain=example.com; Path=/bar/a; Secure; HttpOnly; SameSite=Strict"
        );
        assert_eq!(
            cookie("/cookies/x", "theme=dark; Path=/other/"),
            "theme=dark; Path=/other/; SameSite=Lax"
        );
        assert_eq!(
            cookie("/cookies/off/x", "theme=dark; Domain=localhost; Path=/foo/"),
            "theme=dark; Domain=localhost; Path=/foo/; SameSite=Lax"
        );

        let location = |path: &str, url: &str| {
            let replies = [&*format!("Location: {url}")];
            let found = fields(at, path, "location", &replies).remove(0);
            found.replace(&format!(":{}", at.port()), "").replace(&at.ip().to_string(), "site.test")
        };
        assert_eq!(location("/default/x", "http://backend/inner/y"), "http://site.test/default/y");
        assert_eq!(location("/as-it-is/x", "http://backend/inner/y"), "http://backend/inner/y");
        assert_eq!(location("/redirects/x", "http://localhost:8080/"), "http://site.test/");
        assert_eq!(location("/redirects/x", "http://localhost:8080/a"), "http://site.test/a");
        assert_eq!(location("/redirects/x", "http://other.test/a/b"), "http://site.test/a/b");
    });
}

#[test]
fn requests() {
    let upstream = Listener::new();
    each(upstream.address(), |at| {
        // The connection comes from the address that the client came to.
        let mut client = Client::connect(at).unwrap();
        client.send(b"GET /bind/x HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        let mut peer = upstream.accept();
        assert_eq!(peer.peer().unwrap().ip(), at.ip());
        peer.head().unwrap();
        peer.send(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n").unwrap();
        assert_eq!(client.response(false).unwrap().status, 204);

        // A body that is not whole yet: only the one that goes through reaches the upstream.
        let post = |path: &str| {
            let mut client = Client::connect(at).unwrap();
            client
                .send(
                    format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nfirst").as_bytes(),
                )
                .unwrap();
            client
        };
        let mut whole = post("/whole/x");
        let mut through = post("/through/x");
        let mut peer = upstream.accept();
        assert!(lossy(&peer.head().unwrap().unwrap().0).starts_with("POST /through/x"));
        let mut body = Vec::new();
        peer.exactly(5, &mut body).unwrap();
        through.send(b"later").unwrap();
        peer.exactly(5, &mut body).unwrap();
        assert_eq!(lossy(&body), "firstlater");
        peer.send(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n").unwrap();
        assert_eq!(through.response(false).unwrap().status, 204);

        whole.send(b"later").unwrap();
        let mut peer = upstream.accept();
        assert!(lossy(&peer.head().unwrap().unwrap().0).starts_with("POST /whole/x"));
        let mut body = Vec::new();
        peer.exactly(10, &mut body).unwrap();
        assert_eq!(lossy(&body), "firstlater");
        peer.send(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n").unwrap();
        assert_eq!(whole.response(false).unwrap().status, 204);
    });
}
