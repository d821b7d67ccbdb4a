//! Requests of every odd kind, made from a seed: what the routing of two proxies is compared with.
//!
//! Request `i` aims at kind of location `i % BASES` and does to it the main twist `i / BASES`, so that every pair of
//! the two comes up; everything else is drawn.

use fastrand::Rng;

use crate::printable;

/// One request, byte for byte, and what it was made from.
#[derive(Debug, Clone)]
pub struct Case {
    /// Its number, also in the field `X-Case`.
    pub number: usize,
    /// The bytes to send.
    pub bytes: Vec<u8>,
}

impl Case {
    /// The request target.
    pub fn target(&self) -> &[u8] {
        self.bytes.split(|&b| b == b' ').nth(1).unwrap_or_default()
    }

    /// The request line and the fields, as a line to read.
    pub fn show(&self) -> String {
        printable(&self.bytes)
    }

    /// Whether the text is somewhere in the head, letters of any case.
    pub fn has(&self, text: &str) -> bool {
        let text = text.as_bytes();
        self.bytes.windows(text.len()).any(|window| window.eq_ignore_ascii_case(text))
    }
}

/// Paths, one or more for each kind of location in the fixture, and the fields that take the request there.
const BASES: &[(&str, &str)] = &[
    ("/", ""),
    ("/plain/path", ""),
    ("/exact", ""),
    ("/exact-uri", ""),
    ("/prefix/a/b", ""),
    ("/prefix", ""),
    ("/name/test", ""),
    ("/name", ""),
    ("/barely/there", ""),
    ("/strip/a/b", ""),
    ("/static/x.php", ""),
    ("/static/images/i.php", ""),
    ("/app/index.php", ""),
    ("/pic.GIF", ""),
    ("/re/42/a/b", ""),
    ("/ahead/images", ""),
    ("/ahead/index.html", ""),
    ("/twice/ab/ab", ""),
    ("/twice/ab/ac", ""),
    ("/Case/x", ""),
    ("/vars/x/y", ""),
    ("/uri/x/y", ""),
    ("/pick/x", ""),
    ("/ret/text", ""),
    ("/ret/code/x", ""),
    ("/old/x", ""),
    ("/moved/x", ""),
    ("/internal/x", ""),
    ("/accel/path", "X-Reply: X-Accel-Redirect: /internal/y%20z/?q=1\r\n"),
    ("/accel/named", "X-Reply: X-Accel-Redirect: @named\r\n"),
    ("/accel/vars", "X-Reply: X-Accel-Redirect: @vars\r\n"),
    ("/%C3%BCn%C3%AF/x", ""),
    ("/a%20b/x", ""),
    ("/nothing/x", ""),
];

/// The main twists of a path.
const TWISTS: &[fn(&mut Rng, &mut Vec<u8>)] = &[
    |_, _| {},
    |rng, path| replace(rng, path, b'/', &[b"%2F", b"%2f"]),
    |rng, path| replace(rng, path, b'/', &[b"//", b"///"]),
    |rng, path| replace(rng, path, b'/', &[b"/./", b"/../", b"/x/../", b"/%2e%2e/", b"/.%2E/", b"/.../"]),
    |rng, path| insert(rng, path, &[b"%25", b"%252F", b"%3F", b"%23", b"%20", b"%5C", b"%26", b"%2B"]),
    |rng, path| insert(rng, path, &["é".as_bytes(), b"%C3%A9", b"%E9", "日".as_bytes(), b"\xe9", b"%c3%28"]),
    |rng, path| {
        insert(
            rng,
            path,
            &[b"+", b";a=1", b":", b",", b"'", b"(x)", b"!", b"*", b"$1", b"&", b"=", b"@", b"~"],
        )
    },
    |rng, path| insert(rng, path, &[b"^", b"{", b"}", b"|", b"\\", b"\"", b"<", b">", b"`", b"[", b"]"]),
    |rng, path| {
        insert(rng, path, &[b"%", b"%zz", b"%0", b"%00", b"%0a", b"%7f", b"#f", b"\x7f", b"\t", b" "])
    },
    |rng, path| encode(rng, path),
    |rng, path| flip(rng, path),
    |rng, path| {
        path.extend_from_slice(pick(rng, &[b"/..", b"/.", b"..", b"/", b"//", b"/../..", b"/..%2f", b"/%2e"]))
    },
];

