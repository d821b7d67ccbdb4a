use std::fmt;
use std::future::Future;
use std::io;
use std::num::NonZeroU64;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::flow::{Fault, Flow, Waits};
use crate::pace::Pace;
use crate::{Counts, End, Limits, Waited};

/// The most that is read at once, each way.
const LARGEST: usize = 64 << 10;

/// Two streams joined: a future that is over when the tunnel is.
///
/// What comes from one side is written to the other, and nothing more is read until that has been taken. A side that has said
/// its last (FIN) is heard no more, the other is told so, and may go on speaking. Dropping the future closes both streams;
/// [`counts`](Self::counts) still tells then.
///
/// ```
/// use propylon_tunnel::{End, Tunnel};
/// use tokio::io::{AsyncReadExt, AsyncWriteExt};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let (mut browser, client) = tokio::io::duplex(64);
/// let (upstream, mut server) = tokio::io::duplex(64);
/// let mut tunnel = Tunnel::new(client, upstream);
/// let counts = tunnel.counts();
/// let tunnel = tokio::spawn(async move { (&mut tunnel).await });
///
/// browser.write_all(b"hello").await?;
/// browser.shutdown().await?;
/// let mut heard = String::new();
/// server.read_to_string(&mut heard).await?;
/// server.write_all(b"good day").await?; // after the client's last word
/// drop(server);
/// let mut answer = String::new();
/// browser.read_to_string(&mut answer).await?;
///
/// assert_eq!((heard.as_str(), answer.as_str()), ("hello", "good day"));
/// assert!(matches!(tunnel.await?, End::Closed));
/// assert_eq!((counts.to_upstream(), counts.to_client()), (5, 8));
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing moves until it is polled"]
pub struct Tunnel<C, U> {
    client: C,
    upstream: U,
    /// From the client to the upstream.
    up: Flow,
    /// From the upstream to the client.
    down: Flow,
    limits: Limits,
    half_close: bool,
    /// How it ends when the one direction that is left does: the other has failed.
    fault: Option<End>,
    counts: Arc<Counts>,
    clock: Option<Clock>,
}

/// When what last moved, and the one timer, which is moved only when it fires.
struct Clock {
    up: Instant,
    down: Instant,
    sleep: Pin<Box<Sleep>>,
}

impl<C, U> Tunnel<C, U> {
    /// Joins two streams, without limits.
    pub fn new(client: C, upstream: U) -> Self {
        Self {
            client,
            upstream,
            up: Flow::new(LARGEST),
            down: Flow::new(LARGEST),
            limits: Limits::new(),
            half_close: true,
            fault: None,
            counts: Arc::default(),
            clock: None,
        }
    }

    /// Ends it when it stands still for longer.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The most bytes that are held each way; 64 KiB by default. A tunnel begins with 8 KiB, and holds nothing at rest.
    pub fn buffer(mut self, largest: usize) -> Self {
        self.up.resize(largest);
        self.down.resize(largest);
        self
    }

    /// Whether the other side may go on when one has said its last, as is the default. If not, the tunnel is over as soon as all of
    /// that was passed on, and both sides are told.
    pub fn half_close(mut self, on: bool) -> Self {
        self.half_close = on;
        self
    }

    /// How many bytes a second are read of the client at most; any number by default. Whoever is held back is not late.
    pub fn upload_rate(mut self, rate: impl Into<Option<NonZeroU64>>) -> Self {
        self.up.pace(rate.into().map(Pace::new));
        self
    }

    /// How many bytes a second are read of the upstream at most; any number by default. Whoever is held back is not late.
    pub fn download_rate(mut self, rate: impl Into<Option<NonZeroU64>>) -> Self {
        self.down.pace(rate.into().map(Pace::new));
        self
    }

    /// What went through it.
    #[must_use]
    pub fn counts(&self) -> Arc<Counts> {
        Arc::clone(&self.counts)
    }

