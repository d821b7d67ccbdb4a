//! `rewrite`, `set`, `if`, `return` and `break` against nginx: the same steps in both languages, the same requests to both.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use std::cell::RefCell;
use std::net::SocketAddr;

use propylon_tests::{Nginx, Origin, Propylon, addresses, check, lossy, printable, raw_request};

const NGINX: &str = r#"
http { access_log off; proxy_http_version 1.1; server { listen LISTEN; server_name site.test; root DIR;
    set $where server;
    rewrite ^/outer/(.*)$ /last/$1;
    rewrite ^/pinned/(.*)$ /prefix/$1 break;
    if ($arg_stop) { return 403; }
    if ($http_x_moved ~ "^(.+)$") { return 302 /moved/$1; }
    location / { proxy_pass http://ORIGIN; }
    location /last/ { rewrite ^/last/(.*)$ /found/$1 last; return 500; }
    location /found/ { return 200 "found $uri $args $where"; }
    location /prefix/ { proxy_pass http://ORIGIN/inner/; }
    location /break/ { rewrite ^/break/(.*)$ /broken/$1 break; proxy_pass http://ORIGIN/inner/; }
    location /raw/ { proxy_pass http://ORIGIN; }
    location /args/ { rewrite ^/args/(.*)$ /found/?of=$1; }
    location /noargs/ { rewrite ^/noargs/(.*)$ /found/$1?x=y? last; }
    location /drop/ { rewrite ^/drop/(.*)$ /found/$1? last; }
    location /redirect/ { rewrite ^/redirect/(.*)$ /to/$1 redirect; }
    location /permanent/ { rewrite ^/permanent/(.*)$ /to/?q=$1 permanent; }
    location /away/ { rewrite ^/away/(.*)$ http://other.test/$1?a=b; }
    location /scheme/ { rewrite ^/scheme/(?<rest>.*)$ $scheme://$host/$rest? last; }
    location /cycle/ { rewrite ^/cycle/(.*)$ /cycle/$1x last; }
    location /empty/ { rewrite ^/empty/(.*)$ $1 break; proxy_pass http://ORIGIN; }
    location /chain/ { rewrite ^/chain/(.*)$ /one/$1; rewrite ^/one/(.*)$ /found/two/$1; }
    location /thenbreak/ { rewrite ^/thenbreak/(.*)$ /x/$1; break; proxy_pass http://ORIGIN/inner/; }
    location /miss/ { rewrite ^/miss/(never) /x last; return 200 "1=$1 uri=$uri"; }
    location /set/ {
        set $a $arg_v; set $b "<$a>"; set $args "n=1"; if ($a = go) { set $b "gone"; }
        return 200 "$a $b $args $unset_one $request_uri";
        set $unset_one never;
    }
    location /proxyset/ { set $args "only=this"; proxy_pass http://ORIGIN; }
    location /if/ {
        set $r "";
        if ($arg_c) { set $r "${r}t"; }
        if ($arg_c = 1) { set $r "${r}="; }
        if ($arg_c != 1) { set $r "${r}n"; }
        if ($arg_c ~ ^f(o+)d) { set $r "${r}~$1"; }
        if ($arg_c ~* ^f(?<os>o+)d) { set $r "${r}*$os"; }
        if ($arg_c !~ foo) { set $r "${r}!"; }
        if ($arg_c !~* foo) { set $r "${r}?"; }
        if (-f DIR/$arg_c) { set $r "${r}f"; }
        if (-d DIR/$arg_c) { set $r "${r}d"; }
        if (-e DIR/$arg_c) { set $r "${r}e"; }
        if (-x DIR/$arg_c) { set $r "${r}x"; }
        if (!-f DIR/$arg_c) { set $r "${r}F"; }
        if (!-e DIR/$arg_c) { set $r "${r}E"; }
        return 200 "$r";
    }
    location /use/ {
        add_header X-Which own;
        if ($arg_a) { add_header X-Which a; }
        if ($arg_b) { proxy_pass http://ORIGIN; }
        if ($arg_r) { return 202 "in if"; }
        proxy_pass http://ORIGIN/inner/;
    }
    location /files/ { root DIR/dir; if ($arg_a) { add_header X-Which a; } }
    location /moved/files/ { root DIR/dir; if ($arg_a) { add_header X-Which a; } rewrite ^/moved(.*)$ $1 last; }
    location ~ ^/regex/(?<word>\w+) { if ($word = one) { return 200 "one"; } return 200 "1=$1"; }
} }
"#;

const TOML: &str = r#"
[[server]]
listen = ["LISTEN"]
name = ["site.test"]
root = "@DIR@"
set = { where = "server" }
rewrite = [
    ["^/outer/(.*)$", "/last/$1"],
    ["^/pinned/(.*)$", "/prefix/$1", "break"],
    { if = "$arg_stop", then = [{ return = [403] }] },
    { if = '$http_x_moved ~ "^(.+)$"', then = [{ return = [302, "/moved/$1"] }] },
]
location = [
    { match = "/", proxy_pass = "http://ORIGIN" },
    { match = "/last/", rewrite = [["^/last/(.*)$", "/found/$1", "last"], { return = [500] }] },
    { match = "/found/", return = [200, "found $uri $args $where"] },
    { match = "/prefix/", proxy_pass = "http://ORIGIN/inner/" },
    { match = "/break/", rewrite = [["^/break/(.*)$", "/broken/$1", "break"]], proxy_pass = "http://ORIGIN/inner/" },
    { match = "/raw/", proxy_pass = "http://ORIGIN" },
    { match = "/args/", rewrite = [["^/args/(.*)$", "/found/?of=$1"]] },
    { match = "/noargs/", rewrite = [["^/noargs/(.*)$", "/found/$1?x=y?", "last"]] },
    { match = "/drop/", rewrite = [["^/drop/(.*)$", "/found/$1?", "last"]] },
    { match = "/redirect/", rewrite = [["^/redirect/(.*)$", "/to/$1", "redirect"]] },
    { match = "/permanent/", rewrite = [["^/permanent/(.*)$", "/to/?q=$1", "permanent"]] },
    { match = "/away/", rewrite = [["^/away/(.*)$", "http://other.test/$1?a=b"]] },
    { match = "/scheme/", rewrite = [["^/scheme/(?<rest>.*)$", "$scheme://$host/$rest?", "last"]] },
    { match = "/cycle/", rewrite = [["^/cycle/(.*)$", "/cycle/$1x", "last"]] },
    { match = "/empty/", rewrite = [["^/empty/(.*)$", "$1", "break"]], proxy_pass = "http://ORIGIN" },
    { match = "/chain/", rewrite = [["^/chain/(.*)$", "/one/$1"], ["^/one/(.*)$", "/found/two/$1"]] },
    { match = "/thenbreak/", rewrite = [["^/thenbreak/(.*)$", "/x/$1"], "break"], proxy_pass = "http://ORIGIN/inner/" },
    { match = "/miss/", rewrite = [["^/miss/(never)", "/x", "last"]], return = [200, "1=$1 uri=$uri"] },
    { match = "/set/", rewrite = [
        { set = ["a", "$arg_v"] }, { set = ["b", "<$a>"] }, { set = ["args", "n=1"] },
        { if = "$a = go", then = [{ set = ["b", "gone"] }] },
        { return = [200, "$a $b $args $unset_one $request_uri"] }, { set = ["unset_one", "never"] },
    ] },
    { match = "/proxyset/", set = { args = "only=this" }, proxy_pass = "http://ORIGIN" },
    { match = "/if/", rewrite = [
        { set = ["r", ""] },
        { if = "$arg_c", then = [{ set = ["r", "${r}t"] }] },
        { if = "$arg_c = 1", then = [{ set = ["r", "${r}="] }] },
        { if = "$arg_c != 1", then = [{ set = ["r", "${r}n"] }] },
        { if = "$arg_c ~ ^f(o+)d", then = [{ set = ["r", "${r}~$1"] }] },
        { if = "$arg_c ~* ^f(?<os>o+)d", then = [{ set = ["r", "${r}*$os"] }] },
        { if = "$arg_c !~ foo", then = [{ set = ["r", "${r}!"] }] },
        { if = "$arg_c !~* foo", then = [{ set = ["r", "${r}?"] }] },
        { if = "-f @DIR@/$arg_c", then = [{ set = ["r", "${r}f"] }] },
        { if = "-d @DIR@/$arg_c", then = [{ set = ["r", "${r}d"] }] },
        { if = "-e @DIR@/$arg_c", then = [{ set = ["r", "${r}e"] }] },
        { if = "-x @DIR@/$arg_c", then = [{ set = ["r", "${r}x"] }] },
        { if = "!-f @DIR@/$arg_c", then = [{ set = ["r", "${r}F"] }] },
        { if = "!-e @DIR@/$arg_c", then = [{ set = ["r", "${r}E"] }] },
        { return = [200, "$r"] },
    ] },
    { match = "/use/", proxy_pass = "http://ORIGIN/inner/", headers.add = { X-Which = "own" }, rewrite = [
        { if = "$arg_a", use = "@a" },
        { if = "$arg_b", use = "@b" },
        { if = "$arg_r", then = [{ return = [202, "in if"] }] },
    ] },
    { match = "/files/", root = "@DIR@/dir", rewrite = [{ if = "$arg_a", use = "@a" }] },
    { match = "/moved/files/", root = "@DIR@/dir", rewrite = [{ if = "$arg_a", use = "@a" }, ["^/moved(.*)$", "$1", "last"]] },
    { match = "@a", headers.add = { X-Which = "a" } },
    { match = "@b", headers.add = { X-Which = "own" }, proxy_pass = "http://ORIGIN" },
    { match = '~ ^/regex/(?<word>\w+)', rewrite = [{ if = "$word = one", then = [{ return = [200, "one"] }] }], return = [200, "1=$1"] },
]
"#;

struct Pair {
    nginx: SocketAddr,
    propylon: SocketAddr,
    origin: Origin,
    _running: (Nginx, Propylon),
    different: RefCell<Vec<String>>,
    _files: tempfile::TempDir,
}

#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    status: u16,
    location: Option<String>,
    which: Option<String>,
    /// The proxy's own text, or the request line at the origin.
    text: Vec<String>,
}

impl Pair {
    fn start() -> Self {
        let origin = Origin::start();
        let [nginx, propylon] = addresses();
        let files = tempfile::tempdir().unwrap();
        std::fs::write(files.path().join("file"), "").unwrap();
        for (directory, text) in [("files", "of the server"), ("dir/files", "of the location")] {
            std::fs::create_dir_all(files.path().join(directory)).unwrap();
            std::fs::write(files.path().join(directory).join("file"), text).unwrap();
        }
        let fill = |text: &str, listen: SocketAddr| {
            let text = text.replace("@DIR@", "DIR").replace("DIR", &files.path().to_string_lossy());
            text.replace("ORIGIN", &origin.address().to_string()).replace("LISTEN", &listen.to_string())
        };
        let running = (Nginx::start(&fill(NGINX, nginx)), Propylon::start(&fill(TOML, propylon)));
        Self { nginx, propylon, origin, _running: running, different: RefCell::default(), _files: files }
    }

    fn ask(&self, at: SocketAddr, target: &str, fields: &str) -> Outcome {
        let request = format!("GET {target} HTTP/1.1\r\nHost: site.test\r\n{fields}\r\n");
        let answer = raw_request(at, request.as_bytes()).unwrap();
        let lines: Vec<_> = self.origin.take().iter().map(|seen| printable(seen.head.start_line())).collect();
        let own = matches!(answer.status, 200 | 202) && lines.is_empty();
        Outcome {
            status: answer.status,
            location: answer.head.field("location").map(|to| to.replace(&at.port().to_string(), "PORT")),
            which: answer.head.field("x-which"),
            text: if own { vec![answer.text()] } else { lines },
        }
    }

    fn same(&self, target: &str, fields: &str) -> Outcome {
        let (theirs, ours) = (self.ask(self.nginx, target, fields), self.ask(self.propylon, target, fields));
        if ours != theirs {
            self.different
                .borrow_mut()
                .push(format!("{target} {fields}\n  nginx    {theirs:?}\n  propylon {ours:?}"));
        }
        ours
    }

    fn done(self) {
        let different = self.different.into_inner();
        assert!(different.is_empty(), "{} differ:\n{}", different.len(), different.join("\n"));
    }
}

#[test]
fn rewrites_as_nginx() {
    let pair = Pair::start();
    let places = [
        "outer",
        "pinned",
        "last",
        "prefix",
        "break",
        "raw",
        "args",
        "noargs",
        "drop",
        "redirect",
        "permanent",
        "away",
        "scheme",
        "cycle",
        "empty",
        "chain",
        "thenbreak",
        "miss",
        "regex",
    ];
    let rests = [
        "",
        "x",
        "one",
        "a/b/c",
        "a%20b",
        "a%2Fb",
        "a+b",
        "%25",
        "a%26b=c",
        "caf%C3%A9",
        "x//y",
        "x/../y",
        "~t",
        "a;b",
        "%3F",
    ];
    for place in places {
        for rest in rests {
            // nginx sends a request line without a slash, and drops a percent sign that encodes nothing.
            if (place, rest) == ("scheme", "%25") || place == "empty" && !rest.is_empty() {
                continue;
            }
            for args in ["", "?q=1", "?q=%20&r", "?"] {
                pair.same(&format!("/{place}/{rest}{args}"), "");
            }
        }
    }
    assert_eq!(pair.same("/cycle/x", "").status, 500);
    assert_eq!(pair.same("/empty/", "").status, 500);
    pair.done();
}

#[test]
fn variables_and_conditions_as_nginx() {
    let pair = Pair::start();
    for value in ["", "0", "1", "00", "foo", "food", "FooD", "bar", "file", "dir", "nothing"] {
        pair.same(&format!("/if/?c={value}"), "");
    }
    for value in ["", "go", "a%20b", "x&unset_one=1"] {
        pair.same(&format!("/set/?v={value}"), "");
        pair.same(&format!("/proxyset/a?v={value}"), "");
    }
    pair.same("/?stop=1", "");
    pair.same("/x", "X-Moved: there\r\n");
    assert_eq!(pair.same("/if/?c=food", "").text, ["tn~oo*ooFE"]);
    pair.done();
}

#[test]
fn a_condition_chooses_settings_and_action_as_nginx() {
    let pair = Pair::start();
    for args in ["", "?a=1", "?b=1", "?a=1&b=1", "?r=1", "?a=1&r=1", "?a=0"] {
        pair.same(&format!("/use/x{args}"), "");
    }
    pair.done();
}

#[test]
fn a_condition_leaves_files_where_they_are_as_nginx() {
    let pair = Pair::start();
    for target in ["/files/file", "/files/file?a=1", "/moved/files/file", "/moved/files/file?a=1"] {
        assert_eq!(pair.same(target, "").text, ["of the location"], "{target}");
    }
    pair.done();
}

#[test]
fn what_is_wrong_is_told() {
    #[track_caller]
    fn told(steps: &str, expected: &str) {
        let output = check(&format!(
            "[[server]]\n[[server.location]]\nmatch = \"/\"\nrewrite = [{steps}]\nreturn = [204]\n"
        ));
        let report = lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{steps}: {report}");
        assert!(report.contains(expected), "{steps}: {report}");
    }
    told("[\"(a\", \"/b\"]", "invalid regular expression");
    told("[\"a\"]", "invalid rewrite");
    told("[\"a\", \"/b\", \"lost\"]", "unknown rewrite flag `lost`");
    told("[\"a\", \"/$hots\"]", "did you mean `$host`?");
    told("{ set = [\"host\", \"x\"] }", "`$host` is a built-in variable");
    told("{ set = [\"a\"] }", "invalid `set`");
    told("{ if = \"a = b\" }", "invalid condition");
    told("{ if = \"$host ~ (\" }", "invalid regular expression");
    told("{ then = [\"break\"] }", "invalid step");
    told("{ if = \"$host\", use = \"@none\" }", "unknown location `@none`");
}