const ARGS: &[&[u8]] = &[
    b"",
    b"",
    b"",
    b"?",
    b"?a=b",
    b"?a=1&b=2",
    b"?b=2",
    b"?x=%2F%20%25",
    b"??",
    b"?a=b?c",
    b"?\xc3\xa9",
    b"?%C3%A9",
    b"?/../",
    b"?a=//",
    b"?A=up",
    b"?a=x+y",
    b"?a='",
    b"?&",
    b"?a=%zz",
    b"?a=[]{}|\\^",
    b"?a=b;c:d@e,f!g$h*",
];

/// Arguments that some parsers refuse: few, because after a refusal nothing more can differ.
const ODD_ARGS: &[&[u8]] = &[b"?#f", b"?a=<", b"?a=>", b"?\"", b"?a=`", b"?\xe9", b"?\x7f"];

const HOSTS: &[&str] = &[
    "Host: exact.test",
    "Host: EXACT.Test",
    "Host: exact.test:8080",
    "Host: exact.test.",
    "Host: www.exact.test",
    "Host: a.wild.test",
    "Host: a.b.wild.test",
    "Host: wild.test",
    "Host: www.tail.org",
    "Host: www.tail.co.uk",
    "Host: dot.test",
    "Host: x.dot.test",
    "Host: abc.re.test",
    "Host: 1.re.test",
    "Host: return.test",
    "Host: unknown.test",
    "Host:",
    "",
    "Host: default.test\r\nHost: default.test",
    "Host: a/b",
    "Host: a b",
    "Host: exact.test:x",
    "Host: [::1]",
    "Host: [::1]:80",
    "Host: ex%61ct.test",
    "Host: user@exact.test",
    "Host: exact.test, b",
    "host:exact.test",
    "Host: under_score.test",
    "Host: exact..test",
    "Host: .exact.test",
    "Host: exact.test:",
    "Host: \\",
    "Host: 127.0.0.1",
    "Host: ümlaut.test",
];

/// Absolute forms: what stands before the path.
const ABSOLUTE: &[&str] = &[
    "http://exact.test",
    "http://default.test:81",
    "HTTP://a.wild.test",
    "https://exact.test",
    "http://EXACT.test",
    "http://user@exact.test",
    "http://",
    "ftp://exact.test",
    "http://[::1]:80",
];

const METHODS: &[&str] = &[
    "HEAD", "POST", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "PROPFIND", "TRACE", "FOO", "get",
    "CONNECT", "M-SEARCH",
];

const FIELDS: &[&str] = &[
    "Cookie: a=1; b=2",
    "Cookie: c=3\r\nCookie: d=4",
    "X-Forwarded-For: 192.0.2.1",
    "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-For: 192.0.2.2",
    "Accept-Encoding: gzip, br",
    "X_Under: 1",
    "X-Multi: 1\r\nX-Other: x\r\nx-multi: 2",
    "X-Empty:",
    "TE: trailers",
    "Keep-Alive: 300",
    "Upgrade: websocket",
    "Range: bytes=0-3",
    "If-None-Match: \"x\"",
    "Authorization: Basic dTpw",
    "X-Value: \u{e9}",
    "X-Blank:   in  the  middle \t",
    "X.Dot: 1",
    "1-Digit: 1",
    "X-MiXeD: CaSe",
    "Accept: */*",
    "User-Agent: a \"quoted\" agent",
    "Referer: http://r.test/?q",
    "X-Real-IP: 192.0.2.9",
    "Content-Type: text/plain",
    "X-Sym!#$&'*: 1",
    "Connection: close",
    "Connection: keep-alive",
    "Pragma: no-cache",
    "Via: 1.1 x",
];

/// Makes `count` requests from `seed`.
pub fn generate(seed: u64, count: usize) -> Vec<Case> {
    let mut rng = Rng::with_seed(seed);
    (0..count).map(|number| case(&mut rng, number)).collect()
}

