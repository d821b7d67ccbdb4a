//! What the tests of UDP share.
#![allow(dead_code, reason = "each test takes what it needs")]

use std::net::SocketAddr;

use propylon_tests::{Nginx, Propylon, Udp, addresses, fill};

/// nginx's module of streams is a package of its own in Debian.
pub(crate) const MODULE: (&str, &str) = ("ngx_stream_module.so", "libnginx-mod-stream");

/// What has to be the same in nginx's log.
const FORMAT: &str = "status=$status protocol=$protocol received=$bytes_received sent=$bytes_sent \
     upstream=$upstream_addr to=$upstream_bytes_sent from=$upstream_bytes_received";

const CONFIG: &str = r#"
[error_log]
path = "@DIR@/error.log"
level = "info"
[log_format]
s = '@FORMAT@'
@MORE@
[[stream]]
listen = ["@LISTEN@ udp"]
@TO@
access_log = { path = "@DIR@/access.log", format = "s" }
@SETTINGS@
"#;

/// A gateway before a server that the test plays.
pub(crate) struct World {
    pub(crate) gateway: Propylon,
    pub(crate) origin: Udp,
    pub(crate) listen: SocketAddr,
    /// Where an nginx may listen.
    pub(crate) nginx: SocketAddr,
    text: String,
}

impl World {
    /// With these keys of the stream. One worker, so that the log's lines have an order.
    pub(crate) fn new(settings: &str) -> Self {
        Self::with("", "proxy_pass = \"@ORIGIN@\"", settings)
    }

    /// With more tables at the top, and something else to do than to pass on to the test's server, which is `@ORIGIN@`.
    pub(crate) fn with(more: &str, to: &str, settings: &str) -> Self {
        let origin = Udp::new();
        let [listen, nginx] = addresses();
        let more = if more.contains("[runtime]") {
            more.to_owned()
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

    /// A client that has said hello: it, and where the server sees it.
    pub(crate) fn session(&self) -> (Udp, SocketAddr) {
        let client = Udp::connect(self.listen);
        client.send(b"hello");
        let from = self.origin.exactly(b"hello");
        (client, from)
    }

    /// The lines of the access log, once there are so many.
    pub(crate) fn lines(&self, count: usize) -> Vec<String> {
        self.gateway.lines("access.log", count)
    }

    /// nginx with the same server, and these directives.
    pub(crate) fn reference(&self, more: &str, settings: &str) -> Nginx {
        let origin = self.origin.address().to_string();
        let [more, settings] = [more, settings].map(|text| fill(text, &[("ORIGIN", &origin)]));
        Nginx::start_with(
            &[MODULE],
            &format!(
                "stream {{ log_format s '{FORMAT}'; access_log @DIR@/access.log s; {more}
                 server {{ listen {} udp; {settings} }} }}",
                self.nginx,
            ),
        )
    }
}
