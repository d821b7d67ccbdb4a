//! How a route talks to its upstream.

use std::sync::Arc;
use std::time::Duration;

use propylon_cgi::Config as Cgi;
use propylon_fastcgi::Config as FastCgi;
use propylon_h1::Unwanted;
use propylon_memcached::Config as Memcached;

use crate::interim::Interims;
use crate::secure::Secure;

/// The version of HTTP that requests go out with (nginx: `proxy_http_version`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum HttpVersion {
    /// HTTP/1.0: `Connection: close` unless the request has a `Connection`, no kept connections, no chunked request body.
    Http10,
    /// HTTP/1.1.
    #[default]
    Http11,
    /// HTTP/2: many requests share a connection. The peer is known to speak it; over a [`Secure`] it is asked for it
    /// ([`Party::protocol`](crate::Party::protocol)).
    Http2,
}

/// What speaks HTTP/1 on the connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Engine {
    /// Propylon's own ([`propylon_h1`]): no task for a connection, every byte of the target as it is.
    #[default]
    H1,
    /// [hyper](https://hyper.rs).
    Hyper,
}

/// What is spoken to in other terms than HTTP's, and how.
#[derive(Clone, Debug)]
pub enum Application {
    /// In FastCGI. A [`Stderr`](propylon_fastcgi::Stderr) in a request's extensions hears the application.
    FastCgi(Arc<FastCgi>),
    /// In uwsgi or SCGI: each request has a connection of its own.
    Cgi(Arc<Cgi>),
    /// A memcached, which is asked for the [`Key`](propylon_memcached::Key) in a request's extensions.
    Memcached(Memcached),
}

impl Application {
    fn protocol(&self) -> Protocol {
        match self {
            Self::FastCgi(_) => Protocol::FastCgi,
            Self::Cgi(_) => Protocol::Cgi,
            Self::Memcached(_) => Protocol::Memcached,
        }
    }
}

/// How a route talks to its upstream: a builder.
///
/// ```
/// use std::time::Duration;
/// use propylon_upstream::{HttpVersion, Transport};
///
/// let transport = Transport::new().connect_timeout(Duration::from_secs(5)).http_version(HttpVersion::Http10);
/// # let _ = transport;
/// ```
#[derive(Clone, Debug)]
pub struct Transport {
    pub(crate) secure: Option<Arc<dyn Secure>>,
    pub(crate) special: bool,
    pub(crate) connect_timeout: Duration,
    pub(crate) http_version: HttpVersion,
    pub(crate) without: Unwanted,
    pub(crate) interims: Interims,
    pub(crate) application: Option<Application>,
    engine: Engine,
    pub(crate) fingerprint: Fingerprint,
}

/// The settings that a connection keeps for life: only requests with the same may share it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Fingerprint {
    pub(crate) protocol: Protocol,
    pub(crate) socket_keepalive: bool,
    pub(crate) max_head: usize,
    /// Not larger than they need be: this is part of what a pool looks for.
    pub(crate) max_fields: u32,
    pub(crate) read_buffer: u32,
}

/// What is spoken, and by what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Protocol {
    H1,
    Hyper,
    Http2,
    FastCgi,
    Cgi,
    Memcached,
}

/// What hyper parses without a heap allocation.
pub(crate) const DEFAULT_MAX_FIELDS: u32 = 100;

impl Transport {
    /// The defaults: [`Engine::H1`], 60 s to connect, HTTP/1.1, no `SO_KEEPALIVE`, response heads of 64 KiB and 100 fields.
    #[must_use]
    pub fn new() -> Self {
        Self {
            secure: None,
            special: false,
            connect_timeout: Duration::from_secs(60),
            http_version: HttpVersion::Http11,
            without: Unwanted::NONE,
            interims: Interims::Passed,
            application: None,
            engine: Engine::H1,
            fingerprint: Fingerprint {
                protocol: Protocol::H1,
                socket_keepalive: false,
                max_head: 64 * 1024,
                max_fields: DEFAULT_MAX_FIELDS,
                read_buffer: 256 * 1024,
            },
        }
    }

