//! The table `trace_exporter`: where spans go.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue, Uri};
use toml::de::DeTable;

use crate::effective::Effective;
use crate::key::{Key, Kind, Need, PATH, Table};
use crate::reader::{Context, Scope, Value};
use crate::report::Diagnostic;
use crate::server::Server;
use crate::source::Spanned;

/// Where spans go.
#[derive(Clone, Debug, PartialEq)]
pub struct TraceExporter {
    /// The collector's URL, or its host and port.
    pub endpoint: Spanned<Box<str>>,
    /// How it is spoken to.
    pub protocol: TraceProtocol,
    /// How long a span may wait for others.
    pub interval: Duration,
    /// How long the collector may take for a batch.
    pub timeout: Duration,
    /// How many spans are sent at once.
    pub batch_size: usize,
    /// How many may wait.
    pub queue: usize,
    /// Whether batches are compressed.
    pub gzip: bool,
    /// Fields that go with each batch.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The file of certificates that the collector's is believed by.
    pub trusted_certificate: Option<PathBuf>,
    /// What this gateway is called, `service.name`.
    pub service_name: Box<str>,
    /// What else is to be said of it.
    pub attributes: Vec<(Box<str>, Box<str>)>,
    /// The keys as text, with where each value comes from.
    pub effective: Effective,
}

/// How a collector is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TraceProtocol {
    /// OTLP over gRPC.
    Grpc,
    /// OTLP over HTTP.
    HttpProtobuf,
}

pub(crate) const TABLE: Table = Table {
    name: "trace_exporter",
    doc: "The OpenTelemetry collector that receives spans, by OTLP. Requests never wait for it: spans that it cannot take \
          are dropped and counted, and reported once in the error log. `trace` configures which requests have spans.",
    keys: &[
        Key {
            name: "endpoint",
            kind: Kind::Text { hint: "a URL such as \"http://127.0.0.1:4317\"" },
            need: Need::Required,
            nginx: "endpoint",
            doc: "The collector's URL: `http://HOST:PORT` or `https://HOST:PORT`; for HTTP also with a path (default \
                  `/v1/traces`). Default port: 4317 for gRPC, 4318 for HTTP.",
        },
        Key {
            name: "protocol",
            kind: Kind::Choice { built: &["grpc", "http/protobuf"], unbuilt: &["http/json"] },
            need: Need::Default("\"grpc\""),
            nginx: "",
            doc: "The protocol, as in `OTEL_EXPORTER_OTLP_PROTOCOL`.",
        },
        Key {
            name: "interval",
            kind: Kind::Duration { zero: false },
            need: Need::Default("\"5s\""),
            nginx: "interval",
            doc: "How long a span may wait for its batch to fill.",
        },
        Key {
            name: "batch_size",
            kind: Kind::Integer { min: 1, max: 100_000 },
            need: Need::Default("512"),
            nginx: "batch_size",
            doc: "The number of spans per batch.",
        },
        Key {
            name: "queue",
            kind: Kind::Integer { min: 1, max: 10_000_000 },
            need: Need::Default("2048"),
            nginx: "batch_count",
            doc: "The maximum number of queued spans, for all workers together; further spans are dropped and counted.",
        },
        Key {
            name: "timeout",
            kind: Kind::Duration { zero: false },
            need: Need::Default("\"10s\""),
            nginx: "",
            doc: "How long the collector may take to accept a batch.",
        },
        Key {
            name: "compression",
            kind: Kind::Choice { built: &["none", "gzip"], unbuilt: &[] },
            need: Need::Default("\"none\""),
            nginx: "",
            doc: "How batches are compressed.",
        },
        Key {
            name: "headers",
            kind: Kind::Names(&Kind::Text { hint: "a value" }),
            need: Need::Default("{}"),
            nginx: "header",
            doc: "Header fields to send with each batch, such as an authentication token.",
        },
        Key {
            name: "trusted_certificate",
            kind: PATH,
            need: Need::Optional,
            nginx: "trusted_certificate",
            doc: "The file of CA certificates to verify the collector's certificate with. Default: the system's.",
        },
        Key {
            name: "service_name",
            kind: Kind::Text { hint: "a name" },
            need: Need::Default("\"propylon\""),
            nginx: "otel_service_name",
            doc: "The name of this gateway in traces, `service.name`.",
        },
        Key {
            name: "attributes",
            kind: Kind::Names(&Kind::Text { hint: "a value" }),
            need: Need::Default("{}"),
            nginx: "otel_resource_attr",
            doc: "Additional resource attributes.",
        },
    ],
    unbuilt: &[],
};

