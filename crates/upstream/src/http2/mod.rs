//! HTTP/2, by the crate [`h2`]: many requests on one connection, which a task of its own reads and writes.
//!
//! - [`Slot`]: a request's part in a connection, and that connection alone in the pool when it is idle.
//! - [`Sharing`]: which connections have room, and which are about to.
//! - `Shared` and `Driver`: a connection as its requests have it, and its task.
//! - `Sending`, `Upload`, [`Incoming`]: one request, its body, its response's.

mod driver;
mod head;
mod incoming;
mod opening;
mod preface;
mod sending;
mod shared;
mod sharing;
mod slot;
mod upload;

pub(crate) use incoming::Incoming;
pub(crate) use opening::{connect, share};
pub(crate) use shared::Counters;
pub(crate) use sharing::Sharing;
pub(crate) use slot::Slot;
