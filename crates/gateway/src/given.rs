//! Listening sockets that another process opened.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use propylon_config::ListenAddress;
use socket2::{Socket, Type};

/// A listening socket that another process opened: the gateway that ran before this one, or systemd.
///
/// A `listen` of the configuration that names its address uses it instead of opening one of its own.
///
/// ```
/// use propylon_gateway::Given;
/// # fn main() -> std::io::Result<()> {
/// let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
/// let address = listener.local_addr()?;
/// assert_eq!(Given::handed_over(listener)?.address().to_string(), address.to_string());
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Given {
    pub(crate) socket: Socket,
    pub(crate) address: ListenAddress,
    pub(crate) lent: bool,
    /// It is one of those of UDP that its giver does not use.
    pub(crate) resting: bool,
}

impl Given {
    /// A socket that is given for good: whoever has it last removes its path, where it is a unix socket.
    ///
    /// # Errors
    /// `InvalidInput` for what is no listening stream socket on an IP address or a path, nor one of UDP.
    pub fn handed_over(socket: impl Into<OwnedFd>) -> io::Result<Self> {
        Self::new(socket.into(), false)
    }

    /// A socket that its opener keeps, as systemd does: its path is never removed, and when no `listen` names it, it is
    /// kept for a configuration that does.
    ///
    /// # Errors
    /// As [`Given::handed_over`].
    pub fn lent(socket: impl Into<OwnedFd>) -> io::Result<Self> {
        Self::new(socket.into(), true)
    }

    /// A socket of UDP that is given for good, and that its giver does not use: it keeps the places of others.
    ///
    /// # Errors
    /// As [`Given::handed_over`].
    pub fn resting(socket: impl Into<OwnedFd>) -> io::Result<Self> {
        Ok(Self { resting: true, ..Self::new(socket.into(), false)? })
    }

    /// The address that it listens on.
    #[must_use]
    pub fn address(&self) -> &ListenAddress {
        &self.address
    }

    /// Whether its opener keeps it.
    #[must_use]
    pub fn is_lent(&self) -> bool {
        self.lent
    }

    /// Whether its giver does not use it.
    #[must_use]
    pub fn is_resting(&self) -> bool {
        self.resting
    }

    pub(crate) fn try_clone(&self) -> io::Result<Self> {
        Ok(Self { socket: self.socket.try_clone()?, address: self.address.clone(), ..*self })
    }

    /// Whether a `listen` means this socket.
    pub(crate) fn is_for(&self, wanted: &ListenAddress) -> bool {
        match (&self.address, wanted) {
            // Scope and flow are the system's, not the configuration's.
            (ListenAddress::Tcp(own), ListenAddress::Tcp(wanted))
            | (ListenAddress::Udp(own), ListenAddress::Udp(wanted)) => {
                (own.ip(), own.port()) == (wanted.ip(), wanted.port())
            }
            (ListenAddress::Unix(own), ListenAddress::Unix(wanted)) => {
                own == wanted || std::path::absolute(wanted).is_ok_and(|wanted| *own == wanted)
            }
            _ => false,
        }
    }

    fn new(socket: OwnedFd, lent: bool) -> io::Result<Self> {
        let socket = Socket::from(socket);
        let wrong = |what| io::Error::new(io::ErrorKind::InvalidInput, what);
        let is_udp = socket.r#type()? == Type::DGRAM;
        if !is_udp && (socket.r#type()? != Type::STREAM || !socket.is_listener()?) {
            return Err(wrong("neither a listening stream socket nor a UDP socket"));
        }
        let local = socket.local_addr()?;
        let address = match (local.as_socket(), local.as_pathname()) {
            (Some(address), _) if is_udp => ListenAddress::Udp(address),
            (Some(address), _) => ListenAddress::Tcp(address),
            (None, Some(path)) if !is_udp => ListenAddress::Unix(path.to_owned()),
            (None, _) => return Err(wrong("a socket with neither an IP address nor a path")),
        };
        socket.set_nonblocking(true)?;
        socket.set_cloexec(true)?;
        Ok(Self { socket, address, lent, resting: false })
    }
}

impl From<Given> for OwnedFd {
    fn from(given: Given) -> Self {
        given.socket.into()
    }
}

impl AsFd for Given {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
