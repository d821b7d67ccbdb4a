//! Sockets of UDP: a group at each address, in which the kernel finds the one that a packet's connection is of.
//!
//! A connection of QUIC is known by the names that its worker gave it, wherever its packets come from. The two first bytes of a name
//! say which socket of the group that worker has (`client/http3/ids.rs`), and a few lines in the kernel read them.
//!
//! A process that takes over from another must leave alone what comes for connections of that one, and yet have everybody else. So a
//! group has two halves: one is in use, and the other rests, or was the one before's. Who takes over uses the half that is not in use, has
//! whoever is new given to that, and keeps the other open, so that no place in the group changes.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use nix::libc::{sock_filter, sock_fprog};
use nix::sys::socket::{setsockopt, sockopt::AttachReusePortCbpf};
use socket2::{Socket, Type};

use super::bind;
use crate::client::http3::Seat;
use crate::given::Given;

/// How much may wait to be read, as far as the system allows it: a burst is all that a client's first packets are.
const WAITING: usize = 2 * 1024 * 1024;

/// More workers than this have no seat.
const MOST: usize = 4096;

/// The sockets of one address.
pub(super) struct Group {
    /// Those that are in use, a worker's each.
    pub(super) used: Vec<Socket>,
    /// The other half, if it is there.
    pub(super) resting: Vec<Socket>,
    /// Whether the half that is in use is the second.
    second: bool,
    /// Its opener keeps it, and it is no group.
    pub(super) lent: bool,
    /// Whoever is new was given to this process once: it is not taken back by a reload, for another process may have it by now.
    steered: AtomicBool,
}

impl Group {
    fn new(used: Vec<Socket>, resting: Vec<Socket>, second: bool, lent: bool) -> Self {
        Self { used, resting, second, lent, steered: AtomicBool::new(false) }
    }

    /// Opens one, for so many workers.
    pub(super) fn open(address: SocketAddr, ipv6only: bool, workers: usize) -> io::Result<Self> {
        let used = open(address, ipv6only, workers)?;
        Ok(Self::new(used, Vec::new(), false, false))
    }

    /// Takes one over.
    pub(super) fn given(sockets: Vec<Given>, address: SocketAddr, ipv6only: bool) -> Self {
        let lent = sockets.iter().any(|given| given.lent);
        let second = sockets.first().is_some_and(|given| given.resting);
        let (resting, used): (Vec<_>, Vec<_>) = sockets.into_iter().partition(|given| given.resting);
        let [used, resting] =
            [used, resting].map(|half| half.into_iter().map(|given| given.socket).collect::<Vec<_>>());
        let other = match resting.len() {
            _ if lent => Err(io::ErrorKind::Unsupported.into()),
            0 => half(address, ipv6only, used.len()),
            count if count == used.len() => Ok(resting),
            _ => Err(io::ErrorKind::InvalidInput.into()),
        };
        match other {
            Ok(other) => Self::new(other, used, !second, lent),
            Err(error) => {
                if !lent {
                    tracing::warn!(target: "propylon_gateway", "cannot open new sockets beside those of the other process on udp:{address} ({error}): connections of the other process are disturbed");
                }
                Self::new(used, Vec::new(), second, lent)
            }
        }
    }

    /// The socket of a worker, and its seat.
    pub(super) fn of_worker(&self, index: usize) -> Option<(&Socket, Seat)> {
        let socket = self.used.get(index)?;
        let number = index + if self.second { self.used.len() } else { 0 };
        Some((
            socket,
            Seat { number: u16::try_from(number).ok()?, of: u16::try_from(2 * self.used.len()).ok()? },
        ))
    }

    /// All its sockets in the order of the group, and whether each rests.
    pub(super) fn all(&self) -> impl Iterator<Item = (&Socket, bool)> {
        let used = self.used.iter().map(|socket| (socket, false));
        let resting = self.resting.iter().map(|socket| (socket, true));
        let (first, last): (Box<dyn Iterator<Item = _>>, Box<dyn Iterator<Item = _>>) = if self.second {
            (Box::new(resting), Box::new(used))
        } else {
            (Box::new(used), Box::new(resting))
        };
        first.chain(last)
    }

