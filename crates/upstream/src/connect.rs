//! Making a connection.

use std::io;
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use nix::sys::socket::{setsockopt, sockopt::IpBindAddressNoPort};
use propylon_h1::sends::{QueuedStream, SendQueue};
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, Interest, ReadBuf};
use tokio::net::{TcpSocket, TcpStream, UnixStream};

use crate::secure::Secured;
use crate::special::{Bind, Greeting, Special};
use crate::transport::Transport;
use crate::{Error, Peer, PeerAddress};

/// A connected socket.
#[derive(Debug)]
#[non_exhaustive]
pub enum Socket {
    /// TCP.
    Tcp(TcpStream),
    /// TCP, what is small sent through a queue.
    Queued(QueuedStream),
    /// A unix socket.
    Unix(UnixStream),
    /// What was made of one of them.
    Secured(Box<dyn Secured>),
}

impl Socket {
    /// Sends through the queue what it can.
    pub(crate) fn sending_through(self, sends: &SendQueue) -> Self {
        if let Self::Tcp(socket) = self { Self::Queued(sends.stream(socket)) } else { self }
    }

    /// Closes it so that the peer sees a reset.
    pub(crate) fn reset(&self) {
        let socket = match self {
            Self::Tcp(socket) => SockRef::from(socket),
            Self::Queued(socket) => SockRef::from(socket.as_ref()),
            Self::Unix(_) => return,
            Self::Secured(secured) => return secured.socket().reset(),
        };
        let _ = socket.set_linger(Some(Duration::ZERO)); // it fails only on a connection that is gone
    }

    /// Ready unless the runtime knows that there is nothing to read. No system call.
    pub(crate) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<()> {
        match self {
            Self::Tcp(socket) => socket.poll_read_ready(cx).map(drop),
            Self::Queued(socket) => socket.as_ref().poll_read_ready(cx).map(drop),
            Self::Unix(socket) => socket.poll_read_ready(cx).map(drop),
            // What was decrypted may wait above the socket.
            Self::Secured(_) => Poll::Ready(()),
        }
    }

    /// Whether the runtime knows that there is nothing to read. No system call, and nobody is woken.
    pub(crate) fn is_quiet(&self) -> bool {
        let news = || Ok(());
        match self {
            Self::Tcp(socket) => socket.try_io(Interest::READABLE, news).is_err(),
            Self::Queued(socket) => socket.as_ref().try_io(Interest::READABLE, news).is_err(),
            Self::Unix(socket) => socket.try_io(Interest::READABLE, news).is_err(),
            Self::Secured(_) => false,
        }
    }

    /// Whether the kernel has nothing to read: no bytes, no end, no error. One system call.
    pub(crate) fn is_silent(&self) -> bool {
        let socket = match self {
            Self::Tcp(socket) => SockRef::from(socket),
            Self::Queued(socket) => SockRef::from(socket.as_ref()),
            Self::Unix(socket) => SockRef::from(socket),
            // What waits may be the security's own, such as a ticket: then a new connection is one too many, and no harm.
            Self::Secured(secured) => return secured.socket().is_silent(),
        };
        let peeked = socket.peek(&mut [MaybeUninit::uninit()]);
        peeked.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }
}

/// Connects to `peer`, in time.
pub(crate) async fn connect(
    peer: &Peer,
    transport: &Transport,
    special: Option<&Special>,
) -> Result<Socket, Error> {
    let dial = async {
        let socket = match peer.address() {
            PeerAddress::Tcp(addr) => {
                let bind = special.and_then(|special| special.bind);
                dial_tcp(*addr, transport.fingerprint.socket_keepalive, bind).await.map(Socket::Tcp)
            }
            PeerAddress::Unix(path) => {
                let connected = UnixStream::connect(path).await.map(Socket::Unix);
                connected.map_err(|source| Error::Connect { source })
            }
        };
        let mut socket = socket?;
        if let Some(Greeting(bytes)) = special.and_then(|special| special.greeting.as_ref()) {
            socket.write_all(bytes).await.map_err(|source| Error::Connect { source })?;
        }
        match special.and_then(|special| special.security.as_ref()) {
            None => Ok(socket),
            Some(security) => {
                let secured = security.by.handshake(socket, security.party(transport.http_version)).await;
                secured.map(Socket::Secured).map_err(|source| Error::Secure { source })
            }
        }
    };
    match tokio::time::timeout(transport.connect_timeout, dial).await {
        Ok(connected) => connected,
        Err(_) => Err(Error::ConnectTimeout),
    }
}

async fn dial_tcp(addr: SocketAddr, keepalive: bool, bind: Option<Bind>) -> Result<TcpStream, Error> {
    let socket =
        prepare(addr, keepalive).map_err(|source| Error::Local { what: "socket()".into(), source })?;
    if let Some(bind) = bind {
        from(&socket, addr, bind)
            .map_err(|source| Error::Local { what: format!("bind({})", bind.address).into(), source })?;
    }
    socket.connect(addr).await.map_err(|source| Error::Connect { source })
}

/// A socket of our own, in which no peer has a part yet.
fn prepare(addr: SocketAddr, keepalive: bool) -> io::Result<TcpSocket> {
    let socket = if addr.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // Requests and their bodies leave when they are written: Nagle would hold the last piece back.
    socket.set_nodelay(true)?;
    socket.set_keepalive(keepalive)?;
    Ok(socket)
}

/// Connects from there. An address of another family than the peer's is refused by the kernel.
fn from(socket: &TcpSocket, peer: SocketAddr, bind: Bind) -> io::Result<()> {
    let sockref = SockRef::from(socket);
    may_be_elsewhere(&sockref, peer, bind)?;
    if bind.address.port() == 0 {
        // The port is chosen when the peer is known: else there are only as many connections as ports, whatever the peers. A
        // kernel without it does well enough.
        let _ = setsockopt(socket, IpBindAddressNoPort, &true);
    }
    socket.bind(bind.address)
}

/// The address to bind to may be one that this machine does not have.
pub(crate) fn may_be_elsewhere(socket: &socket2::Socket, peer: SocketAddr, bind: Bind) -> io::Result<()> {
    if bind.transparent {
        if peer.is_ipv4() {
            socket.set_ip_transparent_v4(true)?;
        } else {
            socket.set_ip_transparent_v6(true)?;
        }
    }
    Ok(())
}

/// Calls the same poll function of whichever socket it is.
macro_rules! poll {
    ($socket:ident, $method:ident($($arg:expr),*)) => {
        match $socket.get_mut() {
            Socket::Tcp(s) => Pin::new(s).$method($($arg),*),
            Socket::Queued(s) => Pin::new(s).$method($($arg),*),
            Socket::Unix(s) => Pin::new(s).$method($($arg),*),
            Socket::Secured(s) => Pin::new(s).$method($($arg),*),
        }
    };
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        poll!(self, poll_read(cx, buf))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        poll!(self, poll_write(cx, buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        poll!(self, poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        poll!(self, poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        poll!(self, poll_shutdown(cx))
    }
}
