//! FastCGI end to end: real PHP (php-fpm), nginx before the same PHP, and applications that the test plays itself.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use propylon_tests::{
    Client, End, LIMIT, Listener, Pair, Propylon, RawResponse, Refusing, Signal, Stream, address, fill,
    lossy, raw_request, until,
};
use rustix::process::{Pid, kill_process};
use tempfile::TempDir;

const POOL: &str = "[@NAME@]
user = root
group = root
listen = @LISTEN@
pm = static
pm.max_children = 3
ping.path = /ping
php_admin_flag[log_errors] = on
php_admin_flag[display_errors] = off
";

/// What it was asked, as PHP sees it, or what it is told to do.
const SCRIPT: &str = r#"<?php
$in = file_get_contents('php://input');
switch ($_GET['do'] ?? '') {
case 'status': http_response_code((int)$_GET['n']); echo 'made to order'; break;
case 'reason': header('HTTP/1.1 404 Gone Fishing'); break;
case 'location': header("Location: $_GET[to]"); break;
case 'length': header('Content-Length: 5'); echo 'hello'; break;
case 'big': header('Content-Type: text/plain'); for ($i = 0; $i < (int)$_GET['n']; $i++) echo str_repeat('x', 65536); break;
case 'log': error_log('something is wrong'); echo 'logged'; break;
case 'accel': header("X-Accel-Redirect: $_GET[to]"); break;
case 'fatal': no_such_function();
case 'cookies': header('Set-Cookie: a=b'); header('Set-Cookie: c=d', false); header('Connection: close'); break;
default:
    header('Content-Type: text/plain');
    echo 'pid=', getmypid(), "\n";
    foreach ($_SERVER as $name => $value) if (is_string($value)) echo "$name=$value\n";
    echo 'body=', strlen($in), ' ', md5($in), "\n";
}
"#;

/// A php-fpm of the test's own, and its scripts.
struct Fpm {
    child: Child,
    dir: TempDir,
    tcp: SocketAddr,
}

