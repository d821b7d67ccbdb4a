//! How the HTTP engine of a listener is set up: the values of its default server, as in nginx.

use std::sync::Arc;
use std::time::Duration;

use propylon_config::{self as config, HeadLimit, Http1, Settings};
use propylon_h1::server::Config;
use quinn::{IdleTimeout, TransportConfig, VarInt};

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
    pub(crate) http2: Http2,
    pub(crate) http3: Http3,
}

/// How HTTP/2 is spoken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Http2 {
    /// Whether it is at all.
    pub(crate) spoken: bool,
    /// How many requests may be in flight.
    pub(crate) max_concurrent_streams: u32,
    /// How much of a body may come before any of it is read.
    pub(crate) body_preread_size: u32,
    /// How much of a response goes into one frame.
    pub(crate) chunk_size: usize,
    /// How much fields may take where the engine stops to take them in, as it counts: the edge says more, and earlier.
    pub(crate) header_list_size: u32,
    /// Requests on one connection.
    pub(crate) requests: u64,
}

/// How HTTP/3 is spoken.
#[derive(Debug)]
pub(crate) struct Http3 {
    /// How QUIC is.
    pub(crate) transport: Arc<TransportConfig>,
    /// Whether clients have to show first that they are where they say.
    pub(crate) retry: bool,
    /// How much a section of fields may take: the edge says more, and earlier.
    pub(crate) section: usize,
    /// Requests on one connection.
    pub(crate) requests: u64,
}

/// How long a client may be silent before it is looked whether it is there, and how long before it is gone.
const SILENCE: Duration = Duration::from_secs(20);
const GONE: VarInt = VarInt::from_u32(60_000);

/// How many streams of one direction a client may have open: it needs three.
const ONE_WAY: VarInt = VarInt::from_u32(8);

/// How much of all bodies a client may send before any of it is read, and how much of all responses it may owe an acknowledgment.
const WINDOW: u32 = 1024 * 1024;

impl Http3 {
    fn new(server: &config::Server, head: HeadLimit) -> Self {
        let config = &server.http3;
        let window = config.stream_buffer_size;
        let mut transport = TransportConfig::default();
        transport
            .max_concurrent_bidi_streams(VarInt::from_u32(config.max_concurrent_streams))
            .max_concurrent_uni_streams(ONE_WAY)
            .stream_receive_window(VarInt::from_u32(window))
            .receive_window(VarInt::from_u32(window.max(WINDOW)))
            .send_window(u64::from(window).saturating_mul(16).max(u64::from(WINDOW)))
            .max_idle_timeout(Some(IdleTimeout::from(GONE)))
            .keep_alive_interval(Some(SILENCE))
            .datagram_receive_buffer_size(None)
            .enable_segmentation_offload(config.gso);
        Self {
            transport: Arc::new(transport),
            retry: config.retry,
            section: section(head),
            requests: server.keepalive_requests,
        }
    }
}

/// How much the fields of a head take where each counts 32 bytes more (RFC 9113 6.5.2, RFC 9114 4.2.2).
fn section(head: HeadLimit) -> usize {
    head.size.saturating_add(head.fields.saturating_mul(32)).saturating_mul(2)
}

impl Http2 {
    fn new(spoken: bool, server: &config::Server, head: HeadLimit) -> Self {
        Self {
            spoken,
            max_concurrent_streams: server.http2.max_concurrent_streams,
            body_preread_size: server.http2.body_preread_size,
            chunk_size: server.http2.chunk_size,
            header_list_size: u32::try_from(section(head)).unwrap_or(u32::MAX),
            requests: server.keepalive_requests,
        }
    }
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
    /// `server`: the default server; `head`: what the most generous of the servers allows.
    pub(crate) fn new(http1: Http1, http2: bool, server: &config::Server, head: HeadLimit) -> Self {
        let settings: &Settings = &server.settings;
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
            http2: Http2::new(http2, server, head),
            http3: Http3::new(server, head),
        }
    }
}
