//! Files against nginx: one tree, two servers, the same requests, the same answers.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::string_slice,
    reason = "a test"
)]

use std::fs::{self, File, FileTimes};
use std::net::SocketAddr;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use propylon_tests::{Client, Nginx, Propylon, RawResponse, addresses, fixture};

const TIME: u64 = 784_111_777;
const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const EARLIER: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
const LATER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

/// What is compared of a head.
const FIELDS: &[&str] = &[
    "content-type",
    "content-length",
    "content-range",
    "content-encoding",
    "last-modified",
    "etag",
    "accept-ranges",
    "location",
    "expires",
    "cache-control",
    "x-names",
];

fn write(root: &Path, name: &str, content: &[u8]) {
    let path = root.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, content).unwrap();
    let time = FileTimes::new().set_modified(UNIX_EPOCH + Duration::from_secs(TIME));
    File::options().write(true).open(path).unwrap().set_times(time).unwrap();
}

fn tree(root: &Path) {
    write(root, "index.html", b"<p>the root's index</p>\n");
    write(root, "ten.txt", b"0123456789");
    write(root, "UPPER.HTML", b"upper");
    write(root, ".hidden.css", b"a dot file");
    write(root, ".html", b"no extension");
    write(root, "no-extension", b"none");
    write(root, "a b%c.txt", b"odd name");
    write(root, "empty.css", b"");
    write(root, "dir/index.htm", b"dir's index");
    write(root, "dir/page.html", b"a page");
    write(root, "bare/file.js", b"js");
    write(root, "dir/deep/page.html", b"a page further down");
    write(root, "outer/root/page.html", b"behind a root");
    write(root, "with space/x", b"x");
    write(root, "zipped.txt", b"plain text, plain text");
    write(root, "zipped.txt.gz", b"not really zipped");
    write(root, "indexdir/index.html/inner", b"an index that is a directory");
    let large: Vec<u8> = (0..300_000_u32).map(|at| u8::try_from(at % 251).unwrap()).collect();
    write(root, "large.bin", &large);
    write(root, "closed/file", b"closed");
    for name in [
        "try", "code", "named", "names", "zip", "types", "index", "variable", "internal", "max0", "max1",
        "before", "off", "noetag",
    ] {
        symlink(".", root.join(name)).unwrap();
    }
    symlink("ten.txt", root.join("link")).unwrap();
    symlink("dir", root.join("linked")).unwrap();
    symlink("nowhere", root.join("broken")).unwrap();
    fs::set_permissions(root, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Every path that the fixture has a kind of location for.
const PATHS: &[&str] = &[
    "/",
    "/index.html",
    "/ten.txt",
    "/UPPER.HTML",
    "/.hidden.css",
    "/.html",
    "/no-extension",
    "/a%20b%25c.txt",
    "/empty.css",
    "/dir",
    "/dir/",
    "/dir?a=b&c",
    "/dir/?a=b",
    "/dir/page.html",
    "/bare",
    "/bare/",
    "/bare/file.js",
    "/with%20space",
    "/with%20space/",
    "/indexdir/",
    "/large.bin",
    "/none",
    "/none/",
    "/none/none",
    "/ten.txt/",
    "/ten.txt/x",
    "/link",
    "/linked",
    "/linked/",
    "/linked/page.html",
    "/broken",
    "/%2e%2e/etc/passwd",
    "/dir/../ten.txt",
    "/dir//page.html",
    "/alias",
    "/alias/",
    "/alias/page.html",
    "/alias/none",
    "/alias/index.htm",
    "/aliased-file",
    "/bare-alias/page.html",
    "/bare-alias",
    "/bare-aliasx",
    "/outer/page.html",
    "/outer/index.htm",
    "/outer/none.html",
    "/outer/deep/page.html",
    "/outer/deep/../page.html",
    "/outer/own/file.js",
    "/outer/own/none.html",
    "/outer/root/page.html",
    "/outer/root/",
    "/re/page",
    "/re/none",
    "/re/",
    "/try/ten.txt",
    "/try/ten",
    "/try/dir",
    "/try/dir/",
    "/try/none",
    "/code/dir/page.html",
    "/code/dir",
    "/code/none",
    "/named/ten.txt",
    "/named/none?x=y",
    "/args/none?x=y",
    "/fallback/none?x=y",
    "/tryalias/page.html",
    "/tryalias/page",
    "/tryalias/",
    "/tryalias/none",
    "/tryre/page.html",
    "/tryre/none",
    "/names/ten.txt?q",
    "/names/none",
    "/nolinks/ten.txt",
    "/nolinks/link",
    "/nolinks/linked",
    "/nolinks/linked/page.html",
    "/nolinks/linked/",
    "/nolinks/dir/",
    "/nolinks/none",
    "/zip/zipped.txt",
    "/zip/ten.txt",
    "/zip/none",
    "/types/dir/page.html",
    "/types/bare/file.js",
    "/types/none",
    "/index/",
    "/index/dir/",
    "/index/bare/",
    "/absolute/",
    "/variable/dir/",
    "/variable/dir/?name=page.html",
    "/returned.html",
    "/returned/x",
    "/internal/ten.txt",
    "/max0/ten.txt",
    "/max1/ten.txt",
    "/before/ten.txt",
    "/off/ten.txt",
    "/noetag/ten.txt",
];

/// Fields of requests, several lines each.
const ASKED: &[&str] = &[
    "",
    "Range: bytes=0-0\r\n",
    "Range: bytes=2-4\r\n",
    "Range: bytes=5-\r\n",
    "Range: bytes=-3\r\n",
    "Range: bytes=-1000000\r\n",
    "Range: bytes=10-\r\n",
    "Range: bytes=1000000-\r\n",
    "Range: bytes=0-1,3-3\r\n",
    "Range: bytes=3-3,0-1,-2\r\n",
    "Range: bytes=0-100,0-100\r\n",
    "Range: bytes=0-0,1-1,2-2,3-3\r\n",
    "Range: bytes=x\r\n",
    "Range: bytes=4-2\r\n",
    "Range: bytes=\r\n",
    "Range: lines=0-1\r\n",
    "Range: bytes=200000-299999\r\n",
    "Range: bytes=1-2\r\nIf-Range: \"2ebc98a1-a\"\r\n",
    "Range: bytes=1-2\r\nIf-Range: \"other\"\r\n",
    "Range: bytes=1-2\r\nIf-Range: DATE\r\n",
    "Range: bytes=1-2\r\nIf-Range: LATER\r\n",
    "If-Modified-Since: DATE\r\n",
    "If-Modified-Since: EARLIER\r\n",
    "If-Modified-Since: LATER\r\n",
    "If-Modified-Since: Sunday, 06-Nov-94 08:49:37 GMT\r\n",
    "If-Modified-Since: nonsense\r\n",
    "If-Unmodified-Since: DATE\r\n",
    "If-Unmodified-Since: EARLIER\r\n",
    "If-Unmodified-Since: LATER\r\n",
    "If-None-Match: \"2ebc98a1-a\"\r\n",
    "If-None-Match: W/\"2ebc98a1-a\"\r\n",
    "If-None-Match: \"x\", \"2ebc98a1-a\"\r\n",
    "If-None-Match: *\r\n",
    "If-None-Match: \"x\"\r\n",
    "If-Match: \"2ebc98a1-a\"\r\n",
    "If-Match: \"x\"\r\n",
    "If-Match: *\r\n",
    "If-Match: W/\"2ebc98a1-a\"\r\n",
    "If-Match: \"2ebc98a1-a\"\r\nIf-None-Match: \"x\"\r\nRange: bytes=1-1\r\n",
    "If-None-Match: \"2ebc98a1-a\"\r\nIf-Modified-Since: DATE\r\n",
    "If-None-Match: \"x\"\r\nIf-Modified-Since: DATE\r\n",
    "If-None-Match: \"2ebc98a1-a\"\r\nIf-Modified-Since: EARLIER\r\n",
    "If-Match: \"2ebc98a1-a\"\r\nIf-Unmodified-Since: EARLIER\r\n",
    "If-Unmodified-Since: nonsense\r\n",
    "Accept-Encoding: gzip\r\n",
    "Accept-Encoding: gzip;q=0\r\n",
    "Accept-Encoding: br, gzip;q=0.5\r\n",
    "Accept-Encoding: gzip\r\nIf-None-Match: \"2ebc98a1-11\"\r\n",
];

const METHODS: &[&str] = &["GET", "HEAD", "POST", "PUT", "OPTIONS"];

struct Case {
    method: &'static str,
    path: &'static str,
    fields: String,
}

/// A difference that is meant: the reason, and where.
struct Deliberate {
    reason: &'static str,
    applies: fn(&Case, &Answer, &Answer) -> bool,
}

/// The arguments are the request, nginx's answer and Propylon's. An entry that no request needs fails the test.
const DELIBERATE: &[Deliberate] = &[
    Deliberate {
        reason: "RFC 9110 14.2: ranges are defined for GET alone",
        applies: |case, theirs, ours| {
            case.method == "HEAD"
                && case.fields.contains("Range:")
                && matches!(theirs.status, 206 | 416)
                && ours.status == 200
        },
    },
    Deliberate {
        reason: "RFC 9110 13.1.3, 13.1.4: dates are ignored beside entity tags",
        applies: |case, theirs, ours| {
            let tags = case.fields.contains("-Match:") && case.fields.contains("odified-Since:");
            tags && matches!((theirs.status, ours.status), (200, 304) | (412, 200) | (304, 200))
        },
    },
    Deliberate {
        reason: "RFC 9110 13.1.4: a date that is none is ignored",
        applies: |case, theirs, ours| {
            case.fields.contains("If-Unmodified-Since: nonsense")
                && (theirs.status, ours.status) == (412, 200)
        },
    },
    Deliberate {
        reason: "a compressed file can be asked for in ranges",
        applies: |case, theirs, ours| {
            case.path == "/zip/zipped.txt"
                && theirs.fields.iter().any(|(_, value)| value == "gzip")
                && ours.same_but_for(theirs, &["accept-ranges"])
        },
    },
    Deliberate {
        reason: "a text of the configuration has no time and no tag, so no precondition is about it",
        applies: |case, theirs, ours| {
            let text = ["/returned.html", "/named/none"].contains(&case.path);
            text && matches!(theirs.status, 304 | 412) && ours.status == 200
        },
    },
    Deliberate {
        reason: "a symbolic link to a directory is refused as any other: 403; nginx says that it is no directory",
        applies: |case, theirs, ours| {
            case.path.starts_with("/nolinks/linked/") && (theirs.status, ours.status) == (404, 403)
        },
    },
];

#[derive(Debug, PartialEq, Eq)]
struct Answer {
    status: u16,
    fields: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl Answer {
    fn of(answer: &RawResponse, at: SocketAddr) -> Self {
        let mut body = answer.body.clone();
        let mut fields = Vec::new();
        for &name in FIELDS {
            let Some(mut value) = answer.head.field(name) else { continue };
            if let Some(boundary) = value.strip_prefix("multipart/byteranges; boundary=") {
                body = String::from_utf8_lossy(&body).replace(boundary, "BOUNDARY").into_bytes();
                assert_eq!(boundary.len(), 20, "{value}");
                value = "multipart/byteranges; boundary=BOUNDARY".to_owned();
            }
            fields.push((name, value.replace(&at.port().to_string(), "PORT")));
        }
        Self { status: answer.status, fields, body }
    }

    fn same_but_for(&self, other: &Self, names: &[&str]) -> bool {
        let rest = |answer: &Self| -> Vec<_> {
            answer.fields.iter().filter(|(name, _)| !names.contains(name)).cloned().collect()
        };
        self.status == other.status && self.body == other.body && rest(self) == rest(other)
    }
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let dated = |text: &str| text.replace("DATE", DATE).replace("EARLIER", EARLIER).replace("LATER", LATER);
    for path in PATHS {
        for method in METHODS {
            cases.push(Case { method, path, fields: String::new() });
        }
    }
    let ranged = [
        "/ten.txt",
        "/empty.css",
        "/large.bin",
        "/dir/",
        "/none",
        "/dir",
        "/zip/zipped.txt",
        "/max0/ten.txt",
        "/max1/ten.txt",
        "/before/ten.txt",
        "/off/ten.txt",
        "/noetag/ten.txt",
        "/try/ten.txt",
        "/alias/page.html",
        "/returned.html",
        "/named/none",
    ];
    for path in ranged {
        for fields in ASKED {
            for method in ["GET", "HEAD"] {
                cases.push(Case { method, path, fields: dated(fields) });
            }
        }
    }
    cases
}

#[test]
fn files_are_sent_as_nginx_sends_them() {
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let root = dir.path().join("www");
    tree(&root);
    let [theirs, ours] = addresses();
    let text = root.to_string_lossy();
    let filled = |name: &str, at: SocketAddr| fixture(name, &[("ROOT", &text), ("LISTEN", &at.to_string())]);
    let _nginx = Nginx::start(&filled("files.nginx.conf", theirs));
    let _propylon = Propylon::start(&filled("files.toml", ours));
    let mut used = vec![false; DELIBERATE.len()];
    let mut wrong = Vec::new();
    let cases = cases();
    for case in &cases {
        let length = if matches!(case.method, "POST" | "PUT") { "Content-Length: 0\r\n" } else { "" };
        let request =
            format!("{} {} HTTP/1.1\r\nHost: a.test\r\n{length}{}\r\n", case.method, case.path, case.fields);
        // nginx 1.22 loses a connection after some answers to HEAD without saying so: each request has one of its own.
        let [theirs, ours] = [theirs, ours].map(|at| {
            let mut client = Client::connect(at).unwrap();
            let answer =
                client.ask(request.as_bytes()).unwrap_or_else(|error| panic!("{at}: {request}: {error}"));
            Answer::of(&answer, at)
        });
        if theirs == ours {
            continue;
        }
        match DELIBERATE.iter().position(|one| (one.applies)(case, &theirs, &ours)) {
            Some(at) => used[at] = true,
            None => {
                let show = |answer: &Answer| {
                    let body = String::from_utf8_lossy(&answer.body).chars().take(300).collect::<String>();
                    format!("{} {:?} {body:?}", answer.status, answer.fields)
                };
                wrong.push(format!(
                    "{} {} {:?}\n  nginx    {}\n  propylon {}",
                    case.method,
                    case.path,
                    case.fields,
                    show(&theirs),
                    show(&ours)
                ));
            }
        }
    }
    let unused: Vec<_> =
        DELIBERATE.iter().zip(&used).filter(|(_, used)| !**used).map(|(one, _)| one.reason).collect();
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    assert!(unused.is_empty(), "no request needs these any more: {unused:#?}");
    assert!(cases.len() > 1500, "{}", cases.len());
}
