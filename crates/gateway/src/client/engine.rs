//! How the HTTP engine of a listener is set up: the values of its default server, as in nginx.

use std::sync::Arc;
use std::time::Duration;

use propylon_config::{Http1, Settings};
use propylon_h1::server::Config;

/// The largest request head: nginx's `large_client_header_buffers 4 8k`.
pub(crate) const MAX_HEAD: usize = 32 * 1024;

/// The longest request line: one buffer of nginx's `large_client_header_buffers 4 8k`.
pub(crate) const MAX_LINE: usize = 8 * 1024;

/// How the engine of a listener is set up.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) http1: Http1,
    pub(crate) timeouts: Timeouts,
    /// How long a client may rest between requests; `None`: it may not.
    pub(crate) keepalive: Option<Duration>,
    /// The same for our own engine.
    pub(crate) h1: Arc<Config>,
}

/// How long a client may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timeouts {
    /// For a request head (`client_header_timeout`).
    pub(crate) header: Duration,
    /// Between two writes that it takes (`send_timeout`).
    pub(crate) send: Duration,
}

impl Engine {
    pub(crate) fn new(http1: Http1, settings: &Settings) -> Self {
        let timeout = &settings.timeout;
        let mut h1 = Config::new(); // its limits are nginx's
        h1.timeouts.head = timeout.client_header;
        h1.timeouts.idle = timeout.keepalive;
        h1.timeouts.body = timeout.client_body;
        h1.timeouts.send = timeout.client_send;
        Self {
            http1,
            timeouts: Timeouts { header: timeout.client_header, send: timeout.client_send },
            keepalive: timeout.keepalive,
            h1: Arc::new(h1),
        }
    }
}
