use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use crate::source::{Source, Span};

/// Everything that is wrong with a configuration, in the order of the file.
///
/// `Display` is [`render`](Self::render) without colours.
///
/// ```
/// let report = propylon_config::parse("[[servr]]\nlisten = 80\n", "propylon.toml").unwrap_err();
/// let first = &report.diagnostics()[0];
/// assert_eq!((first.line, first.column), (1, 3));
/// assert_eq!(first.message, "unknown table `servr`");
/// assert_eq!(first.help.as_deref(), Some("did you mean `server`?"));
/// ```
#[derive(Clone)]
pub struct Report {
    source: Arc<Source>,
    diagnostics: Vec<Diagnostic>,
}

impl Report {
    /// An empty report about `source`.
    #[must_use]
    pub const fn new(source: Arc<Source>) -> Self {
        Self { source, diagnostics: Vec::new() }
    }

    /// Adds what a later step found (a listener that cannot be bound, a certificate that cannot be read).
    #[must_use]
    pub fn with(mut self, diagnostic: Diagnostic) -> Self {
        self.push(diagnostic);
        self
    }

    pub(crate) fn push(&mut self, mut diagnostic: Diagnostic) {
        diagnostic.file = self.source.name_at(diagnostic.span.as_ref().map_or(0, |span| span.start)).clone();
        if let Some(range) = &diagnostic.span {
            (diagnostic.line, diagnostic.column) = self.source.place(range.start);
        }
        for related in &mut diagnostic.related {
            (related.line, related.column) = self.source.place(related.span.start);
        }
        self.diagnostics.push(diagnostic);
    }

    /// In the order of the file, each thing once.
    pub(crate) fn sort(&mut self) {
        self.diagnostics.sort_by_key(|d| (d.span.as_ref().map(|span| (span.start, span.end)), d.severity));
        self.diagnostics.dedup_by(|a, b| a.span == b.span && a.message == b.message);
    }

    pub(crate) fn retain(&mut self, keep: impl FnMut(&Diagnostic) -> bool) {
        self.diagnostics.retain(keep);
    }

    /// Each finding.
    #[must_use]
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    /// Whether any finding is an error.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// Whether nothing was found.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.diagnostics.is_empty()
    }

    /// The text for people: each finding with its line underlined, then how many there are; empty when there are none.
    #[must_use]
    pub fn render(&self, color: bool) -> String {
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        let renderer = renderer.decor_style(DecorStyle::Ascii);
        let mut text = String::new();
        for diagnostic in &self.diagnostics {
            text.push_str(&renderer.render(&[self.group(diagnostic)]));
            text.push_str("\n\n");
        }
        if !self.diagnostics.is_empty() {
            text.push_str(&self.summary());
            text.push('\n');
        }
        text
    }

    fn group<'r>(&'r self, diagnostic: &'r Diagnostic) -> Group<'r> {
        let level = match diagnostic.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let mut group = Group::with_title(level.primary_title(diagnostic.message.as_str()));
        match &diagnostic.span {
            Some(span) => {
                group = group.element(self.snippet(AnnotationKind::Primary, span, &diagnostic.label));
                for related in &diagnostic.related {
                    group =
                        group.element(self.snippet(AnnotationKind::Context, &related.span, &related.label));
                }
            }
            None => group = group.element(annotate_snippets::Origin::path(self.source.name().as_ref())),
        }
        if let Some(help) = &diagnostic.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        group
    }

    fn snippet<'r>(
        &'r self,
        kind: AnnotationKind,
        span: &Range<usize>,
        label: &'r str,
    ) -> Snippet<'r, annotate_snippets::Annotation<'r>> {
        let span = on_one_line(&self.source, span);
        let (lines, first) = self.source.lines_around(&span);
        let local = span.start - lines.start..span.end - lines.start;
        let annotation = kind.span(local);
        let annotation = if label.is_empty() { annotation } else { annotation.label(label) };
        Snippet::source(self.source.slice(lines))
            .line_start(first)
            .path(self.source.name_at(span.start).as_ref())
            .annotation(annotation)
    }

    fn summary(&self) -> String {
        let errors = self.diagnostics.iter().filter(|d| d.severity == Severity::Error).count();
        let plural = |count: usize, what: &str| match count {
            1 => format!("1 {what}"),
            _ => format!("{count} {what}s"),
        };
        match (errors, self.diagnostics.len() - errors) {
            (0, warnings) => plural(warnings, "warning"),
            (errors, 0) => plural(errors, "error"),
            (errors, warnings) => format!("{}, {}", plural(errors, "error"), plural(warnings, "warning")),
        }
    }
}

/// A span that goes over several lines is shown by its first one: a table of a hundred lines says nothing.
fn on_one_line(source: &Source, span: &Range<usize>) -> Range<usize> {
    let length = source.text().len();
    let start = span.start.min(length);
    let end = span.end.clamp(start, length);
    let first = source.slice(start..end).find(['\n', '\r']).map_or(end, |at| start + at);
    start..first
}

impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.diagnostics).finish()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.render(false).trim_end())
    }
}

impl std::error::Error for Report {}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// An error stops; a warning does not.
    pub severity: Severity,
    /// What is wrong, in one line.
    pub message: String,
    /// The file, as it was named.
    pub file: Arc<str>,
    /// The bytes at fault; `None` when it is about the file as a whole.
    pub span: Option<Range<usize>>,
    /// The line, counted from 1; 0 without a span.
    pub line: usize,
    /// The column in characters, counted from 1; 0 without a span.
    pub column: usize,
    /// What is said under the underlined text: mostly what was expected.
    pub label: String,
    /// Other places that explain it.
    pub related: Vec<Related>,
    /// What to do about it.
    pub help: Option<String>,
}

impl Diagnostic {
    /// An error about the file as a whole.
    #[must_use]
    pub fn whole(message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            message: message.into(),
            file: "".into(),
            span: None,
            line: 0,
            column: 0,
            label: String::new(),
            related: Vec::new(),
            help: None,
        }
    }

    /// An error at a place.
    #[must_use]
    pub fn error(span: Span, message: impl Into<String>) -> Self {
        Self::at(span.range(), message)
    }

    /// A warning at a place.
    #[must_use]
    pub fn warning(span: Span, message: impl Into<String>) -> Self {
        Self::at(span.range(), message).softened()
    }

    pub(crate) fn at(range: Range<usize>, message: impl Into<String>) -> Self {
        Self { span: Some(range), ..Self::whole(message) }
    }

    pub(crate) const fn softened(mut self) -> Self {
        self.severity = Severity::Warning;
        self
    }

    /// What stands under the underlined text.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// What to do about it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The help, when there is one.
    pub(crate) fn maybe_help(mut self, help: Option<impl Into<String>>) -> Self {
        if let Some(help) = help {
            self.help = Some(help.into());
        }
        self
    }

    /// Another place that explains it.
    #[must_use]
    pub fn related(mut self, span: Span, label: impl Into<String>) -> Self {
        self.related.push(Related { span: span.range(), line: 0, column: 0, label: label.into() });
        self
    }
}

/// Another place that explains a finding: where the same name stood first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Related {
    /// The bytes.
    pub span: Range<usize>,
    /// The line, counted from 1.
    pub line: usize,
    /// The column in characters, counted from 1.
    pub column: usize,
    /// Why it is shown.
    pub label: String,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The configuration cannot be used.
    Error,
    /// It can, but probably does not do what was meant.
    Warning,
}
