//! Who gets a connection back.

use super::Connection;
use crate::ResponseHead;

/// Who holds a connection while it is used, and gets it back: a pool's lease, say. `()` lets it go, and a closure is one that
/// only takes it back.
pub trait Keeper<I>: Send {
    /// An interim (1xx) response came, at most eight for one request.
    fn interim(&mut self, head: ResponseHead) {
        drop(head);
    }

    /// The kernel has taken the whole request. Not called when the response came first.
    fn request_sent(&mut self) {}

    /// The exchange has ended, and the connection can serve another request. Called by whatever polls the response, so it should
    /// do little. Not called if the connection cannot be used again: then it is closed.
    fn give_back(self, connection: Connection<I>);
}

impl<I> Keeper<I> for () {
    fn give_back(self, connection: Connection<I>) {
        drop(connection);
    }
}

impl<I, F: FnOnce(Connection<I>) + Send> Keeper<I> for F {
    fn give_back(self, connection: Connection<I>) {
        self(connection);
    }
}
