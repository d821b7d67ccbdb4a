//! Names of connections that say which worker's they are.

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
        let mut id: [u8; LENGTH] = fastrand::u64(..).to_be_bytes();
        let rounds = u16::MAX / self.seats;
        let first = fastrand::u16(0..rounds.max(1)).saturating_mul(self.seats).saturating_add(self.seat);
        for (place, byte) in id.iter_mut().zip(first.to_be_bytes()) {
            *place = byte;
        }
        ConnectionId::new(&id)
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
