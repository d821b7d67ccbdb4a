use std::sync::{Arc, OnceLock};

use crate::{Got, Issuer, Rules, Set};

/// What is known of the client of one request: found out when somebody first asks, and the same for whoever asks again. A clone is of the
/// same request.
///
/// Whoever wants to know it beside the layer, for a log, puts it into the request's extensions before.
#[derive(Clone, Debug, Default)]
pub struct Visitor(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    got: OnceLock<Option<Got>>,
    set: OnceLock<Set>,
}

impl Visitor {
    /// One of whom nothing is known yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What it has, by the lines of its `Cookie`.
    pub fn got<'h>(&self, rules: &Rules, lines: impl IntoIterator<Item = &'h [u8]>) -> Option<&Got> {
        self.0.got.get_or_init(|| rules.got(lines)).as_ref()
    }

    /// What it gets. `reset` is asked if it has a cookie already; `local`: the last four bytes of the server's address.
    pub fn set<'h>(
        &self,
        rules: &Rules,
        issuer: &Issuer,
        lines: impl IntoIterator<Item = &'h [u8]>,
        reset: impl FnOnce(&Got) -> bool,
        local: [u8; 4],
    ) -> Option<&Set> {
        if let Some(set) = self.0.set.get() {
            return Some(set);
        }
        let got = self.got(rules, lines);
        let fresh = || issuer.issue(rules.version, rules.service_bytes(local));
        let set = rules.set(got, got.is_some_and(reset), fresh)?;
        Some(self.0.set.get_or_init(|| set))
    }
}
