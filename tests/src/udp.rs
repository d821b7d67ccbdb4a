//! Sockets of UDP whose datagrams the test plays itself.

use std::io;
use std::net::{SocketAddr, UdpSocket};

use crate::{LIMIT, lossy};

/// A socket of UDP: a server's, or a client's.
#[derive(Debug)]
pub struct Udp(UdpSocket);

impl Udp {
    /// A server at an address of its own, which refuses again when this is dropped.
    pub fn new() -> Self {
        Self::at(SocketAddr::new(crate::address().ip(), 0))
    }

    /// A server at this address.
    pub fn at(address: SocketAddr) -> Self {
        let socket = UdpSocket::bind(address).expect("an address on loopback");
        socket.set_read_timeout(Some(LIMIT)).expect("a socket");
        Self(socket)
    }

    /// A client of this address: it hears nobody else.
    pub fn connect(to: SocketAddr) -> Self {
        let any = if to.is_ipv4() { crate::address().ip() } else { std::net::Ipv6Addr::LOCALHOST.into() };
        let client = Self::at(SocketAddr::new(any, 0));
        client.0.connect(to).expect("a socket");
        client
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.0.local_addr().expect("a bound socket")
    }

    /// Sends to whom it is connected to.
    pub fn send(&self, datagram: &[u8]) {
        self.0.send(datagram).unwrap();
    }

    /// Sends to this address.
    pub fn send_to(&self, datagram: &[u8], to: SocketAddr) {
        self.0.send_to(datagram, to).unwrap();
    }

    /// The next datagram, and whose it is; waits for it.
    pub fn receive(&self) -> (Vec<u8>, SocketAddr) {
        self.try_receive().unwrap_or_else(|error| panic!("no datagram: {error}"))
    }

    /// The same, or the error that comes instead.
    pub fn try_receive(&self) -> io::Result<(Vec<u8>, SocketAddr)> {
        let mut buffer = vec![0; 65_535];
        let (length, from) = self.0.recv_from(&mut buffer)?;
        buffer.truncate(length);
        Ok((buffer, from))
    }

    /// The next datagram is this one. Gives whose it is.
    pub fn exactly(&self, expected: &[u8]) -> SocketAddr {
        let (got, from) = self.receive();
        assert!(got == expected, "{} bytes, and not {}: {}", got.len(), expected.len(), lossy(&got));
        from
    }

    /// Nothing has come so far.
    pub fn is_silent(&self) -> bool {
        self.0.set_nonblocking(true).expect("a socket");
        let got = self.try_receive();
        self.0.set_nonblocking(false).expect("a socket");
        got.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }
}

impl Default for Udp {
    fn default() -> Self {
        Self::new()
    }
}
