//! Where responses are kept.

#![allow(dead_code, reason = "parts are for the zones on disk, which come next")]

mod body;
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
mod shared;
mod stats;
mod uses;
mod wakers;
mod zone;

pub use body::EntryBody;
pub use entry::Entry;
pub use error::{Error, OpenError};
pub use fill::Fill;
pub use key::Key;
pub use limits::{Limits, Pace};
pub use lock::{Guard, Locked, Released, Waiting};
pub use meta::{Meta, Tags, Variant};
pub use purge::{Purge, Strength};
pub use stats::Stats;
pub use zone::{Lookup, Opening, Zone};
