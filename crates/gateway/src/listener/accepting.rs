//! Sockets that connections are accepted from.

use std::io;
use std::os::unix::net::UnixListener;

use propylon_config::ListenAddress;
use propylon_exchange::Address;
use propylon_h1::sends::SendQueue;
use socket2::Socket;

use crate::client::Stream;

/// The socket as tokio has it.
pub(crate) enum Accepting {
    /// What is small is sent to clients through the queue.
    Tcp(tokio::net::TcpListener, SendQueue),
    Unix(tokio::net::UnixListener),
}

impl Accepting {
    /// Registers the socket with the current runtime.
    pub(crate) fn new(address: &ListenAddress, socket: Socket, sends: &SendQueue) -> io::Result<Self> {
        match address {
            ListenAddress::Tcp(_) => {
                let listener = tokio::net::TcpListener::from_std(std::net::TcpListener::from(socket))?;
                Ok(Self::Tcp(listener, sends.clone()))
            }
            ListenAddress::Udp(_) => Err(io::ErrorKind::Unsupported.into()), // they are accepted from elsewhere
            ListenAddress::Unix(_) => {
                tokio::net::UnixListener::from_std(UnixListener::from(socket)).map(Self::Unix)
            }
        }
    }

    /// The next connection: its stream, and the addresses of the client's end and of ours.
    pub(crate) async fn accept(&self) -> io::Result<(Stream, Address, Address)> {
        match self {
            Self::Tcp(listener, sends) => {
                let (stream, peer) = listener.accept().await?;
                // Small answers go out at once. It fails only on a connection that is gone: the first read says so too.
                let _ = stream.set_nodelay(true);
                let local = stream.local_addr()?;
                Ok((Stream::Tcp(sends.stream(stream)), peer.into(), local.into()))
            }
            Self::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                Ok((Stream::Unix(stream), Address::unix(), Address::unix()))
            }
        }
    }
}
