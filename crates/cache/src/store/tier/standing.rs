//! What a tier is still to be told.

use std::collections::VecDeque;
use std::sync::atomic::AtomicU64;

use parking_lot::Mutex;

use super::order::Order;
use crate::store::key::Id;

/// What does not depend on how a tier is joined. Whoever takes its place takes it over.
#[derive(Debug)]
pub(super) struct Standing {
    /// Purges that are not in the journal yet, and are in force here.
    pub(super) owed: Mutex<VecDeque<Order>>,
    /// How often something was to be forgotten there and perhaps was not.
    pub(super) doubts: AtomicU64,
    /// How often something was to be forgotten there, by a part of the key's hash.
    forgotten: [AtomicU64; FORGOTTEN],
}

/// Keys that are told apart while what is asked for them is under way.
const FORGOTTEN: usize = 256;

impl Standing {
    pub(super) fn forgotten(&self, id: Id) -> &AtomicU64 {
        #[expect(clippy::indexing_slicing, reason = "it is a remainder")]
        &self.forgotten[id as usize % FORGOTTEN]
    }
}

impl Default for Standing {
    fn default() -> Self {
        Self {
            owed: Mutex::default(),
            doubts: AtomicU64::new(0),
            forgotten: std::array::from_fn(|_| AtomicU64::new(0)),
        }
    }
}
