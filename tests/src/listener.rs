//! An upstream whose connections the test plays itself, byte by byte.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

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

    /// Whether nobody connects for this long.
    pub fn is_left_alone(&self, time: Duration) -> bool {
        let start = crate::now();
        while start.elapsed() < time {
            if self.try_accept().is_some() {
                return false;
            }
            std::thread::sleep(Duration::from_millis(3));
        }
        true
    }
}

impl Default for Listener {
    fn default() -> Self {
        Self::new()
    }
}
