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
    doc: "Which requests are traced, and what their spans contain. A request's span says how it was served and goes to the \
          OpenTelemetry collector of `[trace_exporter]`. Each upstream try has a child span, and the trace context can be \
          passed to upstreams (W3C Trace Context). What the first location decides stays in force if the request is \
          redirected internally; the span describes the final location.",
    keys: &[
        Key {
            name: "on",
            kind: Kind::Either(&[Kind::Bool, Kind::Template]),
            need: Need::Default("false"),
            nginx: "otel_trace",
            doc: "Whether requests are traced; a template traces those for which its value is \"on\" or \"1\". Requires \
                  `[trace_exporter]`.",
        },
        Key {
            name: "context",
            kind: Kind::Choice { built: &["propagate", "extract", "inject", "ignore"], unbuilt: &[] },
            need: Need::Optional,
            nginx: "otel_trace_context",
            doc: "How trace context is handled. \"extract\": continue the trace in the request's `traceparent`, whoever \
                  sent it. \"inject\": send the gateway's `traceparent` and `tracestate` to upstreams, even if the request \
                  is not recorded. \"propagate\": both. \"ignore\": pass the request's own fields unchanged. Default: \
                  \"ignore\" if `on` is false, otherwise \"propagate\".",
        },
        Key {
            name: "parent_based",
            kind: Kind::Bool,
            need: Need::Default("true"),
            nginx: "",
            doc: "Whether the parent span's sampling decision is followed, if the request has a parent that is extracted.",
        },
        Key {
            name: "ratio",
            kind: Kind::Text { hint: "a percentage such as \"100%\" or \"0.1%\"" },
            need: Need::Default("\"100%\""),
            nginx: "",
            doc: "The share of the other traces that is recorded. The decision depends only on the trace ID, so that all \
                  services with the same share record the same traces.",
        },
        Key {
            name: "span_name",
            kind: Kind::Template,
            need: Need::Optional,
            nginx: "otel_span_name",
            doc: "The name of request spans. Default: the method and the location: `GET /api/`.",
        },
        Key {
            name: "attributes",
            kind: Kind::Names(&Kind::Template),
            need: Need::Default("{}"),
            nginx: "otel_span_attr",
            doc: "Additional attributes of spans; a standard attribute of the same name is replaced. Attributes whose names \
                  begin with `http.request.header.` or `http.response.header.` are lists. The table replaces that of the \
                  outer level as a whole.",
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
            Diagnostic::at(value.span(), "`trace.on` requires `[trace_exporter]`")
                .label("there is no exporter to send spans to")
                .help("add a `[trace_exporter]` table with `endpoint = \"http://127.0.0.1:4317\"`"),
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
    let message = format!("invalid percentage `{}`", text.escape_debug());
    cx.push(Diagnostic::at(value.span(), message).label("expected \"0%\" to \"100%\", such as \"0.1%\""));
    None
}

fn attributes(cx: &mut Context, value: &Value<'_>) -> Option<Vec<(Box<str>, Template)>> {
    let mut attributes = Vec::new();
    for (name, value) in value.get_ref().as_table()? {
        if name.get_ref().is_empty() {
            cx.push(
                Diagnostic::at(name.span(), "the attribute name is empty")
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
