//! Sessions: a client goes back to the peer that it had.

mod binding;
mod cookie;
mod layer;
mod memory;
mod service;
mod sessions;

pub use binding::{Binding, ByCookie, ByRoute, Learner, Learning, Session};
pub use cookie::{Cookie, SameSite};
pub use layer::StickyLayer;
pub use memory::Memory;
pub use service::{Sticky, StickyFuture};
pub use sessions::Sessions;

use std::sync::Arc;

/// A request extension: what the peer is called that the request should go to, by its
/// [`route`](crate::Server::route) or the MD5 of its name. Looked at by a [`Balance`](crate::Balance) that is
/// [`sticky`](crate::Balance::sticky); [`Sticky`] puts it there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted(pub Arc<[u8]>);

/// A response extension: what the peer is called that has served. Made by a [`Balance`](crate::Balance) that is
/// [`sticky`](crate::Balance::sticky).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServedBy(pub Arc<str>);