/// Requests that chance makes rarely or never: what HTTP engines are known to disagree about. Numbered from `first`.
pub fn specials(first: usize) -> Vec<Case> {
    let long = "x".repeat(9000);
    let many = "X-Many: x\r\n".repeat(120);
    let requests = [
        "GET /old/%7fx HTTP/1.1\r\nHost: default.test\r\n@\r\n",
        "GET /old/%0ax HTTP/1.1\r\nHost: default.test\r\n@\r\n",
        "GET /re/42/\"a/b HTTP/1.1\r\nHost: default.test\r\n@\r\n",
        "GET /uri/%0d%0aX-Injected:%20y HTTP/1.1\r\nHost: default.test\r\n@\r\n",
        "GET /internal HTTP/1.1\r\nHost: default.test\r\n@\r\n",
        "POST /nothing/x HTTP/1.1\r\nHost: default.test\r\n@Content-Length: 1\r\n\r\nx",
        "GET /pic.gif  HTTP/1.1\r\nHost: default.test\r\n@\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: default.test\r\n@\r\n",
        "GET * HTTP/1.1\r\nHost: default.test\r\n@\r\n",
        "GET foo HTTP/1.1\r\nHost: default.test\r\n@\r\n",
        "GET ?a HTTP/1.1\r\nHost: default.test\r\n@\r\n",
        "CONNECT default.test:80 HTTP/1.1\r\nHost: default.test:80\r\n@\r\n",
        "TRACE / HTTP/1.1\r\nHost: default.test\r\n@\r\n",
        "GET / HTTP/1.2\r\nHost: default.test\r\n@\r\n",
        "GET / HTTP/2.0\r\nHost: default.test\r\n@\r\n",
        "GET / HTTP/1\r\nHost: default.test\r\n@\r\n",
        "GET / http/1.1\r\nHost: default.test\r\n@\r\n",
        "GET /\r\n\r\n",
        "\r\nGET /plain HTTP/1.1\r\nHost: default.test\r\n@\r\n",
        "GET /plain HTTP/1.1\nHost: default.test\n@\n",
        "GET /plain HTTP/1.1\r\nHost: default.test\r\n@X-Folded: a\r\n b\r\n\r\n",
        "GET /plain HTTP/1.1\r\nHost: default.test\r\n@X-Space : a\r\n\r\n",
        "GET /plain HTTP/1.1\r\nHost: default.test\r\n@no colon\r\n\r\n",
        "GET /plain HTTP/1.1\r\nHost: default.test\r\n@: no name\r\n\r\n",
        "GET /plain HTTP/1.1\r\nHost: default.test\r\n@X-Nul: a\0b\r\n\r\n",
        "GET /plain HTTP/1.1\r\nHost: default.test\r\n@X-Cr: a\rb\r\n\r\n",
        "GET /plain HTTP/1.1\r\nHost: default.test\r\n@X-Control: a\x01b\r\n\r\n",
        "GET /plain HTTP/1.1\r\nHost: default.test\r\n@Connection: X-Named\r\nX-Named: 1\r\n\r\n",
        "GET /plain HTTP/1.1\r\nHost: default.test\r\n@Connection: close, Host\r\n\r\n",
        "GET /plain HTTP/1.1\r\nHost: default.test\r\n@Proxy-Connection: keep-alive\r\n\r\n",
        "POST /plain HTTP/1.1\r\nHost: default.test\r\n@Content-Length: 1\r\nContent-Length: 1\r\n\r\nx",
        "POST /plain HTTP/1.1\r\nHost: default.test\r\n@Content-Length: 1\r\nContent-Length: 2\r\n\r\nxy",
        "POST /plain HTTP/1.1\r\nHost: default.test\r\n@Content-Length: +1\r\n\r\nx",
        "POST /plain HTTP/1.1\r\nHost: default.test\r\n@Content-Length: 1, 1\r\n\r\nx",
        "POST /plain HTTP/1.1\r\nHost: default.test\r\n@Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /plain HTTP/1.1\r\nHost: default.test\r\n@Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "POST /plain HTTP/1.1\r\nHost: default.test\r\n@Transfer-Encoding: identity\r\n\r\n",
        "POST /plain HTTP/1.0\r\nHost: default.test\r\n@Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /plain HTTP/1.1\r\nHost: default.test\r\n@Expect: 100-continue\r\nContent-Length: 1\r\n\r\nx",
        "POST /plain HTTP/1.1\r\nHost: default.test\r\n@\r\n",
        "GET /plain HTTP/1.1\r\nHost: default.test\r\n@Content-Length: 3\r\n\r\nabc",
        "GET /plain HTTP/1.1\r\nHost: default.test\r\n@Range: bytes=0-\r\nRange: bytes=1-\r\n\r\n",
        "GET /plain HTTP/1.1\r\nHost: default.test\r\n@If-Range: \"a\"\r\nIf-Range: \"b\"\r\n\r\n",
        "GET /plain?<long> HTTP/1.1\r\nHost: default.test\r\n@\r\n",
        "GET /plain HTTP/1.1\r\nHost: default.test\r\n@X-Long: <long>\r\n\r\n",
        "GET /plain HTTP/1.1\r\nHost: default.test\r\n@<many>\r\n",
        "GET /plain HTTP/1.1\r\n@\r\n",
        "GET http:///plain HTTP/1.1\r\nHost: default.test\r\n@\r\n",
        "GET //exact.test/plain HTTP/1.1\r\nHost: default.test\r\n@\r\n",
        "GET /a/%2e%2E/%2f/..%2fplain?a HTTP/1.1\r\nHost: default.test\r\n@\r\n",
    ];
    let fill = |text: &str, number| {
        let line_end = if text.contains("\r\n") { "\r\n" } else { "\n" };
        let text = text.replace('@', &format!("X-Case: {number}{line_end}"));
        text.replace("<long>", &long).replace("<many>", &many).into_bytes()
    };
    (first..).zip(requests).map(|(number, text)| Case { number, bytes: fill(text, number) }).collect()
}

