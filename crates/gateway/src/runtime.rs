//! What the workers share and what outlives a reload.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use parking_lot::Mutex;
use propylon_access_log::Sinks;
use propylon_mirror::Counts;
use propylon_userid::Issuer;

use crate::acme::Acme;
use crate::api::{Api, Desk};
use crate::caches::{Caches, Owner};
use crate::client::http3::Keys;
use crate::geoips::Geoips;
use crate::keyvals::Keyvals;
use crate::layers::Layers;
use crate::names::Names;
use crate::oidc::Oidc;
use crate::tally::Ledgers;
use crate::tls::Store;
use crate::traces::Traces;
use crate::zones::Zones;

/// What the workers share and what outlives a reload.
pub(crate) struct Runtime {
    /// The open logs.
    pub(crate) sinks: Sinks,
    /// The upstreams' peers.
    pub(crate) names: Names,
    /// Certificates and keys.
    pub(crate) tls: Store,
    /// Certificates that come by themselves.
    pub(crate) acme: Acme,
    /// What limits count.
    pub(crate) zones: Zones,
    /// What caches keep.
    pub(crate) caches: Caches,
    /// Keys and values that operators change.
    pub(crate) keyvals: Keyvals,
    /// Who has logged in.
    pub(crate) oidc: Oidc,
    /// What databases know of addresses.
    pub(crate) geoips: Geoips,
    /// Ids for clients that have none.
    pub(crate) issuer: Issuer,
    /// What the workers count.
    pub(crate) ledgers: Ledgers,
    /// What became of copies of requests.
    pub(crate) copies: Counts,
    /// What became of requests whose clients have left.
    pub(crate) left: propylon_detach::Counts,
    /// Where spans go.
    pub(crate) traces: Traces,
    /// Who answers the locations of `api`.
    pub(crate) desk: Desk,
    /// Layers of whoever has started the gateway.
    pub(crate) layers: Layers,
    /// Whose their directories are.
    pub(crate) owner: Option<Owner>,
    /// By what the process knows what it has said over QUIC, once it speaks it.
    quic: Mutex<Option<Arc<Keys>>>,
    /// The number of the next client connection.
    connections: AtomicU64,
}

impl Runtime {
    pub(crate) fn new(sinks: Sinks) -> Self {
        Self {
            sinks,
            names: Names::default(),
            tls: Store::default(),
            acme: Acme::default(),
            zones: Zones::default(),
            caches: Caches::default(),
            keyvals: Keyvals::default(),
            oidc: Oidc::default(),
            geoips: Geoips::default(),
            issuer: Issuer::of_process(),
            ledgers: Ledgers::default(),
            copies: Counts::default(),
            left: propylon_detach::Counts::default(),
            traces: Traces::default(),
            desk: Desk::default(),
            layers: Layers::default(),
            owner: None,
            quic: Mutex::default(),
            connections: AtomicU64::new(0),
        }
    }

    /// Directories that are made are this user's.
    pub(crate) fn owned_by(mut self, owner: Option<Owner>) -> Self {
        self.owner = owner;
        self
    }

    /// Locations of `api` are answered by this.
    pub(crate) fn answered_by(mut self, api: Option<Arc<dyn Api>>) -> Self {
        self.desk = Desk::of(api);
        self
    }

    /// Locations may have these layers.
    pub(crate) fn with_layers(mut self, layers: Layers) -> Self {
        self.layers = layers;
        self
    }

    /// By what the process knows what it has said over QUIC: the same for all workers.
    pub(crate) fn quic_keys(&self) -> io::Result<Arc<Keys>> {
        let mut quic = self.quic.lock();
        if let Some(keys) = &*quic {
            return Ok(keys.clone());
        }
        Ok(quic.insert(Arc::new(Keys::new()?)).clone())
    }

    /// A number for a new client connection, unique in the process.
    pub(crate) fn next_connection(&self) -> u64 {
        self.connections.fetch_add(1, Relaxed) + 1
    }
}
