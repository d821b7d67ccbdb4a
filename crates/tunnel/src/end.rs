use std::io;
use std::time::Duration;

/// How a tunnel ended.
#[derive(Debug)]
#[non_exhaustive]
pub enum End {
    /// Both sides have said their last, and all of it was passed on; or one has, where
    /// [that is enough](crate::Tunnel::half_close).
    Closed,
    /// It stood still for longer than a limit: whom it waited for, and the limit.
    TimedOut(Waited, Duration),
    /// The client's stream failed.
    Client(io::Error),
    /// The upstream's stream failed.
    Upstream(io::Error),
}

/// Whom a tunnel waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Waited {
    /// Anybody to say something, [`Limits::read`](crate::Limits::read), or anything to move, [`Limits::idle`](crate::Limits::idle).
    Anybody,
    /// The upstream to take something: [`Limits::send`](crate::Limits::send).
    Upstream,
    /// The client to take something: [`Limits::client_send`](crate::Limits::client_send).
    Client,
}
