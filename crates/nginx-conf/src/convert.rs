//! The walk over the tree: checks as nginx makes them, and what the rows make of each directive.

use std::path::{Path, PathBuf};

use crate::args;
use crate::context::Contexts;
use crate::document::{Document, Section, Value};
use crate::frame::Frame;
use crate::lexer::Word;
use crate::place::{Place, Problem};
use crate::row::{As, Row, To};
use crate::rows::{self, Checks, Issuers, Spans};
use crate::tree::{Block, Body, Directive};
use crate::verdict::{Line, Verdict};

/// How a converter ends: the row's own verdict, or another one.
pub(crate) type Outcome = Result<Done, Stop>;

pub(crate) enum Done {
    /// As the row says.
    AsWritten,
    /// The row says exact, but this time it is not.
    Different(String),
}

pub(crate) enum Stop {
    /// nginx refuses it as well.
    Invalid(Problem),
    /// It cannot be converted: why, and what to do.
    Refused(String),
}

/// Shorthand for converters.
pub(crate) fn refuse<T>(why: impl Into<String>) -> Result<T, Stop> {
    Err(Stop::Refused(why.into()))
}

/// Shorthand for converters.
pub(crate) fn different(what: impl Into<String>) -> Outcome {
    Ok(Done::Different(what.into()))
}

/// Which section a key goes to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Target {
    /// That of the block that is being read.
    Here,
    Runtime,
    ErrorLog,
    Resolver,
    LogFormat,
    StreamFormat,
    ClaimSet,
    HeaderSet,
}

/// Why a directive is refused that no row is about.
pub(crate) const UNKNOWN: &str = "unknown directive";

pub(crate) struct Convert<'a> {
    pub(crate) document: Document,
    /// The file itself.
    base: Frame,
    /// The blocks around what is being read.
    frames: Vec<Frame>,
    pub(crate) lines: Vec<Line>,
    pub(crate) problems: Vec<Problem>,
    /// What relative certificates are against.
    directory: &'a Path,
    /// Comments that wait for the key that they stand above.
    pending: Vec<String>,
    target: Target,
    wrote: bool,
    /// How many `if` blocks have become locations.
    ifs: usize,
    pub(crate) checks: Checks,
    pub(crate) issuers: Issuers,
    pub(crate) spans: Spans,
    /// The servers, by number, that leave it to `http` whether they speak HTTP/2.
    pub(crate) http2_left: Vec<usize>,
}

impl<'a> Convert<'a> {
    pub(crate) fn new(directory: &'a Path) -> Self {
        Self {
            document: Document::new(),
            base: Frame::new(Contexts::MAIN, Section::default(), ""),
            frames: Vec::new(),
            lines: Vec::new(),
            problems: Vec::new(),
            directory,
            pending: Vec::new(),
            target: Target::Here,
            wrote: false,
            ifs: 0,
            checks: Checks::default(),
            issuers: Issuers::default(),
            spans: Spans::default(),
            http2_left: Vec::new(),
        }
    }

    /// All directives of a block.
    pub(crate) fn block(&mut self, block: &Block) {
        block.directives.iter().for_each(|directive| self.directive(directive));
        self.pending.extend_from_slice(&block.below);
        self.flush(Target::Here);
    }