    /// Has the kernel give whoever is new to the half in use, and packets of connections to the sockets of those.
    pub(super) fn steer(&self) -> io::Result<()> {
        if self.steered.swap(true, Relaxed) { Ok(()) } else { self.give_to(self.second) }
    }

    /// Whoever is new is for the process that has the other half.
    pub(super) fn leave(&self) -> io::Result<()> {
        self.give_to(!self.second)
    }

    fn give_to(&self, second: bool) -> io::Result<()> {
        let Some(socket) = self.used.first().filter(|_| !self.lent) else { return Ok(()) };
        let mut program = program(self.used.len(), second);
        let length = u16::try_from(program.len()).unwrap_or_default();
        let program = sock_fprog { len: length, filter: program.as_mut_ptr() };
        setsockopt(socket, AttachReusePortCbpf, &program).map_err(io::Error::from)
    }
}

/// A socket for each of so many workers.
pub(super) fn open(address: SocketAddr, ipv6only: bool, workers: usize) -> io::Result<Vec<Socket>> {
    // The port is shared with nobody but our own workers: this one is refused where another process has it.
    drop(bind(Type::DGRAM, address, ipv6only, false)?);
    half(address, ipv6only, workers.clamp(1, MOST))
}

/// Has the kernel give packets to the sockets of a group by where they come from, whatever it was told by whoever had them before.
pub(super) fn let_go(socket: &Socket) -> io::Result<()> {
    const RETURN: u16 = 0x06; // a number
    let mut program = [sock_filter { code: RETURN, jt: 0, jf: 0, k: u32::MAX }]; // no place in any group
    let program = sock_fprog { len: 1, filter: program.as_mut_ptr() };
    setsockopt(socket, AttachReusePortCbpf, &program).map_err(io::Error::from)
}

fn half(address: SocketAddr, ipv6only: bool, count: usize) -> io::Result<Vec<Socket>> {
    let one = |_| {
        let socket = bind(Type::DGRAM, address, ipv6only, true)?;
        let _ = socket.set_recv_buffer_size(WAITING); // the system may have a limit of its own
        Ok(socket)
    };
    (0..count).map(one).collect()
}

