//! An upstream whose connections the test plays itself, byte by byte.

use std::net::{SocketAddr, TcpListener};

use crate::{LIMIT, Stream, until};

/// A listener; nothing is accepted, read or answered before the test says so.
#[derive(Debug)]
pub struct Listener(TcpListener);

impl Listener {
    /// Listens on an address of its own.
    pub fn new() -> Self {
        let listener = TcpListener::bind(crate::address()).expect("a port on loopback");
        listener.set_nonblocking(true).expect("a socket");
        Self(listener)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.0.local_addr().expect("a bound socket")
    }

    /// The next connection; waits for it.
    pub fn accept(&self) -> Stream {
        until("a connection to the upstream", LIMIT, || self.try_accept())
    }

    /// The next connection, if there is one now.
    pub fn try_accept(&self) -> Option<Stream> {
        let (socket, _) = self.0.accept().ok()?;
        socket.set_nonblocking(false).ok()?;
        Stream::tcp(socket).ok()
    }

    /// The next connection, or none once `over` says that there will be none.
    pub fn accept_or(&self, mut over: impl FnMut() -> bool) -> Option<Stream> {
        until("a connection to the upstream, or none", LIMIT, || {
            self.try_accept().map(Some).or_else(|| over().then_some(None))
        })
    }
}

impl Default for Listener {
    fn default() -> Self {
        Self::new()
    }
}
