//! The table `upstream` of a level: how to speak to the upstream. Its servers stand in `[upstream.NAME]` (balance).

use http::Method;
use propylon_vars::Template;

use crate::key::{Key, Kind, Need, Table};
use crate::reader::Scope;
use crate::report::Diagnostic;

/// How requests are sent to the upstream.
#[derive(Clone, Debug, PartialEq)]
pub struct Transport {
    /// The version of the requests.
    pub http_version: UpstreamVersion,
    /// The method sent instead of the client's.
    pub method: Option<Method>,
    /// The body sent instead of the client's.
    pub body: Option<Template>,
    /// Whether the client's fields are passed.
    pub pass_headers: bool,
    /// Whether the client's body is passed.
    pub pass_body: bool,
    /// Whether `SO_KEEPALIVE` is set on connections to the upstream.
    pub socket_keepalive: bool,
}

/// The HTTP version of requests to an upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UpstreamVersion {
    /// HTTP/1.0: one request a connection, unless `Connection: keep-alive` is set.
    Http10,
    /// HTTP/1.1.
    Http11,
}

pub(crate) const TABLE: Table = Table {
    name: "upstream",
    doc: "How requests are sent to the upstream.",
    keys: &[
        Key {
            name: "http_version",
            kind: Kind::Choice { built: &["1.1", "1.0"], unbuilt: &["2"] },
            need: Need::Default("\"1.1\""),
            nginx: "proxy_http_version",
            doc: "The HTTP version of requests to the upstream.",
        },
        Key {
            name: "method",
            kind: Kind::Text { hint: "a method such as \"GET\"" },
            need: Need::Optional,
            nginx: "proxy_method",
            doc: "The method sent instead of the client's.",
        },
        Key {
            name: "body",
            kind: Kind::Template,
            need: Need::Optional,
            nginx: "proxy_set_body",
            doc: "The body sent instead of the client's.",
        },
        Key {
            name: "pass_headers",
            kind: Kind::Bool,
            need: Need::Default("true"),
            nginx: "proxy_pass_request_headers",
            doc: "Whether the client's header fields are passed.",
        },
        Key {
            name: "pass_body",
            kind: Kind::Bool,
            need: Need::Default("true"),
            nginx: "proxy_pass_request_body",
            doc: "Whether the client's body is passed.",
        },
        Key {
            name: "socket_keepalive",
            kind: Kind::Bool,
            need: Need::Default("false"),
            nginx: "proxy_socket_keepalive",
            doc: "Whether TCP keepalive probes are sent on connections to the upstream.",
        },
    ],
    unbuilt: &["bind", "websocket", "tls", "proxy_protocol"],
};

impl Transport {
    pub(crate) fn read(scope: &mut Scope<'_>) -> Self {
        Self {
            http_version: match scope.text("http_version").as_deref().map(AsRef::as_ref) {
                Some("1.0") => UpstreamVersion::Http10,
                _ => UpstreamVersion::Http11,
            },
            method: method(scope),
            body: scope.template("body"),
            pass_headers: scope.bool("pass_headers"),
            pass_body: scope.bool("pass_body"),
            socket_keepalive: scope.bool("socket_keepalive"),
        }
    }
}

fn method(scope: &mut Scope<'_>) -> Option<Method> {
    let text = scope.text("method")?;
    let method = Method::from_bytes(text.as_bytes()).ok().filter(|method| *method != Method::CONNECT);
    if method.is_none() {
        scope.cx.push(
            Diagnostic::error(text.span, format!("`{}` is no method to send", *text))
                .label("expected a method such as \"GET\""),
        );
    }
    method
}
