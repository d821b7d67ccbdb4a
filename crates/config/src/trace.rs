//! The table `trace`: which requests have spans, and what is in them.

use propylon_vars::Template;

use crate::key::{Key, Kind, Need, Table};
use crate::reader::{Context, Scope, Value};
use crate::report::Diagnostic;

/// Which requests have spans, and what is in them.
#[derive(Clone, Debug, PartialEq)]
pub struct Trace {
    /// Whether they have.
    pub on: TraceOn,
    /// The share of traces that is recorded, from 0 to 1.
    pub ratio: f64,
    /// Whether a parent's decision comes first.
    pub parent_based: bool,
    /// Whether a request's parent is read.
    pub extract: bool,
    /// Whether upstreams are told.
    pub inject: bool,
    /// What spans are called; none: by method and location.
    pub span_name: Option<Template>,
    /// Attributes beside the usual ones.
    pub attributes: Vec<(Box<str>, Template)>,
}

/// Whether requests have spans.
#[derive(Clone, Debug, PartialEq)]
pub enum TraceOn {
    /// None has.
    No,
    /// Those of the share.
    Yes,
    /// The same, where this is `on` or `1`.
    If(Template),
}

impl Trace {
    /// Whether anything is to be done for requests.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.on != TraceOn::No || self.extract || self.inject
    }
}

pub(crate) const TABLE: Table = Table {
    name: "trace",
    doc: "Which requests have a span, and what is in it: it tells OpenTelemetry's collector, to which `[trace_exporter]` sends it, how a request \
          was served. Each try at an upstream has a span of its own inside, and upstreams may be told to go on (W3C Trace Context). What is \
          decided where a request comes to a location first holds wherever it goes from there; the span is of the location where it ends.",
    keys: &[
        Key {
            name: "on",
            kind: Kind::Either(&[Kind::Bool, Kind::Template]),
            need: Need::Default("false"),
            nginx: "otel_trace",
            doc: "Whether requests are traced; a template: where its value is \"on\" or \"1\". Needs `[trace_exporter]`.",
        },
        Key {
            name: "context",
            kind: Kind::Choice { built: &["propagate", "extract", "inject", "ignore"], unbuilt: &[] },
            need: Need::Optional,
            nginx: "otel_trace_context",
            doc: "\"extract\": the trace goes on that the request's `traceparent` names, whoever has sent it. \"inject\": upstreams get \
                  `traceparent` and `tracestate` of ours, also where the request is not recorded. \"propagate\": both. \"ignore\": the \
                  request's own fields pass as they came. Without it: \"propagate\" where `on` is not false, else \"ignore\".",
        },
        Key {
            name: "parent_based",
            kind: Kind::Bool,
            need: Need::Default("true"),
            nginx: "",
            doc: "Whether the request's parent decides if it is recorded, where it has one that is read.",
        },
        Key {
            name: "ratio",
            kind: Kind::Text { hint: "a share such as \"100%\" or \"0.1%\"" },
            need: Need::Default("\"100%\""),
            nginx: "",
            doc: "The share of the other traces that is recorded. Who asks for the same share, here or elsewhere, has the same traces.",
        },
        Key {
            name: "span_name",
            kind: Kind::Template,
            need: Need::Optional,
            nginx: "otel_span_name",
            doc: "What spans of requests are called; without it the method and the location: `GET /api/`.",
        },
        Key {
            name: "attributes",
            kind: Kind::Names(&Kind::Template),
            need: Need::Default("{}"),
            nginx: "otel_span_attr",
            doc: "Attributes beside the usual ones, or in their place; those whose names begin with `http.request.header.` or \
                  `http.response.header.` are lists. It replaces the outer level's whole.",
        },
    ],
    unbuilt: &[],
};

impl Trace {
    pub(crate) fn read(scope: &mut Scope<'_>) -> Self {
        let on = scope.read("on", on).unwrap_or(TraceOn::No);
        let context = scope.text("context");
        let (extract, inject) = match context.as_deref().map(AsRef::as_ref) {
            Some("extract") => (true, false),
            Some("inject") => (false, true),
            Some("propagate") => (true, true),
            Some(_) => (false, false),
            None => (on != TraceOn::No, on != TraceOn::No),
        };
        Self {
            on,
            ratio: scope.read("ratio", ratio).unwrap_or(1.0),
            parent_based: scope.bool("parent_based"),
            extract,
            inject,
            span_name: scope.template("span_name"),
            attributes: scope.read("attributes", attributes).unwrap_or_default(),
        }
    }
}

fn on(cx: &mut Context, value: &Value<'_>) -> Option<TraceOn> {
    let on = match value.get_ref().as_bool() {
        Some(on) => on.then_some(TraceOn::Yes),
        None => Some(TraceOn::If(cx.template_of(value)?)),
    };
    if on.is_some() && !cx.has_trace_exporter {
        cx.push(
            Diagnostic::at(value.span(), "there is nobody to send spans to")
                .label("expected `[trace_exporter]` at the top of the file")
                .help("write `[trace_exporter]` and `endpoint = \"http://127.0.0.1:4317\"`"),
        );
    }
    Some(on.unwrap_or(TraceOn::No))
}

/// A percentage as a share of 1.
fn ratio(cx: &mut Context, value: &Value<'_>) -> Option<f64> {
    let text = value.get_ref().as_str()?;
    let digits = |number: &str| number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let number = text.strip_suffix('%').filter(|number| digits(number));
    let percent: Option<f64> = number.and_then(|number| number.parse().ok());
    if let Some(percent) = percent.filter(|percent| (0.0..=100.0).contains(percent)) {
        return Some(percent / 100.0);
    }
    let message = format!("`{}` is no share", text.escape_debug());
    cx.push(Diagnostic::at(value.span(), message).label("expected \"0%\" to \"100%\", such as \"0.1%\""));
    None
}

fn attributes(cx: &mut Context, value: &Value<'_>) -> Option<Vec<(Box<str>, Template)>> {
    let mut attributes = Vec::new();
    for (name, value) in value.get_ref().as_table()? {
        if name.get_ref().is_empty() {
            cx.push(
                Diagnostic::at(name.span(), "an attribute has a name")
                    .label("expected a name such as \"app.tenant\""),
            );
            continue;
        }
        if let Some(template) = cx.template_of(value) {
            attributes.push((name.get_ref().as_ref().into(), template));
        }
    }
    Some(attributes)
}