    fn directive(&mut self, directive: &Directive) {
        self.pending.extend_from_slice(&directive.above);
        if let Body::Included(blocks) = &directive.body {
            self.pending.push(format!(" {}", one_line(&directive.place)));
            self.line(directive, Verdict::Exact, String::new());
            blocks.iter().for_each(|block| self.block(block));
            return;
        }
        let Some(row) = self.known(directive) else { return };
        if row.verdict == Verdict::Refused && is_off(directive) {
            self.pending.extend(directive.beside.clone());
            self.line(directive, Verdict::Exact, String::new());
            self.flush(Target::Here);
            return;
        }
        (self.target, self.wrote) = (Target::Here, false);
        let outcome = match row.verdict {
            Verdict::Refused => Err(Stop::Refused(row.note.to_owned())),
            Verdict::Exact | Verdict::Different => self.apply(row, directive),
        };
        if let Some(beside) = &directive.beside {
            match self.wrote {
                true => self.section(self.target).beside(beside),
                false if directive.block().is_none() => self.pending.push(beside.clone()),
                false => {}
            }
        }
        match outcome {
            Ok(Done::AsWritten) => {
                let note = if row.verdict == Verdict::Exact { "" } else { row.note };
                self.line(directive, row.verdict, note.to_owned());
            }
            Ok(Done::Different(note)) => self.line(directive, Verdict::Different, note),
            Err(Stop::Invalid(problem)) => {
                self.line(directive, Verdict::Refused, problem.message.clone());
                self.problems.push(problem);
            }
            Err(Stop::Refused(why)) => self.refuse(directive, &why),
        }
        self.flush(Target::Here);
    }

