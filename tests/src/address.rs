//! Addresses to listen on that no other test, and no outgoing connection, can take.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream};
use std::process;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

/// A free address on loopback: an IP of this test process's own, and a port that was free on it a moment ago.
pub fn address() -> SocketAddr {
    addresses::<1>()[0]
}

/// `N` free addresses of different IPs and one port: proxies on them see the same `$server_port`.
pub fn addresses<const N: usize>() -> [SocketAddr; N] {
    let port = TcpListener::bind((own_ip(), 0)).expect("a port on loopback").local_addr().unwrap().port();
    std::array::from_fn(|_| SocketAddr::V4(SocketAddrV4::new(own_ip(), port)))
}

/// An address that refuses every connection for as long as this lives: bound, never listening.
#[derive(Debug)]
pub struct Refusing {
    address: SocketAddr,
    _socket: Socket,
}

impl Refusing {
    /// Takes an address and refuses on it.
    pub fn new() -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket.bind(&SocketAddr::from((own_ip(), 0)).into()).expect("a port on loopback");
        let address = socket.local_addr().unwrap().as_socket().unwrap();
        Self { address, _socket: socket }
    }

    /// The address that refuses.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Default for Refusing {
    fn default() -> Self {
        Self::new()
    }
}

/// An address whose queue of connections is full for as long as this lives: a further one is never answered.
#[derive(Debug)]
pub struct BlackHole {
    socket: Socket,
    _queued: Vec<TcpStream>,
}

impl BlackHole {
    /// Takes an address and fills its queue.
    pub fn new() -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket.bind(&SocketAddr::from((own_ip(), 0)).into()).expect("a port on loopback");
        socket.listen(0).expect("a listener");
        let at = socket.local_addr().unwrap().as_socket().unwrap();
        // One more than the backlog fits in; then connecting takes longer than anybody waits.
        let connect = || TcpStream::connect_timeout(&at, Duration::from_millis(200)).ok();
        let _queued = std::iter::from_fn(connect).take(16).collect();
        Self { socket, _queued }
    }

    /// The address that does not answer.
    pub fn address(&self) -> SocketAddr {
        self.socket.local_addr().unwrap().as_socket().unwrap()
    }
}

impl Default for BlackHole {
    fn default() -> Self {
        Self::new()
    }
}

/// 127/8 is all loopback on Linux; the middle bytes are the process id, so that parallel test processes never meet.
fn own_ip() -> Ipv4Addr {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    let [_, _, high, low] = process::id().to_be_bytes();
    // After 256 of them an IP comes again, with another port.
    let last = NEXT.fetch_add(1, Ordering::Relaxed);
    Ipv4Addr::new(127, high.wrapping_add(1), low, last)
}
