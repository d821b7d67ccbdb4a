//! What is done to the cookies of a response.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{Entry, SET_COOKIE};
use http::{HeaderMap, HeaderValue, Response, response};

use crate::Flags;
use crate::line::{Line, Name, Value};
use crate::replace::Around;

/// The rules of each kind, in order.
#[derive(Clone, Default)]
pub(crate) struct Rules {
    domains: Vec<Change>,
    paths: Vec<Change>,
    flags: Vec<Choose>,
    /// Whether one of them looks at the head of the response.
    looks: bool,
}

/// What becomes of an attribute's value.
#[derive(Clone)]
pub(crate) enum Change {
    /// `to` between what `around` leaves of it, if it fits `from`.
    Replace {
        around: Around,
        from: Box<[u8]>,
        to: Box<[u8]>,
    },
    Compute(Arc<Compute<Vec<u8>>>),
}

/// Which flags a cookie gets.
#[derive(Clone)]
pub(crate) enum Choose {
    Named(Box<str>, Flags),
    Compute(Arc<Compute<Flags>>),
}

/// Computes from the head of a response and a part of its cookie.
pub(crate) type Compute<T> = dyn Fn(&response::Parts, &[u8]) -> Option<T> + Send + Sync;

impl Rules {
    pub(crate) fn domain(&mut self, change: Change) {
        self.looks |= matches!(change, Change::Compute(_));
        self.domains.push(change);
    }

    pub(crate) fn path(&mut self, change: Change) {
        self.looks |= matches!(change, Change::Compute(_));
        self.paths.push(change);
    }

    pub(crate) fn flags(&mut self, choose: Choose) {
        self.looks |= matches!(choose, Choose::Compute(_));
        self.flags.push(choose);
    }

    /// Applies the rules to a response that stays where it is.
    pub(crate) fn apply<B>(&self, response: &mut Response<B>) {
        if self.looks {
            self.apply_looking(response);
        } else {
            self.apply_in_place(response.headers_mut());
        }
    }

    /// One look at the names costs less than a search.
    fn apply_in_place(&self, headers: &mut HeaderMap) {
        for (_, line) in headers.iter_mut().filter(|(name, _)| **name == SET_COOKIE) {
            if let Some(changed) = self.changed(None, line.as_bytes()) {
                *line = changed;
            }
        }
    }

    fn apply_looking<B>(&self, response: &mut Response<B>) {
        if !response.headers().contains_key(SET_COOKIE) {
            return;
        }
        let (mut head, ()) = Response::new(()).into_parts();
        head.status = response.status();
        head.version = response.version();
        head.headers = std::mem::take(response.headers_mut());
        head.extensions = std::mem::take(response.extensions_mut());
        // All are computed before any is replaced: a closure sees the response as it came.
        let lines = head.headers.get_all(SET_COOKIE).iter();
        let changed: Vec<_> = lines.map(|line| self.changed(Some(&head), line.as_bytes())).collect();
        if let Entry::Occupied(mut lines) = head.headers.entry(SET_COOKIE) {
            for (line, changed) in lines.iter_mut().zip(changed) {
                if let Some(changed) = changed {
                    *line = changed;
                }
            }
        }
        *response.headers_mut() = head.headers;
        *response.extensions_mut() = head.extensions;
    }

    /// The line as the client is to see it; `None`: as it is. The head may be missing where no rule looks at it.
    fn changed(&self, head: Option<&response::Parts>, line: &[u8]) -> Option<HeaderValue> {
        let mut line = Line::parse(line)?;
        let mut changed = false;
        for (name, rules) in [(Name::DOMAIN, &self.domains), (Name::PATH, &self.paths)] {
            for part in line.attributes(name) {
                let new =
                    part.value().and_then(|value| rules.iter().find_map(|rule| rule.apply(head, value)));
                if let Some(new) = new {
                    part.replace(new);
                    changed = true;
                }
            }
        }
        if let Some(flags) = self.flags.iter().find_map(|rule| rule.apply(head, line.cookie())) {
            line.flag(flags);
            changed |= flags != Flags::new();
        }
        changed.then(|| HeaderValue::from_maybe_shared(Bytes::from(line.write())).ok()).flatten()
    }
}

impl Change {
    fn apply<'v>(&'v self, head: Option<&response::Parts>, value: &'v [u8]) -> Option<Value<'v>> {
        match self {
            Self::Replace { around, from, to } => {
                let (before, behind) = around(value, from)?;
                Some(Value { before, to: (&**to).into(), behind })
            }
            Self::Compute(compute) => {
                Some(Value { before: &[], to: compute(head?, value)?.into(), behind: &[] })
            }
        }
    }
}

impl Choose {
    fn apply(&self, head: Option<&response::Parts>, cookie: &[u8]) -> Option<Flags> {
        match self {
            Self::Named(name, flags) => cookie.eq_ignore_ascii_case(name.as_bytes()).then_some(*flags),
            Self::Compute(compute) => compute(head?, cookie),
        }
    }
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rules")
            .field("domains", &self.domains.len())
            .field("paths", &self.paths.len())
            .field("flags", &self.flags.len())
            .finish_non_exhaustive()
    }
}