    /// Whether the upstream has said its last, and the client has taken all of it and was told. It may be so of a tunnel that
    /// ended otherwise than [`Closed`](End::Closed).
    #[must_use]
    pub fn client_has_all(&self) -> bool {
        self.down.is_whole()
    }

    /// Whether the client has said its last, and the upstream has taken all of it and was told.
    #[must_use]
    pub fn upstream_has_all(&self) -> bool {
        self.up.is_whole()
    }

    /// The streams: the client's, the upstream's.
    #[must_use]
    pub fn into_inner(self) -> (C, U) {
        (self.client, self.upstream)
    }
}

impl<C, U> Tunnel<C, U>
where
    C: AsyncRead + AsyncWrite + Unpin,
    U: AsyncRead + AsyncWrite + Unpin,
{
    /// Moves what can be moved both ways: what each direction waits for then.
    fn poll_flows(&mut self, cx: &mut Context<'_>) -> Result<(Waits, Waits), End> {
        let counts = &*self.counts;
        let up = self.up.poll(&mut self.client, &mut self.upstream, |n| counts.add_to_upstream(n), cx);
        let up = up.or_else(|fault| self.fails(fault, true))?;
        let counts = &*self.counts;
        let down = self.down.poll(&mut self.upstream, &mut self.client, |n| counts.add_to_client(n), cx);
        let down = down.or_else(|fault| self.fails(fault, false))?;
        Ok((up, down))
    }

    /// A direction has failed. Without its source all is over; without its destination the other one goes on, if it has not failed
    /// before: a peer that closes and has not read everything resets the connection after its answer, which may still be there to be
    /// read.
    fn fails(&mut self, fault: Fault, up: bool) -> Result<Waits, End> {
        let (direction, other) =
            if up { (&mut self.up, &mut self.down) } else { (&mut self.down, &mut self.up) };
        match fault {
            Fault::Source(error) => {
                // It took nothing more, and has told how it ends since; but a socket tells of a reset once.
                let first = self.fault.take().filter(|_| direction.is_cut());
                Err(first.unwrap_or(if up { End::Client(error) } else { End::Upstream(error) }))
            }
            Fault::Destination(error) => {
                direction.stop();
                if error.kind() == io::ErrorKind::ConnectionReset {
                    other.cut();
                }
                let end = if up { End::Upstream(error) } else { End::Client(error) };
                match self.fault.take() {
                    Some(first) => Err(first),
                    None => {
                        self.fault = Some(end);
                        Ok(Waits::Over)
                    }
                }
            }
        }
    }

    /// How it ends: as what came first says.
    fn ends(&mut self, end: End) -> End {
        self.fault.take().unwrap_or(end)
    }

    /// One side has said its last, and that is enough: the other is told so too, if it listens.
    fn close(&mut self, up: Waits, cx: &mut Context<'_>) -> End {
        let _ = match up {
            Waits::Over => Pin::new(&mut self.client).poll_shutdown(cx),
            _ => Pin::new(&mut self.upstream).poll_shutdown(cx),
        };
        End::Closed
    }

    /// Ready with whom the tunnel has waited for too long.
    fn poll_late(&mut self, up: Waits, down: Waits, cx: &mut Context<'_>) -> Poll<(Waited, Duration)> {
        let (up_moved, down_moved) = (self.up.has_moved(), self.down.has_moved());
        if let Some(clock) = self.clock.as_mut().filter(|_| up_moved || down_moved) {
            clock.moved(up_moved, down_moved);
        }
        let limits = [
            (Waited::Anybody, self.limits.idle, up != Waits::Pacing && down != Waits::Pacing),
            (Waited::Client, self.limits.client_send, down == Waits::Writing),
            (Waited::Upstream, self.limits.send, up == Waits::Writing),
            // Whoever has a slow reader is not waited for.
            (
                Waited::Anybody,
                self.limits.read,
                down == Waits::Reading || (down == Waits::Over && up == Waits::Reading),
            ),
        ];
        let limits =
            limits.into_iter().filter(|(.., runs)| *runs).filter_map(|(who, limit, _)| Some((who, limit?)));
        let Some(first) = limits.clone().map(|(_, limit)| limit).min() else { return Poll::Pending };
        let clock = match &mut self.clock {
            Some(clock) => clock,
            clock => {
                let now = Instant::now();
                clock.insert(Clock { up: now, down: now, sleep: Box::pin(sleep_until(after(now, first))) })
            }
        };
        loop {
            let next = limits.clone().map(|(who, limit)| (after(clock.since(who), limit), who, limit));
            let Some((at, who, limit)) = next.min_by_key(|(at, ..)| *at) else { return Poll::Pending };
            if at <= Instant::now() {
                return Poll::Ready((who, limit));
            }
            // A timer that fires too early is cheaper than one that is moved with every byte.
            if clock.sleep.is_elapsed() || clock.sleep.deadline() > at {
                clock.sleep.as_mut().reset(at);
            }
            if clock.sleep.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }
}

impl Clock {
    fn moved(&mut self, up: bool, down: bool) {
        let now = Instant::now();
        if up {
            self.up = now;
        }
        if down {
            self.down = now;
        }
    }

    /// Since when a side has been waited for.
    fn since(&self, who: Waited) -> Instant {
        match who {
            Waited::Anybody => self.up.max(self.down),
            Waited::Upstream => self.up,
            Waited::Client => self.down,
        }
    }
}

/// A limit too far away for the clock is in a hundred years.
fn after(since: Instant, limit: Duration) -> Instant {
    since.checked_add(limit).unwrap_or_else(|| since + Duration::from_secs(100 * 365 * 24 * 3600))
}

impl<C, U> Future for Tunnel<C, U>
where
    C: AsyncRead + AsyncWrite + Unpin,
    U: AsyncRead + AsyncWrite + Unpin,
{
    type Output = End;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<End> {
        let this = &mut *self;
        match this.poll_flows(cx) {
            Err(end) => Poll::Ready(end),
            Ok((Waits::Over, Waits::Over)) => Poll::Ready(this.ends(End::Closed)),
            Ok((up @ Waits::Over, _) | (up, Waits::Over)) if !this.half_close && this.fault.is_none() => {
                Poll::Ready(this.close(up, cx))
            }
            Ok((up, down)) => {
                this.poll_late(up, down, cx).map(|(who, limit)| this.ends(End::TimedOut(who, limit)))
            }
        }
    }
}

impl<C, U> fmt::Debug for Tunnel<C, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tunnel")
            .field("limits", &self.limits)
            .field("counts", &self.counts)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn a_tunnel_at_rest_holds_no_buffer() {
        let (mut browser, client) = tokio::io::duplex(1 << 20);
        let (upstream, mut server) = tokio::io::duplex(1 << 20);
        let mut tunnel = Tunnel::new(client, upstream);
        browser.write_all(&[7; 100_000]).await.unwrap();
        let cx = &mut Context::from_waker(Waker::noop());
        assert!(Pin::new(&mut tunnel).poll(cx).is_pending());
        let mut got = vec![0; 100_000];
        server.read_exact(&mut got).await.unwrap();
        assert!(!tunnel.up.holds_buffer() && !tunnel.down.holds_buffer());
    }

    #[tokio::test]
    async fn no_more_is_held_than_allowed_for_a_slow_reader() {
        let (mut browser, client) = tokio::io::duplex(1 << 20);
        let (upstream, server) = tokio::io::duplex(10);
        let mut tunnel = Tunnel::new(client, upstream).buffer(1000);
        browser.write_all(&[7; 100_000]).await.unwrap();
        let cx = &mut Context::from_waker(Waker::noop());
        for _ in 0..5 {
            assert!(Pin::new(&mut tunnel).poll(cx).is_pending());
        }
        let (mut client, _upstream) = tunnel.into_inner();
        let mut left = vec![0; 99_000];
        client.read_exact(&mut left).await.unwrap();
        drop(server);
    }
}
