//! Names of connections that say which worker's they are.

use aws_lc_rs::rand;
use quinn::{ConnectionId, ConnectionIdGenerator};

/// How long they are.
const LENGTH: usize = 8;

/// Makes names whose first two bytes are, modulo the seats that there are, the number of this one: by that the kernel gives a packet to
/// the socket whose connection it is of, wherever it comes from (`listener/quic.rs`).
#[derive(Clone, Copy, Debug)]
pub(super) struct Ids {
    seat: u16,
    seats: u16,
}

impl Ids {
    pub(super) fn new(seat: u16, seats: u16) -> Self {
        Self { seat, seats: seats.max(1) }
    }
}

impl ConnectionIdGenerator for Ids {
    fn generate_cid(&mut self) -> ConnectionId {
        // Nobody is to guess a name (RFC 9000 5.1). Where there is no randomness, which cannot be, names are different all the same.
        let mut id: [u8; LENGTH] = fastrand::u64(..).to_be_bytes();
        let _ = rand::fill(&mut id);
        let [high, low, rest @ ..] = id;
        let round = u16::from_be_bytes([high, low]) % (u16::MAX / self.seats).max(1);
        let [high, low] = round.saturating_mul(self.seats).saturating_add(self.seat).to_be_bytes();
        let [a, b, c, d, e, f] = rest;
        ConnectionId::new(&[high, low, a, b, c, d, e, f])
    }

    fn cid_len(&self) -> usize {
        LENGTH
    }

    fn cid_lifetime(&self) -> Option<std::time::Duration> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_is_to_be_guessed() {
        let first = || {
            fastrand::seed(7);
            Ids::new(0, 2).generate_cid()
        };
        assert_ne!(first(), first(), "not by the generator of everybody");
    }

    #[test]
    fn every_name_says_whose_it_is() {
        for seats in [1, 2, 6, 254, 1024] {
            for seat in [0, seats / 2, seats - 1] {
                let mut ids = Ids::new(seat, seats);
                let names: Vec<_> = (0..100).map(|_| ids.generate_cid()).collect();
                for name in &names {
                    assert_eq!(u16::from_be_bytes([name[0], name[1]]) % seats, seat, "of {seats}");
                }
                assert!(names.iter().any(|name| name[2..] != names[0][2..]));
            }
        }
    }
}
