//! How a connection behaves.

use std::time::Duration;

use crate::Limits;

/// How a server's connections behave. Share one by `Arc`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// What a message may take at most.
    pub limits: Limits,
    /// How long a client may take.
    pub timeouts: Timeouts,
    /// The largest read buffer, 256 KiB by default; a buffer grows while reads fill it.
    pub read_buffer: usize,
    /// How much of a request body that nobody reads is read and dropped after the response, so that the connection lives
    /// on: 64 KiB by default. Above it the connection closes, lingering.
    pub drain: u64,
    /// Whether a client that has closed its writing side still gets its response. Default: no. TCP does not tell such a client
    /// from one that left, and serving who left is work for nobody (nginx does the same). Responses that are ready at once go
    /// out either way.
    pub half_close: bool,
    /// Whether responses without a `Date` get one (RFC 9110 6.6.1). Default: yes.
    pub date: bool,
}

/// How long a client may take. `Duration::MAX` is for ever.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timeouts {
    /// For a request head: from the beginning of the connection for the first, from its first byte for the others.
    /// 60 s by default (nginx: `client_header_timeout`).
    pub head: Duration,
    /// Between two requests, 75 s by default (nginx: `keepalive_timeout`). `None`: a connection serves one request.
    pub idle: Option<Duration>,
    /// Between two pieces of a request body that is waited for, 60 s by default (nginx: `client_body_timeout`).
    pub body: Duration,
    /// Between two writes that the client takes, 60 s by default (nginx: `send_timeout`).
    pub send: Duration,
    /// For what a client still sends when the connection is being closed, between two pieces: 5 s by default (nginx:
    /// `lingering_timeout`).
    pub linger: Duration,
    /// For all of that, 30 s by default (nginx: `lingering_time`).
    pub linger_total: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            timeouts: Timeouts::default(),
            read_buffer: 256 << 10,
            drain: 64 << 10,
            half_close: false,
            date: true,
        }
    }
}

impl Config {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(60),
            idle: Some(Duration::from_secs(75)),
            body: Duration::from_secs(60),
            send: Duration::from_secs(60),
            linger: Duration::from_secs(5),
            linger_total: Duration::from_secs(30),
        }
    }
}

/// How long a client may take with one response, and how long the connection waits for another request after it: in place of the
/// [`Timeouts`] of the connection, from [`Service::timeouts`](super::Service::timeouts).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResponseTimeouts {
    /// As [`Timeouts::send`].
    pub send: Duration,
    /// As [`Timeouts::idle`].
    pub idle: Option<Duration>,
}

impl ResponseTimeouts {
    /// Those of a connection.
    pub(super) fn of(config: &Config) -> Self {
        Self { send: config.timeouts.send, idle: config.timeouts.idle }
    }
}

/// An extension of responses: how many bytes of the body may wait to be sent before more of it is asked for. 64 KiB without it;
/// a body that is known to be smaller is not asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SendBuffer(pub usize);
