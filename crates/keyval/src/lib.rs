//! Keys and values that are changed while a server runs, for any service: found by the key itself, by the smallest network around an
//! address, or by the longest prefix; bounded, with entries that expire, and kept in a file if wanted. nginx Plus' key-value store
//! without its API.
//!
//! ## Example
//!
//! ```
//! use std::time::Duration;
//! use propylon_keyval::{Change, Kind, Limits, Kept, Zone};
//!
//! let limits = Limits::default().size(32 << 10).timeout(Some(Duration::from_secs(3600)));
//! let denied = Zone::new(Kind::Ip, limits); // a clone is the same zone: one for each thread
//!
//! denied.add(vec![("192.0.2.0/24".into(), Kept::new("a scanner")), ("2001:db8::1".into(), Kept::new("another"))])?;
//! assert_eq!(denied.find(b"192.0.2.7").as_deref(), Some(b"a scanner".as_slice()));
//! assert_eq!(denied.find(b"198.51.100.7"), None);
//!
//! denied.change(vec![("192.0.2.0/24".into(), Change::Remove)])?;
//! assert_eq!(denied.find(b"192.0.2.7"), None);
//! # Ok::<(), propylon_keyval::Error>(())
//! ```
//!
//! ## What it does
//!
//! - [`Zone::find`] looks a key up as the zone's [`Kind`] says: by itself (`String`), as an address or a network in the smallest network that is
//!   there (`Ip`), or by the longest key that it begins with (`Prefix`).
//! - [`Zone::add`] adds new keys, [`Zone::change`] changes or removes those that are there: all that is asked for, or nothing of it. A key
//!   is changed for all at once, and of several keys one after the other: whoever looks two up meanwhile may find one changed and the other
//!   not yet.
//! - Entries go after the zone's `timeout`, or after one of their own. One that is over is not found any more from that moment on; [`Zone::manage`]
//!   frees its room.
//! - A zone has a `size`, and refuses what is more: nothing goes to make room for something else.
//! - [`StateFile`] keeps a zone in a file: JSON, one entry a line, written beside and then put in its place. A damaged file is told, leaves the zone empty, and is put aside
//!   as `NAME.damaged` before it would be overwritten.
//!
//! ## What it does not
//!
//! - It has no API over HTTP, and asks nobody for values.
//! - Zones of several processes are not synchronised (`sync` in nginx Plus).
//! - Keys and values are text. No key is empty: what has no value would have one.
//! - A [`StateFile`] is written when `save` is called, not by itself; that waits for the disk, so call it where that does no harm.
//!
//! ## nginx
//!
//! | nginx Plus | here |
//! |---|---|
//! | `keyval_zone zone=NAME:SIZE` | [`Zone::new`], [`Limits::size`] |
//! | `timeout=`, `expire` of the API | [`Limits::timeout`], [`Kept::expires`], [`Change::Expire`] |
//! | `type=string`, `ip`, `prefix` | [`Kind`] |
//! | `state=` | [`StateFile`] |
//! | `keyval` | [`Zone::find`] |
//! | `POST`, `PATCH`, `DELETE` of `/http/keyvals/NAME` | [`Zone::add`], [`Zone::change`], [`Zone::clear`] |
//!
//! Differences: several keys may be added to a zone that is not empty, and several be changed at once; where networks or prefixes are within each other the
//! smallest and the longest one counts, of which nginx says nothing; networks are written one way (`10.1.2.3/8` is `10.0.0.0/8`).
//!
//! ## Errors
//!
//! [`Error`] says why nothing of a change was made: a key exists or is not there, cannot be one, there is no room, or a time was given in a zone
//! without `timeout`. [`StateError`] says what is wrong with a file, and where. A look-up has none.
//!
//! ## Cost
//!
//! A look-up: a read lock that is never held by others for longer than it takes to put one entry in its place, and a walk down a tree; of
//! networks and prefixes one walk for each that is near and is not it. No allocation: the value is shared. The clock is read only for an entry
//! that expires. A zone takes what its `size` says, as it fills: keys, values and 128 bytes for each entry. Listing, saving and removing
//! what is over look at every entry, and let look-ups go on meanwhile.

mod error;
mod json;
mod network;
mod state;
mod table;
mod zone;

pub use error::{Error, StateError};
pub use state::StateFile;
pub use table::Kind;
pub use zone::{Change, Kept, Limits, Pair, Stats, Zone};
