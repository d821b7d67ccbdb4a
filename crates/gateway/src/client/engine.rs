//! How the HTTP engine of a listener is set up: the values of its default server, as in nginx.

use std::sync::Arc;
use std::time::Duration;

use propylon_config::{HeadLimit, Http1, Settings};
use propylon_h1::server::Config;

/// How the engine of a listener is set up.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) http1: Http1,
    pub(crate) timeouts: Timeouts,
    /// What a head may take at most: as much as the most generous server here allows, for the server is not known yet.
    pub(crate) head: HeadLimit,
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
    /// `settings`: of the default server; `head`: what the most generous of the servers allows.
    pub(crate) fn new(http1: Http1, settings: &Settings, head: HeadLimit) -> Self {
        let timeout = &settings.timeout;
        let mut h1 = Config::new();
        h1.limits.first_line = head.line;
        h1.limits.header_line = head.line;
        h1.limits.head = head.size;
        h1.limits.fields = head.fields;
        h1.timeouts.head = timeout.client_header;
        h1.timeouts.idle = timeout.keepalive;
        h1.timeouts.body = timeout.client_body;
        h1.timeouts.send = timeout.client_send;
        Self {
            http1,
            timeouts: Timeouts { header: timeout.client_header, send: timeout.client_send },
            head,
            keepalive: timeout.keepalive,
            h1: Arc::new(h1),
        }
    }
}
