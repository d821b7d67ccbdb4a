//! Listening sockets: opened once, kept over reloads.

mod accepting;
mod quic;

use std::collections::HashMap;
use std::fs::Permissions;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;

use nix::sys::socket::{setsockopt, sockopt};
use propylon_config::{self as config, ListenAddress};
use socket2::{Domain, SockAddr, Socket, Type};

use crate::client::http3::Seat;
use crate::error::StartError;
use crate::given::Given;

pub(crate) use accepting::Accepting;
use quic::Group;

/// How many connections may wait to be accepted where `backlog=` does not say (nginx: 511).
const BACKLOG: u32 = 511;

/// Who may connect to a unix socket: as in nginx anybody whom its directory lets in, or the user alone who started the process.
pub(crate) const ANYBODY: u32 = 0o666;
pub(crate) const OWNER: u32 = 0o600;

/// The sockets of the process, by address: one a worker where the port is shared by the kernel, else one for all.
///
/// Each socket of an address has a queue of its own, into which the kernel puts connections for as long as any process
/// has that socket open. Two things follow, on which an upgrade without a lost connection rests. A socket that was given
/// by another process is the same socket with the same queue: whoever accepts first has the connection, and what the
/// one that leaves has not accepted waits for the one that stays. And none of several sockets may be left without a
/// worker, nor closed while it is the last handle, for what is in its queue would hang, or be reset: so there are never
/// fewer workers than sockets ([`Listeners::most`]), and workers beyond them share sockets. More sockets are not opened
/// beside given ones: if the new process then failed, their queues would go with it.
#[derive(Default)]
pub(crate) struct Listeners {
    open: HashMap<ListenAddress, Open>,
    /// Given sockets that no `listen` names.
    spare: Vec<Given>,
    /// Another process listens on the same sockets: the paths are left to it.
    keep_paths: bool,
}

enum Open {
    /// TCP, or a unix socket.
    Streams {
        sockets: Vec<Socket>,
        lent: bool,
    },
    /// UDP that is passed on: a client's datagrams come to one of them, for as long as these are all.
    Datagrams {
        sockets: Vec<Socket>,
        lent: bool,
    },
    Quic(Group),
}

/// What a worker accepts from.
pub(crate) struct Own {
    pub(crate) address: ListenAddress,
    pub(crate) socket: Socket,
    /// Of UDP: which of the sockets it is.
    pub(crate) seat: Option<Seat>,
}

impl Listeners {
    /// Opens nothing yet; what was given is used where it is wanted.
    pub(crate) fn with(given: Vec<Given>) -> Self {
        Self { open: HashMap::new(), spare: given, keep_paths: false }
    }

    /// Opens what `wanted` names and is not open, unix sockets with this mode. On error nothing has changed.
    pub(crate) fn open(
        &mut self,
        wanted: &[config::Listener],
        workers: usize,
        reuseport: bool,
        mode: u32,
    ) -> Result<(), StartError> {
        let is_given = |address: &ListenAddress| self.spare.iter().any(|given| given.is_for(address));
        let missing = || wanted.iter().filter(|listener| !self.open.contains_key(&listener.address));
        if let Some(other) = wanted.iter().find(|listener| self.is_other(listener)) {
            let source = io::Error::new(
                io::ErrorKind::InvalidInput,
                "a reload cannot change an HTTP/3 listener into one of a stream, or the reverse: restart the process",
            );
            return Err(StartError::Listen { address: other.address.clone(), source });
        }
        let mut fresh = Vec::new();
        for listener in missing().filter(|listener| !is_given(&listener.address)) {
            let opened = open(listener, workers, reuseport, mode)
                .map_err(|source| StartError::Listen { address: listener.address.clone(), source })?;
            fresh.push((listener.address.clone(), opened));
        }
        let given: Vec<_> = missing().filter(|listener| is_given(&listener.address)).cloned().collect();
        for listener in given {
            let address = listener.address;
            let sockets: Vec<_> = self.spare.extract_if(.., |given| given.is_for(&address)).collect();
            let lent = sockets.iter().any(|given| given.lent);
            let bare = |given: Vec<Given>| given.into_iter().map(|given| given.socket).collect();
            let open = match address {
                ListenAddress::Udp(at) if listener.stream.is_none() => {
                    Open::Quic(Group::given(sockets, at, listener.ipv6only))
                }
                ListenAddress::Udp(_) => Open::Datagrams { sockets: bare(sockets), lent },
                _ => Open::Streams { sockets: bare(sockets), lent },
            };
            fresh.push((address, open));
        }
        self.open.extend(fresh);
        Ok(())
    }

