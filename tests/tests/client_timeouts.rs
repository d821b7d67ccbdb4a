//! How long a client may take is its location's to say: one waits where another is given up, at the same address.
//!
//! Each test has an impatient place, the default server's, and patient ones: what the first did shows how long the others waited.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use std::fs;
use std::net::SocketAddr;

use propylon_testkit::http2::{END_STREAM, Frames, kind};
use propylon_testkit::peer::{Plan, RawPeer};
use propylon_tests::{Client, LIMIT, Propylon, address, until};

const CONFIG: &str = r#"
[log_format]
l = '$host$request_uri $status $body_bytes_sent'
[defaults]
access_log = { path = "@DIR@/access.log", format = "l" }
root = "@DIR@"
[[server]]
listen = ["@LISTEN@@HOW@"]
name = ["impatient.test"]
timeout = { client_body = "200ms", client_send = "200ms", keepalive = "200ms" }
[[server.location]]
match = "/"
[[server.location]]
match = "/patient/"
alias = "@DIR@/"
timeout = { client_body = "60s", client_send = "60s", keepalive = "60s" }
[[server.location]]
match = "/upload"
proxy_pass = "http://@PEER@"
[[server.location]]
match = "/upload/patient"
proxy_pass = "http://@PEER@"
timeout.client_body = "60s"
[[server.location]]
match = "/close"
return = [204]
timeout.keepalive = "0"
[[server]]
listen = ["@LISTEN@@HOW@"]
name = ["patient.test"]
[[server.location]]
match = "/"
[[server.location]]
match = "/upload"
proxy_pass = "http://@PEER@"
"#;

/// More than sockets hold.
const LARGE: usize = 64 << 20;

struct World {
    gateway: Propylon,
    listen: SocketAddr,
    _peer: RawPeer,
}

impl World {
    fn new(how: &str) -> Self {
        let peer = RawPeer::tcp(|_| {
            Plan::new().answer(|_| "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").forever()
        });
        let listen = address();
        let text = propylon_tests::fill(
            CONFIG,
            &[("LISTEN", &listen.to_string()), ("HOW", how), ("PEER", &peer.addr().to_string())],
        );
        let gateway = Propylon::start(&text);
        fs::File::create(gateway.dir().join("large")).unwrap().set_len(LARGE as u64).unwrap();
        Self { gateway, listen, _peer: peer }
    }

    fn client(&self, host: &str, request: &str) -> Client {
        let mut client = Client::connect(self.listen).unwrap();
        let (line, rest) = request.split_once("\r\n").unwrap();
        client.send(format!("{line}\r\nHost: {host}\r\n{rest}").as_bytes()).unwrap();
        client
    }

    /// Waits for the line of a request, and gives what is behind its target.
    fn logged(&self, what: &str) -> String {
        until(what, LIMIT, || {
            let lines = self.gateway.lines_now("access.log");
            lines.iter().find_map(|line| line.strip_prefix(what)?.strip_prefix(' ').map(str::to_owned))
        })
    }
}

#[test]
fn a_request_body_is_waited_for_as_its_location_says() {
    let world = World::new("");
    let post =
        |host, path| world.client(host, &format!("POST {path} HTTP/1.1\r\nContent-Length: 3\r\n\r\na"));
    let mut patient = [("impatient.test", "/upload/patient"), ("patient.test", "/upload")]
        .map(|(host, path)| post(host, path));
    assert_eq!(post("impatient.test", "/upload").response(false).unwrap().status, 408);
    for client in &mut patient {
        assert_eq!(client.ask(b"bc").unwrap().status, 200);
    }
}

#[test]
fn a_client_may_stop_reading_for_as_long_as_its_location_says() {
    let world = World::new("");
    let get = |host, path| world.client(host, &format!("GET {path} HTTP/1.1\r\n\r\n"));
    let mut patient = [("impatient.test", "/patient/large"), ("patient.test", "/large")]
        .map(|(host, path)| get(host, path));
    let _impatient = get("impatient.test", "/large");
    let line = world.logged("impatient.test/large");
    let sent: usize = line.rsplit(' ').next().unwrap().parse().unwrap();
    assert!(sent < LARGE, "{line}");
    for client in &mut patient {
        assert_eq!(client.response(false).unwrap().body.len(), LARGE);
    }
}

#[test]
fn a_connection_is_idle_for_as_long_as_the_last_location_says() {
    let world = World::new("");
    let get = |host, path| format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
    fs::write(world.gateway.dir().join("small"), "x").unwrap();
    let mut patient =
        [("impatient.test", "/patient/small"), ("patient.test", "/small")].map(|(host, path)| {
            let mut client = Client::connect(world.listen).unwrap();
            assert_eq!(client.ask(get(host, path).as_bytes()).unwrap().status, 200);
            (client, get(host, path))
        });
    let mut impatient = Client::connect(world.listen).unwrap();
    assert_eq!(impatient.ask(get("impatient.test", "/small").as_bytes()).unwrap().status, 200);
    assert!(impatient.closed());
    for (client, request) in &mut patient {
        assert_eq!(client.ask(request.as_bytes()).unwrap().status, 200);
    }
    // None is kept after this one.
    let (client, _) = &mut patient[1];
    let last = client.ask(get("impatient.test", "/close").as_bytes()).unwrap();
    assert_eq!((last.status, last.head.field("connection").as_deref()), (204, Some("close")));
    assert!(client.closed());
}

fn head(method: &'static str, path: &'static str) -> [(&'static str, &'static str); 4] {
    [(":method", method), (":scheme", "http"), (":authority", "impatient.test"), (":path", path)]
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_of_http2_have_the_times_of_their_locations() {
    /// SETTINGS_INITIAL_WINDOW_SIZE, and CANCEL.
    const INITIAL_WINDOW: u16 = 4;
    const CANCEL: [u8; 4] = [0, 0, 0, 8];
    let world = World::new(" http2");
    let mut frames = Frames::connect(world.listen, &[(INITIAL_WINDOW, 0)]).await.unwrap();
    frames.head(1, &head("GET", "/patient/large"), true).await.unwrap();
    frames.head(3, &head("GET", "/large"), true).await.unwrap();
    let reset = tokio::time::timeout(LIMIT, frames.next(kind::RST_STREAM)).await.unwrap().unwrap();
    assert_eq!((reset.stream, &reset.payload[..]), (3, &CANCEL[..]));
    frames.window(1, 1000).await.unwrap();
    let data = tokio::time::timeout(LIMIT, frames.next(kind::DATA)).await.unwrap().unwrap();
    assert_eq!((data.stream, data.payload.len()), (1, 1000));

    let mut frames = Frames::connect(world.listen, &[]).await.unwrap();
    frames.head(1, &head("POST", "/upload/patient"), false).await.unwrap();
    frames.head(3, &head("POST", "/upload"), false).await.unwrap();
    assert!(world.logged("impatient.test/upload").starts_with("408 "));
    frames.send(kind::DATA, END_STREAM, 1, b"abc").await.unwrap();
    assert!(world.logged("impatient.test/upload/patient").starts_with("200 "));
}