    /// The row of a directive that may stand here in this form; what is wrong is told.
    fn known(&mut self, directive: &Directive) -> Option<&'static Row> {
        let context = self.frame().context;
        let name = directive.name();
        let Some(row) = rows::find(name, context) else {
            let place = directive.words.first().map_or(&directive.place, |word| &word.place);
            let allowed: Vec<Contexts> =
                rows::all().filter(|row| row.name == name).map(|row| row.contexts).collect();
            let problem = match allowed.split_first() {
                Some((first, rest)) => {
                    let allowed = rest.iter().fold(*first, |all, contexts| all | *contexts);
                    Problem::new(place, format!("\"{name}\" directive is not allowed here"))
                        .help(format!("allowed in: {allowed}"))
                }
                // Of a module that is not here, or misspelt: all else of the file can be converted.
                None => {
                    self.refuse(directive, UNKNOWN);
                    self.flush(Target::Here);
                    return None;
                }
            };
            return self.invalid(directive, problem);
        };
        let has_block = directive.block().is_some();
        if has_block != row.args.block {
            let message = if has_block {
                format!("directive \"{name}\" is not terminated by \";\"")
            } else {
                format!("directive \"{name}\" has no opening \"{{\"")
            };
            return self.invalid(directive, Problem::new(&directive.place, message));
        }
        if !(row.args.least..=row.args.most).contains(&directive.args().len()) {
            let message = format!("invalid number of arguments in \"{name}\" directive");
            return self.invalid(directive, Problem::new(&directive.place, message));
        }
        let first = self.frame_mut().saw(row.name, &directive.place);
        if let Some(first) = first.filter(|_| !row.repeats) {
            let message = format!("\"{name}\" directive is duplicate");
            let help = format!("first used in line {}", first.line());
            return self.invalid(directive, Problem::new(&directive.place, message).help(help));
        }
        Some(row)
    }

    fn invalid<T>(&mut self, directive: &Directive, problem: Problem) -> Option<T> {
        self.frame_mut().refused = true;
        self.line(directive, Verdict::Refused, problem.message.clone());
        self.problems.push(problem);
        self.flush(Target::Here);
        None
    }

    fn apply(&mut self, row: &Row, directive: &Directive) -> Outcome {
        match &row.to {
            To::Nothing => {}
            To::Key(path, how) => {
                let value = self.value(directive, 0, *how)?;
                self.set(Target::Here, path, value, &directive.place);
            }
            To::Runtime(key, how) => {
                let value = self.value(directive, 0, *how)?;
                self.set(Target::Runtime, &[key], value, &directive.place);
            }
            To::List(path, how) => {
                let values: Result<Vec<Value>, Stop> =
                    (0..directive.args().len()).map(|index| self.value(directive, index, *how)).collect();
                self.set(Target::Here, path, Value::List(values?), &directive.place);
            }
            To::Item(path, how) => {
                let value = self.value(directive, 0, *how)?;
                self.push(Target::Here, path, value, &directive.place);
            }
            To::By(convert, _) => return convert(self, directive),
        }
        Ok(Done::AsWritten)
    }

    /// An argument as a value.
    pub(crate) fn value(&self, directive: &Directive, index: usize, how: As) -> Result<Value, Stop> {
        let value = match how {
            As::Flag => Value::flag(args::flag(directive, index)?),
            As::Time => Value::text(args::time(directive, index)?),
            As::Size => Value::text(args::size(directive, index)?),
            As::Number => Value::number(args::number(directive, index)?),
            As::Text | As::Path => Value::text(directive.arg(index)),
            As::ConfPath => self.conf_path(directive.arg(index)),
        };
        Ok(value.at(directive.place_of(index)))
    }

    /// The end: what stood on the main level is the top of the document.
    pub(crate) fn finish(self) -> (Document, Vec<Line>, Vec<Problem>) {
        let Self { mut document, base, lines, problems, .. } = self;
        document.top = base.section;
        (document, lines, problems)
    }

    /// A file against the configuration's directory.
    pub(crate) fn conf_path(&self, path: &str) -> Value {
        // No path: the text itself, nothing, or what variables say, which is against the working directory.
        if path.is_empty() || path.starts_with("data:") || path.starts_with('$') {
            return Value::text(path);
        }
        let path: PathBuf = self.directory.join(path);
        Value::text(path.to_string_lossy())
    }

    /// The block that is being read.
    pub(crate) fn frame(&self) -> &Frame {
        self.frames.last().unwrap_or(&self.base)
    }

    pub(crate) fn frame_mut(&mut self) -> &mut Frame {
        self.frames.last_mut().unwrap_or(&mut self.base)
    }

    /// What a block around the one that has just ended has collected.
    pub(crate) fn outer_collected(&self, name: &str) -> &[Word] {
        let mut all = self.frames.iter().rev().map(|frame| frame.collected(name));
        all.find(|words| !words.is_empty()).unwrap_or_default()
    }

    /// How many blocks of a kind are around here, this one included.
    pub(crate) fn depth(&self, context: Contexts) -> usize {
        self.frames.iter().filter(|frame| frame.context == context).count()
    }

    /// Reads a block inside a frame of its own, which is given back.
    pub(crate) fn inside(&mut self, frame: Frame, block: &Block) -> Frame {
        self.frames.push(frame);
        self.block(block);
        self.frames.pop().unwrap_or_else(|| Frame::new(Contexts::MAIN, Section::default(), ""))
    }

    pub(crate) fn section(&mut self, target: Target) -> &mut Section {
        match target {
            Target::Here => &mut self.frame_mut().section,
            Target::Runtime => &mut self.document.runtime,
            Target::ErrorLog => &mut self.document.error_log,
            Target::Resolver => &mut self.document.resolver,
            Target::LogFormat => &mut self.document.log_format,
            Target::StreamFormat => &mut self.document.stream_formats,
            Target::ClaimSet => &mut self.document.claim_set,
            Target::HeaderSet => &mut self.document.header_set,
        }
    }

    /// Where maps, upstreams and zones of the present block go: streams have names of their own.
    pub(crate) fn named(&mut self) -> &mut Vec<Section> {
        match self.depth(Contexts::STREAM) {
            0 => &mut self.document.named,
            _ => &mut self.document.stream_named,
        }
    }

    pub(crate) fn set(&mut self, target: Target, path: &[&str], value: Value, place: &Place) {
        self.flush(target);
        (self.target, self.wrote) = (target, true);
        self.section(target).set(path, value, Some(place));
    }

    pub(crate) fn push(&mut self, target: Target, path: &[&str], item: Value, place: &Place) {
        self.flush(target);
        (self.target, self.wrote) = (target, true);
        self.section(target).push(path, item, Some(place));
    }

    pub(crate) fn add(&mut self, target: Target, path: &[&str], item: Value, place: &Place) {
        self.flush(target);
        (self.target, self.wrote) = (target, true);
        self.section(target).add(path, item, Some(place));
    }

    /// The comments above a block's directive: its section has them above its header.
    pub(crate) fn take_pending(&mut self) -> Vec<String> {
        std::mem::take(&mut self.pending)
    }

    /// Comments that are to stand above what is written next.
    pub(crate) fn keep_pending(&mut self, comments: impl IntoIterator<Item = String>) {
        self.pending.extend(comments);
    }

    /// A name for the location that an `if` block becomes.
    pub(crate) fn number_if(&mut self) -> String {
        self.ifs += 1;
        format!("@if-{}", self.ifs)
    }

    fn flush(&mut self, target: Target) {
        for comment in std::mem::take(&mut self.pending) {
            self.section(target).comment(comment);
        }
    }

    fn line(&mut self, directive: &Directive, verdict: Verdict, note: String) {
        let place = directive.place.clone();
        self.lines.push(Line { place, directive: directive.name().to_owned(), verdict, note });
    }

    /// The directive with all that is inside it is refused; its place in the result has a comment.
    fn refuse(&mut self, directive: &Directive, why: &str) {
        self.frame_mut().refused = true;
        self.pending.push(format!(" REFUSED: {} ({why})", one_line(&directive.place)));
        if directive.block().is_some() {
            self.pending.extend(directive.beside.clone());
        }
        if why == UNKNOWN {
            // What stands inside is of its module.
            return self.line(directive, Verdict::Refused, why.to_owned());
        }
        self.refuse_all(directive, why);
    }

    /// What is told of a directive when all others are known: that it is refused.
    pub(crate) fn refuse_after_all(&mut self, place: &Place, why: impl Into<String>) {
        if let Some(line) = self.lines.iter_mut().find(|line| line.is_at(place)) {
            (line.verdict, line.note) = (Verdict::Refused, why.into());
        }
    }

    fn refuse_all(&mut self, directive: &Directive, why: &str) {
        self.line(directive, Verdict::Refused, why.to_owned());
        let inner: &[Block] = match &directive.body {
            Body::None => &[],
            Body::Block(block) => std::slice::from_ref(block),
            Body::Included(blocks) => blocks,
        };
        for directive in inner.iter().flat_map(|block| &block.directives) {
            self.refuse_all(directive, why);
        }
    }

    /// The lines of a block that is no list of directives (map, types) have the verdict of the block.
    pub(crate) fn entries<'d>(
        &mut self,
        block: &'d Block,
        mut entry: impl FnMut(&mut Self, &'d Directive) -> Outcome,
    ) {
        for directive in &block.directives {
            if let Body::Included(blocks) = &directive.body {
                self.line(directive, Verdict::Exact, String::new());
                for block in blocks {
                    // Coerced, so that the closure's type does not grow with the depth.
                    self.entries(block, &mut entry as &mut dyn FnMut(&mut Self, &'d Directive) -> Outcome);
                }
                continue;
            }
            match entry(self, directive) {
                Ok(Done::AsWritten) => self.line(directive, Verdict::Exact, String::new()),
                Ok(Done::Different(note)) => self.line(directive, Verdict::Different, note),
                Err(Stop::Invalid(problem)) => {
                    self.line(directive, Verdict::Refused, problem.message.clone());
                    self.problems.push(problem);
                }
                Err(Stop::Refused(why)) => self.refuse(directive, &why),
            }
        }
    }
}

/// What is switched off is off here as well, also what is not built.
fn is_off(directive: &Directive) -> bool {
    directive.block().is_none() && directive.args().len() == 1 && directive.arg(0) == "off"
}

/// A directive's text on one line.
pub(crate) fn one_line(place: &Place) -> String {
    place.text().split_whitespace().collect::<Vec<_>>().join(" ")
}
