//! Configurations in the shape of those that most people have, run by nginx and by the gateway: a PHP application, a
//! single-page application with an API, TLS with websockets and limits, several sites on one address.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

use std::collections::BTreeMap;
use std::fs::{self, File, FileTimes};
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, UNIX_EPOCH};

use propylon_testkit::certificates::{Authority, file};
use propylon_tests::{Fpm, Origin, Pair, RawResponse, Refusing, binary, fixture, gunzip, lossy, raw_request};
use propylon_tls::Connector;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What the configurations are about: files, an origin, and an address where nobody answers.
struct World {
    files: tempfile::TempDir,
    origin: Origin,
    nobody: Refusing,
}

impl World {
    fn new() -> Self {
        let world =
            Self { files: tempfile::tempdir().unwrap(), origin: Origin::echo(), nobody: Refusing::new() };
        for (name, text) in [
            ("app/style.css", "body { color: red }\n".repeat(40)),
            ("app/robots.txt", "User-agent: *\n".into()),
            ("app/50x.html", "<p>later</p>\n".into()),
            ("app/docs/index.html", "<p>docs</p>\n".into()),
            ("app/empty/.keep", String::new()),
            ("app/uploads/evil.php", "<?php echo 'evil';".into()),
            ("app/.env", "secret".into()),
            ("app/.well-known/x.txt", "known\n".into()),
            ("app/index.php", PHP.into()),
            ("spa/index.html", "<p>the application</p>\n".repeat(30)),
            ("spa/about.html", "<p>about</p>\n".into()),
            ("spa/assets/app.js", "let a = 1;\n".repeat(50)),
            ("spa/.htpasswd", "x".into()),
            ("errors/50x.html", "<p>come back</p>\n".into()),
            ("users", "one:{PLAIN}first\n".into()),
            ("acme/.well-known/acme-challenge/token", "proof\n".into()),
            ("sites/one/index.html", "one\n".into()),
            ("sites/one/404.html", "nothing here\n".into()),
            ("sites/one/list/a.html", "a\n".into()),
            ("sites/one/dir/index.htm", "old style\n".into()),
            ("sites/two/index.html", "two\n".into()),
            ("sites/two/shop/x.css", "x {}\n".into()),
        ] {
            let path = world.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            let time = FileTimes::new().set_modified(UNIX_EPOCH + Duration::from_secs(784_111_777));
            File::options().write(true).open(path).unwrap().set_times(time).unwrap();
        }
        world
    }

    fn path(&self) -> &Path {
        self.files.path()
    }

    /// nginx and the gateway with one of the configurations, over the same files.
    fn run(&self, name: &str) -> Pair {
        let files = self.path().display().to_string();
        let [origin, nobody] = [self.origin.address(), self.nobody.address()].map(|at| at.to_string());
        let fpm = format!("{files}/fpm.sock");
        let holes = [("FILES", &*files), ("FPM", &fpm), ("ORIGIN", &origin), ("NOBODY", &nobody)];
        let http = fixture(&format!("as_found/{name}"), &holes);
        let pair = Pair::start(&http, &[]);
        // It can be imported whole as well.
        let conf = self.path().join("nginx.conf");
        let http = http.replace("@LISTEN@", "127.0.0.1:8080").replace("@TLS@", "127.0.0.1:8443");
        fs::write(&conf, format!("events {{ }}\n{http}")).unwrap();
        let import = Command::new(binary()).arg("import").arg(&conf).output().unwrap();
        assert!(import.status.success(), "{}", lossy(&import.stderr));
        pair
    }
}

