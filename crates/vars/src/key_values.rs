//! Values that come while the gateway runs, not from the configuration.

use std::fmt;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;

type Find = dyn Fn(&[u8]) -> Option<Bytes> + Send + Sync;

/// Whoever is asked for the values of a [`Map::keyval`](crate::Map::keyval): a place that is filled once, by who has them. Until then
/// there are none.
///
/// Two of them are equal when they are called the same: whatever stands for what is asked belongs into the name.
#[derive(Clone)]
pub struct KeyValues {
    name: Box<str>,
    find: Arc<OnceLock<Box<Find>>>,
}

impl KeyValues {
    /// One that nobody has filled yet.
    #[must_use]
    pub fn new(name: impl Into<Box<str>>) -> Self {
        Self { name: name.into(), find: Arc::default() }
    }

    /// This one is asked from now on. It is asked within requests, so it has to answer at once. The first one stays.
    pub fn fill(&self, find: impl Fn(&[u8]) -> Option<Bytes> + Send + Sync + 'static) {
        let _ = self.find.set(Box::new(find));
    }

    pub(crate) fn find(&self, key: &[u8]) -> Option<Bytes> {
        self.find.get()?(key)
    }
}

impl PartialEq for KeyValues {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for KeyValues {}

impl fmt::Debug for KeyValues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyValues").field("name", &self.name).finish_non_exhaustive()
    }
}