pub(crate) fn read(cx: &mut Context, table: Option<&DeTable<'_>>) -> Option<TraceExporter> {
    let table = table?;
    let mut effective = Effective::of(&[&TABLE]);
    let mut scope = Scope::process(cx, &TABLE, Some(table), &mut effective);
    let endpoint = scope.text("endpoint")?;
    let protocol = match scope.text("protocol").as_deref().map(AsRef::as_ref) {
        Some("http/protobuf") => TraceProtocol::HttpProtobuf,
        _ => TraceProtocol::Grpc,
    };
    let (interval, timeout) = (scope.duration("interval"), scope.duration("timeout"));
    let mut count = |name| scope.integer(name).and_then(|count| usize::try_from(count).ok()).unwrap_or(1);
    let (batch_size, queue) = (count("batch_size"), count("queue"));
    let gzip = scope.text("compression").is_some_and(|coding| &**coding == "gzip");
    let headers = scope.read("headers", headers).unwrap_or_default();
    let trusted_certificate = scope.text("trusted_certificate").map(|path| PathBuf::from(&**path));
    let service_name = scope.text("service_name").map(|name| name.value).unwrap_or_default();
    let attributes = scope.read("attributes", attributes).unwrap_or_default();
    if let Some(expected) = wrong(&endpoint, protocol) {
        let message = format!("invalid endpoint `{}`", endpoint.escape_debug());
        cx.push(Diagnostic::error(endpoint.span, message).label(expected));
    }
    Some(TraceExporter {
        endpoint,
        protocol,
        interval,
        timeout,
        batch_size,
        queue,
        gzip,
        headers,
        trusted_certificate,
        service_name,
        attributes,
        effective,
    })
}

/// Says what is odd.
pub(crate) fn finish(cx: &mut Context, exporter: Option<&TraceExporter>, servers: &[Arc<Server>]) {
    let Some(exporter) = exporter.filter(|_| !servers.iter().any(|server| server.traces())) else { return };
    if !cx.report.has_errors() {
        let diagnostic = Diagnostic::warning(
            exporter.endpoint.span,
            "`[trace_exporter]` has no effect: no server or location uses `trace`",
        );
        cx.push(
            diagnostic
                .label("no spans are sent")
                .help("add `trace.on = true` where requests should be traced"),
        );
    }
}

/// What is wrong with an address: what was expected.
fn wrong(endpoint: &str, protocol: TraceProtocol) -> Option<&'static str> {
    const EXPECTED: &str = "expected `http://HOST:PORT` or `https://HOST:PORT`";
    let url = if endpoint.contains("://") { endpoint.to_owned() } else { format!("http://{endpoint}") };
    let Ok(uri) = url.parse::<Uri>() else { return Some(EXPECTED) };
    let Some(authority) = uri.authority() else { return Some(EXPECTED) };
    let after = authority.as_str().strip_prefix(authority.host());
    let port = after.is_some_and(|after| after.is_empty() || authority.port_u16().is_some());
    if !matches!(uri.scheme_str(), Some("http" | "https")) || authority.host().is_empty() || !port {
        return Some(EXPECTED);
    }
    let has_path = uri.path_and_query().is_some_and(|path| path.as_str() != "/");
    (has_path && protocol == TraceProtocol::Grpc)
        .then_some("expected no path: only `protocol = \"http/protobuf\"` supports a path")
}

fn headers(cx: &mut Context, value: &Value<'_>) -> Option<Vec<(HeaderName, HeaderValue)>> {
    let mut headers = Vec::new();
    for (name, value) in value.get_ref().as_table()? {
        let known = cx.header_name(name.get_ref(), name.span());
        let text = value.get_ref().as_str().and_then(|text| HeaderValue::from_str(text).ok());
        if text.is_none() {
            let label = "expected text without line breaks and control characters";
            cx.push(Diagnostic::at(value.span(), "invalid header value").label(label));
        }
        if let (Some(name), Some(mut value)) = (known, text) {
            value.set_sensitive(true);
            headers.push((name, value));
        }
    }
    Some(headers)
}

fn attributes(_: &mut Context, value: &Value<'_>) -> Option<Vec<(Box<str>, Box<str>)>> {
    let table = value.get_ref().as_table()?.iter();
    let pair = |(name, value): (&toml::Spanned<toml::de::DeString<'_>>, &Value<'_>)| {
        Some((name.get_ref().as_ref().into(), value.get_ref().as_str()?.into()))
    };
    Some(table.filter_map(pair).collect())
}
