//! Datagrams to a peer, and from it.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use http::{Extensions, StatusCode};
use nix::sys::socket::{MsgFlags, recv};
use propylon_exchange::Exchange;
use socket2::{Domain, SockRef, Type};
use tokio::io::Interest;
use tokio::net::UdpSocket;

use crate::attempt::Attempt;
use crate::connect::may_be_elsewhere;
use crate::special::Bind;
use crate::{Error, Peer, PeerAddress, Transport};

/// What has been refused is no datagram that could be read.
const NEWS: Interest = Interest::READABLE.add(Interest::ERROR);

/// A socket of UDP that is [connected](Transport::connect_udp) to a peer: what comes from elsewhere never gets here.
///
/// The try lasts for as long as this does: its bytes are counted, and recorded when this drops.
#[derive(Debug)]
pub struct Datagrams {
    socket: UdpSocket,
    attempt: Option<Attempt>,
    sent: AtomicU64,
    received: AtomicU64,
    heard: AtomicBool,
}

impl Datagrams {
    /// Sends a datagram, without waiting for room.
    ///
    /// # Errors
    /// `WouldBlock`: there is no room. Another one may be about an earlier datagram, which the peer has refused; then this one was not sent.
    pub fn try_send(&self, datagram: &[u8]) -> io::Result<()> {
        // The kernel is asked, not the runtime, which knows nothing of a new socket yet.
        let sent = SockRef::from(&self.socket).send(datagram)?;
        self.sent.fetch_add(sent as u64, Relaxed);
        Ok(())
    }

    /// Waits until there is something to [receive](Self::try_receive): a datagram, or an error.
    ///
    /// # Errors
    /// When the runtime ends.
    pub async fn readable(&self) -> io::Result<()> {
        self.socket.ready(NEWS).await.map(drop)
    }

    /// Receives a datagram, of which as much is kept as `buffer` has room for. Gives its length, and whether it is the first.
    ///
    /// # Errors
    /// `WouldBlock`: there is none. Another one is about a datagram that was sent.
    pub fn try_receive(&self, buffer: &mut [u8]) -> io::Result<(usize, bool)> {
        let mut receive = || Ok(recv(self.socket.as_raw_fd(), buffer, MsgFlags::empty())?);
        let length = match self.socket.try_io(Interest::READABLE, &mut receive) {
            // The runtime looks for one of both at a time.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.socket.try_io(Interest::ERROR, receive)?
            }
            received => received?,
        };
        self.received.fetch_add(length as u64, Relaxed);
        let is_first = !self.heard.swap(true, Relaxed);
        if let Some(attempt) = self.attempt.as_ref().filter(|_| is_first) {
            attempt.began();
        }
        Ok((length, is_first))
    }

    /// Waits for a datagram: [`try_receive`](Self::try_receive), once there is something.
    ///
    /// # Errors
    /// An error is about a datagram that was sent.
    pub async fn receive(&self, buffer: &mut [u8]) -> io::Result<(usize, bool)> {
        loop {
            self.readable().await?;
            match self.try_receive(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                received => return received,
            }
        }
    }

    /// The peer has failed: the try's record has what stands for it.
    pub fn failed(&self, status: StatusCode) {
        if let Some(attempt) = &self.attempt {
            attempt.failed(status);
        }
    }
}

impl Drop for Datagrams {
    fn drop(&mut self) {
        if let Some(attempt) = &mut self.attempt {
            attempt.tunnelled(self.sent.load(Relaxed), self.received.load(Relaxed));
        }
    }
}

