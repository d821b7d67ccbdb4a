//! What whoever looks at a group is told of it.

use std::sync::Arc;
use std::time::Duration;

use crate::group::{Group, Peer};
use crate::server::Server;

/// Whether a peer is sent requests, and if not, why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Standing {
    /// It is sent requests.
    Up,
    /// It serves only requests that are bound to it already.
    Draining,
    /// It is out of service.
    Down,
    /// It has failed too often lately (nginx Plus: `unavail`).
    Unavailable,
    /// Active checks have not come to a verdict yet, and until then it gets nothing (nginx Plus: `checking`).
    Checking,
    /// Active checks keep it out.
    Unhealthy,
}

impl Standing {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Up, Self::Draining, Self::Down, Self::Unavailable, Self::Checking, Self::Unhealthy];

    /// As a word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Draining => "draining",
            Self::Down => "down",
            Self::Unavailable => "unavailable",
            Self::Checking => "checking",
            Self::Unhealthy => "unhealthy",
        }
    }
}

impl<T> Peer<T> {
    /// A number that is its own in the group, and stays the same for as long as what is known of it does.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Whether it is sent requests, and if not, why.
    #[must_use]
    pub fn standing(&self) -> Standing {
        match () {
            () if self.server.down => Standing::Down,
            () if !self.state.is_healthy() && !self.state.is_judged() => Standing::Checking,
            () if !self.state.is_healthy() => Standing::Unhealthy,
            () if self.state.is_failing(self.limits(), self.clock) => Standing::Unavailable,
            () if self.server.drain => Standing::Draining,
            () => Standing::Up,
        }
    }

    /// The last verdict of active checks; none: they have not probed it, or not come to one.
    #[must_use]
    pub fn verdict(&self) -> Option<bool> {
        (self.state.is_probed() && self.state.is_judged()).then(|| self.state.is_healthy())
    }
}

impl<T> Group<T> {
    /// How many requests wait for a place at a peer, and how many may; none: there is no queue.
    #[must_use]
    pub fn waiting(&self) -> Option<(usize, usize)> {
        self.queue().map(|queue| (queue.waiting(), queue.size()))
    }
}

impl<T> Server<T> {
    /// How it is written in the configuration.
    #[must_use]
    pub fn text(&self) -> &Arc<str> {
        &self.written
    }

    /// Its share of the requests.
    #[must_use]
    pub fn share(&self) -> u32 {
        self.weight
    }

    /// How many requests it serves at the same time; 0: any number.
    #[must_use]
    pub fn places(&self) -> u32 {
        self.max_conns
    }

    /// How many failures make it unavailable, within what time and for how long.
    #[must_use]
    pub fn endures(&self) -> (u32, Duration) {
        (self.max_fails, self.fail_timeout)
    }

    /// How long its share takes to grow.
    #[must_use]
    pub fn warms_up(&self) -> Duration {
        self.slow_start
    }

    /// What sticky sessions call it, where that is said.
    #[must_use]
    pub fn route_name(&self) -> Option<&Arc<str>> {
        self.route.as_ref()
    }

    /// Whether it is out of service, and whether it serves only what is bound to it.
    #[must_use]
    pub fn is_out(&self) -> (bool, bool) {
        (self.down, self.drain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_peer_tells_why_it_gets_nothing() {
        let group = Group::new("g");
        let server = |name: &str| Server::new(name, ()).max_fails(1);
        group.set([server("a"), server("b").down(true), server("c").drain(true).weight(3)]);
        let standings = || group.peers().iter().map(|peer| peer.standing()).collect::<Vec<_>>();
        assert_eq!(standings(), [Standing::Up, Standing::Down, Standing::Draining]);
        let peer = |at: usize| Arc::clone(group.peers().iter().nth(at).unwrap());
        assert_eq!((peer(0).verdict(), peer(2).server().share()), (None, 3));
        group.set_healthy(&peer(0), false);
        assert_eq!((standings()[0], peer(0).verdict()), (Standing::Unhealthy, None), "nobody has probed it");
        assert_eq!(peer(0).state.was_checked(false, 1, 1), Some(false));
        assert_eq!(peer(0).verdict(), Some(false));
        group.set_healthy(&peer(0), true);
        assert_eq!(peer(0).verdict(), Some(true));
        peer(0).state.failed(peer(0).limits(), peer(0).clock);
        assert_eq!(standings()[0], Standing::Unavailable);
        tokio::time::advance(Duration::from_secs(11)).await;
        assert_eq!(standings()[0], Standing::Up);
        group.require_checks(true);
        assert_eq!(standings(), [Standing::Checking, Standing::Down, Standing::Checking]);
        assert_eq!(peer(0).verdict(), None, "that was before");
        let ids = || group.peers().iter().map(|peer| peer.id()).collect::<Vec<_>>();
        let before = ids();
        group.set([server("c"), server("a")]);
        assert_eq!(ids(), [before[2], before[0]], "whoever is the same has the same number");
    }
}
