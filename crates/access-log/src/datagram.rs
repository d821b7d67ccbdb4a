//! Lines as messages to a syslog daemon.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

use crate::device::Progress;
use crate::syslog::Header;
use crate::{OpenError, Syslog, SyslogServer};

/// A socket that is connected to a syslog daemon, when there is one.
#[derive(Debug)]
pub(crate) struct Datagrams {
    peer: Peer,
    header: Header,
    message: Vec<u8>,
}

#[derive(Debug)]
enum Peer {
    Udp { address: SocketAddr, socket: Option<UdpSocket> },
    Unix { path: PathBuf, socket: Option<UnixDatagram> },
}

impl Datagrams {
    /// Finds the server's address. A daemon that does not run yet is no error: it is tried again with each message.
    pub(crate) fn open(syslog: &Syslog) -> Result<Self, OpenError> {
        let peer = match &syslog.server {
            SyslogServer::Udp { host, port } => Peer::Udp { address: resolve(host, *port)?, socket: None },
            SyslogServer::Unix(path) => Peer::Unix { path: path.clone(), socket: None },
        };
        Ok(Self { peer, header: Header::new(syslog), message: Vec::new() })
    }

    /// How many lines there are in `frames`.
    pub(crate) fn count(frames: &[u8]) -> u64 {
        let mut rest = frames;
        let mut count = 0;
        while let Some(line) = first_line(rest) {
            count += 1;
            rest = rest.get(size_of::<u32>() + line.len()..).unwrap_or_default();
        }
        count
    }

    /// Sends the lines in `frames`, each with its length before it.
    pub(crate) fn write(&mut self, frames: &[u8]) -> Progress {
        let mut progress = Progress::default();
        let header = self.header.now();
        while let Some(line) = frames.get(progress.consumed..).and_then(first_line) {
            let text = line.strip_suffix(b"\n").unwrap_or(line);
            self.message.clear();
            self.message.extend_from_slice(header.as_bytes());
            self.message.extend_from_slice(text);
            match self.peer.send(&self.message) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return progress.full(),
                Err(error) if self.peer.is_gone(&error) => return progress.broken(error),
                Err(error) => {
                    progress.lost += 1;
                    progress.failed(error);
                }
            }
            progress.consumed += size_of::<u32>() + line.len();
        }
        progress
    }
}

fn first_line(frames: &[u8]) -> Option<&[u8]> {
    let (length, rest) = frames.split_first_chunk()?;
    rest.get(..usize::try_from(u32::from_ne_bytes(*length)).ok()?)
}

impl Peer {
    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        match self {
            Self::Udp { address, socket } => connected(socket, || connect_udp(*address))?.send(message)?,
            Self::Unix { path, socket } => connected(socket, || connect_unix(path))?.send(message)?,
        };
        Ok(())
    }

    /// Whether the daemon is not there, or not the one that we are connected to: then the next message connects anew,
    /// and lines wait for it. Nobody can tell that of UDP: there an error concerns one message (of an earlier one, even).
    fn is_gone(&mut self, error: &io::Error) -> bool {
        // EMSGSIZE: this message is too long for any daemon.
        const TOO_LONG: i32 = rustix::io::Errno::MSGSIZE.raw_os_error();
        match self {
            Self::Unix { socket, .. } if error.raw_os_error() != Some(TOO_LONG) => {
                *socket = None;
                true
            }
            _ => false,
        }
    }
}

fn connected<S>(socket: &mut Option<S>, connect: impl FnOnce() -> io::Result<S>) -> io::Result<&S> {
    if socket.is_none() {
        *socket = Some(connect()?);
    }
    socket.as_ref().ok_or_else(|| ErrorKind::NotConnected.into())
}

fn connect_udp(address: SocketAddr) -> io::Result<UdpSocket> {
    let any = match address {
        SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
    };
    let socket = UdpSocket::bind(any)?;
    socket.set_nonblocking(true)?;
    socket.connect(address)?;
    Ok(socket)
}

fn connect_unix(path: &Path) -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    socket.connect(path)?;
    Ok(socket)
}

fn resolve(host: &str, port: u16) -> Result<SocketAddr, OpenError> {
    let failed = |source| OpenError::Resolve { host: host.into(), source };
    let mut addresses = (host, port).to_socket_addrs().map_err(|error| failed(Some(error)))?;
    addresses.next().ok_or_else(|| failed(None))
}
