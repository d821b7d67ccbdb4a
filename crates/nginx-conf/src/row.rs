//! The table that everything is made from: what is converted, what the checks refuse, and the documentation's page.

use crate::context::Contexts;
use crate::convert::{Convert, Outcome};
use crate::document::waits;
use crate::tree::Directive;
use crate::verdict::Verdict;

/// One directive. Adding one is adding a row.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) contexts: Contexts,
    pub(crate) args: Args,
    /// Whether it may stand several times in one block.
    pub(crate) repeats: bool,
    pub(crate) verdict: Verdict,
    /// What it becomes.
    pub(crate) to: To,
    /// What is different, or why it is refused.
    pub(crate) note: &'static str,
}

/// How many arguments there may be, and whether a block follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Args {
    pub(crate) least: usize,
    pub(crate) most: usize,
    pub(crate) block: bool,
}

/// What a directive becomes.
pub(crate) enum To {
    /// Nothing: there is nothing to do, or it is refused.
    Nothing,
    /// Its one argument is the value of a key of this level.
    Key(&'static [&'static str], As),
    /// Its arguments are a list.
    List(&'static [&'static str], As),
    /// Each time that it stands there, an item of a list.
    Item(&'static [&'static str], As),
    /// The value of a key of `[runtime]`.
    Runtime(&'static str, As),
    /// Whatever this makes of it; `key` is for the documentation.
    By(fn(&mut Convert<'_>, &Directive) -> Outcome, &'static str),
}

/// How an argument is read.
#[derive(Clone, Copy, Debug)]
pub(crate) enum As {
    Flag,
    Time,
    Size,
    Number,
    Text,
    /// A file against the prefix: roots, logs.
    Path,
    /// A file against the configuration's directory: certificates.
    ConfPath,
}

pub(crate) const NONE: Args = Args { least: 0, most: 0, block: false };
pub(crate) const NONE_OR_ONE: Args = Args { least: 0, most: 1, block: false };
pub(crate) const ONE: Args = Args { least: 1, most: 1, block: false };
pub(crate) const TWO: Args = Args { least: 2, most: 2, block: false };
pub(crate) const ONE_OR_TWO: Args = Args { least: 1, most: 2, block: false };
pub(crate) const THREE: Args = Args { least: 3, most: 3, block: false };
pub(crate) const TWO_OR_THREE: Args = Args { least: 2, most: 3, block: false };
pub(crate) const UP_TO_THREE: Args = Args { least: 1, most: 3, block: false };
pub(crate) const UP_TO_FOUR: Args = Args { least: 1, most: 4, block: false };
pub(crate) const SOME: Args = Args { least: 1, most: usize::MAX, block: false };
pub(crate) const TWO_OR_MORE: Args = Args { least: 2, most: usize::MAX, block: false };
pub(crate) const ANY: Args = Args { least: 0, most: usize::MAX, block: false };
pub(crate) const BLOCK: Args = Args { least: 0, most: 0, block: true };
pub(crate) const BLOCK_ONE: Args = Args { least: 1, most: 1, block: true };
pub(crate) const BLOCK_ONE_OR_TWO: Args = Args { least: 1, most: 2, block: true };
pub(crate) const BLOCK_TWO: Args = Args { least: 2, most: 2, block: true };
pub(crate) const BLOCK_SOME: Args = Args { least: 1, most: usize::MAX, block: true };
pub(crate) const BLOCK_ANY: Args = Args { least: 0, most: usize::MAX, block: true };

impl Row {
    /// A directive that means here what it means in nginx.
    pub(crate) const fn new(name: &'static str, contexts: Contexts, args: Args, to: To) -> Self {
        Self { name, contexts, args, repeats: false, verdict: Verdict::Exact, to, note: "" }
    }

    /// A directive without an effect on answers, and why nothing is to be done for it.
    pub(crate) const fn nothing(
        name: &'static str,
        contexts: Contexts,
        args: Args,
        note: &'static str,
    ) -> Self {
        Self { name, contexts, args, repeats: true, verdict: Verdict::Different, to: To::Nothing, note }
    }

    /// A directive that cannot be converted, and why.
    pub(crate) const fn refused(
        name: &'static str,
        contexts: Contexts,
        args: Args,
        note: &'static str,
    ) -> Self {
        Self { name, contexts, args, repeats: true, verdict: Verdict::Refused, to: To::Nothing, note }
    }

    /// A remark for the documentation.
    pub(crate) const fn note(mut self, note: &'static str) -> Self {
        self.note = note;
        self
    }

    /// It never means quite what it means in nginx.
    pub(crate) const fn differs(mut self, how: &'static str) -> Self {
        (self.verdict, self.note) = (Verdict::Different, how);
        self
    }

    pub(crate) const fn repeats(mut self) -> Self {
        self.repeats = true;
        self
    }

    /// The key in Propylon's configuration, for people: that of a level alone, others with their table.
    pub(crate) fn key(&self) -> String {
        match self.to {
            To::Key(..) | To::List(..) | To::Item(..) if self.contexts == Contexts::UPSTREAM => {
                format!("upstream.NAME.{}", self.to.key())
            }
            To::Key(..) if self.contexts.is_within(Contexts::STREAMS) => format!("stream.{}", self.to.key()),
            _ => self.to.key(),
        }
    }
}

impl std::fmt::Debug for To {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.key())
    }
}

impl To {
    /// The key in Propylon's configuration, for people; empty if there is none.
    pub(crate) fn key(&self) -> String {
        match self {
            Self::Nothing => String::new(),
            Self::Key(path, _) | Self::List(path, _) | Self::Item(path, _) => match path {
                // Where it waits is nothing for people.
                [table, key @ ..] if waits(table) => key.join("."),
                _ => path.join("."),
            },
            Self::Runtime(key, _) => format!("runtime.{key}"),
            Self::By(_, key) => (*key).to_owned(),
        }
    }
}
