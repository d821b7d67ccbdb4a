//! Listening sockets: opened once, kept over reloads.

use std::collections::HashMap;
use std::fs::Permissions;
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::Path;

use propylon_config::{self as config, ListenAddress};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use crate::error::StartError;

/// How many connections may wait to be accepted where `backlog=` does not say (nginx: 511).
const BACKLOG: u32 = 511;

/// The sockets of the process, by address: one a worker where the port is shared by the kernel, else one for all.
#[derive(Default)]
pub(crate) struct Listeners {
    open: HashMap<ListenAddress, Vec<Socket>>,
}

impl Listeners {
    /// Opens what `wanted` names and is not open. On error nothing has changed.
    pub(crate) fn open(
        &mut self,
        wanted: &[config::Listener],
        workers: usize,
        reuseport: bool,
    ) -> Result<(), StartError> {
        let mut fresh = Vec::new();
        for listener in wanted {
            if self.open.contains_key(&listener.address) {
                continue;
            }
            let sockets = open(listener, workers, reuseport)
                .map_err(|source| StartError::Listen { address: listener.address.clone(), source })?;
            fresh.push((listener.address.clone(), sockets));
        }
        self.open.extend(fresh);
        Ok(())
    }

    /// Closes what `wanted` does not name any more.
    pub(crate) fn close_others(&mut self, wanted: &[config::Listener]) {
        self.open.retain(|address, _| {
            let keep = wanted.iter().any(|listener| listener.address == *address);
            if !keep {
                remove_unix_path(address);
            }
            keep
        });
    }

    /// The sockets from which worker `index` accepts.
    pub(crate) fn of_worker(&self, index: usize) -> io::Result<Vec<(ListenAddress, Socket)>> {
        self.open
            .iter()
            .filter_map(|(address, sockets)| {
                let socket = sockets.get(index).or(sockets.first())?;
                Some(socket.try_clone().map(|socket| (address.clone(), socket)))
            })
            .collect()
    }
}

impl Drop for Listeners {
    fn drop(&mut self) {
        self.open.keys().for_each(remove_unix_path);
    }
}

fn open(listener: &config::Listener, workers: usize, reuseport: bool) -> io::Result<Vec<Socket>> {
    let backlog = i32::try_from(listener.backlog.unwrap_or(BACKLOG)).unwrap_or(i32::MAX);
    match &listener.address {
        ListenAddress::Unix(path) => {
            remove_stale(path)?;
            let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
            socket.bind(&SockAddr::unix(path)?)?;
            // As nginx: who may connect is decided by the directory.
            std::fs::set_permissions(path, Permissions::from_mode(0o666))?;
            socket.listen(backlog)?;
            socket.set_nonblocking(true)?;
            Ok(vec![socket])
        }
        ListenAddress::Tcp(addr) => {
            let shared = reuseport || listener.reuseport;
            let count = if shared { workers.max(1) } else { 1 };
            let mut sockets: Vec<Socket> = Vec::with_capacity(count);
            for _ in 0..count {
                let socket = Socket::new(Domain::for_address(*addr), Type::STREAM, Some(Protocol::TCP))?;
                socket.set_reuse_address(true)?;
                if shared && count > 1 {
                    socket.set_reuse_port(true)?;
                }
                if addr.is_ipv6() {
                    socket.set_only_v6(listener.ipv6only)?;
                }
                socket.bind(&(*addr).into())?;
                socket.listen(backlog)?;
                socket.set_nonblocking(true)?;
                sockets.push(socket);
            }
            Ok(sockets)
        }
    }
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

/// The socket as tokio has it.
pub(crate) enum Accepting {
    Tcp(tokio::net::TcpListener),
    Unix(tokio::net::UnixListener),
}

impl Accepting {
    /// Registers the socket with the current runtime.
    pub(crate) fn new(address: &ListenAddress, socket: Socket) -> io::Result<Self> {
        match address {
            ListenAddress::Tcp(_) => {
                tokio::net::TcpListener::from_std(std::net::TcpListener::from(socket)).map(Self::Tcp)
            }
            ListenAddress::Unix(_) => {
                tokio::net::UnixListener::from_std(UnixListener::from(socket)).map(Self::Unix)
            }
        }
    }
}
