//! Bodies that are too large, and what comes before the answer.

use propylon_testkit::peer::{Plan, RawPeer};
use propylon_tests::{LIMIT, address, on_hyper, raw_request};

use crate::support::{GOOD, numbered, one};

#[test]
fn too_large_a_body_is_413() {
    let listen = address();
    let peer = numbered(1);
    let _gateway =
        one(listen, "limit.body_size = \"1k\"", &format!("{{ address = \"{}\" }}", peer.addr()), "");
    let ask = |head: &str, body: &str| {
        let request = format!("POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{head}\r\n\r\n{body}");
        raw_request(listen, request.as_bytes()).unwrap().status
    };
    assert_eq!(ask("Content-Length: 1024", &"x".repeat(1024)), 200);
    assert_eq!(ask("Content-Length: 1025", &"x".repeat(1025)), 413);
    assert_eq!(ask("Transfer-Encoding: chunked", &format!("401\r\n{}\r\n0\r\n\r\n", "x".repeat(1025))), 413);
    assert_eq!(peer.requests().len(), 1, "a request that is too large reaches nobody");
    let chunked = ask("Transfer-Encoding: chunked", "3\r\nabc\r\n0\r\n\r\n");
    let last = peer.requests().pop().unwrap();
    assert_eq!(chunked, 200);
    assert!(String::from_utf8_lossy(&last).contains("Content-Length: 3\r\n"), "a whole body has a length");
}

#[test]
fn interim_responses_reach_the_client_first() {
    if on_hyper() {
        return; // hyper's server cannot send them
    }
    let listen = address();
    let hints = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nConnection: x-mine\r\nX-Mine: 1\r\nKeep-Alive: 5\r\n\r\n";
    let gate = propylon_testkit::gate::Gate::new();
    let held = gate.clone();
    let peer = RawPeer::tcp(move |_| {
        let read =
            Plan::new().read_request().write("HTTP/1.1 100 Continue\r\n\r\n").write(hints).write(hints);
        read.wait(&held).write(GOOD)
    });
    let tried = "[[server.location]]\nmatch = \"/tried\"\nroot = \"@DIR@\"\ntry_files = [\"/none\", \"@app\"]\n\
                 [[server.location]]\nmatch = \"@app\"\nproxy_pass = \"http://u\"";
    let _gateway = one(listen, tried, &format!("{{ address = \"{}\" }}", peer.addr()), "");
    let hint = "HTTP/1.1 103 Early Hints\r\nlink: </a.css>; rel=preload\r\n\r\n";
    for path in ["/", "/tried"] {
        let mut client = std::net::TcpStream::connect(listen).unwrap();
        client.set_read_timeout(Some(LIMIT)).unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        std::io::Write::write_all(&mut client, request.as_bytes()).unwrap();
        let mut early = vec![0; 2 * hint.len()];
        std::io::Read::read_exact(&mut client, &mut early).unwrap();
        let early = String::from_utf8_lossy(&early).to_lowercase();
        assert_eq!(early, hint.repeat(2).to_lowercase(), "{path}: before the final head");
        gate.open();
        let mut rest = String::new();
        std::io::Read::read_to_string(&mut client, &mut rest).unwrap();
        assert!(rest.starts_with("HTTP/1.1 200 OK\r\n") && rest.ends_with("good"), "{path}: {rest}");
    }

    let mut old = std::net::TcpStream::connect(listen).unwrap();
    std::io::Write::write_all(&mut old, b"GET / HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    std::io::Read::read_to_string(&mut old, &mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "HTTP/1.0 knows none: {answer}");
}
