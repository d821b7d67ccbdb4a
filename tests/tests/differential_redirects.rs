//! Cookies and redirects of upstreams against nginx: the same rules in both languages, the same responses through both.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use std::net::SocketAddr;

use propylon_tests::{Nginx, Origin, Propylon, addresses, check, lossy, raw_request};

const NGINX: &str = r#"
http { access_log off; server { listen LISTEN; server_name site.test;
    location / { proxy_pass http://ORIGIN; }
    location /app/ { proxy_pass http://ORIGIN/inner/; }
    location = /exact { proxy_pass http://ORIGIN/one; }
    location ~ ^/regex/ { proxy_pass http://ORIGIN; }
    location /variable/ { proxy_pass http://$http_x_to/; }
    location /off/ { proxy_pass http://ORIGIN/inner/; proxy_redirect off; }
    location /first/ {
        proxy_pass http://ORIGIN/inner/;
        proxy_redirect http://a.test/a/ /first/;
        proxy_redirect http://a.test/ http://$host/second/;
        proxy_redirect ~^http://([^/]+)\.regex/(.+)$ http://$host/$2?of=$1;
        proxy_redirect ~*^HTTP://(?<who>[^/]+)\.caseless/ /$who$uri;
        proxy_redirect http://$arg_from/ /templated/;
        proxy_redirect default;
        proxy_redirect / /never/;
    }
    location /cookies/ {
        proxy_pass http://ORIGIN;
        proxy_cookie_domain localhost example.com;
        proxy_cookie_domain .dotted.test .new.test;
        proxy_cookie_domain $arg_from $host;
        proxy_cookie_domain ~^(.+)\.regex$ $1.org;
        proxy_cookie_path /foo/ /bar/;
        proxy_cookie_path /$arg_from/ /from/$host/;
        proxy_cookie_path ~^/regex/(.+)$ /$1;
        proxy_cookie_path ~*^/CASELESS/(.+)$ /c/$1;
        proxy_cookie_flags session httponly secure samesite=strict;
        proxy_cookie_flags lax samesite=lax;
        proxy_cookie_flags none secure samesite=none;
        proxy_cookie_flags gone nosecure nohttponly nosamesite;
        proxy_cookie_flags ~^RE secure;
        proxy_cookie_flags $arg_from $arg_flag;
        location /cookies/off/ {
            proxy_pass http://ORIGIN;
            proxy_cookie_domain off; proxy_cookie_path off; proxy_cookie_flags off;
        }
    }
} }
"#;

const TOML: &str = r#"
[[server]]
listen = ["LISTEN"]
name = ["site.test"]
[[server.location]]
match = "/"
proxy_pass = "http://ORIGIN"
[[server.location]]
match = "/app/"
proxy_pass = "http://ORIGIN/inner/"
[[server.location]]
match = "= /exact"
proxy_pass = "http://ORIGIN/one"
[[server.location]]
match = "~ ^/regex/"
proxy_pass = "http://ORIGIN"
[[server.location]]
match = "/variable/"
proxy_pass = "http://$http_x_to/"
[[server.location]]
match = "/off/"
proxy_pass = "http://ORIGIN/inner/"
redirect.rules = []
[[server.location]]
match = "/first/"
proxy_pass = "http://ORIGIN/inner/"
[server.location.redirect]
rules = [
    ["http://a.test/a/", "/first/"],
    ["http://a.test/", "http://$host/second/"],
    ['~^http://([^/]+)\.regex/(.+)$', "http://$host/$2?of=$1"],
    ['~*^HTTP://(?<who>[^/]+)\.caseless/', "/$who$uri"],
    ["http://$arg_from/", "/templated/"],
    "default",
    ["/", "/never/"],
]
[[server.location]]
match = "/cookies/"
proxy_pass = "http://ORIGIN"
[server.location.cookie]
domain = [["localhost", "example.com"], [".dotted.test", ".new.test"], ["$arg_from", "$host"], ['~^(.+)\.regex$', "$1.org"]]
path = [["/foo/", "/bar/"], ["/$arg_from/", "/from/$host/"], ["~^/regex/(.+)$", "/$1"], ["~*^/CASELESS/(.+)$", "/c/$1"]]
flags = [
    ["session", "httponly secure samesite=strict"], ["lax", "samesite=lax"], ["none", "secure samesite=none"],
    ["gone", "nosecure nohttponly nosamesite"], ["~^RE", "secure"], ["$arg_from", "$arg_flag"],
]
[[server.location]]
match = "/cookies/off/"
proxy_pass = "http://ORIGIN"
"#;

/// Both proxies and their origin.
struct Pair {
    nginx: SocketAddr,
    propylon: SocketAddr,
    origin: Origin,
    _running: (Nginx, Propylon),
}

/// What the client sees of the fields that send it elsewhere.
type Seen = (u16, Vec<(String, String)>);

impl Pair {
    fn start() -> Self {
        let origin = Origin::start();
        let [nginx, propylon] = addresses();
        let fill = |text: &str, listen: SocketAddr| {
            let text = text.replace("ORIGIN", &origin.address().to_string());
            text.replace("LISTEN", &listen.to_string())
        };
        let running = (Nginx::start(&fill(NGINX, nginx)), Propylon::start(&fill(TOML, propylon)));
        Self { nginx, propylon, origin, _running: running }
    }

    /// The fields of the response to `path`, for which the origin answers with `field`; `PEER` in it is the origin.
    fn ask(&self, at: SocketAddr, path: &str, field: &str) -> Seen {
        let origin = self.origin.address().to_string();
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: site.test\r\nX-To: {origin}\r\nX-Do: status=302\r\nX-Reply: {}\r\n\r\n",
            field.replace("PEER", &origin)
        );
        let answer = raw_request(at, request.as_bytes()).unwrap();
        let wanted = ["location", "refresh", "set-cookie"];
        let fields = answer.head.fields().into_iter().filter(|(name, _)| wanted.contains(&name.as_str()));
        let own =
            |value: &[u8]| lossy(value).replace(&at.port().to_string(), "PORT").replace(&origin, "PEER");
        (answer.status, fields.map(|(name, value)| (name, own(&value))).collect())
    }

    #[track_caller]
    fn same(&self, path: &str, field: &str) -> Seen {
        let (theirs, ours) = (self.ask(self.nginx, path, field), self.ask(self.propylon, path, field));
        assert_eq!(ours, theirs, "{path} {field}: left is propylon, right is nginx");
        ours
    }
}

#[test]
fn redirects_are_rewritten_as_by_nginx() {
    let pair = Pair::start();
    let paths = [
        "/",
        "/x",
        "/app/",
        "/app/x",
        "/exact",
        "/regex/x",
        "/variable/x",
        "/off/x",
        "/first/",
        "/first/x?from=t.test",
    ];
    let urls = [
        "/",
        "/inner/x",
        "inner/",
        "//PEER/x",
        "http://PEER",
        "http://PEER/",
        "http://PEER/x?a=b#c",
        "http://PEER/inner",
        "http://PEER/inner/",
        "http://PEER/inner/x/y",
        "http://PEER/one",
        "http://PEER/one/two",
        "HTTP://PEER/inner/",
        "http://a.test/a/x",
        "http://a.test/ax",
        "http://a.test",
        "https://a.test/a/x",
        "http://x.regex/p/q",
        "http://x.regex/",
        "http://y.CASELESS/z",
        "http://y.caseless/z",
        "http://t.test/x",
        "http:///x",
        "",
    ];
    let mut changed = 0;
    for path in paths {
        for url in urls {
            let (_, fields) = pair.same(path, &format!("Location: {url}"));
            changed += usize::from(fields.iter().any(|(_, value)| value != url));
            pair.same(path, &format!("Refresh: 7; url={url}"));
            pair.same(path, &format!("Refresh: 0;URL={url}"));
        }
        pair.same(path, "Refresh: 5");
        pair.same(path, "X-None: 1");
    }
    assert!(changed > 40, "few were rewritten: {changed}");
}

#[test]
fn cookies_are_rewritten_as_by_nginx() {
    let pair = Pair::start();
    let names = [
        "session=1",
        "SESSION=a=b",
        "lax=",
        "none=1",
        "gone=1",
        "re1=x",
        "var=1",
        "other=1",
        "no-cookie",
        "=x",
    ];
    let attributes = [
        "",
        "; Path=/foo/",
        ";path=/foo/x;Domain=localhost",
        "; PATH=/foo; DOMAIN=.LocalHost; x",
        "; Domain=dotted.test",
        "; Domain=.dotted.test",
        "; Domain=a.regex; Path=/regex/a/b",
        "; Domain=A.REGEX; Path=/caseless/a",
        "; Domain=var; Path=/var/x",
        "; secure",
        "; Secure; HttpOnly; SameSite=Lax",
        ";httponly;samesite=strict;SECURE",
        "; SameSite=None;",
        "; Expires=Wed, 21 Oct 2026 07:28:00 GMT; Max-Age=5",
        ";;  ;",
        "; Path=; Domain=",
        "; Domain=localhost; Domain=localhost; Path=/foo/; Path=/foo/",
    ];
    let mut changed = 0;
    for path in [
        "/cookies/",
        "/cookies/?from=var&flag=httponly",
        "/cookies/?from=var&flag=samesite=lax",
        "/cookies/off/",
        "/x",
    ] {
        for name in names {
            for attribute in attributes {
                let line = format!("{name}{attribute}");
                let (_, fields) = pair.same(path, &format!("Set-Cookie: {line}"));
                changed += usize::from(fields.iter().any(|(_, value)| *value != line));
            }
        }
    }
    assert!(changed > 200, "few were rewritten: {changed}");
}

/// `*` is the guide's, and this gateway's: in nginx it is a cookie called `*`.
#[test]
fn every_cookie_of_every_line() {
    let origin = Origin::start();
    let [listen, _] = addresses();
    let _propylon = Propylon::start(&format!(
        "[[server]]\nlisten = [\"{listen}\"]\n[[server.location]]\nmatch = \"/\"\nproxy_pass = \"http://{}\"\n\
         [server.location.cookie]\nflags = [[\"session\", \"secure\"], [\"*\", \"samesite=lax\"]]\n",
        origin.address()
    ));
    let request =
        b"GET / HTTP/1.1\r\nHost: a\r\nX-Reply: Set-Cookie: session=1\r\nX-Reply: Set-Cookie: a=2\r\n\r\n";
    let answer = raw_request(listen, request).unwrap();
    let fields = answer.head.by_name();
    let cookies: Vec<_> = fields["set-cookie"].iter().map(|cookie| lossy(cookie)).collect();
    assert_eq!(cookies, ["session=1; Secure", "a=2; SameSite=Lax"]);
}

#[test]
fn what_is_wrong_is_told() {
    #[track_caller]
    fn told(key: &str, expected: &str) {
        let text = format!("[[server]]\nreturn = [204]\n{key}\n");
        let output = check(&text);
        let report = lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{key}: {report}");
        assert!(report.contains(expected), "{key}: {report}");
    }
    told("cookie.flags = [[\"a\", \"secure htponly\"]]", "did you mean \"httponly\"?");
    told("cookie.path = [[\"/a\"]]", "expected two strings, found 1");
    told("cookie.domain = [[\"~(a\", \"b\"]]", "invalid regular expression");
    told("redirect.rules = [\"of\"]", "did you mean \"off\"?");
    told("redirect.rules = [\"default\", \"off\"]", "cannot be combined with other rules");
    told("redirect.rules = [\"default\", \"default\"]", "duplicate rule");
    told("redirect.rules = [[\"http://$hots/\", \"/\"]]", "did you mean `$host`?");
}
