use std::fmt;
use std::ops::{Deref, Range};
use std::sync::Arc;

/// The text of one configuration file and what to call it in reports.
///
/// Two sources are always equal: what a configuration means does not depend on how it was laid out.
///
/// ```
/// let source = propylon_config::Source::new("propylon.toml", "a = 1\nb = 2\n");
/// assert_eq!(source.place(6), (2, 1));
/// ```
#[derive(Clone)]
pub struct Source {
    name: Arc<str>,
    text: Arc<str>,
    lines: Arc<[usize]>,
    origins: Arc<[MadeFrom]>,
}

/// Where a piece of a text that was made from another one stands in that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MadeFrom {
    /// The piece.
    pub range: Range<usize>,
    /// The other file.
    pub file: Arc<str>,
    /// The line there.
    pub line: usize,
}

impl Source {
    /// A source called `name` in reports.
    #[must_use]
    pub fn new(name: &str, text: &str) -> Self {
        let starts = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        Self {
            name: name.into(),
            text: text.into(),
            lines: std::iter::once(0).chain(starts).collect(),
            origins: Arc::default(),
        }
    }

    /// The same text, made from another one: what speaks of a line of it speaks of that one.
    #[must_use]
    pub fn made_from(mut self, origins: Vec<MadeFrom>) -> Self {
        self.origins = origins.into();
        self
    }

    /// The line of a span, for people: `line 3`, or `nginx.conf:3` when the text was made from that.
    #[must_use]
    pub fn line_of(&self, span: Span) -> String {
        let at = span.start;
        let around = self.origins.iter().filter(|origin| origin.range.contains(&at));
        match around.min_by_key(|origin| origin.range.len()) {
            Some(origin) => format!("{}:{}", origin.file, origin.line),
            None => format!("line {}", span.line()),
        }
    }

    /// What reports call it: the path it was read from.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The whole text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Line and column of a byte offset, both counted from 1, columns in characters.
    #[must_use]
    pub fn place(&self, offset: usize) -> (usize, usize) {
        let line = self.lines.partition_point(|start| *start <= offset).max(1);
        let start = self.lines.get(line - 1).copied().unwrap_or_default();
        let before = self.text.get(start..offset).unwrap_or_default();
        (line, before.chars().count() + 1)
    }

    /// The piece of text that a span covers.
    #[must_use]
    pub fn slice(&self, range: Range<usize>) -> &str {
        self.text.get(range).unwrap_or_default()
    }

    /// The range of whole lines that holds `range`, and the number of its first line.
    pub(crate) fn lines_around(&self, range: &Range<usize>) -> (Range<usize>, usize) {
        let first = self.place(range.start).0;
        let last = self.place(range.end.max(range.start)).0;
        let start = self.lines.get(first - 1).copied().unwrap_or_default();
        let end = self.lines.get(last).copied().unwrap_or(self.text.len());
        (start..end, first)
    }

    pub(crate) fn span(&self, range: Range<usize>) -> Span {
        let (line, column) = self.place(range.start);
        Span { start: range.start, end: range.end, line, column }
    }
}

impl PartialEq for Source {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Source").field(&self.name).finish()
    }
}

/// Where something is written.
///
/// Two spans are always equal: moving a table to another line does not change what a configuration means, and
/// configurations are compared on reload.
#[derive(Clone, Copy, Default, Eq)]
pub struct Span {
    start: usize,
    end: usize,
    line: usize,
    column: usize,
}

impl Span {
    /// The bytes in [`Source::text`].
    #[must_use]
    pub const fn range(self) -> Range<usize> {
        self.start..self.end
    }

    /// The line, counted from 1; 0 when it is written nowhere (a default).
    #[must_use]
    pub const fn line(self) -> usize {
        self.line
    }

    /// The column in characters, counted from 1; 0 when it is written nowhere.
    #[must_use]
    pub const fn column(self) -> usize {
        self.column
    }
}

impl PartialEq for Span {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// A value and where it is written; equal when the values are.
///
/// ```
/// # let text = "[[server]]\nname = [\"a.test\"]\nreturn = [204]\n";
/// let loaded = propylon_config::parse(text, "example.toml").unwrap();
/// let name = &loaded.config.servers[0].names[0];
/// assert_eq!(name.as_str(), "a.test");
/// assert_eq!((name.span.line(), name.span.column()), (2, 9));
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Spanned<T> {
    /// What is written.
    pub value: T,
    /// Where.
    pub span: Span,
}

impl<T> Spanned<T> {
    /// `value`, written at `span`.
    pub const fn new(value: T, span: Span) -> Self {
        Self { value, span }
    }
}

impl<T> Deref for Spanned<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: fmt::Debug> fmt::Debug for Spanned<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}