fn case(rng: &mut Rng, number: usize) -> Case {
    let (base, fields) = BASES[number % BASES.len()];
    let mut path = base.as_bytes().to_vec();
    TWISTS[number / BASES.len() % TWISTS.len()](rng, &mut path);
    if chance(rng, 15) {
        TWISTS[rng.usize(..TWISTS.len())](rng, &mut path);
    }
    let args = if chance(rng, 4) { ODD_ARGS } else { ARGS };
    path.extend_from_slice(pick(rng, args));
    if chance(rng, 8) {
        let mut target = pick(rng, ABSOLUTE).as_bytes().to_vec();
        if chance(rng, 20) {
            path = pick(rng, ARGS).to_vec();
        }
        target.append(&mut path);
        path = target;
    }
    let method = if chance(rng, 15) { pick(rng, METHODS) } else { "GET" };
    let version = if chance(rng, 8) { "HTTP/1.0" } else { "HTTP/1.1" };
    let host = if chance(rng, 35) { pick(rng, HOSTS) } else { "Host: default.test" };

    let mut bytes = [method.as_bytes(), b" ", &path, b" ", version.as_bytes(), b"\r\n"].concat();
    line(&mut bytes, host);
    bytes.extend_from_slice(format!("X-Case: {number}\r\n{fields}").as_bytes());
    for _ in 0..rng.usize(..4) {
        line(&mut bytes, pick(rng, FIELDS));
    }
    body(rng, method, version, &mut bytes);
    Case { number, bytes }
}

fn line(bytes: &mut Vec<u8>, text: &str) {
    if !text.is_empty() {
        bytes.extend_from_slice(text.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
}

fn body(rng: &mut Rng, method: &str, version: &str, bytes: &mut Vec<u8>) {
    let body: &[u8] = match method {
        "POST" | "PUT" | "PATCH" if version == "HTTP/1.1" && rng.bool() => {
            b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
        }
        "POST" | "PUT" | "PATCH" => b"Content-Length: 5\r\n\r\nhello",
        _ => b"\r\n",
    };
    bytes.extend_from_slice(body);
}

fn chance(rng: &mut Rng, percent: u8) -> bool {
    rng.u8(..100) < percent
}

fn pick<'a, T: ?Sized>(rng: &mut Rng, list: &[&'a T]) -> &'a T {
    list[rng.usize(..list.len())]
}

fn replace(rng: &mut Rng, path: &mut Vec<u8>, byte: u8, with: &[&[u8]]) {
    let places: Vec<_> = (0..path.len()).filter(|&at| path[at] == byte).collect();
    if !places.is_empty() {
        let at = places[rng.usize(..places.len())];
        path.splice(at..=at, pick(rng, with).iter().copied());
    }
}

/// Somewhere behind the first byte: a target that does not begin with a slash is another matter.
fn insert(rng: &mut Rng, path: &mut Vec<u8>, what: &[&[u8]]) {
    let at = rng.usize(1..=path.len());
    path.splice(at..at, pick(rng, what).iter().copied());
}

fn encode(rng: &mut Rng, path: &mut Vec<u8>) {
    let at = rng.usize(..path.len());
    let code = if rng.bool() { format!("%{:02x}", path[at]) } else { format!("%{:02X}", path[at]) };
    path.splice(at..=at, code.bytes());
}

fn flip(rng: &mut Rng, path: &mut [u8]) {
    let letters: Vec<_> = (0..path.len()).filter(|&at| path[at].is_ascii_alphabetic()).collect();
    if !letters.is_empty() {
        path[letters[rng.usize(..letters.len())]] ^= 0x20;
    }
}
