//! What is asked for by names that nobody has written.

use std::collections::HashMap;

use parking_lot::Mutex;
use propylon_balance::{Balancer, Group, Method};
use propylon_upstream::Peer;

use super::{balancer, server};

/// How many targets of a `proxy_pass` with variables are remembered.
const MAX_KEPT: usize = 1024;

/// What was made for names that nobody has written, so that turns and failures are remembered.
pub(super) struct Asked<T>(Mutex<HashMap<(Box<str>, bool), T>>);

/// By hand, for what is made need have no default.
impl<T> Default for Asked<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Clone> Asked<T> {
    /// What there is for this name, with TLS or without, whose peers these are now; `group` tells the peers of what was made. Where all have failed, all are
    /// tried anew: nginx remembers nothing of such peers at all.
    pub(super) fn get(
        &self,
        key: (Box<str>, bool),
        peers: Vec<Peer>,
        group: impl FnOnce(&T) -> Group<Peer>,
        make: impl FnOnce(Balancer<Peer>) -> T,
    ) -> T {
        let mut asked = self.0.lock();
        if let Some(known) = asked.get(&key) {
            let group = group(known);
            let same = group.peers().iter().map(|peer| peer.server().payload()).eq(peers.iter());
            if !same {
                group.set(peers.iter().cloned().map(server));
            }
            if group.peers().iter().any(|peer| peer.is_available()) {
                return known.clone();
            }
        }
        let group = Group::new(&*key.0);
        group.set(peers.into_iter().map(server));
        let made = make(balancer(group, Method::RoundRobin));
        if asked.len() >= MAX_KEPT {
            asked.clear(); // rare, and costs no more than what is forgotten
        }
        asked.insert(key, made.clone());
        made
    }
}
