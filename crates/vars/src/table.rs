//! The patterns of a map, ready for lookups. Pure.

use std::collections::HashMap;

use bytes::Bytes;
use foldhash::fast::RandomState;
use propylon_pattern::{Pattern, PatternError};

use crate::{Captures, DefinitionErrorKind};

/// The patterns of a map: each leads to the number of its value.
#[derive(Debug, Default)]
pub(crate) struct Table {
    exact: HashMap<Box<[u8]>, usize, RandomState>,
    /// `*.example.com` and `.example.com`, by `example.com`.
    leading: HashMap<Box<[u8]>, Leading, RandomState>,
    /// `www.example.*`, by `www.example`.
    trailing: HashMap<Box<[u8]>, usize, RandomState>,
    regexes: Vec<(Expression, usize)>,
}

#[derive(Debug)]
struct Leading {
    value: usize,
    /// Whether the name itself matches too.
    bare: bool,
}

/// What a lookup found.
#[derive(Debug)]
pub(crate) struct Hit {
    pub(crate) value: usize,
    /// What was captured, if a regular expression matched.
    pub(crate) captures: Option<Captures>,
}

impl Table {
    /// Adds the pattern of value number `value`.
    pub(crate) fn add(
        &mut self,
        pattern: &str,
        hostnames: bool,
        value: usize,
    ) -> Result<(), DefinitionErrorKind> {
        if pattern.starts_with('~') {
            self.regexes.push((Expression::new(pattern)?, value));
            return Ok(());
        }
        let text = pattern.strip_prefix('\\').unwrap_or(pattern);
        let duplicate = || DefinitionErrorKind::DuplicatePattern(text.into());
        let name = lower(text);
        if hostnames {
            let wildcard =
                Wildcard::of(&name).map_err(|Invalid| DefinitionErrorKind::Hostname(text.into()))?;
            let taken = match wildcard {
                Some(Wildcard::Leading { suffix, bare }) => {
                    bare && self.exact.contains_key(suffix)
                        || self.leading.insert(suffix.into(), Leading { value, bare }).is_some()
                }
                Some(Wildcard::Trailing { prefix }) => self.trailing.insert(prefix.into(), value).is_some(),
                None => {
                    let bare = self.leading.get(&*name).is_some_and(|leading| leading.bare);
                    self.exact.insert(name, value).is_some() || bare
                }
            };
            return if taken { Err(duplicate()) } else { Ok(()) };
        }
        self.exact.insert(name, value).map_or(Ok(()), |_| Err(duplicate()))
    }

    /// The names of the groups of all regular expressions.
    pub(crate) fn names(&self) -> impl Iterator<Item = (usize, &str)> {
        self.regexes
            .iter()
            .flat_map(|(expression, value)| expression.names.iter().map(|name| (*value, &**name)))
    }

    /// Looks up `key`: first as a name, in whatever case, then by regular expressions. `lowered` is room to work in.
    pub(crate) fn find(&self, key: &[u8], lowered: &mut Vec<u8>) -> Option<Hit> {
        lowered.clear();
        lowered.extend(key.iter().map(u8::to_ascii_lowercase));
        if let Some(value) = self.name(lowered) {
            return Some(Hit { value, captures: None });
        }
        // nginx tries no regular expression on an empty key.
        if key.is_empty() {
            return None;
        }
        self.regexes.iter().find_map(|(expression, value)| {
            expression.find(key).map(|captures| Hit { value: *value, captures: Some(captures) })
        })
    }

    fn name(&self, name: &[u8]) -> Option<usize> {
        if let Some(value) = self.exact.get(name) {
            return Some(*value);
        }
        self.by_leading(name).or_else(|| self.by_trailing(name))
    }

    fn by_leading(&self, name: &[u8]) -> Option<usize> {
        if self.leading.is_empty() {
            return None;
        }
        if let Some(leading) = self.leading.get(name).filter(|leading| leading.bare) {
            return Some(leading.value);
        }
        dots(name).find_map(|dot| self.leading.get(name.get(dot + 1..)?).map(|leading| leading.value))
    }

    fn by_trailing(&self, name: &[u8]) -> Option<usize> {
        if self.trailing.is_empty() {
            return None;
        }
        dots(name).rev().find_map(|dot| self.trailing.get(name.get(..dot)?).copied())
    }
}

fn dots(name: &[u8]) -> impl DoubleEndedIterator<Item = usize> {
    name.iter().enumerate().filter(|(_, b)| **b == b'.').map(|(at, _)| at)
}

fn lower(text: &str) -> Box<[u8]> {
    text.to_ascii_lowercase().into_bytes().into()
}

/// A host name with a wildcard.
enum Wildcard<'a> {
    Leading { suffix: &'a [u8], bare: bool },
    Trailing { prefix: &'a [u8] },
}

struct Invalid;

impl<'a> Wildcard<'a> {
    fn of(name: &'a [u8]) -> Result<Option<Self>, Invalid> {
        let stars = name.iter().filter(|b| **b == b'*').count();
        if stars > 1 || name.contains(&0) || name.windows(2).any(|pair| pair == b"..") {
            return Err(Invalid);
        }
        let wildcard = if let Some(suffix) = name.strip_prefix(b".") {
            (stars == 0).then_some(Self::Leading { suffix, bare: true })
        } else if let Some(suffix) = name.strip_prefix(b"*.") {
            Some(Self::Leading { suffix, bare: false })
        } else {
            name.strip_suffix(b".*").map(|prefix| Self::Trailing { prefix })
        };
        match wildcard {
            Some(Self::Leading { suffix: rest, .. } | Self::Trailing { prefix: rest }) if rest.is_empty() => {
                Err(Invalid)
            }
            None if stars > 0 => Err(Invalid),
            wildcard => Ok(wildcard),
        }
    }
}

/// The regular expression after a `~` or `~*`. Names of groups are in lower case, as variables are.
#[derive(Debug)]
struct Expression {
    pattern: Pattern,
    names: Vec<Box<str>>,
}

impl Expression {
    fn new(pattern: &str) -> Result<Self, DefinitionErrorKind> {
        let pattern = pattern.strip_prefix('~').unwrap_or(pattern);
        let compiled = match pattern.strip_prefix('*') {
            Some(caseless) => Pattern::caseless(caseless),
            None => Pattern::new(pattern),
        };
        let pattern = compiled.map_err(|error| DefinitionErrorKind::Regex(reason(error)))?;
        let names = pattern.names().map(|name| name.to_ascii_lowercase().into()).collect();
        Ok(Self { pattern, names })
    }

    fn find(&self, key: &[u8]) -> Option<Captures> {
        if self.pattern.groups() == 0 {
            return self.pattern.is_match(key).then(Captures::new);
        }
        let found = self.pattern.find(&Bytes::copy_from_slice(key))?;
        let captures = (1..=found.len()).fold(Captures::new(), |all, n| all.group(found.get(n)));
        // A named group that took no part in the match is set all the same, to nothing.
        let named = self.names.iter().zip(found.named());
        Some(named.fold(captures, |all, (name, (_, value))| all.named(name, value)))
    }
}

fn reason(error: PatternError) -> Box<str> {
    match error {
        PatternError::Syntax { source, .. } => source.to_string().into(),
        other => other.to_string().into(),
    }
}
