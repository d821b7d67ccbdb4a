use std::fmt;
use std::ops::{Deref, Range};
use std::sync::Arc;

/// The text of a configuration's files and what to call them in reports.
///
/// Two sources are always equal: what a configuration means does not depend on how it was laid out.
///
/// ```
/// let source = propylon_config::Source::new("propylon.toml", "a = 1\nb = 2\n");
/// assert_eq!(source.place(6), (2, 1));
/// ```
#[derive(Clone)]
pub struct Source {
    /// Of the first file.
    name: Arc<str>,
    /// All files, one after the other.
    text: Arc<str>,
    /// Where each line begins.
    lines: Arc<[usize]>,
    /// The included files.
    included: Arc<[Included]>,
    origins: Arc<[MadeFrom]>,
}

/// A file whose text stands behind that of another.
struct Included {
    name: Arc<str>,
    start: usize,
    /// How many lines stand before it.
    lines: usize,
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
            included: Arc::default(),
            origins: Arc::default(),
        }
    }

    /// Several files, by name, as one text. There is at least one.
    pub(crate) fn joined(files: impl Iterator<Item = (String, String)>) -> Self {
        let mut names = Vec::new();
        let mut whole = String::new();
        for (name, text) in files {
            if !names.is_empty() {
                whole.push('\n'); // the end of a file is a place as well, and not the beginning of the next
            }
            names.push((name, whole.len()));
            whole.push_str(&text);
        }
        let mut names = names.into_iter();
        let (first, _) = names.next().unwrap_or_default();
        let mut source = Self::new(&first, &whole);
        let lines_before = |start: usize| source.lines.partition_point(|line| *line < start);
        let included = |(name, start): (String, usize)| Included {
            name: name.into(),
            start,
            lines: lines_before(start),
        };
        source.included = names.map(included).collect();
        source
    }

    /// The bytes of each file.
    pub(crate) fn parts(&self) -> impl Iterator<Item = Range<usize>> {
        let starts = std::iter::once(0).chain(self.included.iter().map(|file| file.start));
        let ends = self.included.iter().map(|file| file.start - 1).chain(std::iter::once(self.text.len()));
        starts.zip(ends).map(|(start, end)| start..end)
    }

    /// The included file that has this byte.
    fn included(&self, offset: usize) -> Option<&Included> {
        let count = self.included.partition_point(|file| file.start <= offset);
        self.included.get(count.checked_sub(1)?)
    }

    /// What reports call the file that has this byte.
    pub(crate) fn name_at(&self, offset: usize) -> &Arc<str> {
        self.included(offset).map_or(&self.name, |file| &file.name)
    }

    /// The same text, made from another one: what speaks of a line of it speaks of that one.
    #[must_use]
    pub fn made_from(mut self, origins: Vec<MadeFrom>) -> Self {
        self.origins = origins.into();
        self
    }

    /// The line of a span, for people: `line 3`, `sites/a.toml:3` in an included file, or `nginx.conf:3` when the text was made
    /// from that.
    #[must_use]
    pub fn line_of(&self, span: Span) -> String {
        let at = span.start;
        let around = self.origins.iter().filter(|origin| origin.range.contains(&at));
        match around.min_by_key(|origin| origin.range.len()) {
            Some(origin) => format!("{}:{}", origin.file, origin.line),
            None => match self.included(at) {
                Some(file) => format!("{}:{}", file.name, span.line()),
                None => format!("line {}", span.line()),
            },
        }
    }

    /// What reports call it: the path it was read from; that of the first file, if it includes others.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The whole text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Line and column of a byte offset in its file, both counted from 1, columns in characters.
    #[must_use]
    pub fn place(&self, offset: usize) -> (usize, usize) {
        let line = self.line(offset);
        let start = self.lines.get(line - 1).copied().unwrap_or_default();
        let before = self.text.get(start..offset).unwrap_or_default();
        (line - self.lines_before(offset), before.chars().count() + 1)
    }

    /// The line of a byte offset in the whole text, counted from 1.
    fn line(&self, offset: usize) -> usize {
        self.lines.partition_point(|start| *start <= offset).max(1)
    }

    /// How many lines stand before the file that has this byte.
    fn lines_before(&self, offset: usize) -> usize {
        self.included(offset).map_or(0, |file| file.lines)
    }

    /// The piece of text that a span covers.
    #[must_use]
    pub fn slice(&self, range: Range<usize>) -> &str {
        self.text.get(range).unwrap_or_default()
    }

    /// The range of whole lines that holds `range`, and the number of its first line in its file.
    pub(crate) fn lines_around(&self, range: &Range<usize>) -> (Range<usize>, usize) {
        let first = self.line(range.start);
        let last = self.line(range.end.max(range.start));
        let start = self.lines.get(first - 1).copied().unwrap_or_default();
        let end = self.lines.get(last).copied().unwrap_or(self.text.len());
        (start..end, first - self.lines_before(range.start))
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
