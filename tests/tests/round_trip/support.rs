//! A gateway between a client and an upstream which are both the test.

use std::net::{Shutdown, SocketAddr};

use propylon_tests::{Client, Head, Listener, Propylon, RawResponse, Stream, address};

/// What only our own engine does; everything else holds on both.
const HYPER_CANNOT: &[(&str, &str)] = &[
    ("1.0 keep-alive", "hyper says keep-alive to HTTP/1.0 also where the body ends with the connection"),
    ("1.0 cut", "hyper ends a cut response to HTTP/1.0 as a whole one"),
    ("304 length", "hyper drops the length of a 304"),
    ("interim", "hyper's server cannot send 1xx, and its client drops them"),
    ("targets", "http::Uri refuses targets that clients send, and drops fragments"),
];

pub(crate) struct Gateway {
    pub(crate) engine: &'static str,
    _process: Propylon,
    pub(crate) listen: SocketAddr,
    pub(crate) upstream: Listener,
}

/// A request as the upstream got it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) head: Head,
    pub(crate) body: Vec<u8>,
}

impl Gateway {
    fn start(engine: &'static str) -> Self {
        let (listen, upstream) = (address(), Listener::new());
        let process = Propylon::start(&format!(
            r#"
            [runtime]
            workers = 1
            http1 = "{engine}"
            [upstream.peer]
            server = [{{ address = "{}", max_fails = 0 }}]
            [defaults.limit]
            body_size = "unlimited"
            [[server]]
            listen = ["{listen}"]
            [[server.location]]
            match = "/"
            proxy_pass = "http://peer"
            [[server.location]]
            match = "/stream"
            proxy_pass = "http://peer"
            buffer.request = false
            "#,
            upstream.address()
        ));
        Self { engine, _process: process, listen, upstream }
    }

    /// Whether the engine can do what is in the list under this name.
    pub(crate) fn can(&self, name: &str) -> bool {
        assert!(HYPER_CANNOT.iter().any(|(what, _)| *what == name), "{name} has no reason");
        self.engine != "hyper"
    }

    pub(crate) fn client(&self) -> Client {
        Client::connect(self.listen).unwrap()
    }

    /// Sends a request in these pieces, answers with the response in these pieces, and gives what both sides got.
    pub(crate) fn exchange(&self, request: &[&[u8]], response: &[&[u8]]) -> (Request, RawResponse) {
        let mut client = self.client();
        send(client.stream(), request);
        let mut peer = self.upstream.accept();
        let seen = receive(&mut peer);
        send(&mut peer, response);
        peer.shutdown(Shutdown::Write);
        let answer = client.response(seen.head.0.starts_with(b"HEAD ")).unwrap();
        (seen, answer)
    }
}

/// Runs the law on both engines.
pub(crate) fn each(law: impl Fn(&Gateway)) {
    for engine in ["h1", "hyper"] {
        law(&Gateway::start(engine));
    }
}

pub(crate) fn send(stream: &mut Stream, pieces: &[&[u8]]) {
    for piece in pieces {
        stream.send(piece).unwrap();
    }
}

#[track_caller]
pub(crate) fn receive(peer: &mut Stream) -> Request {
    let head = peer.head().unwrap().expect("a request");
    let mut body = Vec::new();
    if head.lists("transfer-encoding", "chunked") {
        let trailers = peer.chunked(&mut body).unwrap();
        assert_eq!(trailers, b"", "request trailers are not sent");
    } else if let Some(length) = head.field("content-length") {
        peer.exactly(length.parse().unwrap(), &mut body).unwrap();
    }
    Request { head, body }
}

/// Whole, byte by byte, and in two pieces at every place.
pub(crate) fn cuts(message: &[u8]) -> Vec<Vec<&[u8]>> {
    let mut all = vec![vec![message], message.chunks(1).collect()];
    all.extend((1..message.len()).map(|at| vec![&message[..at], &message[at..]]));
    all
}
