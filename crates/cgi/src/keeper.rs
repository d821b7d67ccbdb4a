//! What becomes of a connection behind its request.

use crate::Connection;

/// Who gets a connection back that may carry another request.
pub trait Keeper<I> {
    /// The connection, idle.
    fn give_back(self, connection: Connection<I>);
}

/// Nobody: connections end with their request.
impl<I> Keeper<I> for () {
    fn give_back(self, _: Connection<I>) {}
}
