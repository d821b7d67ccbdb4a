//! The engines beneath a pattern.

use std::ops::Range;
use std::sync::Arc;

use fancy_regex::BytesMode;
use regex::bytes::{Regex, RegexBuilder};

use crate::SyntaxError;
use crate::translate::Translated;

/// How many steps back a match may take before it is given up: some milliseconds.
const MAX_STEPS: usize = 200_000;

/// What matches.
#[derive(Debug, Clone)]
pub(crate) enum Engine {
    /// Time linear in the subject.
    Linear(Regex),
    /// Looks around and refers back, within a limit.
    Backtracking(Arc<fancy_regex::Regex>),
}

/// The groups of a match, from 1: where they are, if they took part.
type Groups = Box<[Option<Range<usize>>]>;

impl Engine {
    pub(crate) fn build(pattern: &Translated, caseless: bool) -> Result<Self, SyntaxError> {
        if pattern.goes_back {
            let regex = fancy_regex::RegexBuilder::new(&pattern.text)
                .bytes_mode(BytesMode::Ascii)
                .case_insensitive(caseless)
                .backtrack_limit(MAX_STEPS)
                .build();
            return regex.map(Arc::new).map(Self::Backtracking).map_err(|error| SyntaxError::new(&error));
        }
        let regex = RegexBuilder::new(&pattern.text).unicode(false).case_insensitive(caseless).build();
        regex.map(Self::Linear).map_err(|error| SyntaxError::new(&error))
    }

    pub(crate) fn goes_back(&self) -> bool {
        matches!(self, Self::Backtracking(_))
    }

    /// How many groups there are.
    pub(crate) fn groups(&self) -> usize {
        let with_whole = match self {
            Self::Linear(regex) => regex.captures_len(),
            Self::Backtracking(regex) => regex.captures_len(),
        };
        with_whole.saturating_sub(1)
    }

    /// The names of groups, with their numbers.
    pub(crate) fn names(&self) -> Arc<[(Box<str>, usize)]> {
        fn numbered<'n>(names: impl Iterator<Item = Option<&'n str>>) -> Arc<[(Box<str>, usize)]> {
            let named = names.enumerate().filter_map(|(number, name)| Some((name?.into(), number)));
            named.collect()
        }
        match self {
            Self::Linear(regex) => numbered(regex.capture_names()),
            Self::Backtracking(regex) => numbered(regex.capture_names()),
        }
    }

    pub(crate) fn is_match(&self, subject: &[u8]) -> bool {
        match self {
            Self::Linear(regex) => regex.is_match(subject),
            Self::Backtracking(regex) => given_up(regex, regex.is_match(subject)).unwrap_or_default(),
        }
    }

    pub(crate) fn captures(&self, subject: &[u8]) -> Option<Groups> {
        match self {
            Self::Linear(regex) => {
                let captures = regex.captures(subject)?;
                Some(captures.iter().skip(1).map(|group| group.map(|group| group.range())).collect())
            }
            Self::Backtracking(regex) => {
                let captures = given_up(regex, regex.captures(subject))??;
                Some(captures.iter().skip(1).map(|group| group.map(|group| group.range())).collect())
            }
        }
    }
}

/// A match that was given up is none, and whoever runs this should know.
fn given_up<T>(regex: &fancy_regex::Regex, matched: fancy_regex::Result<T>) -> Option<T> {
    matched
        .inspect_err(|error| {
            tracing::error!(target: "propylon_pattern", "matching the regex \"{}\" was aborted: {error}", regex.as_str());
        })
        .ok()
}
