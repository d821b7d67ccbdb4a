//! The table `headers`: fields to the upstream and to the client, and who the client is.

use std::net::IpAddr;
use std::ops::Range;

use http::{HeaderName, HeaderValue, header};
use ipnet::IpNet;
use propylon_vars::Template;
use toml::de::DeValue;

use crate::key::{Key, Kind, Need, Table};
use crate::nearest::nearest;
use crate::reader::{Context, Scope, Value};
use crate::report::Diagnostic;

/// Fields to the upstream and to the client, and who the client is.
#[derive(Clone, Debug, PartialEq)]
pub struct Headers {
    /// Fields sent to the upstream, in the order of the file. A single empty static value: the field is not sent.
    /// Never a framing field.
    pub set: Vec<SetHeader>,
    /// Fields added to responses of 200, 201, 204, 206, 301, 302, 303, 304, 307 and 308.
    pub add: Vec<SetHeader>,
    /// Fields added to every response.
    pub add_always: Vec<SetHeader>,
    /// Fields after the body of responses with the statuses of `add`.
    pub add_trailer: Vec<SetHeader>,
    /// Fields after the body of every response.
    pub add_trailer_always: Vec<SetHeader>,
    /// Response fields of the upstream that the client does not get, beside those hidden by default.
    pub hide: Vec<HeaderName>,
    /// Response fields hidden by default that the client gets after all.
    pub pass: Vec<HeaderName>,
    /// Response fields that are not acted upon.
    pub ignore: Vec<HeaderName>,
    /// Whether the upstream's fields after a body reach the client.
    pub pass_trailers: bool,
    /// What happens to `Forwarded`.
    pub forwarded: Forwarded,
    /// Peers whose forwarding fields are believed; `None`: everyone's are passed.
    pub trusted: Option<Vec<Peer>>,
    /// Peers that may name the client's real address.
    pub real_ip_from: Vec<Peer>,
    /// Where they name it.
    pub real_ip_header: RealIpHeader,
    /// Whether trusted addresses inside that field are skipped too.
    pub real_ip_recursive: bool,
    /// Whether request fields with underscores are kept.
    pub underscores: bool,
    /// Whether request fields with invalid names are dropped rather than refused.
    pub ignore_invalid: bool,
    /// What the gateway calls itself in `Proxy-Status`; none: the field is not sent.
    pub proxy_status: Option<Box<str>>,
}

/// Where a trusted peer names the client's real address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RealIpHeader {
    /// In a field of the request.
    Field(HeaderName),
    /// In the connection's header of the PROXY protocol.
    ProxyProtocol,
}

/// One field with its values.
#[derive(Clone, Debug, PartialEq)]
pub struct SetHeader {
    /// The name.
    pub name: HeaderName,
    /// The name in the case of the file.
    pub written: Box<str>,
    /// The values; several make a repeated field.
    pub values: Vec<Template>,
}

/// What happens to the field `Forwarded` (RFC 7239) of requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Forwarded {
    /// It is passed as it came.
    Off,
    /// This hop is appended.
    Append,
    /// It names this hop alone.
    Replace,
}

/// Whom a list of addresses names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Peer {
    /// A network; a single address is one of full length.
    Net(IpNet),
    /// Everyone who comes over a unix socket.
    Unix,
}

const FIELDS: Kind = Kind::Names(&Kind::Either(&[Kind::Template, Kind::List(&Kind::Template)]));
const NAMES: Kind = Kind::List(&Kind::Text { hint: "a header name" });
const PEERS: Kind =
    Kind::List(&Kind::Text { hint: "a network such as \"10.0.0.0/8\", an address, or \"unix:\"" });

const IGNORABLE: [&str; 9] = [
    "X-Accel-Redirect",
    "X-Accel-Expires",
    "X-Accel-Limit-Rate",
    "X-Accel-Buffering",
    "X-Accel-Charset",
    "Expires",
    "Cache-Control",
    "Set-Cookie",
    "Vary",
];

