//! How certificates are that come by themselves.

use super::{Certificate, Insight};

impl Insight {
    /// The certificates of `[acme]`, in the order of the configuration.
    #[must_use]
    pub fn certificates(&self) -> Vec<Certificate> {
        self.runtime().acme.status()
    }
}
