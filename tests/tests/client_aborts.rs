//! What becomes of a request whose client leaves before it has an answer, here and in nginx.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

use propylon_tests::{Client, LIMIT, Pair, Propylon, address, raw_request};

const CONF: &str = r#"
http {
    log_format seen "$request_uri $status";
    access_log @DIR@/seen.log seen;
    server {
        listen @LISTEN@;
        location /on/ { proxy_pass http://@ORIGIN@; proxy_ignore_client_abort on; }
        location /off/ { proxy_pass http://@ORIGIN@; }
        location /script/on/ { fastcgi_pass @ORIGIN@; fastcgi_ignore_client_abort on; }
        location /script/off/ { fastcgi_pass @ORIGIN@; }
    }
}
"#;

/// The head of the next request.
fn head(stream: &mut TcpStream) -> String {
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

/// A client that has sent this, and leaves as soon as the origin has it; the origin's connection.
fn abandoned(at: SocketAddr, origin: &TcpListener, path: &str) -> TcpStream {
    let mut client = Client::connect(at).unwrap();
    client.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes()).unwrap();
    let (stream, _) = origin.accept().unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    client.leave();
    stream
}

/// Without the directive the upstream's connection ends with the client's.
#[test]
fn by_default_requests_end_with_their_clients() {
    let origin = TcpListener::bind(address()).unwrap();
    let pair = Pair::start(&CONF.replace("@ORIGIN@", &origin.local_addr().unwrap().to_string()), &[]);
    for at in pair.at {
        for path in ["/off/a", "/script/off/a"] {
            let mut stream = abandoned(at, &origin, path);
            stream.read_to_end(&mut Vec::new()).unwrap();
        }
    }
}

/// With it the upstream answers, and for another client then.
#[test]
fn with_it_they_go_on() {
    let origin = TcpListener::bind(address()).unwrap();
    let pair = Pair::start(&CONF.replace("@ORIGIN@", &origin.local_addr().unwrap().to_string()), &[]);
    let [ours, theirs] = pair.at;
    let mut stream = abandoned(ours, &origin, "/on/a");
    assert!(head(&mut stream).starts_with("GET /on/a "));
    // The gateway knows that the client has left.
    assert_eq!(pair.gateway.lines("seen.log", 1), ["/on/a 499"]);
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello").unwrap();
    // The answer has been read: its connection is free, or in nginx closed.
    let mut end = [0];
    let next = std::thread::spawn(move || {
        assert!(head(&mut stream).starts_with("GET /on/b "));
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nagain").unwrap();
    });
    let answer = raw_request(ours, b"GET /on/b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
    assert_eq!(answer.text(), "again");
    next.join().unwrap();

    let mut stream = abandoned(theirs, &origin, "/on/a");
    assert!(head(&mut stream).contains("GET /on/a "));
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello").unwrap();
    assert_eq!(stream.read(&mut end).unwrap(), 0);
}

/// A FastCGI server is asked as well, and from TOML.
#[test]
fn scripts_go_on_and_toml_says_so() {
    let (origin, at) = (TcpListener::bind(address()).unwrap(), address());
    let gateway = Propylon::start(&format!(
        "[log_format]\nseen = \"$request_uri $status\"\n\
         [[server]]\nlisten = [\"{at}\"]\naccess_log = [{{ path = \"@DIR@/seen.log\", format = \"seen\" }}]\n\
         [defaults.upstream]\nignore_client_abort = true\n\
         [[server.location]]\nmatch = \"/\"\nfastcgi_pass = \"{0}\"\n",
        origin.local_addr().unwrap()
    ));
    let mut stream = abandoned(at, &origin, "/a");
    assert_eq!(gateway.lines("seen.log", 1), ["/a 499"]);
    // All of the request is there, and then nothing: neither more nor an end.
    let mut read = Vec::new();
    while !read.ends_with(&[1, 5, 0, 1, 0, 0, 0, 0]) {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        read.push(byte[0]);
    }
    stream.set_nonblocking(true).unwrap();
    assert_eq!(stream.read(&mut [0]).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}