impl Fpm {
    fn start() -> Self {
        let (dir, tcp) = (tempfile::tempdir().unwrap(), address());
        let (path, config) = (dir.path().display().to_string(), dir.path().join("fpm.conf"));
        let pool = |name, listen: &str| fill(POOL, &[("NAME", name), ("LISTEN", listen)]);
        let pools = pool("unix", &format!("{path}/fpm.sock")) + &pool("tcp", &tcp.to_string());
        fs::write(&config, format!("[global]\nerror_log = {path}/fpm.log\ndaemonize = no\n{pools}")).unwrap();
        for (folder, name, text) in [
            ("www", "index.php", SCRIPT),
            ("www/folder", "index.php", SCRIPT),
            ("www/files", "a.txt", "a file\n"),
        ] {
            fs::create_dir_all(dir.path().join(folder)).unwrap();
            fs::write(dir.path().join(folder).join(name), text).unwrap();
        }
        // Without php.ini, in the foreground, also as root.
        let mut command = Command::new(binary());
        command.args(["-n", "-F", "-R", "-y"]).arg(&config);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let fpm = Self { child, dir, tcp };
        until("php-fpm listens", LIMIT, || {
            Stream::connect(tcp).and(Stream::connect_unix(&fpm.path("fpm.sock"))).ok()
        });
        fpm
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn unix(&self) -> String {
        format!("unix:{}", self.path("fpm.sock").display())
    }

    /// A gateway with its scripts, which a location passes to `pass`; `more` is added to that, and `outer` before the server.
    fn gateway(&self, pass: &str, more: &str, outer: &str) -> (Propylon, SocketAddr) {
        let server = format!(
            "root = \"{}\"\nindex = [\"index.php\"]\n\
             [[server.location]]\nmatch = '~ \\.php(/|$)'\nfastcgi_pass = \"{pass}\"\n{more}\n",
            self.path("www").display()
        );
        gateway(&server, outer)
    }
}

impl Drop for Fpm {
    fn drop(&mut self) {
        // Its children end with it, if it is asked to end.
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let _ = self.child.wait();
    }
}

/// The newest php-fpm that is installed.
fn binary() -> PathBuf {
    let files = fs::read_dir("/usr/sbin").unwrap().map(|file| file.unwrap().path());
    let php = files.filter(|path| path.to_string_lossy().starts_with("/usr/sbin/php-fpm"));
    php.max().expect("these tests run PHP, which is not here; install it:\n    apt-get install -y php-fpm")
}

fn gateway(server: &str, outer: &str) -> (Propylon, SocketAddr) {
    let listen = address();
    let text = format!(
        "[runtime]\nworkers = 1\ntemp_path = \"@DIR@\"\n[error_log]\npath = \"@DIR@/error.log\"\nlevel = \"info\"\n\
         [log_format]\nshort = '$status [$upstream_addr] [$upstream_status] [$upstream_response_time] $request'\n\
         [defaults.access_log]\npath = \"@DIR@/access.log\"\nformat = \"short\"\n\
         [defaults.limit]\nbody_size = \"100m\"\n{outer}\n\
         [[server]]\nlisten = [\"{listen}\"]\nname = [\"a.test\"]\n{server}\n"
    );
    (Propylon::start(&text), listen)
}

/// A gateway before a server that the test plays.
fn before(pass: &str, more: &str) -> (Propylon, SocketAddr) {
    gateway(&format!("[[server.location]]\nmatch = \"/\"\nfastcgi_pass = \"{pass}\"\n{more}"), "")
}

fn get(at: SocketAddr, path: &str) -> RawResponse {
    raw_request(at, format!("GET {path} HTTP/1.1\r\nHost: a.test\r\n\r\n").as_bytes()).unwrap()
}

/// What PHP said that it got.
fn seen(answer: &RawResponse) -> BTreeMap<String, String> {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let pair = |line: &str| line.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
    answer.text().lines().filter_map(pair).collect()
}

const OUT: u8 = 6;
const ERR: u8 = 7;

fn record(kind: u8, content: &str) -> Vec<u8> {
    let [high, low] = u16::try_from(content.len()).unwrap().to_be_bytes();
    [&[1, kind, 0, 1, high, low, 0, 0], content.as_bytes()].concat()
}

/// A response in order.
fn response(text: &str) -> Vec<u8> {
    [record(OUT, text), record(OUT, ""), record(3, &"\0".repeat(8))].concat()
}

/// Reads the next record.
fn receive(peer: &mut Stream) -> (u8, Vec<u8>) {
    let (mut header, mut content) = (Vec::new(), Vec::new());
    peer.exactly(8, &mut header).unwrap();
    let length = usize::from(u16::from_be_bytes([header[4], header[5]]));
    peer.exactly(length + usize::from(header[6]), &mut content).unwrap();
    content.truncate(length);
    (header[1], content)
}

/// Reads a whole request: whether the connection is to be kept, the params, and the body.
fn read(peer: &mut Stream) -> (bool, Vec<u8>, Vec<u8>) {
    let (mut keep, mut params, mut body) = (false, Vec::new(), Vec::new());
    loop {
        match receive(peer) {
            (1, begin) => keep = begin[2] == 1,
            (4, content) => params.extend(content),
            (5, content) if content.is_empty() => return (keep, params, body),
            (5, content) => body.extend(content),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn php_sees_the_request() {
    let fpm = Fpm::start();
    let more = r#"fastcgi.split_path_info = '^(.+\.php)(/.*)$'
        fastcgi.params = { OWN = "$host!", EMPTY = "$arg_no", OUT = ["$arg_no", "if_not_empty"], IN = ["$arg_a", "if_not_empty"], HTTP_ROLE = "ours" }"#;
    let (_gateway, listen) = fpm.gateway(&fpm.unix(), more, "");
    let request = "GET /index.php/more%20path?a=b&c=%20 HTTP/1.1\r\nHost: a.test\r\nX-Twice: 1\r\nx-twice: 2\r\nCookie: a=1\r\n\
                   Cookie: b=2\r\nProxy: http://evil/\r\nRole: admin\r\nX-Hop: 1\r\nConnection: X-Hop\r\nOwn_: x\r\n\r\n";
    let got = seen(&raw_request(listen, request.as_bytes()).unwrap());
    let www = fpm.path("www").display().to_string();
    let (port, ip) = (listen.port(), listen.ip());
    let wanted = format!(
        "SCRIPT_FILENAME={www}/index.php|SCRIPT_NAME=/index.php|PATH_INFO=/more path|QUERY_STRING=a=b&c=%20|\
         REQUEST_URI=/index.php/more%20path?a=b&c=%20|DOCUMENT_URI=/index.php/more path|DOCUMENT_ROOT={www}|\
         REQUEST_METHOD=GET|REQUEST_SCHEME=http|SERVER_PROTOCOL=HTTP/1.1|SERVER_NAME=a.test|SERVER_PORT={port}|\
         SERVER_ADDR={ip}|GATEWAY_INTERFACE=CGI/1.1|REDIRECT_STATUS=200|HTTP_HOST=a.test|HTTP_X_TWICE=1, 2|\
         HTTP_COOKIE=a=1; b=2|HTTP_ROLE=ours|OWN=a.test!|EMPTY=|IN=b"
    );
    for (name, value) in wanted.split('|').map(|pair| pair.split_once('=').unwrap()) {
        assert_eq!(got.get(name).map(String::as_str), Some(value), "{name} in {got:#?}");
    }
    for name in ["HTTPS", "OUT", "HTTP_PROXY", "HTTP_X_HOP", "HTTP_CONNECTION", "HTTP_OWN_", "REMOTE_USER"] {
        assert_eq!(got.get(name), None, "{name}");
    }
    assert_eq!(seen(&get(listen, "/index.php")).get("PATH_INFO"), None);
}

#[test]
fn a_directory_has_its_index() {
    let fpm = Fpm::start();
    let (_gateway, listen) = fpm.gateway(&fpm.tcp.to_string(), "", "");
    for path in ["/", "/folder/"] {
        let got = seen(&get(listen, &format!("{path}?x=y")));
        assert_eq!(got["SCRIPT_NAME"], format!("{path}index.php"));
        assert_eq!((&*got["REQUEST_URI"], &*got["QUERY_STRING"]), (&*format!("{path}?x=y"), "x=y"));
    }
    assert_eq!(get(listen, "/files/a.txt").text(), "a file\n");
    assert_eq!(get(listen, "/none.php").status, 404, "php-fpm says so");

    // `index` of the table: for a location that sends everything there.
    let (www, tcp) = (fpm.path("www").display().to_string(), fpm.tcp);
    let table = "fastcgi.index = \"index.php\"";
    let server =
        format!("root = \"{www}\"\n[[server.location]]\nmatch = \"/\"\nfastcgi_pass = \"{tcp}\"\n{table}");
    let (_gateway, listen) = gateway(&server, "");
    let got = seen(&get(listen, "/folder/"));
    assert_eq!((&*got["SCRIPT_NAME"], &*got["DOCUMENT_URI"]), ("/folder/index.php", "/folder/"));
}

#[test]
fn bodies_reach_php() {
    let fpm = Fpm::start();
    let body: String = (0..300_000).map(|n| format!("{:010}", n * 7)).collect();
    let length = |body: &str| format!("Content-Length: {}\r\n\r\n{body}", body.len());
    let all = body.len();
    let chunked = format!("Transfer-Encoding: chunked\r\n\r\n{all:x}\r\n{body}\r\n0\r\n\r\n");
    let (md5, of_hi, of_none) = (
        "0892e77ea083ebf3b55d505679751190",
        "49f68a5c8493ec2c0bf489821c21fc3b",
        "d41d8cd98f00b204e9800998ecf8427e",
    );
    for more in ["", "buffer.request = false"] {
        let (_gateway, listen) = fpm.gateway(&fpm.unix(), more, "[defaults.upstream]\nbody = \"HTTP's\"");
        let (one, other) = ((length(&body), all, md5), (chunked.clone(), all, md5));
        for (framed, size, md5) in [one, other, (length("hi"), 2, of_hi), (length(""), 0, of_none)] {
            if !more.is_empty() && framed.starts_with("Transfer") {
                continue; // its length cannot be said, and PHP reads no body without one
            }
            let head = "POST /index.php HTTP/1.1\r\nHost: a.test\r\nContent-Type: text/x\r\n";
            let got = seen(&raw_request(listen, format!("{head}{framed}").as_bytes()).unwrap());
            assert_eq!(got["body"], format!("{size} {md5}"), "{more}");
            assert_eq!((&got["CONTENT_LENGTH"], &*got["CONTENT_TYPE"]), (&size.to_string(), "text/x"));
        }
    }
}

#[test]
fn an_unbuffered_body_is_passed_on_as_it_comes() {
    let upstream = Listener::new();
    let (_gateway, listen) = before(&upstream.address().to_string(), "buffer.request = false");
    let mut client = Client::connect(listen).unwrap();
    client
        .send(b"POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n")
        .unwrap();
    let mut peer = upstream.accept();
    let first = std::iter::from_fn(|| Some(receive(&mut peer))).find(|(kind, _)| *kind == 5);
    assert_eq!(first, Some((5, b"one".to_vec())));
    client.send(b"3\r\ntwo\r\n0\r\n\r\n").unwrap();
    assert_eq!(read(&mut peer).2, b"two");
    peer.send(&response("X: y\n\nboth")).unwrap();
    assert_eq!(client.response(false).unwrap().text(), "both");
}

#[test]
fn responses_of_php() {
    let fpm = Fpm::start();
    let (gateway, listen) = fpm.gateway(&fpm.unix(), "", "");
    for status in [200, 201, 204, 304, 403, 404, 500, 503] {
        let answer = get(listen, &format!("/index.php?do=status&n={status}"));
        let body = if matches!(status, 204 | 304) { "" } else { "made to order" };
        assert_eq!((answer.status, &*answer.text(), answer.end), (status, body, End::Complete));
    }
    let answer = get(listen, "/index.php?do=reason");
    assert_eq!(lossy(answer.head.start_line()), "HTTP/1.1 404 Gone Fishing");
    assert_eq!(answer.head.field("status"), None);

    for to in ["/there", "http://other.test/"] {
        let answer = get(listen, &format!("/index.php?do=location&to={to}"));
        assert_eq!((answer.status, answer.head.field("location").as_deref()), (302, Some(to)));
    }
    let answer = get(listen, "/index.php?do=length");
    assert_eq!((answer.head.field("content-length").as_deref(), &*answer.text()), (Some("5"), "hello"));
    let answer = get(listen, "/index.php?do=cookies");
    assert_eq!(answer.head.by_name()["set-cookie"], [b"a=b", b"c=d"]);
    assert_eq!(answer.head.field("connection"), None);

    let mut client = Client::connect(listen).unwrap();
    for _ in 0..3 {
        let head = client.ask(b"HEAD /index.php?do=length HTTP/1.1\r\nHost: a.test\r\n\r\n").unwrap();
        assert_eq!((head.status, head.head.field("content-length").as_deref()), (200, Some("5")));
        let head = client.ask(b"HEAD /index.php?do=big&n=100 HTTP/1.1\r\nHost: a.test\r\n\r\n").unwrap();
        assert_eq!(head.status, 200);
    }
    let lines = gateway.lines("access.log", 12);
    let format = regex::Regex::new(r"^200 \[unix:/\S+/fpm.sock\] \[200\] \[\d+\.\d{3}\] GET ").unwrap();
    assert!(format.is_match(&lines[0]), "{}", lines[0]);
}

#[test]
fn a_slow_client_gets_all_and_php_is_free() {
    let fpm = Fpm::start();
    for (more, buffered) in [("", true), ("buffer.response = false", false)] {
        let (gateway, listen) = fpm.gateway(&fpm.unix(), more, "");
        let mut client = Client::connect(listen).unwrap();
        client.send(b"GET /index.php?do=big&n=640 HTTP/1.1\r\nHost: a.test\r\n\r\n").unwrap(); // 40 MiB
        let head = client.stream().head().unwrap().unwrap();
        if buffered {
            // All three processes are free again: they answer although the client takes nothing.
            until("the response in a file", LIMIT, || {
                gateway.error_log().contains("buffered to a temporary file").then_some(())
            });
            for _ in 0..6 {
                assert_eq!(get(listen, "/index.php?do=length").status, 200);
            }
        }
        let answer = client.body(head, false).unwrap();
        assert_eq!((answer.body.len(), answer.end), (640 * 65536, End::Complete));
    }
}

#[test]
fn what_php_says_on_stderr_is_logged() {
    let fpm = Fpm::start();
    let (gateway, listen) = fpm.gateway(&fpm.unix(), "", "");
    assert_eq!(get(listen, "/index.php?do=log").text(), "logged");
    assert_eq!(get(listen, "/index.php?do=fatal").status, 500);
    let wanted =
        ["FastCGI sent in stderr: \"PHP message: something is wrong\" while reading", "no_such_function"];
    until("the messages", LIMIT, || {
        wanted.iter().all(|text| gateway.error_log().contains(text)).then_some(())
    });
    let log = gateway.error_log();
    assert!(
        log.contains("request: \"GET /index.php?do=log HTTP/1.1\", upstream: \"fastcgi://unix:/"),
        "{log}"
    );
}

#[test]
fn pages_take_the_place_of_errors_if_intercepted() {
    let fpm = Fpm::start();
    let pages = "error_page.pages = [{ codes = [404, 502], uri = \"/files/a.txt\" }]\n";
    for (intercept, body) in [(true, "a file\n"), (false, "made to order")] {
        let (_gateway, listen) =
            fpm.gateway(&fpm.unix(), &format!("{pages}error_page.intercept = {intercept}"), "");
        let answer = get(listen, "/index.php?do=status&n=404");
        assert_eq!((answer.status, &*answer.text()), (404, body));
    }
}

#[test]
fn an_internal_redirect_of_php_is_followed() {
    let fpm = Fpm::start();
    let files = "[[server.location]]\nmatch = \"/files/\"\ninternal = true";
    let (_gateway, listen) = fpm.gateway(&fpm.unix(), files, "");
    assert_eq!(get(listen, "/files/a.txt").status, 404);
    let answer = get(listen, "/index.php?do=accel&to=/files/a.txt");
    assert_eq!((answer.status, &*answer.text()), (200, "a file\n"));
    assert_eq!(answer.head.field("x-accel-redirect"), None);
    // To itself, with other arguments.
    let answer = get(listen, "/index.php?do=accel&to=/folder/index.php%3Fx=y");
    assert_eq!(seen(&answer)["QUERY_STRING"], "x=y");
}

/// A peer that is always wrong in the same way, in a thread that ends with the test.
fn wrong(bytes: Vec<u8>) -> SocketAddr {
    let listener = std::net::TcpListener::bind(address()).unwrap();
    let at = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        while let Ok((socket, _)) = listener.accept() {
            let mut peer = Stream::over_tcp(socket).unwrap();
            read(&mut peer);
            let _ = peer.send(&bytes);
        }
    });
    at
}

#[test]
fn the_next_server_is_tried() {
    let fpm = Fpm::start();
    let refusing = Refusing::new();
    let caught = [record(ERR, "PHP Fatal error: x\n"), response("X: y\n\nhalf a page")].concat();
    let peers = [
        ("refused", refusing.address(), ""),
        ("no_field", wrong(response("this is no field\n\n")), "upstream sent invalid header"),
        ("no_head", wrong(response("X: y\n")), "upstream prematurely closed FastCGI stdout"),
        ("http", wrong(b"HTTP/1.1 200 OK\r\n\r\n".to_vec()), "unsupported FastCGI protocol version: 72"),
        ("busy", wrong(record(3, "\0\0\0\0\u{2}\0\0\0")), "protocol status 2"),
        ("caught", wrong(caught), "upstream said on stderr"),
        ("closes", wrong(Vec::new()), "prematurely closed connection"),
        ("http_503", wrong(response("Status: 503\n\nbusy")), ""),
    ];
    for (name, bad, message) in peers {
        let retry = "[defaults.retry]\non = [\"error\", \"invalid_header\", \"http_503\"]\nbudget = false\n";
        let first = format!("{retry}[upstream.u]\nserver = [{{ address = \"{bad}\", max_fails = 0 }}");
        let more = "fastcgi.catch_stderr = [\"Fatal error\"]";
        let second = format!(", {{ address = \"{}\", backup = true }}]", fpm.tcp);
        let (gateway, listen) = fpm.gateway("u", more, &(first.clone() + &second));
        assert_eq!(get(listen, "/index.php?do=length").text(), "hello", "{name}");
        let failed = if name == "http_503" { "503" } else { "502" };
        let line = gateway.lines("access.log", 1).remove(0);
        assert!(line.contains(&format!("200 [{bad}, {}] [{failed}, 200] [", fpm.tcp)), "{name}: {line}");
        until(message, LIMIT, || gateway.error_log().contains(message).then_some(()));
        // Alone.
        let (_gateway, listen) = fpm.gateway("u", more, &(first + "]"));
        assert_eq!(get(listen, "/index.php?do=length").status.to_string(), failed, "{name}");
    }
}

#[test]
fn a_server_that_is_silent_is_a_504() {
    let upstream = Listener::new();
    let (gateway, listen) = before(&upstream.address().to_string(), "timeout.read = \"100ms\"");
    assert_eq!(get(listen, "/").status, 504);
    assert!(gateway.lines("access.log", 1)[0].contains("] [504] ["));
    let mut peer = upstream.accept();
    read(&mut peer);
    assert!(Client::over(peer).closed(), "the request is not aborted");
}

#[test]
fn a_response_that_is_cut_is_cut_for_the_client() {
    let part = |head: &str| record(OUT, &format!("{head}\n\npart"));
    let bad_end = [part("X: y"), record(OUT, "")].concat();
    let refused = [part("X: y"), record(3, "\0\0\0\0\u{1}\0\0\0")].concat();
    let short = response("Content-Length: 9\n\npart");
    for bytes in [part("X: y"), part("Content-Length: 9"), bad_end, refused, short] {
        for more in ["", "buffer.response = false"] {
            let (_gateway, listen) = before(&wrong(bytes.clone()).to_string(), more);
            let answer = get(listen, "/");
            assert_eq!((answer.status, answer.end), (200, End::Cut), "{}", lossy(&bytes));
        }
    }
    // More than was said is not passed on.
    let more = wrong(response("Content-Length: 4\n\npart and more")).to_string();
    let (_gateway, listen) = before(&more, "");
    let mut client = Client::connect(listen).unwrap();
    for _ in 0..2 {
        let answer = client.ask(b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").unwrap();
        assert_eq!((&*answer.text(), answer.end, client.stream().ahead()), ("part", End::Complete, &b""[..]));
    }
}

#[test]
fn connections_are_kept_if_that_is_wanted() {
    let upstream = Listener::new();
    for (more, kept) in [("fastcgi.keep_conn = true", true), ("", false)] {
        let (_gateway, listen) = before(&upstream.address().to_string(), more);
        let mut client = Client::connect(listen).unwrap();
        let mut peer = None;
        for turn in 0..3 {
            client.send(b"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 2\r\n\r\nhi").unwrap();
            let mut stream = peer.take().unwrap_or_else(|| upstream.accept());
            let (keep, _, body) = read(&mut stream);
            assert_eq!((keep, &*body), (kept, &b"hi"[..]));
            stream.send(&response(&format!("X: y\n\n{turn}"))).unwrap();
            assert_eq!(client.response(false).unwrap().text(), turn.to_string());
            if kept {
                peer = Some(stream);
            } else {
                assert!(Client::over(stream).closed());
            }
        }
        assert!(upstream.try_accept().is_none());
    }
    let fpm = Fpm::start();
    let (gateway, listen) = fpm.gateway(&fpm.tcp.to_string(), "fastcgi.keep_conn = true", "");
    let mut client = Client::connect(listen).unwrap();
    let mut processes = BTreeSet::new();
    for turn in 0..20 {
        let ask = format!("POST /index.php?n={turn} HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi");
        let got = seen(&client.ask(ask.as_bytes()).unwrap());
        assert_eq!(got["QUERY_STRING"], format!("n={turn}"));
        assert!(got["body"].starts_with("2 "), "{}", got["body"]);
        processes.insert(got["pid"].clone());
    }
    assert_eq!(processes.len(), 1, "a connection is with one process: {processes:?}");
    drop(gateway);
    assert!(Stream::connect(fpm.tcp).is_ok(), "php-fpm is gone");
}

#[test]
fn a_server_may_be_named_by_variables() {
    let fpm = Fpm::start();
    for (pass, set) in [("$to", format!("set = {{ to = \"{}\" }}", fpm.unix())), ("$arg_to", String::new())] {
        let (_gateway, listen) = fpm.gateway(pass, &set, "");
        let got = seen(&get(listen, &format!("/index.php?to={}", fpm.tcp)));
        assert_eq!(got["SCRIPT_NAME"], "/index.php");
    }
}

#[test]
fn health_is_asked_with_the_ping_of_php_fpm() {
    let fpm = Fpm::start();
    for (uri, well) in [("/ping", true), ("/none", false)] {
        let upstream = format!(
            "[upstream.u]\nserver = [{{ address = \"{}\" }}]\n[upstream.u.health_check]\ninterval = \"20ms\"\nuri = \"{uri}\"\nmandatory = {well}\n\
             match = {{ body = \"pong\" }}\n",
            fpm.tcp
        );
        let (_gateway, listen) = fpm.gateway("u", "", &upstream);
        until("an answer of its health", LIMIT, || {
            let status = get(listen, "/index.php?do=length").status;
            (status == if well { 200 } else { 502 }).then_some(())
        });
    }
}

#[test]
fn explained() {
    let config = tempfile::NamedTempFile::new().unwrap();
    let text = "[[server]]\nlisten = [\"127.0.0.1:80\"]\n[[server.location]]\nmatch = '~ \\.php$'\n\
                fastcgi_pass = \"unix:/run/php.sock\"\nfastcgi = { keep_conn = true, params = { OWN = \"x\" } }\n";
    fs::write(&config, text).unwrap();
    let mut command = Command::new(propylon_tests::binary());
    let out = lossy(
        &command.args(["explain", "GET", "/a.php", "--config"]).arg(config.path()).output().unwrap().stdout,
    );
    assert!(out.contains("fastcgi") && out.contains("unix:/run/php.sock"), "{out}");
}

const CONF: &str = r#"
http {
    access_log off; server_tokens off; underscores_in_headers on;
    server {
        listen @LISTEN@; server_name a.test; root @WWW@; index index.php;
        location / { try_files $uri $uri/ /index.php?q=$uri&$args; }
        location ~ \.php(/|$) {
            include /etc/nginx/fastcgi.conf;
            fastcgi_split_path_info ^(.+\.php)(/.*)$;
            fastcgi_param PATH_INFO $fastcgi_path_info;
            fastcgi_param PATH_TRANSLATED $document_root$fastcgi_path_info;
            fastcgi_param OWN $arg_a if_not_empty;
            fastcgi_param HTTP_PROXY ""; fastcgi_param HTTP_X_ROLE none;
            fastcgi_hide_header X-Powered-By;
            fastcgi_pass @TCP@;
        }
    }
}
"#;

/// Of the connection's own; nginx passes also what belongs to the client's connection, and what has a name of its own.
const APART: &str = "^(pid|REMOTE_PORT|REMOTE_ADDR|SERVER_ADDR|SERVER_SOFTWARE|REQUEST_TIME(_FLOAT)?|\
     HTTP_(CONNECTION|TRANSFER_ENCODING|CONTENT_TYPE|CONTENT_LENGTH))=";

/// What is the same before both: status, fields, and what PHP saw.
fn comparable(at: SocketAddr, request: &str) -> (String, Vec<(String, String)>, Vec<String>) {
    let answer = raw_request(at, request.as_bytes()).unwrap();
    let ours = ["date", "server", "connection", "transfer-encoding", "etag"];
    let fields = answer.head.fields().into_iter().filter(|(name, _)| !ours.contains(&&**name));
    let mut fields: Vec<_> = fields.map(|(name, value)| (name, lossy(&value))).collect();
    fields.sort();
    let apart = regex::Regex::new(APART).unwrap();
    let text = answer.text();
    let mut lines: Vec<_> = text.lines().filter(|line| !apart.is_match(line)).map(str::to_owned).collect();
    lines.sort();
    (lossy(answer.head.start_line()), fields, lines)
}

#[test]
fn php_sees_the_same_behind_nginx() {
    let fpm = Fpm::start();
    let www = fpm.path("www").display().to_string();
    let pair = Pair::start(CONF, &[("WWW", &www), ("TCP", &fpm.tcp.to_string())]);
    let dump = "GET /index.php|GET /index.php?a=b&c|GET /|GET /folder/|GET /folder|GET /nice/path?x=y|GET /index.php/more%20/x?a=%41|\
        GET /index.php/|GET //index.php|GET /a/../index.php|GET /index%2ephp|HEAD /index.php|DELETE /index.php|GET /files/a.txt|\
        GET /none.php|GET /index.phpx|GET http://a.test/index.php|OPTIONS /index.php";
    let told = "status&n=204|status&n=404|status&n=304|status&n=201|location&to=/there|location&to=http://b/|length|cookies|\
        fatal|reason|accel&to=/folder/%3Fx=y|big&n=20";
    let told = told.split('|').map(|what| format!("GET /index.php?do={what}"));
    let lines = dump.split('|').map(str::to_owned).chain(told);
    let fields = "Host: a.test\r\nProxy: x\r\nX-Test: a, b\r\nCookie: a=1; b=2\r\nAuthorization: Basic YTpi\r\nx_odd: 1\r\nX_Role: admin\r\n";
    let mut requests: Vec<_> = lines.map(|line| format!("{line} HTTP/1.1\r\n{fields}\r\n")).collect();
    let post = format!("POST /index.php?a=1 HTTP/1.1\r\n{fields}Content-Type: text/x\r\n");
    requests.push(format!("{post}Content-Length: 3\r\n\r\nx=y"));
    requests.push(format!("{post}Content-Length: 0\r\n\r\n"));
    requests.push(format!("{post}Transfer-Encoding: chunked\r\n\r\n3\r\nx=y\r\n0\r\n\r\n"));
    requests.push("GET /index.php HTTP/1.0\r\n\r\n".to_owned());
    for request in requests {
        let [ours, theirs] = pair.at.map(|at| comparable(at, &request));
        assert_eq!(ours, theirs, "{request}: left is propylon, right is nginx");
    }
}