    /// Whether something else is open at an address of UDP: what the kernel was told of it cannot be taken back.
    fn is_other(&self, wanted: &config::Listener) -> bool {
        match self.open.get(&wanted.address) {
            Some(Open::Quic(_)) => wanted.stream.is_some(),
            Some(Open::Datagrams { .. }) => wanted.stream.is_none(),
            _ => false,
        }
    }

    /// Reports what was given and is not wanted. What was handed over is closed: the other process accepts from it for
    /// as long as its own configuration has it. What is lent stays for a later configuration.
    pub(crate) fn report_spare(&mut self) {
        self.spare.retain(|given| {
            let address = &given.address;
            if given.lent {
                tracing::warn!(target: "propylon_gateway", "a socket for {address} was inherited, but no server listens on it");
            } else {
                tracing::info!(target: "propylon_gateway", "no server listens on {address} any more");
            }
            given.lent
        });
    }

    /// Closes what is not `wanted` any more.
    pub(crate) fn close_others(&mut self, wanted: impl Fn(&ListenAddress) -> bool) {
        let gone = self.open.extract_if(|address, _| !wanted(address));
        for (address, open) in gone {
            if open.is_lent() {
                let given = |socket| Given { socket, address: address.clone(), lent: true, resting: false };
                self.spare.extend(open.into_used().into_iter().map(given));
            } else if !self.keep_paths {
                remove_unix_path(&address);
            }
        }
    }

    /// Whether the paths of unix sockets stay where their sockets are closed.
    pub(crate) fn keep_paths(&mut self, keep: bool) {
        self.keep_paths = keep;
    }

    /// Whether another process listens on the same sockets.
    pub(crate) const fn are_shared(&self) -> bool {
        self.keep_paths
    }

    /// The most sockets that any address has.
    pub(crate) fn most(&self) -> usize {
        self.open.values().map(|open| open.used().len()).max().unwrap_or(0)
    }

    /// The sockets from which worker `index` accepts.
    pub(crate) fn of_worker(&self, index: usize) -> io::Result<Vec<Own>> {
        self.open
            .iter()
            .filter_map(|(address, open)| {
                let (socket, seat) = open.of_worker(index)?;
                Some(socket.try_clone().map(|socket| Own { address: address.clone(), socket, seat }))
            })
            .collect()
    }

    /// Where another process listens on the same sockets, whoever is new is for that one from now on.
    pub(crate) fn leave(&self) {
        for open in self.open.values().filter(|_| self.keep_paths) {
            if let Open::Quic(group) = open {
                let _ = group.leave(); // it could be told to the kernel once: it can be again
            }
        }
    }

    /// Whoever is new comes to the sockets of this process.
    pub(crate) fn steer(&self) {
        for (address, open) in &self.open {
            if let Open::Datagrams { sockets, lent: false } = open
                && let Some(socket) = sockets.first()
            {
                let _ = quic::let_go(socket); // a socket of no group was told nothing
            }
            if let Open::Quic(group) = open
                && let Err(error) = group.steer()
            {
                tracing::warn!(target: "propylon_gateway", "the kernel cannot assign packets to connections on {address} ({error}): connections of clients that change their address are lost");
            }
        }
    }

    /// Every socket once more, for another process.
    pub(crate) fn duplicates(&self) -> io::Result<Vec<Given>> {
        let open = self.open.iter().flat_map(|(address, open)| {
            open.all().into_iter().map(|(socket, resting)| {
                let (address, lent) = (address.clone(), open.is_lent());
                Ok(Given { socket: socket.try_clone()?, address, lent, resting })
            })
        });
        open.chain(self.spare.iter().map(Given::try_clone)).collect()
    }
}