/// What the kernel asks of each packet: the place of its socket in the group. One that is not there it finds by itself.
///
/// The first bit tells whether the head is a long one: then the name stands at 6, else at 1 (RFC 9000 17.2, 17.3). The client has made
/// up the first names by itself, until it knows ours: they stand in long heads only, but not in a Handshake, and lead to the half that
/// takes whoever is new. Of ours the number modulo one half is that within the half, so that a client's second packet goes where the first
/// has gone.
fn program(half: usize, second: bool) -> Vec<sock_filter> {
    const LOAD_BYTE: u16 = 0x30;
    const LOAD_TWO: u16 = 0x28;
    const IF_ANY_BIT: u16 = 0x45;
    const IF_EQUAL: u16 = 0x15;
    const AND: u16 = 0x54;
    const MODULO: u16 = 0x94;
    const ADD: u16 = 0x04;
    const RETURN: u16 = 0x16;
    let step = |code, k| sock_filter { code, jt: 0, jf: 0, k };
    let skip = |code, k, then| sock_filter { code, jt: then, jf: 0, k };
    let half = u32::try_from(half).unwrap_or(1).max(1);
    let first = if second { half } else { 0 };
    vec![
        step(LOAD_BYTE, 0),
        skip(IF_ANY_BIT, 0x80, 3),
        step(LOAD_TWO, 1),
        step(MODULO, 2 * half),
        step(RETURN, 0),
        step(AND, 0x30),
        skip(IF_EQUAL, 0x20, 4), // a Handshake
        step(LOAD_TWO, 6),
        step(MODULO, half),
        step(ADD, first),
        step(RETURN, 0),
        step(LOAD_TWO, 6),
        step(MODULO, 2 * half),
        step(RETURN, 0),
    ]
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;

    const ANY: &str = "127.0.0.1:0";

    fn group(count: usize) -> (Group, SocketAddr) {
        let used = half(ANY.parse().unwrap(), true, 1).unwrap();
        let address = used[0].local_addr().unwrap().as_socket().unwrap();
        let mut group = Group::new(used, Vec::new(), false, false);
        group.used.extend(half(address, true, count - 1).unwrap());
        group.steer().unwrap();
        (group, address)
    }

    /// Which of the sockets gets each of these packets.
    fn places(all: &[&Socket], address: SocketAddr, packets: &[&[u8]]) -> Vec<usize> {
        let mut places = Vec::new();
        for packet in packets {
            // Each from another port: it is not by where it comes from that a packet is given.
            UdpSocket::bind("127.0.0.1:0").unwrap().send_to(packet, address).unwrap();
            let got = |socket: &&Socket| {
                let socket = UdpSocket::from(socket.try_clone().unwrap());
                socket.recv(&mut [0; 64]).is_ok()
            };
            let place = loop {
                if let Some(place) = all.iter().position(got) {
                    break place;
                }
                std::thread::yield_now(); // loopback is quick, and not at once
            };
            places.push(place);
        }
        places
    }

    fn short(name: u16) -> Vec<u8> {
        [&[0x40], &name.to_be_bytes()[..], &[9; 20]].concat()
    }

    fn long(kind: u8, name: u16) -> Vec<u8> {
        [&[0xc0 | kind << 4, 0, 0, 0, 1, 8], &name.to_be_bytes()[..], &[9; 20]].concat()
    }

    fn check(group: &Group, address: SocketAddr, packets: &[Vec<u8>], expected: &[usize]) {
        let all: Vec<_> = group.all().map(|(socket, _)| socket).collect();
        let packets: Vec<_> = packets.iter().map(|packet| &**packet).collect();
        assert_eq!(places(&all, address, &packets), expected);
    }

    #[test]
    fn a_packet_goes_to_its_connections_socket_wherever_it_comes_from() {
        let (group, address) = group(3);
        let packets: Vec<_> = [0, 1, 2, 6, 601, 1202].map(short).into();
        check(&group, address, &packets, &[0, 1, 2, 0, 1, 2]);
        let packets: Vec<_> =
            [(0, 7), (0, 8), (0, 5), (2, 6), (2, 8)].map(|(kind, name)| long(kind, name)).into();
        check(&group, address, &packets, &[1, 2, 2, 0, 2]);
        assert_eq!(group.of_worker(1).unwrap().1, Seat { number: 1, of: 6 });
        assert!(group.of_worker(3).is_none());
    }

    #[test]
    fn who_takes_over_has_whoever_is_new_and_nothing_else() {
        let (old, address) = group(2);
        let given = |group: &Group| -> Vec<Given> {
            let given = |(socket, rests): (&Socket, bool)| {
                let socket = socket.try_clone().unwrap();
                if rests { Given::resting(socket) } else { Given::handed_over(socket) }.unwrap()
            };
            group.all().map(given).collect()
        };
        let new = Group::given(given(&old), address, true);
        assert_eq!((new.used.len(), new.resting.len(), new.second), (2, 2, true));
        assert_eq!(new.of_worker(0).unwrap().1, Seat { number: 2, of: 4 });
        // The old one has all until the new one says so.
        check(&new, address, &[long(0, 0), long(0, 1), short(4), short(6)], &[0, 1, 0, 2]);
        new.steer().unwrap();
        check(&new, address, &[long(0, 0), long(0, 1)], &[2, 3]);
        check(
            &new,
            address,
            &[short(0), short(1), short(2), short(3), long(2, 1), long(2, 3)],
            &[0, 1, 2, 3, 1, 3],
        );
        new.leave().unwrap();
        check(&new, address, &[long(0, 0), long(0, 1), short(2)], &[0, 1, 2]);
        new.steer().unwrap();
        check(&new, address, &[long(0, 0)], &[0]); // not again: another process may have it by now
        new.give_to(true).unwrap();
        drop(old); // its sockets are open all the same
        let third = Group::given(given(&new), address, true);
        assert_eq!((third.used.len(), third.resting.len(), third.second), (2, 2, false));
        third.steer().unwrap();
        drop(new);
        check(&third, address, &[long(0, 0), long(0, 1), short(2), short(1)], &[0, 1, 2, 1]);
    }

    #[test]
    fn an_address_is_nobody_elses() {
        let (_group, address) = group(2);
        assert!(Group::open(address, true, 2).is_err_and(|error| error.kind() == io::ErrorKind::AddrInUse));
    }
}
