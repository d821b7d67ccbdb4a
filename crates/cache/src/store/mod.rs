//! Where responses are kept.

mod body;
mod disk;
mod entry;
mod error;
mod fill;
mod flow;
mod index;
mod key;
mod limits;
mod lock;
mod manager;
mod meta;
mod object;
mod purge;
mod records;
mod shared;
mod stats;
pub mod tier;
mod uses;
mod wakers;
mod zone;

pub use body::EntryBody;
pub use disk::Directory;
pub use entry::Entry;
pub use error::{Error, OpenError};
pub use fill::Fill;
pub use key::Key;
pub use limits::{Limits, Pace};
pub use lock::{Guard, Locked, Released, Waiting};
pub use meta::{Meta, Tags, Variant};
pub use purge::{Purge, Purged, Strength};
pub use stats::Stats;
pub use zone::{Lookup, Opening, Zone};
