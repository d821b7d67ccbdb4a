//! `otel_*` of ngx_otel_module: spans for OpenTelemetry's collector.

use std::ops::RangeInclusive;

use crate::args::{self, invalid};
use crate::context::Contexts;
use crate::convert::{Convert, Done, Outcome, Stop, Target, different, refuse};
use crate::document::{Section, Value};
use crate::place::{Place, Problem};
use crate::row::{As, BLOCK, ONE, Row, TWO, To};
use crate::tree::Directive;

const HTTP: Contexts = Contexts::HTTP;
const LEVELS: Contexts = Contexts::LEVELS;
const HEADER: &str = "[trace_exporter]";

pub(crate) const ROWS: &[Row] = &[
    Row::new("otel_exporter", HTTP, BLOCK, To::By(exporter, "trace_exporter")).note(
        "`batch_size` times `batch_count` becomes `queue`, shared by all workers. Batches that the collector cannot take are retried.",
    ),
    Row::new("otel_service_name", HTTP, ONE, To::By(service_name, "trace_exporter.service_name")),
    Row::new("otel_resource_attr", HTTP, TWO, To::By(resource_attr, "trace_exporter.attributes")).repeats(),
    Row::new("otel_trace", LEVELS, ONE, To::By(trace, "trace.on")).differs(
        "attributes have the names of the current semantic conventions (`url.path`, not `http.target`); each upstream try \
         has a span of its own, which is the parent in `traceparent`; a server's `return` has spans too; what the first \
         location decides stays in force after internal redirects",
    ),
    Row::new("otel_trace_context", LEVELS, ONE, To::By(context, "trace.context"))
        .note("A request with two `traceparent` fields counts as having none, and a malformed `tracestate` is not passed on."),
    Row::new("otel_span_name", LEVELS, ONE, To::Key(&["trace", "span_name"], As::Text))
        .note("Default: `GET /location`; in nginx, `/location`."),
    Row::new("otel_span_attr", LEVELS, TWO, To::By(span_attr, "trace.attributes")).repeats(),
];

/// What was said of spans so far.
#[derive(Default)]
pub(crate) struct Spans {
    exporter: Option<Section>,
    /// Of the resource: they may stand before the exporter.
    resource: Vec<(Vec<String>, Value, Place)>,
    /// Whether `otel_trace` stands anywhere.
    traces: bool,
}

fn exporter(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let Some(block) = directive.block() else { return Ok(Done::AsWritten) };
    let above = convert.take_pending();
    let mut section = Section::of(HEADER, &directive.place, &above, directive.beside.as_ref());
    let (mut size, mut count) = (512_u64, 4_u64);
    let mut refused = false;
    convert.entries(block, |convert, entry| {
        entry.above.iter().for_each(|comment| section.comment(comment.clone()));
        let done = setting(convert, entry, &mut section, (&mut size, &mut count));
        if let (Ok(_), Some(note)) = (&done, &entry.beside) {
            section.beside(note);
        }
        refused |= matches!(done, Err(Stop::Refused(_)));
        done
    });
    block.below.iter().for_each(|comment| section.comment(comment.clone()));
    if !section.has(&["endpoint"]) && refused {
        return refuse("without an endpoint, spans cannot be sent");
    }
    if !section.has(&["endpoint"]) {
        let message = "\"otel_exporter\" requires \"endpoint\"";
        return Err(Stop::Invalid(Problem::new(&directive.place, message)));
    }
    section.set(&["queue"], Value::number(size.saturating_mul(count).max(1)), None);
    section.beside(" batch_size times batch_count");
    convert.spans.exporter = Some(section);
    Ok(Done::AsWritten)
}

/// The directives of an exporter, and how many arguments they have.
const SETTINGS: [(&str, RangeInclusive<usize>); 6] = [
    ("endpoint", 1..=1),
    ("trusted_certificate", 1..=1),
    ("header", 2..=2),
    ("interval", 1..=1),
    ("batch_size", 1..=1),
    ("batch_count", 1..=1),
];

