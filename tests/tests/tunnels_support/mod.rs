//! What the tests of tunnels share.

use std::net::SocketAddr;

use propylon_tests::{Head, Listener, Nginx, Propylon, Stream, addresses, fill};

/// A request for another protocol, to the root.
pub(crate) const ASK: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: foo\r\nConnection: Upgrade\r\n\r\n";

/// The upstream's consent.
pub(crate) const SWITCH: &[u8] =
    b"HTTP/1.1 101 Switching Protocols\r\nServer: x\r\nUpgrade: foo\r\nConnection: Upgrade\r\nX-A: b\r\nContent-Length: 3\r\n\r\n";

/// What has to be the same in nginx's log.
const FORMAT: &str = "status=$status bytes=$bytes_sent body=$body_bytes_sent request=$request_length \
     length=$upstream_response_length received=$upstream_bytes_received sent=$upstream_bytes_sent \
     upstream=$upstream_status connection=$sent_http_connection upgrade=$upstream_http_upgrade";

pub(crate) fn ask(path: &str, more: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: a\r\nUpgrade: foo\r\nConnection: Upgrade\r\n{more}\r\n")
        .into_bytes()
}

const CONFIG: &str = r#"
[error_log]
path = "@DIR@/error.log"
level = "info"
[log_format]
tunnel = '@FORMAT@'
[map.connection_upgrade]
key = "$http_upgrade"
default = "upgrade"
values = { "" = "close" }
[defaults.access_log]
path = "@DIR@/access.log"
format = "tunnel"
[[server]]
listen = ["@LISTEN@"]
@SETTINGS@
[[server.location]]
match = "/recipe/"
proxy_pass = "@TO@"
headers.set = { Upgrade = "$http_upgrade", Connection = "$connection_upgrade" }
[[server.location]]
match = "/websocket/"
proxy_pass = "@TO@"
upstream.websocket = true
[[server.location]]
match = "/closing/"
proxy_pass = "@TO@"
upstream.websocket = true
headers.set = { Connection = "close" }
[[server.location]]
match = "/always/"
proxy_pass = "@TO@"
headers.set = { Upgrade = "foo", Connection = "upgrade" }
[[server.location]]
match = "/plain/"
proxy_pass = "@TO@"
"#;

/// A gateway before an upstream that the test plays.
pub(crate) struct World {
    pub(crate) gateway: Propylon,
    pub(crate) origin: Listener,
    pub(crate) listen: SocketAddr,
    /// Where an nginx may listen.
    pub(crate) nginx: SocketAddr,
}

impl World {
    /// With more locations, and settings of the server. One worker, so that the log's lines have an order.
    pub(crate) fn new(more: &str, settings: &str) -> Self {
        Self::build("[runtime]\n", "", more, settings)
    }

    /// With more tables at the top, and another upstream than the test's.
    pub(crate) fn with(top: &str, to: &str, settings: &str) -> Self {
        Self::build(top, to, "", settings)
    }

    fn build(top: &str, to: &str, more: &str, settings: &str) -> Self {
        let origin = Listener::new();
        let [listen, nginx] = addresses();
        let to = if to.is_empty() { format!("http://{}", origin.address()) } else { to.to_owned() };
        let holes =
            [("FORMAT", FORMAT), ("LISTEN", &listen.to_string()), ("TO", &to), ("SETTINGS", settings)];
        let top = top.replacen("[runtime]\n", "[runtime]\nworkers = 1\n", 1);
        let gateway = Propylon::start(&fill(&format!("{top}{CONFIG}{more}"), &holes));
        Self { gateway, origin, listen, nginx }
    }

    /// A tunnel: the client's end, the upstream's.
    pub(crate) fn switch(&self, path: &str) -> (Stream, Stream) {
        let mut client = Stream::connect(self.listen).unwrap();
        client.send(&ask(path, "")).unwrap();
        let mut upstream = self.origin.accept();
        upstream.head().unwrap().unwrap();
        upstream.send(SWITCH).unwrap();
        let answer: Head = client.head().unwrap().unwrap();
        assert!(answer.0.starts_with(b"HTTP/1.1 101"), "{answer:?}");
        assert_eq!(answer.field("upgrade").as_deref(), Some("foo"));
        assert_eq!(answer.field("connection").as_deref(), Some("upgrade"));
        (client, upstream)
    }
}

/// nginx with the same upstream.
pub(crate) struct Reference;

pub(crate) const NGINX: Reference = Reference;

impl Reference {
    #[expect(clippy::unused_self, reason = "reads as what it is")]
    pub(crate) fn start(&self, world: &World) -> Nginx {
        Nginx::start(&format!(
            "http {{ log_format t '{FORMAT}'; access_log @DIR@/access.log t;
             map $http_upgrade $connection_upgrade {{ default upgrade; '' close; }}
             server {{ listen {}; location / {{ proxy_pass http://{}; proxy_http_version 1.1;
             proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade;
             proxy_read_timeout 1s; proxy_send_timeout 3s; }} }} }}",
            world.nginx,
            world.origin.address()
        ))
    }
}
