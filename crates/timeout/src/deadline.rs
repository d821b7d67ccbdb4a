//! Which limit runs, and until when. Pure: instants come in, no clock is read.

use std::time::Duration;

use tokio::time::Instant;

use crate::{Error, Limits};

/// How far the inner service has come with taking the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// It holds the head or a frame, since then, and has not come back for more.
    Held(Instant),
    /// It has come back and waits for the client.
    Awaited,
    /// It has taken all that it will take, since then.
    Complete(Instant),
}

/// When to fail, and with what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Deadline {
    pub(crate) at: Instant,
    pub(crate) error: Error,
}

/// The deadline of a wait for the response head that began at `since`.
pub(crate) fn head(limits: Limits, request: Request, since: Instant) -> Option<Deadline> {
    match request {
        Request::Held(held) => send(limits, held.max(since)),
        Request::Awaited => None,
        Request::Complete(complete) => {
            limits.read.and_then(|limit| after(complete.max(since), limit, Error::HeadTimeout(limit)))
        }
    }
}

/// The deadline of a wait for a frame of the response body that began at `since`. The request may be under way still: a
/// response may come early.
pub(crate) fn frame(limits: Limits, request: Request, since: Instant) -> Option<Deadline> {
    let read = limits.read.and_then(|limit| after(since, limit, Error::ReadTimeout(limit)));
    let send = match request {
        Request::Held(held) => send(limits, held.max(since)),
        Request::Awaited | Request::Complete(_) => None,
    };
    read.into_iter().chain(send).min_by_key(|deadline| deadline.at)
}

fn send(limits: Limits, since: Instant) -> Option<Deadline> {
    limits.send.and_then(|limit| after(since, limit, Error::SendTimeout(limit)))
}

/// `None` if the limit lies beyond what the clock can tell: it never comes.
fn after(since: Instant, limit: Duration, error: Error) -> Option<Deadline> {
    since.checked_add(limit).map(|at| Deadline { at, error })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::{Deadline, Request, frame, head};
    use crate::{Error, Limits};

    const SEND: Duration = Duration::from_secs(5);
    const READ: Duration = Duration::from_secs(7);

    type Rule = fn(Limits, Request, Instant) -> Option<Deadline>;

    /// Instants are seconds after a common start; a request is given with the second of its state.
    fn check(
        rule: Rule,
        limits: Limits,
        request: impl Fn(Instant) -> Request,
        expected: Option<(u64, Error)>,
    ) {
        let start = Instant::now();
        let second = |n| start + Duration::from_secs(n);
        let found = rule(limits, request(start), second(10));
        assert_eq!(found, expected.map(|(at, error)| Deadline { at: second(at), error }));
    }

    fn held(second: u64) -> impl Fn(Instant) -> Request {
        move |start| Request::Held(start + Duration::from_secs(second))
    }

    fn complete(second: u64) -> impl Fn(Instant) -> Request {
        move |start| Request::Complete(start + Duration::from_secs(second))
    }

    fn awaited(_: Instant) -> Request {
        Request::Awaited
    }

    #[test]
    fn the_wait_for_the_head() {
        let (off, both) = (Limits::new(), Limits::new().send(SEND).read(READ));
        check(head, off, held(20), None);
        check(head, off, awaited, None);
        check(head, off, complete(20), None);

        check(head, both, held(20), Some((25, Error::SendTimeout(SEND))));
        check(head, both, held(3), Some((15, Error::SendTimeout(SEND)))); // the wait began at 10
        check(head, both, awaited, None);
        check(head, both, complete(20), Some((27, Error::HeadTimeout(READ))));
        check(head, both, complete(3), Some((17, Error::HeadTimeout(READ))));

        check(head, Limits::new().send(SEND), complete(20), None);
        check(head, Limits::new().read(READ), held(20), None);
    }

    #[test]
    fn the_wait_for_a_frame() {
        let (off, both) = (Limits::new(), Limits::new().send(SEND).read(READ));
        check(frame, off, held(20), None);
        check(frame, both, complete(20), Some((17, Error::ReadTimeout(READ))));
        check(frame, both, awaited, Some((17, Error::ReadTimeout(READ))));
        check(frame, both, held(3), Some((15, Error::SendTimeout(SEND))));
        check(frame, both, held(13), Some((17, Error::ReadTimeout(READ))));
        check(frame, Limits::new().send(SEND), held(13), Some((18, Error::SendTimeout(SEND))));
        check(frame, Limits::new().send(SEND), complete(13), None);
    }

    #[test]
    fn a_limit_beyond_the_clock_never_comes() {
        let forever = Limits::new().send(Duration::MAX).read(Duration::MAX);
        check(head, forever, held(1), None);
        check(head, forever, complete(1), None);
        check(frame, forever, held(1), None);
    }
}
