//! What the tests of streams share.
#![allow(dead_code, reason = "each test takes what it needs")]

use std::net::SocketAddr;

use propylon_tests::{Listener, Nginx, Propylon, Stream, addresses, exactly, fill};

/// nginx's module of streams is a package of its own in Debian.
pub(crate) const MODULE: (&str, &str) = ("ngx_stream_module.so", "libnginx-mod-stream");

/// What has to be the same in nginx's log. `$remote_port` and times are no two times the same.
pub(crate) const FORMAT: &str = "status=$status protocol=$protocol received=$bytes_received sent=$bytes_sent \
     upstream=$upstream_addr to=$upstream_bytes_sent from=$upstream_bytes_received \
     version=$ssl_preread_protocol name=$ssl_preread_server_name alpn=$ssl_preread_alpn_protocols proxy=$proxy_protocol_addr";

const CONFIG: &str = r#"
[error_log]
path = "@DIR@/error.log"
level = "info"
[log_format]
s = '@FORMAT@'
@MORE@
[[stream]]
listen = ["@LISTEN@"]
proxy_pass = "@TO@"
access_log = { path = "@DIR@/access.log", format = "s" }
@SETTINGS@
"#;

/// A gateway before an upstream that the test plays.
pub(crate) struct World {
    pub(crate) gateway: Propylon,
    pub(crate) origin: Listener,
    pub(crate) listen: SocketAddr,
    /// Where an nginx may listen.
    pub(crate) nginx: SocketAddr,
    text: String,
}

impl World {
    /// With these keys of the stream. One worker, so that the log's lines have an order.
    pub(crate) fn new(settings: &str) -> Self {
        Self::with("", "@ORIGIN@", settings)
    }

    /// With more tables at the top, and another upstream than the test's. `@ORIGIN@` is the test's.
    pub(crate) fn with(more: &str, to: &str, settings: &str) -> Self {
        let origin = Listener::new();
        let [listen, nginx] = addresses();
        let more = if more.contains("[runtime]") {
            more.replacen("[runtime]\n", "[runtime]\nworkers = 1\n", 1)
        } else {
            format!("[runtime]\nworkers = 1\n{more}")
        };
        let text = fill(CONFIG, &[("MORE", &more), ("TO", to), ("SETTINGS", settings)]);
        let text = fill(
            &text,
            &[("FORMAT", FORMAT), ("LISTEN", &listen.to_string()), ("ORIGIN", &origin.address().to_string())],
        );
        Self { gateway: Propylon::start(&text), origin, listen, nginx, text }
    }

    /// The text of its configuration.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The same, of a stream whose address says this as well.
    pub(crate) fn listening(&self, how: &str) -> String {
        let listen = format!("\"{}\"", self.listen);
        self.text.replace(&listen, &format!("\"{} {how}\"", self.listen))
    }

    /// A session: the client's end, the upstream's.
    pub(crate) fn session(&self) -> (Stream, Stream) {
        let mut client = Stream::connect(self.listen).unwrap();
        client.send(b"hello").unwrap();
        let mut upstream = self.origin.accept();
        exactly(&mut upstream, b"hello");
        (client, upstream)
    }

    /// The lines of the access log, once there are so many.
    pub(crate) fn lines(&self, count: usize) -> Vec<String> {
        self.gateway.lines("access.log", count)
    }

    /// nginx with the same upstream, and these directives of its server.
    pub(crate) fn reference(&self, more: &str, to: &str, settings: &str) -> Nginx {
        let to = fill(to, &[("ORIGIN", &self.origin.address().to_string())]);
        let more = fill(more, &[("ORIGIN", &self.origin.address().to_string())]);
        Nginx::start_with(
            &[MODULE],
            &format!(
                "stream {{ log_format s '{FORMAT}'; access_log @DIR@/access.log s; {more}
                 server {{ listen {}; proxy_pass {to}; {settings} }} }}",
                self.nginx,
            ),
        )
    }
}
