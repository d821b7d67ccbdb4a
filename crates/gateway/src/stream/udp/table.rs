//! The sessions of a socket: whose they are, and how many.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::front::Client;
use super::shared::Shared;

/// The sessions of a socket.
#[derive(Default)]
pub(super) struct Table {
    /// Those whose client has said all by now are not among them.
    bound: Mutex<HashMap<Client, Arc<Shared>>>,
    live: AtomicUsize,
    /// The last one has ended.
    empty: Notify,
}

impl Table {
    pub(super) fn find(&self, client: &Client) -> Option<Arc<Shared>> {
        self.bound.lock().get(client).cloned()
    }

    /// How many there are, those too whose client has said all.
    pub(super) fn live(&self) -> usize {
        self.live.load(Relaxed)
    }

    /// One begins; `bound`: what its client sends next belongs to it.
    pub(super) fn begin(self: &Arc<Self>, client: Client, shared: Arc<Shared>, bound: bool) -> Place {
        self.live.fetch_add(1, Relaxed);
        if bound {
            self.bound.lock().insert(client, shared.clone());
        }
        Place { table: self.clone(), client, shared }
    }

    /// What the client sends next belongs to another session.
    pub(super) fn unbind(&self, client: &Client, shared: &Arc<Shared>) {
        let mut bound = self.bound.lock();
        if bound.get(client).is_some_and(|known| Arc::ptr_eq(known, shared)) {
            bound.remove(client);
        }
    }

    /// Waits until there is none.
    pub(super) async fn empty(&self) {
        while self.live() > 0 {
            self.empty.notified().await;
        }
    }
}

/// The place of a session, which is over when this drops.
pub(super) struct Place {
    table: Arc<Table>,
    pub(super) client: Client,
    shared: Arc<Shared>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.table.unbind(&self.client, &self.shared);
        if self.table.live.fetch_sub(1, Relaxed) == 1 {
            self.table.empty.notify_one();
        }
    }
}