impl Transport {
    /// Opens a socket of UDP that is connected to `peer`, from the [`Bind`] among `extensions`. Nothing is sent for it: whether somebody
    /// listens there is told by what becomes of datagrams. If there is an [`Exchange`] among them, it is a try of that one.
    ///
    /// # Errors
    /// [`Error::Connect`]: there is no way to the peer, or it is a unix socket. [`Error::Local`].
    pub fn connect_udp(&self, peer: &Peer, extensions: &Extensions) -> Result<Datagrams, Error> {
        let attempt = extensions.get::<Exchange>().map(|exchange| Attempt::open(exchange, peer));
        let bind = extensions.get::<Bind>().copied().filter(|_| self.special);
        let dialled = match peer.address() {
            PeerAddress::Tcp(address) => dial(*address, bind),
            PeerAddress::Unix(_) => Err(Error::Connect { source: io::ErrorKind::Unsupported.into() }),
        };
        if let Some(attempt) = &attempt {
            match &dialled {
                Ok(_) => attempt.opened(),
                Err(error) => attempt.failed(error.status()),
            }
        }
        Ok(Datagrams {
            socket: dialled?,
            attempt,
            sent: AtomicU64::new(0),
            received: AtomicU64::new(0),
            heard: AtomicBool::new(false),
        })
    }
}

fn dial(peer: SocketAddr, bind: Option<Bind>) -> Result<UdpSocket, Error> {
    let local = |source| Error::Local { what: "socket()".into(), source };
    let socket = socket2::Socket::new(Domain::for_address(peer), Type::DGRAM, None).map_err(local)?;
    socket.set_nonblocking(true).map_err(local)?;
    if let Some(bind) = bind {
        come_from(&socket, peer, bind)
            .map_err(|source| Error::Local { what: format!("bind({})", bind.address).into(), source })?;
    }
    socket.connect(&peer.into()).map_err(|source| Error::Connect { source })?;
    UdpSocket::from_std(socket.into()).map_err(local)
}

/// An address of another family than the peer's is refused by the kernel.
fn come_from(socket: &socket2::Socket, peer: SocketAddr, bind: Bind) -> io::Result<()> {
    may_be_elsewhere(socket, peer, bind)?;
    if bind.address.port() != 0 {
        socket.set_reuse_address(true)?; // as nginx: the port is that of many sessions, with a peer each
    }
    socket.bind(&bind.address.into())
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket as Std;

    use super::*;

    async fn receive(datagrams: &Datagrams) -> io::Result<(Vec<u8>, bool)> {
        let mut buffer = [0; 16];
        let (length, is_first) = datagrams.receive(&mut buffer).await?;
        Ok((buffer[..length].to_vec(), is_first))
    }

    #[tokio::test]
    async fn a_peer_answers_and_is_then_gone() {
        let peer = Std::bind("127.0.0.1:0").unwrap();
        let address = peer.local_addr().unwrap();
        let bound = Bind { address: "127.0.0.2:0".parse().unwrap(), transparent: false };
        let mut extensions = Extensions::new();
        extensions.insert(bound);
        let transport = Transport::new().special(true);
        let datagrams = transport.connect_udp(&Peer::from(address), &extensions).unwrap();
        datagrams.try_send(b"").unwrap();
        datagrams.try_send(b"ping").unwrap();
        let mut buffer = [0; 16];
        let (length, from) = peer.recv_from(&mut buffer).unwrap();
        assert_eq!((length, from.ip().to_string().as_str()), (0, "127.0.0.2"), "an empty one is one");
        assert_eq!(peer.recv(&mut buffer).unwrap(), 4);
        Std::bind("127.0.0.2:0").unwrap().send_to(b"not I", from).unwrap();
        peer.send_to(b"pong", from).unwrap();
        peer.send_to(b"", from).unwrap();
        assert_eq!(receive(&datagrams).await.unwrap(), (b"pong".to_vec(), true));
        assert_eq!(receive(&datagrams).await.unwrap(), (Vec::new(), false));
        let error = datagrams.try_receive(&mut buffer).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        drop(peer);
        datagrams.try_send(b"still there?").unwrap();
        let error = receive(&datagrams).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    }

    #[tokio::test]
    async fn a_unix_socket_is_no_peer() {
        let error = Transport::new().connect_udp(&Peer::unix("/run/a.sock"), &Extensions::new()).unwrap_err();
        assert!(matches!(error, Error::Connect { .. }));
    }
}