impl Drop for Listeners {
    fn drop(&mut self) {
        if !self.keep_paths {
            let own = self.open.iter().filter(|(_, open)| !open.is_lent());
            own.for_each(|(address, _)| remove_unix_path(address));
        }
    }
}

impl Open {
    fn used(&self) -> &[Socket] {
        match self {
            Self::Streams { sockets, .. } | Self::Datagrams { sockets, .. } => sockets,
            Self::Quic(group) => &group.used,
        }
    }

    fn into_used(self) -> Vec<Socket> {
        match self {
            Self::Streams { sockets, .. } | Self::Datagrams { sockets, .. } => sockets,
            Self::Quic(group) => group.used,
        }
    }

    /// All its sockets, and whether each rests.
    fn all(&self) -> Vec<(&Socket, bool)> {
        match self {
            Self::Streams { sockets, .. } | Self::Datagrams { sockets, .. } => {
                sockets.iter().map(|socket| (socket, false)).collect()
            }
            Self::Quic(group) => group.all().collect(),
        }
    }

    fn is_lent(&self) -> bool {
        match self {
            Self::Streams { lent, .. } | Self::Datagrams { lent, .. } => *lent,
            Self::Quic(group) => group.lent,
        }
    }

    fn of_worker(&self, index: usize) -> Option<(&Socket, Option<Seat>)> {
        match self {
            Self::Streams { sockets, .. } => Some((sockets.get(index.checked_rem(sockets.len())?)?, None)),
            // A second worker at one of them would have half of a client's datagrams.
            Self::Datagrams { sockets, .. } => Some((sockets.get(index)?, None)),
            Self::Quic(group) => group.of_worker(index).map(|(socket, seat)| (socket, Some(seat))),
        }
    }
}

fn open(listener: &config::Listener, workers: usize, reuseport: bool, mode: u32) -> io::Result<Open> {
    let backlog = i32::try_from(listener.backlog.unwrap_or(BACKLOG)).unwrap_or(i32::MAX);
    match &listener.address {
        ListenAddress::Unix(path) => {
            remove_stale(path)?;
            let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
            socket.bind(&SockAddr::unix(path)?)?;
            // Nobody can connect before it listens.
            std::fs::set_permissions(path, Permissions::from_mode(mode))?;
            socket.listen(backlog)?;
            socket.set_nonblocking(true)?;
            Ok(Open::Streams { sockets: vec![socket], lent: false })
        }
        ListenAddress::Tcp(addr) => {
            let shared = reuseport || listener.reuseport;
            let count = if shared { workers.max(1) } else { 1 };
            let several = shared && count > 1;
            if several {
                // The port is shared with nobody but our own workers: this one is refused where another process listens.
                drop(bind(Type::STREAM, *addr, listener.ipv6only, false)?);
            }
            let mut sockets: Vec<Socket> = Vec::with_capacity(count);
            for _ in 0..count {
                let socket = bind(Type::STREAM, *addr, listener.ipv6only, several)?;
                socket.listen(backlog)?;
                sockets.push(socket);
            }
            Ok(Open::Streams { sockets, lent: false })
        }
        ListenAddress::Udp(addr) if listener.stream.is_some() => {
            let sockets = quic::open(*addr, listener.ipv6only, workers)?;
            Ok(Open::Datagrams { sockets, lent: false })
        }
        ListenAddress::Udp(addr) => Group::open(*addr, listener.ipv6only, workers).map(Open::Quic),
    }
}

/// A socket of TCP (`STREAM`) or UDP (`DGRAM`) at this address.
fn bind(kind: Type, addr: SocketAddr, ipv6only: bool, reuseport: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(addr), kind, None)?;
    if kind == Type::STREAM {
        socket.set_reuse_address(true)?; // what was there before may wait for its last packets; of UDP it would share the port
    }
    if reuseport {
        socket.set_reuse_port(true)?;
    }
    if addr.is_ipv6() {
        socket.set_only_v6(ipv6only)?;
    }
    if kind == Type::DGRAM && addr.ip().is_unspecified() {
        tell_destinations(&socket, addr.ip())?; // of the first datagram, too
    }
    socket.bind(&addr.into())?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// Has the kernel tell which address each datagram was sent to, of a socket that is at all of them.
