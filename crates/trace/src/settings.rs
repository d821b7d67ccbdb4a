//! Where spans go, and how.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use http::{HeaderName, HeaderValue, Uri};

use crate::Error;

/// How a collector is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// OTLP over gRPC, on port 4317 as a rule.
    Grpc,
    /// OTLP over HTTP, in the form of protobuf, on port 4318 as a rule.
    HttpProtobuf,
}

/// Where spans go, and how.
///
/// ```
/// use std::time::Duration;
/// use propylon_trace::{Protocol, Settings};
///
/// let settings = Settings::new("http://127.0.0.1:4318", Protocol::HttpProtobuf)?
///     .interval(Duration::from_secs(1))
///     .resource("service.name", "edge");
/// assert_eq!(settings.endpoint(), "http://127.0.0.1:4318/v1/traces");
/// # Ok::<(), propylon_trace::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    pub(crate) protocol: Protocol,
    pub(crate) secure: bool,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) path: String,
    pub(crate) interval: Duration,
    pub(crate) timeout: Duration,
    pub(crate) batch_size: NonZeroUsize,
    pub(crate) queue: NonZeroUsize,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) trusted: Option<PathBuf>,
    pub(crate) gzip: bool,
    pub(crate) resource: Vec<(String, String)>,
    pub(crate) scope: (String, String),
}

/// What OTLP over gRPC is called for.
const METHOD: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

const fn count(number: usize) -> NonZeroUsize {
    match NonZeroUsize::new(number) {
        Some(number) => number,
        None => NonZeroUsize::MIN,
    }
}

impl Settings {
    /// To the collector at `http://HOST[:PORT]`, or `https://…`; without a scheme it is `http`. Over HTTP there may be a path, which is
    /// `/v1/traces` without one.
    ///
    /// # Errors
    /// When it is not of that form.
    pub fn new(endpoint: &str, protocol: Protocol) -> Result<Self, Error> {
        let wrong = |why| Error::Endpoint(endpoint.to_owned(), why);
        let written =
            if endpoint.contains("://") { endpoint.to_owned() } else { format!("http://{endpoint}") };
        let uri: Uri = written.parse().map_err(|_| wrong("expected `http://HOST:PORT`"))?;
        let secure = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(wrong("expected `http://` or `https://`")),
        };
        let authority = uri.authority().ok_or(wrong("expected a host"))?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() || authority.as_str().contains('@') {
            return Err(wrong("expected a host, optionally with a port"));
        }
        let after = authority.as_str().strip_prefix(authority.host()).unwrap_or_default();
        if !after.is_empty() && authority.port_u16().is_none() {
            return Err(wrong("expected a port from 1 to 65535"));
        }
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let (port, path) = match protocol {
            Protocol::Grpc if path != "/" => return Err(wrong("expected no path: gRPC has a fixed one")),
            Protocol::Grpc => (4317, METHOD),
            Protocol::HttpProtobuf if path == "/" => (4318, "/v1/traces"),
            Protocol::HttpProtobuf => (4318, path),
        };
        Ok(Self {
            protocol,
            secure,
            host: host.to_owned(),
            port: authority.port_u16().unwrap_or(port),
            path: path.to_owned(),
            interval: Duration::from_secs(5),
            timeout: Duration::from_secs(10),
            batch_size: count(512),
            queue: count(2048),
            headers: Vec::new(),
            trusted: None,
            gzip: false,
            resource: Vec::new(),
            scope: ("propylon-trace".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
        })
    }

    /// How long a span may wait for others. Default: 5 s.
    #[must_use]
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// How long the collector may take for a batch. Default: 10 s.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How many spans are sent at once. Default: 512.
    #[must_use]
    pub fn batch_size(mut self, spans: NonZeroUsize) -> Self {
        self.batch_size = spans;
        self
    }

    /// How many spans may wait; what is more is dropped. Default: 2048.
    #[must_use]
    pub fn queue(mut self, spans: NonZeroUsize) -> Self {
        self.queue = spans;
        self
    }

    /// A field that is sent with each batch: a token, as a rule.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Batches are compressed. Default: they are sent as they are.
    #[must_use]
    pub fn gzip(mut self) -> Self {
        self.gzip = true;
        self
    }

    /// The file of certificates by which the collector's is believed. Default: those of the system.
    #[must_use]
    pub fn trusted_certificate(mut self, file: impl Into<PathBuf>) -> Self {
        self.trusted = Some(file.into());
        self
    }

    /// An attribute of whoever sends: `service.name` should be among them. The last one of a name counts.
    #[must_use]
    pub fn resource(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let name = name.into();
        self.resource.retain(|(known, _)| *known != name);
        self.resource.push((name, value.into()));
        self
    }

    /// What has made the spans, and its version. Default: this crate.
    #[must_use]
    pub fn scope(mut self, name: impl Into<String>, version: impl Into<String>) -> Self {
        self.scope = (name.into(), version.into());
        self
    }

    /// Where spans go, as a URL.
    #[must_use]
    pub fn endpoint(&self) -> String {
        let scheme = if self.secure { "https" } else { "http" };
        let path = if self.protocol == Protocol::Grpc { "" } else { &self.path };
        format!("{scheme}://{}{path}", self.authority())
    }

    pub(crate) fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// Whether what they need is there: reads the file of certificates.
    ///
    /// # Errors
    /// When it cannot be used, or the system trusts nobody.
    pub fn check(&self) -> Result<(), Error> {
        if self.secure { crate::connection::roots(self).map(drop) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let check = |text: &str, protocol: Protocol, expected: Option<&str>| {
            let found = Settings::new(text, protocol).map(|settings| settings.endpoint());
            assert_eq!(found.ok().as_deref(), expected, "{text}");
        };
        use Protocol::{Grpc, HttpProtobuf};
        check("localhost:4317", Grpc, Some("http://localhost:4317"));
        check("localhost", Grpc, Some("http://localhost:4317"));
        check("http://localhost", HttpProtobuf, Some("http://localhost:4318/v1/traces"));
        check("https://c.test/", HttpProtobuf, Some("https://c.test:4318/v1/traces"));
        check(
            "https://c.test:443/otlp/v1/traces?a=b",
            HttpProtobuf,
            Some("https://c.test:443/otlp/v1/traces?a=b"),
        );
        check("[::1]:1", Grpc, Some("http://[::1]:1"));
        check("http://[::1]", Grpc, Some("http://[::1]:4317"));
        for wrong in [
            "",
            "http://",
            "ftp://a",
            "http://a:0x1",
            "http://a:99999",
            "a b",
            "http://u@a",
            "unix:/a",
            "http://a/b",
        ] {
            check(wrong, Grpc, None);
        }
    }

    #[test]
    fn the_last_attribute_of_a_name_counts() {
        let settings = Settings::new("a", Protocol::Grpc)
            .unwrap()
            .resource("a", "1")
            .resource("b", "2")
            .resource("a", "3");
        assert_eq!(settings.resource, [("b".to_owned(), "2".to_owned()), ("a".to_owned(), "3".to_owned())]);
    }
}
