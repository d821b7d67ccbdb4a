//! The certificates in force, for a rustls server.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::challenges::{ACME_TLS, Challenges};

/// The certificates in force: a [`ResolvesServerCert`], which also answers TLS-ALPN-01. A clone is the same set.
///
/// A server that is to answer TLS-ALPN-01 has [`ACME_TLS`] among its `alpn_protocols`, and closes connections that have agreed
/// on it.
#[derive(Clone, Debug)]
pub struct Certificates {
    named: Arc<ArcSwap<Named>>,
    challenges: Challenges,
}

#[derive(Debug, Default)]
struct Named {
    by_name: HashMap<String, Arc<CertifiedKey>>,
    first: Option<Arc<CertifiedKey>>,
}

impl Certificates {
    pub(crate) fn new(challenges: Challenges) -> Self {
        Self { named: Arc::default(), challenges }
    }

    /// The certificate for this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Arc<CertifiedKey>> {
        self.named.load().by_name.get(&name.to_ascii_lowercase()).cloned()
    }

    /// Puts these in the place of all others.
    pub(crate) fn set<'a>(&self, all: impl Iterator<Item = (&'a String, &'a Arc<CertifiedKey>)>) {
        let mut named = Named::default();
        for (name, key) in all {
            named.first.get_or_insert_with(|| key.clone());
            named.by_name.entry(name.clone()).or_insert_with(|| key.clone());
        }
        self.named.store(Arc::new(named));
    }

    fn resolved(&self, name: Option<&str>, asks_acme: bool) -> Option<Arc<CertifiedKey>> {
        if asks_acme {
            return self.challenges.shown(name);
        }
        match name {
            Some(name) => self.get(name),
            // Who asks for no name gets the first one.
            None => self.named.load().first.clone(),
        }
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let asks_acme = hello.alpn().is_some_and(|mut offered| offered.any(|name| name == ACME_TLS));
        self.resolved(hello.server_name(), asks_acme)
    }
}