/// Sends each request to both, and compares all that is answered.
fn same(pair: &Pair, requests: &[&str]) -> Vec<u16> {
    let (mut statuses, mut wrong) = (Vec::new(), Vec::new());
    for request in requests {
        let [ours, theirs] = pair.at.map(|at| raw_request(at, whole(request).as_bytes()));
        statuses.push(ours.as_ref().map_or(0, |answer| answer.status));
        let both = has_length(&ours) && has_length(&theirs);
        let [ours, theirs] =
            [ours, theirs].map(|answer| answer.map_or("closed".into(), |answer| show(&answer, both)));
        if theirs != ours {
            wrong.push(format!("{request}\n  nginx:\n{theirs}\n  propylon:\n{ours}"));
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
    statuses
}

/// `HOST METHOD TARGET`, then fields, one a line.
fn whole(request: &str) -> String {
    let (line, fields) = request.split_once('\n').unwrap_or((request, ""));
    let words: Vec<&str> = line.split(' ').collect();
    let fields: String = fields.lines().map(|field| format!("{field}\r\n")).collect();
    format!("{} {} HTTP/1.1\r\nHost: {}\r\n{fields}Connection: close\r\n\r\n", words[1], words[2], words[0])
}

/// A line that names the program, or that is one connection's affair.
fn unlike(line: &str) -> bool {
    line.contains("<center>nginx") || line.to_ascii_lowercase().starts_with("connection:")
}

/// Whether the length that an answer says to have can be compared: one that is known beforehand is each one's own, and so is one of what differs.
fn has_length(answer: &io::Result<RawResponse>) -> bool {
    answer.as_ref().is_ok_and(|answer| {
        let says = |name| answer.head.field(name).is_some();
        says("content-length") && !says("content-encoding") && !answer.text().lines().any(unlike)
    })
}

/// All of an answer that is the same every time and everywhere (`Expires` is what `max-age` says as well). `lengths`: how long a body is they
/// have to agree on, where they both have the same one.
fn show(answer: &RawResponse, lengths: bool) -> String {
    let compressed = answer.head.field("content-encoding").is_some();
    let text = if compressed { gunzip(&answer.body) } else { answer.text() };
    let fields = answer.head.by_name().into_iter();
    let fields: BTreeMap<String, String> = fields
        .filter(|(name, _)| match &**name {
            "date" | "server" | "expires" | "transfer-encoding" => false,
            "content-length" => lengths,
            _ => true,
        })
        .map(|(name, values)| (name, values.iter().map(|value| lossy(value)).collect::<Vec<_>>().join(" | ")))
        .collect();
    let mut body: Vec<&str> = text.lines().filter(|line| !unlike(line)).collect();
    body.sort_unstable(); // the order in which fields are sent on is each one's own
    // How wide the columns of a directory are is the same as well.
    format!("{} {fields:?}\n{}", answer.status, body.join("\n"))
}

const PHP: &str = r#"<?php
header('Content-Type: text/html; charset=UTF-8');
if (($_GET['page'] ?? '') === 'redirect') { header('Location: /elsewhere'); exit; }
if (($_GET['page'] ?? '') === 'missing') { http_response_code(404); echo 'its own 404'; exit; }
foreach (['REQUEST_METHOD', 'SCRIPT_NAME', 'SCRIPT_FILENAME', 'PATH_INFO', 'QUERY_STRING', 'REQUEST_URI', 'DOCUMENT_ROOT',
    'CONTENT_TYPE', 'CONTENT_LENGTH', 'SERVER_NAME', 'HTTPS', 'HTTP_PROXY', 'HTTP_HOST', 'HTTP_COOKIE', 'PHP_SELF'] as $name)
    echo $name, '=', $_SERVER[$name] ?? 'none', "\n";
echo 'body=', file_get_contents('php://input'), "\n";
"#;

#[test]
fn a_php_application() {
    let world = World::new();
    let _fpm = Fpm::start(world.path(), None);
    let pair = world.run("php.conf");
    let statuses = same(
        &pair,
        &[
            "app.test GET /",
            "app.test HEAD /",
            "app.test GET /articles/7?a=b%20c",
            "app.test GET /index.php",
            "app.test GET /index.php/more?x=1",
            "app.test GET /other.php",
            "app.test GET /?page=redirect",
            "app.test GET /?page=missing",
            "app.test GET /docs",
            "app.test GET /docs/",
            "app.test GET /empty/",
            "app.test GET /style.css",
            "app.test GET /style.css\nAccept-Encoding: gzip",
            "app.test GET /style.css\nRange: bytes=5-20",
            "app.test GET /style.css\nIf-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT",
            "app.test GET /\nAccept-Encoding: gzip",
            "app.test GET /missing.css",
            "app.test GET /favicon.ico",
            "app.test GET /robots.txt",
            "app.test GET /uploads/evil.php",
            "app.test GET /.env",
            "app.test GET /.well-known/x.txt",
            "app.test GET /old/page?x=1",
            "app.test GET /status-page",
            "app.test GET /\nUser-Agent: BadBot/1.0",
            "app.test GET /?debug=1",
            "app.test GET /\nProxy: http://evil/\nCookie: a=1",
            "other.test GET /",
            "app.test DELETE /articles/7",
            "app.test POST /articles\nContent-Length: 2000",
        ],
    );
    for status in [200, 206, 301, 302, 304, 403, 404, 413] {
        assert!(statuses.contains(&status), "{statuses:?}");
    }
    let post = "POST /articles HTTP/1.1\r\nHost: app.test\r\nContent-Type: text/x\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbody";
    let [ours, theirs] = pair.at.map(|at| show(&raw_request(at, post.as_bytes()).unwrap(), false));
    assert!(ours.contains("body=body") && ours.contains("REQUEST_URI=/articles"), "{ours}");
    assert_eq!(ours, theirs);
}

#[test]
fn a_single_page_application() {
    let world = World::new();
    let pair = world.run("spa.conf");
    let statuses = same(
        &pair,
        &[
            "localhost GET /",
            "localhost GET /\nAccept-Encoding: gzip",
            "localhost GET /some/route",
            "localhost GET /about",
            "localhost GET /nothing",
            "localhost GET /assets/app.js",
            "localhost GET /assets/app.js\nAccept-Encoding: gzip",
            "localhost HEAD /assets/app.js",
            "localhost GET /assets/none.js",
            "localhost GET /api/users?a=1&b=%2F",
            "localhost GET /api/users\nX-Forwarded-For: 1.2.3.4",
            "localhost GET /api",
            "localhost OPTIONS /api/users\nOrigin: http://a.test",
            "localhost GET /v2/users?x=1",
            "localhost GET /healthz",
            "localhost GET /down/x",
            "localhost GET /private",
            "localhost GET /private\nAuthorization: Basic b25lOmZpcnN0",
            "localhost GET /private\nAuthorization: Basic b25lOndyb25n",
            "localhost GET /.htpasswd",
            "localhost POST /private\nContent-Length: 0",
            "localhost GET /%2e%2e/%2e%2e/etc/passwd",
        ],
    );
    for status in [200, 204, 400, 401, 403, 404, 502] {
        assert!(statuses.contains(&status), "{statuses:?}");
    }
}

#[test]
fn tls_with_websockets_and_limits() {
    let world = World::new();
    let root = Authority::root("Root");
    let _ = file(world.path(), "root.pem", &root.certificate);
    let _ = root.server(&["site.test"]).write(world.path(), "site.test");
    let pair = world.run("tls.conf");
    let statuses = same(
        &pair,
        &[
            "site.test GET /",
            "site.test GET /a/b?c=%20d",
            "site.test GET /.well-known/acme-challenge/token",
            "site.test GET /.well-known/acme-challenge/none",
        ],
    );
    assert_eq!(statuses, [301, 301, 200, 404]);
    let root = world.path().join("root.pem");
    let connector =
        Connector::builder().verify(true).trusted_certificate(root).server_name(true).build().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let ask = |at: SocketAddr, request: &str| {
        runtime.block_on(async {
            let socket = TcpStream::connect(at).await.unwrap();
            let mut stream = connector.connect(socket, "site.test").await.unwrap();
            stream.write_all(whole(request).as_bytes()).await.unwrap();
            let mut answer = Vec::new();
            let _ = stream.read_to_end(&mut answer).await;
            let text = lossy(&answer).replace("\r\n", "\n");
            let (head, body) = text.split_once("\n\n").unwrap_or((&text, ""));
            let mut lines: Vec<String> =
                head.lines().chain(body.lines()).map(str::to_ascii_lowercase).collect();
            let own = ["date:", "server:", "content-length:", "transfer-encoding:", "connection:"];
            lines.retain(|line| {
                !own.iter().any(|name| line.starts_with(name)) && !line.contains("<center>nginx")
            });
            let status = lines.remove(0);
            lines.sort_unstable();
            format!("{status}\n{}", lines.join("\n"))
        })
    };
    for request in [
        "site.test GET /",
        "site.test GET /page?x=1\nX-Forwarded-For: 9.9.9.9",
        "site.test GET /ws",
        // One at once, one in the burst, and no more.
        "site.test GET /login",
        "site.test GET /login",
        "site.test GET /login",
    ] {
        let [ours, theirs] = pair.tls.map(|at| ask(at, request));
        assert_eq!(ours, theirs, "{request}");
        assert!(ours.contains("strict-transport-security: max-age=63072000"), "{ours}");
    }
    let [ours, theirs] = pair.tls.map(|at| ask(at, "site.test GET /login"));
    assert_eq!(ours, theirs);
    assert!(ours.starts_with("http/1.1 429"), "{ours}");
}

#[test]
fn several_sites() {
    let world = World::new();
    let pair = world.run("sites.conf");
    let statuses = same(
        &pair,
        &[
            "unknown.test GET /",
            "www.one.test GET /a?b=c",
            "one.test GET /",
            "x.one.test GET /dir/",
            "one.test GET /dir",
            "one.test GET /gone.html",
            "one.test GET /blog/42",
            "one.test GET /list/",
            "one.test GET /by-name/x",
            "one.test GET /alias/index.html",
            "one.test GET /alias/none",
            "one.test GET /user/7",
            "one.test GET /only",
            "one.test GET /tried/x",
            "one.test GET /nowhere/x",
            "one.test GET /none",
            "shop.two.test GET /x.css",
            "shop.two.test GET /other",
            "shop.two.test GET /app/x?y=1",
            "a.b.two.test GET /",
        ],
    );
    for status in [0, 200, 301, 404] {
        assert!(statuses.contains(&status), "{statuses:?}");
    }
}
