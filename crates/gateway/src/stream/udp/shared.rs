//! What a session and the socket in front of it share: datagrams go on to the server from where they come in.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use propylon_config::Stream;
use propylon_upstream::Datagrams;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::account::{Account, Pace};

/// How many of a session's datagrams are kept until its server has answered.
const KEPT: usize = 8;

/// What a session and the socket in front of it share.
pub(super) struct Shared {
    pub(super) state: Mutex<State>,
    /// There is something that the session should look at.
    pub(super) news: Notify,
}

pub(super) struct State {
    pub(super) account: Account,
    pub(super) upload: Pace,
    /// Bytes that came from the client, and that were sent to it.
    pub(super) received: u64,
    pub(super) sent: u64,
    /// When something passed last.
    pub(super) last: Instant,
    /// Where datagrams go, once that is known.
    pub(super) server: Option<Arc<Datagrams>>,
    /// Those that came before there was a server, or that have no answer yet; none: they are not to be sent again.
    pub(super) kept: Option<Kept>,
    /// The server refuses.
    pub(super) failure: Option<io::Error>,
}

impl Shared {
    pub(super) fn new(config: &Stream, now: Instant) -> Self {
        let state = State {
            account: Account::new(&config.datagrams),
            upload: Pace::default(),
            received: 0,
            sent: 0,
            last: now,
            server: None,
            kept: Some(Kept::new(config.buffer_size)),
            failure: None,
        };
        Self { state: Mutex::new(state), news: Notify::new() }
    }

    /// A datagram of the client's. Says whether its next one begins another session.
    pub(super) fn take(&self, datagram: &[u8], now: Instant) -> bool {
        let state = &mut *self.state.lock();
        if state.upload.wait(now).is_some() {
            return false; // it is lost
        }
        state.upload.goes(datagram.len(), now);
        state.account.asked();
        state.received += datagram.len() as u64;
        state.last = now;
        let State { account, server, kept, failure, .. } = state;
        let has_room = kept.as_mut().is_some_and(|kept| kept.keep(datagram));
        let passes = match server {
            None => has_room,
            Some(server) => {
                if !has_room {
                    *kept = None; // it cannot all be sent again
                }
                send(server, datagram, failure)
            }
        };
        // What finds no room is lost, and nobody answers it.
        if passes {
            account.passed();
        }
        if state.failure.is_some() || state.account.is_over() {
            self.news.notify_one();
        }
        state.account.is_full()
    }
}

impl State {
    /// There is a server. What was kept is sent to it, and kept on if it may be sent again.
    pub(super) fn has_server(&mut self, server: Arc<Datagrams>, may_retry: bool) {
        let kept = self.kept.take();
        for datagram in kept.iter().flat_map(|kept| &kept.datagrams) {
            if !send(&server, datagram, &mut self.failure) {
                self.account.lost();
            }
        }
        self.kept = kept.filter(|kept| may_retry && !kept.is_large);
        self.server = Some(server);
    }
}

/// Sends a datagram of the client's on, and says whether it went: what finds no room is lost, and what is too long for the way. One that
/// the server refuses may go to another one.
fn send(server: &Datagrams, datagram: &[u8], failure: &mut Option<io::Error>) -> bool {
    match server.try_send(datagram) {
        Ok(()) => true,
        Err(error) if is_of_one(&error) => false,
        Err(error) => {
            *failure = Some(error);
            true
        }
    }
}

/// Whether an error of a socket is that of one datagram, and says nothing of its peer.
pub(super) fn is_of_one(error: &io::Error) -> bool {
    const TOO_LONG: i32 = nix::libc::EMSGSIZE;
    const NO_BUFFERS: i32 = nix::libc::ENOBUFS;
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
        || matches!(error.raw_os_error(), Some(TOO_LONG | NO_BUFFERS))
}

/// A few datagrams.
pub(super) struct Kept {
    datagrams: Vec<Bytes>,
    /// How many bytes there is still room for.
    room: usize,
    /// There was not even room for the first one.
    is_large: bool,
}

impl Kept {
    fn new(room: usize) -> Self {
        Self { datagrams: Vec::new(), room, is_large: false }
    }

    /// Keeps one, if there is room. The first one always has, until there is a server: a session begins with it.
    fn keep(&mut self, datagram: &[u8]) -> bool {
        let is_first = self.datagrams.is_empty();
        if !is_first && (self.datagrams.len() >= KEPT || datagram.len() > self.room) {
            return false;
        }
        self.is_large |= datagram.len() > self.room;
        self.room = self.room.saturating_sub(datagram.len());
        self.datagrams.push(Bytes::copy_from_slice(datagram));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_datagrams_are_kept() {
        let check = |room, lengths: &[usize], expected: &[bool]| {
            let mut kept = Kept::new(room);
            let got: Vec<_> = lengths.iter().map(|length| kept.keep(&vec![7; *length])).collect();
            assert_eq!(got, expected, "{room} {lengths:?}");
        };
        check(10, &[4, 4, 4, 2, 1], &[true, true, false, true, false]);
        check(10, &[60_000, 0, 1], &[true, true, false]);
        check(1000, &[1; 9], &[true, true, true, true, true, true, true, true, false]);
    }
}