/// One directive of an exporter.
fn setting(
    convert: &Convert<'_>,
    entry: &Directive,
    section: &mut Section,
    (size, count): (&mut u64, &mut u64),
) -> Outcome {
    let name = entry.name();
    let wrong = |message: String| Err(Stop::Invalid(Problem::new(&entry.place, message)));
    let Some((_, arguments)) = SETTINGS.iter().find(|(known, _)| *known == name) else {
        return wrong(format!("unknown directive \"{name}\" in \"otel_exporter\""));
    };
    if !arguments.contains(&entry.args().len()) {
        return wrong(format!("invalid number of arguments in \"{name}\" directive of \"otel_exporter\""));
    }
    let place = entry.place_of(0);
    let mut set = |key: &[&str], value: Value| section.set(key, value, Some(&entry.place));
    match name {
        "endpoint" if entry.arg(0).starts_with("unix:") || entry.arg(0).starts_with("dns:") => {
            return refuse("the collector must be given by host and port: write `HOST:PORT`");
        }
        "endpoint" => set(&["endpoint"], Value::text(entry.arg(0)).at(place)),
        "trusted_certificate" => set(&["trusted_certificate"], convert.conf_path(entry.arg(0)).at(place)),
        "interval" => set(&["interval"], Value::text(args::time(entry, 0)?).at(place)),
        "batch_size" => {
            *size = args::number(entry, 0)?;
            set(&["batch_size"], Value::number(*size).at(place));
        }
        "batch_count" => *count = args::number(entry, 0)?,
        "header" => {
            let field = entry.arg(0).to_ascii_lowercase();
            if section.has(&["headers", &field]) {
                return refuse("each field is sent once: specify one value");
            }
            let value = Value::text(entry.arg(1)).at(entry.place_of(1));
            section.set(&["headers", &field], value, Some(&entry.place));
        }
        _ => {}
    }
    Ok(Done::AsWritten)
}

fn service_name(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    resource(convert, directive, &["service_name"], 0)
}

fn resource_attr(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    match directive.arg(0) {
        "service.name" if convert.frame().has("otel_service_name") => Ok(Done::AsWritten), // that counts
        "service.name" => resource(convert, directive, &["service_name"], 1),
        name => resource(convert, directive, &["attributes", name], 1),
    }
}

fn resource(convert: &mut Convert<'_>, directive: &Directive, key: &[&str], value: usize) -> Outcome {
    let path: Vec<String> = key.iter().map(|part| (*part).to_owned()).collect();
    let value = Value::text(directive.arg(value)).at(directive.place_of(value));
    let known = &mut convert.spans.resource;
    known.retain(|(known, ..)| *known != path);
    known.push((path, value, directive.place.clone()));
    Ok(Done::AsWritten)
}

fn trace(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let text = directive.arg(0);
    let value = match text {
        "on" | "1" => Value::flag(true),
        _ if text.contains('$') => Value::text(text),
        _ => Value::flag(false),
    };
    convert.spans.traces = true;
    convert.set(Target::Here, &["trace", "on"], value.at(directive.place_of(0)), &directive.place);
    match text {
        "on" | "1" | "off" | "0" => Ok(Done::AsWritten),
        _ if text.contains('$') => Ok(Done::AsWritten),
        _ => different("this value means off: it is neither \"on\" nor \"1\""),
    }
}

fn context(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let word = directive.arg(0);
    if !["extract", "inject", "propagate", "ignore"].contains(&word) {
        return Err(invalid(directive, 0, format!("invalid value \"{word}\"")));
    }
    let value = Value::text(word).at(directive.place_of(0));
    convert.set(Target::Here, &["trace", "context"], value, &directive.place);
    Ok(Done::AsWritten)
}

fn span_attr(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let value = Value::text(directive.arg(1)).at(directive.place_of(1));
    convert.set(Target::Here, &["trace", "attributes", directive.arg(0)], value, &directive.place);
    Ok(Done::AsWritten)
}

/// The block `http` is complete: the exporter knows who it is for, and what is not said is as in nginx.
pub(super) fn finish(section: &mut Section, convert: &mut Convert<'_>) {
    let Spans { exporter, resource, traces } = std::mem::take(&mut convert.spans);
    if let Some(mut exporter) = exporter {
        for (path, value, place) in resource {
            let path: Vec<&str> = path.iter().map(String::as_str).collect();
            exporter.set(&path, value, Some(&place));
        }
        if !exporter.has(&["service_name"]) {
            exporter.set(&["service_name"], Value::text("unknown_service:nginx"), None);
            exporter.beside(" nginx's default");
        }
        convert.document.named.push(exporter);
    }
    if traces {
        if !section.has(&["trace", "context"]) {
            section.set(&["trace", "context"], Value::text("ignore"), None);
            section.beside(" nginx's default");
        }
        section.set(&["trace", "parent_based"], Value::flag(false), None);
        section.beside(" nginx follows the parent's decision only by variables");
    }
}