pub(crate) const TABLE: Table = Table {
    name: "headers",
    doc: "Header fields sent to the upstream and to the client, and how the client's address is determined. A field's value is a template, \
          or a list of templates for a repeated field. `set`, `add`, `add_trailer` and their `_always` variants replace the outer level's \
          tables entirely.",
    keys: &[
        Key {
            name: "set",
            kind: FIELDS,
            need: Need::Default("{}"),
            nginx: "proxy_set_header",
            doc: "Fields sent to the upstream; a field with an empty value is not sent. Content-Length and Transfer-Encoding are set by the \
                  gateway alone.",
        },
        Key {
            name: "add",
            kind: FIELDS,
            need: Need::Default("{}"),
            nginx: "add_header",
            doc: "Fields added to responses with status 200, 201, 204, 206, 301, 302, 303, 304, 307 and 308.",
        },
        Key {
            name: "add_always",
            kind: FIELDS,
            need: Need::Default("{}"),
            nginx: "add_header ... always",
            doc: "Fields added to all responses.",
        },
        Key {
            name: "add_trailer",
            kind: FIELDS,
            need: Need::Default("{}"),
            nginx: "add_trailer",
            doc: "Trailer fields for responses with the statuses of `add`, which are then sent in chunks. HTTP/1.0 has no trailers.",
        },
        Key {
            name: "add_trailer_always",
            kind: FIELDS,
            need: Need::Default("{}"),
            nginx: "add_trailer ... always",
            doc: "Trailer fields for all responses.",
        },
        Key {
            name: "hide",
            kind: NAMES,
            need: Need::Default("[]"),
            nginx: "proxy_hide_header",
            doc: "Response fields that are not sent to the client, in addition to Date, Server, X-Pad and X-Accel-*.",
        },
        Key {
            name: "pass",
            kind: NAMES,
            need: Need::Default("[]"),
            nginx: "proxy_pass_header",
            doc: "Response fields that are sent to the client although they are hidden by default.",
        },
        Key {
            name: "ignore",
            kind: NAMES,
            need: Need::Default("[]"),
            nginx: "proxy_ignore_headers",
            doc: "Response fields of upstreams that the gateway does not act on: X-Accel-Redirect, X-Accel-Expires, X-Accel-Limit-Rate, \
                  X-Accel-Buffering, X-Accel-Charset, Expires, Cache-Control, Set-Cookie, Vary.",
        },
        Key {
            name: "pass_trailers",
            kind: Kind::Bool,
            need: Need::Default("false"),
            nginx: "proxy_pass_trailers",
            doc: "Sends an upstream's trailer fields to the client. The upstream is told so by `TE: trailers`, unless `set` has `TE` or \
                  `Connection`, or `upstream.websocket` needs the latter. Trailers of an HTTP/2 upstream are always sent.",
        },
        Key {
            name: "forwarded",
            kind: Kind::Choice { built: &["off", "append", "replace"], unbuilt: &[] },
            need: Need::Default("\"off\""),
            nginx: "",
            doc: "The `Forwarded` field (RFC 7239) sent to the upstream. \"off\": as received; \"append\": with this hop appended; \
                  \"replace\": this hop only.",
        },
        Key {
            name: "trusted",
            kind: PEERS,
            need: Need::Optional,
            nginx: "",
            doc: "Peers whose X-Forwarded-*, Forwarded, X-Real-IP and Proxy fields are passed on; these fields are removed from the requests \
                  of all others. If unset, the fields of all peers are passed on. Not in locations.",
        },
        Key {
            name: "real_ip_from",
            kind: PEERS,
            need: Need::Default("[]"),
            nginx: "set_real_ip_from",
            doc: "Peers that are trusted to state the client's real address.",
        },
        Key {
            name: "real_ip_header",
            kind: Kind::Text { hint: "a header name, or \"proxy_protocol\"" },
            need: Need::Default("\"X-Real-IP\""),
            nginx: "real_ip_header",
            doc: "The request field that states the client's real address; \"proxy_protocol\": the PROXY protocol header at the beginning of \
                  the connection, see `listen`.",
        },
        Key {
            name: "real_ip_recursive",
            kind: Kind::Bool,
            need: Need::Default("false"),
            nginx: "real_ip_recursive",
            doc: "Uses the last address that is not in `real_ip_from`, rather than the last one.",
        },
        Key {
            name: "underscores",
            kind: Kind::Bool,
            need: Need::Default("false"),
            nginx: "underscores_in_headers",
            doc: "Treats request fields with underscores in their names as valid. Not in locations.",
        },
        Key {
            name: "ignore_invalid",
            kind: Kind::Bool,
            need: Need::Default("true"),
            nginx: "ignore_invalid_headers",
            doc: "Drops request fields with invalid names. Not in locations.",
        },
        Key {
            name: "proxy_status",
            kind: Kind::Either(&[Kind::Bool, Kind::Text { hint: "a name for this gateway" }]),
            need: Need::Default("false"),
            nginx: "",
            doc: "Adds `Proxy-Status` (RFC 9209), which gives the reason, to errors that the gateway generates when an upstream fails. A \
                  text is the gateway's name in it; true: \"propylon\".",
        },
    ],
    unbuilt: &[],
};

/// What the gateway calls itself in a field; `Some(None)`: nowhere.
pub(crate) fn own_name(cx: &mut Context, value: &Value<'_>) -> Option<Option<Box<str>>> {
    let Some(name) = value.get_ref().as_str() else {
        return Some(value.get_ref().as_bool()?.then(|| "propylon".into()));
    };
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_graphic()) {
        let diagnostic = Diagnostic::at(value.span(), format!("invalid name `{}`", name.escape_debug()));
        cx.push(diagnostic.label("expected one or more visible ASCII characters"));
        return None;
    }
    Some(Some(name.into()))
}

