//! What is done to the cookies of a response.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{Entry, SET_COOKIE};
use http::{HeaderValue, response};

use crate::Flags;
use crate::line::Line;

type Change = Arc<dyn Fn(&response::Parts, &[u8]) -> Option<Vec<u8>> + Send + Sync>;
type Choose = Arc<dyn Fn(&response::Parts, &[u8]) -> Option<Flags> + Send + Sync>;

/// The rules of each kind, in order.
#[derive(Clone, Default)]
pub(crate) struct Rules {
    pub(crate) domains: Vec<Change>,
    pub(crate) paths: Vec<Change>,
    pub(crate) flags: Vec<Choose>,
}

impl Rules {
    pub(crate) fn apply(&self, parts: &mut response::Parts) {
        // All are computed before any is replaced: a closure sees the response as it came.
        let lines = parts.headers.get_all(SET_COOKIE).iter();
        let changed: Vec<_> = lines.map(|line| self.changed(parts, line.as_bytes())).collect();
        if let Entry::Occupied(mut lines) = parts.headers.entry(SET_COOKIE) {
            for (line, changed) in lines.iter_mut().zip(changed) {
                if let Some(changed) = changed {
                    *line = changed;
                }
            }
        }
    }

    /// The line as the client is to see it; `None`: as it is.
    fn changed(&self, parts: &response::Parts, line: &[u8]) -> Option<HeaderValue> {
        let mut line = Line::parse(line)?;
        let mut changed = false;
        for (name, rules) in [("domain", &self.domains), ("path", &self.paths)] {
            for value in line.values(name) {
                if let Some(new) = rules.iter().find_map(|rule| rule(parts, value)) {
                    *value = new.into();
                    changed = true;
                }
            }
        }
        if let Some(flags) = self.flags.iter().find_map(|rule| rule(parts, line.cookie())) {
            line.flag(flags);
            changed |= flags != Flags::new();
        }
        changed.then(|| HeaderValue::from_maybe_shared(Bytes::from(line.write())).ok()).flatten()
    }
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rules")
            .field("domains", &self.domains.len())
            .field("paths", &self.paths.len())
            .field("flags", &self.flags.len())
            .finish()
    }
}