pub(crate) fn tell_destinations(socket: &Socket, all: IpAddr) -> io::Result<()> {
    match all {
        IpAddr::V4(_) => setsockopt(socket, sockopt::Ipv4PacketInfo, &true)?,
        IpAddr::V6(_) => setsockopt(socket, sockopt::Ipv6RecvPacketInfo, &true)?,
    }
    Ok(())
}

/// A unix socket that nobody listens on is what a process left that was killed.
fn remove_stale(path: &Path) -> io::Result<()> {
    // Connecting to what is no socket is refused as well, and that is not ours to remove.
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|meta| meta.file_type().is_socket());
    match std::os::unix::net::UnixStream::connect(path) {
        Err(error) if is_socket && error.kind() == io::ErrorKind::ConnectionRefused => {
            std::fs::remove_file(path)
        }
        _ => Ok(()),
    }
}

fn remove_unix_path(address: &ListenAddress) {
    if let ListenAddress::Unix(path) = address {
        // Gone already is as good.
        let _ = std::fs::remove_file(path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(count: usize) -> (Vec<Given>, Vec<config::Listener>) {
        let first = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let sockets = (0..count).map(|_| Given::handed_over(first.try_clone().unwrap()).unwrap()).collect();
        let text = format!("[[server]]\nlisten = [\"{}\"]\n", first.local_addr().unwrap());
        (sockets, propylon_config::parse(&text, "test.toml").unwrap().config.listeners)
    }

    fn listeners(count: usize) -> Listeners {
        let (sockets, wanted) = given(count);
        let mut listeners = Listeners::with(sockets);
        listeners.open(&wanted, 1, true, ANYBODY).unwrap();
        listeners
    }

    #[test]
    fn given_sockets_are_used_and_not_one_is_left_out() {
        let listeners = listeners(3);
        assert_eq!((listeners.most(), listeners.spare.len()), (3, 0));
        assert_eq!(listeners.duplicates().unwrap().len(), 3);
    }

    #[test]
    fn workers_beyond_the_sockets_share_them() {
        let listeners = listeners(2);
        for index in 0..5 {
            assert_eq!(listeners.of_worker(index).unwrap().len(), 1, "worker {index}");
        }
    }

    #[test]
    fn a_socket_of_udp_is_one_workers() {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let text =
            format!("[[stream]]\nlisten = [\"{} udp\"]\nreturn = \"a\"\n", socket.local_addr().unwrap());
        let wanted = propylon_config::parse(&text, "test.toml").unwrap().config.listeners;
        let given = [socket.try_clone().unwrap(), socket].map(|socket| Given::handed_over(socket).unwrap());
        let mut listeners = Listeners::with(given.into());
        listeners.open(&wanted, 1, true, ANYBODY).unwrap();
        let counts = [0, 1, 2].map(|index| listeners.of_worker(index).unwrap().len());
        assert_eq!((counts, listeners.most()), ([1, 1, 0], 2));
    }

    #[test]
    fn what_is_lent_and_not_wanted_stays_for_a_reload() {
        let (mut sockets, wanted) = given(2);
        sockets[0].lent = true;
        let mut listeners = Listeners::with(sockets);
        listeners.open(&[], 1, true, ANYBODY).unwrap();
        listeners.report_spare();
        assert_eq!(listeners.spare.len(), 1);
        listeners.open(&wanted, 1, true, ANYBODY).unwrap();
        assert_eq!((listeners.most(), listeners.spare.len()), (1, 0));
        listeners.close_others(|_| false);
        assert_eq!((listeners.most(), listeners.spare.len()), (0, 1));
    }

    #[test]
    fn an_error_takes_no_given_socket() {
        let (sockets, mut wanted) = given(1);
        let taken = given(1);
        wanted.extend(taken.1.clone());
        let mut listeners = Listeners::with(sockets);
        assert!(listeners.open(&wanted, 1, false, ANYBODY).is_err());
        assert_eq!((listeners.most(), listeners.spare.len()), (0, 1));
    }
}
