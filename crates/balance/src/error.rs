//! Why no peer could be chosen.

use std::sync::Arc;

/// Why no peer could be chosen. The errors of the services beneath pass as they are.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// None of the peers is available, or all of them have been tried (nginx's words).
    #[error("no live upstreams while connecting to upstream")]
    NoLivePeers {
        /// The group's name, which stands for the peer in logs.
        group: Arc<str>,
    },
    /// All peers have as many requests as they may, and so has the queue.
    #[error("the queue of upstream \"{group}\" is full")]
    QueueFull {
        /// The group's name.
        group: Arc<str>,
    },
    /// No peer had a place in time.
    #[error("upstream timed out (110: Connection timed out) while waiting in the queue of \"{group}\"")]
    QueueTimeout {
        /// The group's name.
        group: Arc<str>,
    },
}

/// Why a balancer cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// nginx: "load balancing method does not support parameter backup".
    #[error("the load-balancing method does not support backup servers")]
    Backup,
}