    /// What secures connections (TLS). Only requests with the same, the very same object, share a connection. Default
    /// nothing.
    #[must_use]
    pub fn secure(mut self, secure: Option<Arc<dyn Secure>>) -> Self {
        self.secure = secure;
        self
    }

    /// Whether requests may say where their connections come from and begin with: the extensions [`Bind`](crate::Bind) and
    /// [`Greeting`](crate::Greeting) are looked at only then. Default false (nginx: `proxy_bind`, `proxy_protocol`).
    #[must_use]
    pub fn special(mut self, on: bool) -> Self {
        self.special = on;
        self
    }

    /// What speaks HTTP/1; HTTP/2 has one engine. Default [`Engine::H1`].
    #[must_use]
    pub fn engine(mut self, engine: Engine) -> Self {
        self.engine = engine;
        self.agree()
    }

    /// How long making a connection may take. Default 60 s (nginx: `proxy_connect_timeout`).
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// The version that requests go out with. Default HTTP/1.1 (nginx: `proxy_http_version`).
    #[must_use]
    pub fn http_version(mut self, version: HttpVersion) -> Self {
        self.http_version = version;
        self.agree()
    }

    /// Speaks to an application, as it says, instead of HTTP: requests are what their [`Params`](propylon_cgi::Params) are, or their
    /// [`Key`](propylon_memcached::Key), an extension. Limits of heads and reads are the application's own. Default none (nginx:
    /// `fastcgi_pass`, `uwsgi_pass`, `scgi_pass`, `memcached_pass`).
    #[must_use]
    pub fn application(mut self, application: Option<Application>) -> Self {
        self.application = application;
        self.agree()
    }

    /// Fields that are not even put into a response, for nobody behind this looks at them: a proxy that does not pass on `Date` and
    /// `Connection` has no need to remove them then. For responses whose fields the [`Exchange`](propylon_exchange::Exchange)
    /// [keeps](propylon_exchange::Keep::UPSTREAM_HEAD), all of them are there; with [`Engine::Hyper`] always. Default none.
    #[must_use]
    pub fn without(mut self, fields: impl Into<Unwanted>) -> Self {
        self.without = fields.into();
        self
    }

    /// Which interim responses go on to the [`Interim`](crate::Interim) in a request's extensions. Default: all (nginx: `early_hints`).
    #[must_use]
    pub fn interims(mut self, interims: Interims) -> Self {
        self.interims = interims;
        self
    }

    /// `SO_KEEPALIVE` on TCP connections. Default off (nginx: `proxy_socket_keepalive`). `TCP_NODELAY` is always on.
    #[must_use]
    pub fn socket_keepalive(mut self, on: bool) -> Self {
        self.fingerprint.socket_keepalive = on;
        self
    }

    /// How many bytes a response head may have, and the trailers too. Default 64 KiB (nginx: `proxy_buffer_size`, whose
    /// default of 4 KiB or 8 KiB is known to be too small).
    #[must_use]
    pub fn max_head(mut self, bytes: usize) -> Self {
        self.fingerprint.max_head = bytes;
        self
    }

    /// How much is read at once, at most: what a piece of a body takes in memory while the client is slow. Default 256 KiB, with
    /// which a large body takes the least CPU. Only for [`Engine::H1`].
    #[must_use]
    pub fn read_buffer(mut self, bytes: usize) -> Self {
        self.fingerprint.read_buffer = u32::try_from(bytes).unwrap_or(u32::MAX);
        self
    }

    /// How many fields a response head may have. Default 100; with
    /// [`Engine::Hyper`] another number costs two allocations a response.
    #[must_use]
    pub fn max_fields(mut self, fields: usize) -> Self {
        self.fingerprint.max_fields = u32::try_from(fields).unwrap_or(u32::MAX);
        self
    }

    fn agree(mut self) -> Self {
        self.fingerprint.protocol = match (&self.application, self.http_version, self.engine) {
            (Some(application), ..) => application.protocol(),
            (_, HttpVersion::Http2, _) => Protocol::Http2,
            (_, _, Engine::H1) => Protocol::H1,
            (_, _, Engine::Hyper) => Protocol::Hyper,
        };
        self
    }
}

impl Default for Transport {
    fn default() -> Self {
        Self::new()
    }
}
