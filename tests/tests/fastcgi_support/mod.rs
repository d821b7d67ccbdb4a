//! PHP with scripts of its own, a gateway before it, and what a FastCGI server says and reads.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    dead_code,
    reason = "a test; each of them uses a part of this"
)]

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;

use propylon_tests::{Client, End, Fpm, LIMIT, Propylon, RawResponse, Stream, address, raw_request, until};
use tempfile::TempDir;

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
pub(crate) struct Php {
    _fpm: Fpm,
    dir: TempDir,
    pub(crate) tcp: SocketAddr,
}

impl Php {
    pub(crate) fn start() -> Self {
        let (dir, tcp) = (tempfile::tempdir().unwrap(), address());
        for (folder, name, text) in [
            ("www", "index.php", SCRIPT),
            ("www/folder", "index.php", SCRIPT),
            ("www/files", "a.txt", "a file\n"),
        ] {
            fs::create_dir_all(dir.path().join(folder)).unwrap();
            fs::write(dir.path().join(folder).join(name), text).unwrap();
        }
        Self { _fpm: Fpm::start(dir.path(), Some(tcp)), dir, tcp }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn unix(&self) -> String {
        format!("unix:{}", self.path("fpm.sock").display())
    }

    /// A gateway with its scripts, which a location passes to `pass`; `more` is added to that, and `outer` before the server.
    pub(crate) fn gateway(&self, pass: &str, more: &str, outer: &str) -> (Propylon, SocketAddr) {
        let server = format!(
            "root = \"{}\"\nindex = [\"index.php\"]\n\
             [[server.location]]\nmatch = '~ \\.php(/|$)'\nfastcgi_pass = \"{pass}\"\n{more}\n",
            self.path("www").display()
        );
        gateway(&server, outer)
    }
}

pub(crate) fn gateway(server: &str, outer: &str) -> (Propylon, SocketAddr) {
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
pub(crate) fn before(pass: &str, more: &str) -> (Propylon, SocketAddr) {
    gateway(&format!("[[server.location]]\nmatch = \"/\"\nfastcgi_pass = \"{pass}\"\n{more}"), "")
}

/// A peer that always answers the same to what `reads` has read, and closes, in a thread that ends with the test.
pub(crate) fn always(reads: impl Fn(&mut Stream) + Send + 'static, bytes: Vec<u8>) -> SocketAddr {
    let listener = std::net::TcpListener::bind(address()).unwrap();
    let at = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        while let Ok((socket, _)) = listener.accept() {
            let mut peer = Stream::over_tcp(socket).unwrap();
            reads(&mut peer);
            let _ = peer.send(&bytes);
        }
    });
    at
}

pub(crate) fn get(at: SocketAddr, path: &str) -> RawResponse {
    raw_request(at, format!("GET {path} HTTP/1.1\r\nHost: a.test\r\n\r\n").as_bytes()).unwrap()
}

/// A client that is slow asks the script at `path`, with three processes, for 40 MiB. It gets all of it, and if responses are `buffered`
/// the script answers others meanwhile.
pub(crate) fn slow_client(gateway: &Propylon, listen: SocketAddr, path: &str, buffered: bool) {
    let mut client = Client::connect(listen).unwrap();
    let request = format!("GET {path}?do=big&n=640 HTTP/1.1\r\nHost: a.test\r\n\r\n");
    client.send(request.as_bytes()).unwrap();
    let head = client.stream().head().unwrap().unwrap();
    if buffered {
        // All three processes are free again: they answer although the client takes nothing.
        until("the response in a file", LIMIT, || {
            gateway.error_log().contains("buffered to a temporary file").then_some(())
        });
        for _ in 0..6 {
            assert_eq!(get(listen, &format!("{path}?do=length")).status, 200);
        }
    }
    let answer = client.body(head, false).unwrap();
    assert_eq!((answer.body.len(), answer.end), (640 * 65536, End::Complete));
}

/// What PHP said that it got.
pub(crate) fn seen(answer: &RawResponse) -> BTreeMap<String, String> {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let pair = |line: &str| line.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
    answer.text().lines().filter_map(pair).collect()
}

pub(crate) const OUT: u8 = 6;
pub(crate) const ERR: u8 = 7;

pub(crate) fn record(kind: u8, content: &str) -> Vec<u8> {
    let [high, low] = u16::try_from(content.len()).unwrap().to_be_bytes();
    [&[1, kind, 0, 1, high, low, 0, 0], content.as_bytes()].concat()
}

/// A response in order.
pub(crate) fn response(text: &str) -> Vec<u8> {
    [record(OUT, text), record(OUT, ""), record(3, &"\0".repeat(8))].concat()
}

/// Reads the next record.
pub(crate) fn receive(peer: &mut Stream) -> (u8, Vec<u8>) {
    let (mut header, mut content) = (Vec::new(), Vec::new());
    peer.exactly(8, &mut header).unwrap();
    let length = usize::from(u16::from_be_bytes([header[4], header[5]]));
    peer.exactly(length + usize::from(header[6]), &mut content).unwrap();
    content.truncate(length);
    (header[1], content)
}

/// Reads a whole request: whether the connection is to be kept, the params, and the body.
pub(crate) fn read(peer: &mut Stream) -> (bool, Vec<u8>, Vec<u8>) {
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