impl Headers {
    pub(crate) fn read(scope: &mut Scope<'_>) -> Self {
        Self {
            set: fields(scope, "set"),
            add: fields(scope, "add"),
            add_always: fields(scope, "add_always"),
            add_trailer: fields(scope, "add_trailer"),
            add_trailer_always: fields(scope, "add_trailer_always"),
            hide: scope.list("hide", Context::header_name).unwrap_or_default(),
            pass: scope.list("pass", Context::header_name).unwrap_or_default(),
            ignore: scope.list("ignore", ignorable).unwrap_or_default(),
            pass_trailers: scope.bool("pass_trailers"),
            forwarded: match scope.text("forwarded").as_deref().map(AsRef::as_ref) {
                Some("append") => Forwarded::Append,
                Some("replace") => Forwarded::Replace,
                _ => Forwarded::Off,
            },
            trusted: scope.list("trusted", peer),
            real_ip_from: scope.list("real_ip_from", peer).unwrap_or_default(),
            real_ip_header: real_ip_header(scope),
            real_ip_recursive: scope.bool("real_ip_recursive"),
            underscores: scope.bool("underscores"),
            ignore_invalid: scope.bool("ignore_invalid"),
            proxy_status: scope.read("proxy_status", own_name).flatten(),
        }
    }
}

impl Context {
    fn field(&mut self, written: &str, span: Range<usize>, value: &Value<'_>) -> Option<SetHeader> {
        let name = self.header_name(written, span.clone())?;
        let values: Vec<Template> = match value.get_ref() {
            DeValue::Array(items) => items.iter().filter_map(|item| field_value(self, item)).collect(),
            _ => field_value(self, value).into_iter().collect(),
        };
        if name == header::CONTENT_LENGTH || name == header::TRANSFER_ENCODING {
            // nginx's idiom: `Content-Length ""` beside a body that is not passed.
            let empty = values.iter().all(|value| value.source().is_empty());
            if !empty {
                let message = format!("`{written}` cannot be set");
                self.push(
                    Diagnostic::at(span, message)
                        .label("the gateway sets this field from the body that is sent"),
                );
            }
            return None;
        }
        Some(SetHeader { name, written: written.into(), values })
    }
}

fn fields(scope: &mut Scope<'_>, key: &'static str) -> Vec<SetHeader> {
    let fields = scope.read(key, |cx, value| {
        let mut fields: Vec<SetHeader> = Vec::new();
        for (written, value) in value.get_ref().as_table()? {
            let Some(field) = cx.field(written.get_ref(), written.span(), value) else { continue };
            if fields.iter().any(|known| known.name == field.name) {
                cx.push(
                    Diagnostic::at(written.span(), format!("duplicate header `{}`", field.written))
                        .label("header names are not case-sensitive")
                        .help("use a list of values for a repeated field"),
                );
            }
            fields.push(field);
        }
        Some(fields)
    });
    fields.unwrap_or_default()
}

fn field_value(cx: &mut Context, value: &Value<'_>) -> Option<Template> {
    let text = value.get_ref().as_str()?;
    if HeaderValue::from_bytes(text.as_bytes()).is_err() {
        cx.push(
            Diagnostic::at(value.span(), "invalid header value")
                .label("expected text without line breaks and control characters"),
        );
        return None;
    }
    cx.template(text, &value.span())
}

fn ignorable(cx: &mut Context, text: &str, span: Range<usize>) -> Option<HeaderName> {
    if IGNORABLE.iter().any(|known| known.eq_ignore_ascii_case(text)) {
        return cx.header_name(text, span);
    }
    let help = nearest(text, IGNORABLE).map(|name| format!("did you mean \"{name}\"?"));
    cx.push(
        Diagnostic::at(span, format!("`{text}` cannot be ignored"))
            .label(format!("expected one of {}", IGNORABLE.join(", ")))
            .maybe_help(help),
    );
    None
}

pub(crate) fn peer(cx: &mut Context, text: &str, span: Range<usize>) -> Option<Peer> {
    if text == "unix:" {
        return Some(Peer::Unix);
    }
    let net = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    let Ok(net) = net else {
        cx.push(
            Diagnostic::at(span, format!("invalid network `{text}`"))
                .label("expected a network such as \"10.0.0.0/8\", an address, or \"unix:\""),
        );
        return None;
    };
    if net != net.trunc() {
        let message = format!("`{text}` has bits outside its prefix");
        cx.push(Diagnostic::at(span, message).label(format!("read as `{}`", net.trunc())).softened());
    }
    Some(Peer::Net(net.trunc()))
}

fn real_ip_header(scope: &mut Scope<'_>) -> RealIpHeader {
    let name = scope.read("real_ip_header", |cx, value| {
        let text = value.get_ref().as_str()?;
        if text == "proxy_protocol" {
            return Some(RealIpHeader::ProxyProtocol);
        }
        cx.header_name(text, value.span()).map(RealIpHeader::Field)
    });
    name.unwrap_or(RealIpHeader::Field(HeaderName::from_static("x-real-ip")))
}
