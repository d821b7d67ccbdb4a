use std::fmt;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::table::{ENTRY, Parts};

/// A key of [`check_connections`] that is longer is not counted, as in nginx.
pub const LONGEST_CONNECTION_KEY: usize = 255;

/// How many requests of each key are being served: a bounded table, shared by all threads. A clone is the same table.
///
/// An entry takes about 128 bytes, whatever the length of its key: only a keyed hash of it is kept. When the table is full, new
/// keys are refused.
#[derive(Clone)]
pub struct ConnectionZone(Arc<Parts<u32>>);

impl ConnectionZone {
    /// A table of about so many bytes, which is empty.
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        Self(Arc::new(Parts::new(bytes / ENTRY)))
    }

    /// How many keys have a place.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none has.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn enter(&self, key: &[u8], most: u32) -> Result<Place, ConnectionsRefused> {
        let key = self.0.key(key);
        let mut part = self.0.part(key);
        if let Some(count) = part.find(key) {
            if *count >= most {
                return Err(ConnectionsRefused::TooMany);
            }
            *count += 1;
        } else if part.is_full() {
            return Err(ConnectionsRefused::NoRoom);
        } else {
            part.add(key, 1); // the first one has a place whatever `most` says, as in nginx
        }
        Ok(Place { zone: self.clone(), key })
    }
}

impl fmt::Debug for ConnectionZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionZone").finish_non_exhaustive()
    }
}

/// How many requests of a key may be served at once.
#[derive(Clone, Debug)]
pub struct ConnectionLimit {
    zone: ConnectionZone,
    most: u32,
}

impl ConnectionLimit {
    /// So many of each key of the zone.
    #[must_use]
    pub const fn new(zone: ConnectionZone, most: u32) -> Self {
        Self { zone, most }
    }

    /// The zone.
    #[must_use]
    pub const fn zone(&self) -> &ConnectionZone {
        &self.zone
    }
}

/// Why a request has no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionsRefused {
    /// Its key has all the places that it may have.
    TooMany,
    /// The zone has room for no more keys.
    NoRoom,
}

/// The places of one request: free again when this is dropped.
#[derive(Debug)]
pub struct Places {
    #[expect(dead_code, reason = "they are held")]
    places: SmallVec<[Place; 1]>,
}

struct Place {
    zone: ConnectionZone,
    key: u128,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut part = self.zone.0.part(self.key);
        match part.find(self.key) {
            Some(count) if *count > 1 => *count -= 1,
            _ => part.remove(self.key),
        }
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Place")
    }
}

/// What becomes of a request.
#[derive(Debug)]
pub enum ConnectionVerdict {
    /// It has no key: nothing is counted.
    Uncounted,
    /// It goes on, and these are its places.
    Passed(Places),
    /// It goes no further, and does not count.
    Rejected {
        /// Why.
        why: ConnectionsRefused,
        /// By which limit.
        limit: usize,
    },
}

/// Decides about a request by all `limits`, in order, as nginx: it has a place in all of them or in none. `key` gives the key of
/// each limit, until one rejects; none, an empty one and one of more than 255 bytes are not counted.
///
/// ```
/// use propylon_limit::{ConnectionLimit, ConnectionVerdict, ConnectionZone, check_connections};
///
/// let limits = [ConnectionLimit::new(ConnectionZone::new(1 << 20), 1)];
/// let ask = || check_connections(&limits, |_| Some("192.0.2.1"));
/// let ConnectionVerdict::Passed(places) = ask() else { panic!() };
/// assert!(matches!(ask(), ConnectionVerdict::Rejected { .. }));
/// drop(places);
/// assert!(matches!(ask(), ConnectionVerdict::Passed(_)));
/// ```
pub fn check_connections<K: AsRef<[u8]>>(
    limits: &[ConnectionLimit],
    mut key: impl FnMut(usize) -> Option<K>,
) -> ConnectionVerdict {
    let mut places = SmallVec::new();
    for (at, limit) in limits.iter().enumerate() {
        let Some(key) = key(at) else { continue };
        let key = key.as_ref();
        if key.is_empty() || key.len() > LONGEST_CONNECTION_KEY {
            continue;
        }
        match limit.zone.enter(key, limit.most) {
            Ok(place) => places.push(place),
            Err(why) => return ConnectionVerdict::Rejected { why, limit: at },
        }
    }
    if places.is_empty() {
        ConnectionVerdict::Uncounted
    } else {
        ConnectionVerdict::Passed(Places { places })
    }
}
