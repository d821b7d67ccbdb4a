//! A key-value store that can be changed while a server runs, for any service. Lookups find the key itself, the smallest network around
//! an address, or the longest matching prefix. The store is bounded, entries can expire, and the contents can be kept in a file. It is
//! nginx Plus' key-value store without its API.
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
//! - [`Zone::find`] looks a key up as the zone's [`Kind`] says: exactly (`String`), as an address or network in the smallest stored network
//!   that contains it (`Ip`), or by the longest stored key that is a prefix of it (`Prefix`).
//! - [`Zone::add`] adds new keys, and [`Zone::change`] changes or removes existing ones; each call applies completely or not at all. A change
//!   of one key becomes visible to all readers at once. Changes of several keys become visible one after the other: a reader that looks up two
//!   of them meanwhile may see one changed and the other not.
//! - Entries expire after the zone's `timeout`, or after their own. An expired entry is no longer found from that moment on; [`Zone::manage`]
//!   frees its memory.
//! - A zone has a maximum `size` and refuses additions beyond it: nothing is evicted to make room.
//! - [`StateFile`] keeps a zone in a file: JSON, one entry a line, written to a second file that then replaces the first. A damaged file is
//!   reported, leaves the zone empty, and is renamed to `NAME.damaged` before it would be overwritten.
//!
//! ## What it does not
//!
//! - The crate has no HTTP API, and does not fetch values from anywhere.
//! - Zones are not synchronised between processes (`sync` in nginx Plus).
//! - Keys and values are text. A key cannot be empty: otherwise, a lookup without a value would match it.
//! - A [`StateFile`] is written only when `save` is called. `save` waits for the disk, so call it where blocking does no harm.
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
//! Differences: several keys can be added to a zone that is not empty, and several can be changed at once. Of nested networks the smallest
//! matches, and of nested prefixes the longest; nginx does not document which. Networks are stored in one normal form (`10.1.2.3/8` is
//! `10.0.0.0/8`).
//!
//! ## Errors
//!
//! [`Error`] says why a change was not applied: a key exists already or does not exist, is invalid, there is no room, or an expiry was given in
//! a zone without `timeout`. [`StateError`] says what is wrong with a file, and where. Lookups cannot fail.
//!
//! ## Cost
//!
//! A lookup takes a read lock, which writers hold only long enough to put one entry in its place, and walks down a tree; with networks and
//! prefixes it walks once more for each nearby entry that turns out not to match. It does not allocate: the value is shared. The clock is read
//! only for entries that expire. A zone grows up to its `size` as it fills: keys, values and 128 bytes for each entry. Listing, saving and
//! removing expired entries visit every entry, without blocking lookups.

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
