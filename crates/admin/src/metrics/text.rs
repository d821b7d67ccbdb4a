//! Prometheus' text format, version 0.0.4.

use std::fmt::{Display, Write};

/// The type of a response that is one.
pub(crate) const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A text that is being written: family after family, each with its samples.
#[derive(Debug, Default)]
pub(crate) struct Text(String);

/// What the numbers of a family mean.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Counter,
    Gauge,
    Histogram,
    Summary,
}

/// A family whose samples are being written.
pub(crate) struct Family<'t> {
    text: &'t mut String,
    name: &'static str,
}

/// Names and values.
pub(crate) type Labels<'l> = &'l [(&'l str, &'l str)];

impl Text {
    /// Begins a family.
    pub(crate) fn family(&mut self, name: &'static str, kind: Kind, help: &str) -> Family<'_> {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
            Kind::Summary => "summary",
        };
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
        Family { text: &mut self.0, name }
    }

    /// One sample without labels.
    pub(crate) fn one(&mut self, name: &'static str, kind: Kind, help: &str, value: impl Display) {
        self.family(name, kind, help).sample(&[], value);
    }

    pub(crate) fn finish(self) -> String {
        self.0
    }
}

impl Family<'_> {
    pub(crate) fn sample(&mut self, labels: Labels<'_>, value: impl Display) {
        self.part("", labels, value);
    }

    /// A sample of a part of the family: `_sum`, `_count`, `_bucket`.
    pub(crate) fn part(&mut self, part: &str, labels: Labels<'_>, value: impl Display) {
        let text = &mut *self.text;
        text.push_str(self.name);
        text.push_str(part);
        for (index, (name, value)) in labels.iter().enumerate() {
            text.push(if index == 0 { '{' } else { ',' });
            text.push_str(name);
            text.push_str("=\"");
            escape(text, value);
            text.push('"');
        }
        if !labels.is_empty() {
            text.push('}');
        }
        let _ = writeln!(text, " {value}");
    }
}

fn escape(text: &mut String, value: &str) {
    for character in value.chars() {
        match character {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            other => text.push(other),
        }
    }
}

/// Nanoseconds as seconds, exactly.
pub(crate) fn seconds(nanos: u64) -> String {
    let (whole, rest) = (nanos / 1_000_000_000, nanos % 1_000_000_000);
    format!("{whole}.{rest:09}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_and_samples() {
        let mut text = Text::default();
        text.one("a_total", Kind::Counter, "What it is.", 3);
        let mut family = text.family("b", Kind::Summary, "Times.");
        family.part("_sum", &[("peer", "a\"\\\n")], seconds(1_500_000_000));
        family.part("_count", &[("peer", "x"), ("class", "2xx")], 1);
        assert_eq!(
            text.finish(),
            "# HELP a_total What it is.\n# TYPE a_total counter\na_total 3\n\
             # HELP b Times.\n# TYPE b summary\nb_sum{peer=\"a\\\"\\\\\\n\"} 1.500000000\n\
             b_count{peer=\"x\",class=\"2xx\"} 1\n"
        );
    }
}
