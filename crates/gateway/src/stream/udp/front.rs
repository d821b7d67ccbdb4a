//! The socket that clients send to: which of our addresses they ask, and answers from there.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsRawFd;

use nix::cmsg_space;
use nix::libc::{in_addr, in_pktinfo, in6_addr, in6_pktinfo};
use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, sendmsg};
use parking_lot::Mutex;
use socket2::{SockRef, Socket};
use tokio::io::Interest;
use tokio::net::UdpSocket;

use crate::listener::tell_destinations;

/// Whose datagrams make a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Client {
    pub(super) address: SocketAddr,
    /// Which of our addresses it asks, where the socket is at all of them: answers come from there.
    pub(super) asks: Option<IpAddr>,
}

/// A worker's socket at one address.
pub(super) struct Front {
    socket: UdpSocket,
    local: SocketAddr,
    /// What the kernel tells beside a datagram, if it has to.
    beside: Option<Mutex<Vec<u8>>>,
}

impl Front {
    /// Takes a socket into the current runtime.
    pub(super) fn new(socket: Socket) -> io::Result<Self> {
        let local = socket.local_addr()?.as_socket().ok_or(io::ErrorKind::Unsupported)?;
        let beside = local.ip().is_unspecified().then(|| Mutex::new(cmsg_space!(in_pktinfo, in6_pktinfo)));
        if beside.is_some() {
            tell_destinations(&socket, local.ip())?; // of a socket that was given
        }
        Ok(Self { socket: UdpSocket::from_std(socket.into())?, local, beside })
    }

    /// Our end, as this client has it.
    pub(super) fn local(&self, client: &Client) -> SocketAddr {
        client.asks.map_or(self.local, |ip| SocketAddr::new(ip, self.local.port()))
    }

    pub(super) async fn readable(&self) -> io::Result<()> {
        self.socket.readable().await
    }

    /// Receives a datagram: its length, and whose it is.
    pub(super) fn try_receive(&self, buffer: &mut [u8]) -> io::Result<(usize, Client)> {
        let Some(beside) = &self.beside else {
            let (length, address) = self.socket.try_recv_from(buffer)?;
            return Ok((length, Client { address, asks: None }));
        };
        self.socket.try_io(Interest::READABLE, || {
            let mut parts = [IoSliceMut::new(buffer)];
            let mut beside = beside.lock();
            let fd = self.socket.as_raw_fd();
            let message = recvmsg::<SockaddrStorage>(fd, &mut parts, Some(&mut beside), MsgFlags::empty())?;
            let address = message.address.and_then(|address| inet(&address));
            let address = address.ok_or(io::ErrorKind::Unsupported)?;
            let asks = message.cmsgs()?.find_map(|told| match told {
                ControlMessageOwned::Ipv4PacketInfo(info) => {
                    Some(IpAddr::V4(Ipv4Addr::from(info.ipi_spec_dst.s_addr.to_ne_bytes())))
                }
                ControlMessageOwned::Ipv6PacketInfo(info) => {
                    Some(IpAddr::V6(Ipv6Addr::from(info.ipi6_addr.s6_addr)))
                }
                _ => None,
            });
            // What is for many, or was there before the kernel told it, is answered from where the kernel likes.
            let asks = asks.filter(|ip| !ip.is_multicast() && !ip.is_unspecified());
            Ok((message.bytes, Client { address, asks }))
        })
    }

    /// Sends a datagram, without waiting for room.
    pub(super) fn try_send(&self, datagram: &[u8], client: &Client) -> io::Result<()> {
        let parts = [IoSlice::new(datagram)];
        let send = |from: ControlMessage<'_>| {
            let to = SockaddrStorage::from(client.address);
            sendmsg(self.socket.as_raw_fd(), &parts, &[from], MsgFlags::empty(), Some(&to))
        };
        match client.asks {
            None => SockRef::from(&self.socket).send_to(datagram, &client.address.into())?,
            Some(IpAddr::V4(ip)) => send(ControlMessage::Ipv4PacketInfo(&in_pktinfo {
                ipi_ifindex: 0,
                ipi_spec_dst: in_addr { s_addr: u32::from_ne_bytes(ip.octets()) },
                ipi_addr: in_addr { s_addr: 0 },
            }))?,
            Some(IpAddr::V6(ip)) => send(ControlMessage::Ipv6PacketInfo(&in6_pktinfo {
                ipi6_addr: in6_addr { s6_addr: ip.octets() },
                ipi6_ifindex: 0,
            }))?,
        };
        Ok(())
    }

    /// The same once there is room.
    pub(super) async fn send(&self, datagram: &[u8], client: &Client) -> io::Result<()> {
        loop {
            self.socket.writable().await?;
            match self.socket.try_io(Interest::WRITABLE, || self.try_send(datagram, client)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                sent => return sent,
            }
        }
    }
}

fn inet(address: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = address.as_sockaddr_in().map(|address| SocketAddr::from(*address));
    v4.or_else(|| address.as_sockaddr_in6().map(|address| SocketAddr::from(*address)))
}
