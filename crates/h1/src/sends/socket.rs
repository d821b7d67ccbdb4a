//! The writing side of a stream, which the queue has a part in.

use std::error::Error;
use std::fmt;
use std::fs::File;
use std::future::poll_fn;
use std::io;
use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use parking_lot::Mutex;
use rustix::fs::sendfile;
use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::runtime::Handle;

/// How long what the kernel did not take at once may wait for it.
const PATIENCE: Duration = Duration::from_secs(60);

/// Something of it is in the queue.
const QUEUED: u8 = 1;
/// Somebody waits until it is not.
const AWAITED: u8 = 2;
/// What was queued could not be sent.
const FAILED: u8 = 4;

pub(super) struct Socket {
    /// Always there: dropping it must not say that no more is written, when somebody still reads.
    half: Option<OwnedWriteHalf>,
    state: AtomicU8,
    cold: Mutex<Cold>,
}

/// What is hardly ever there.
#[derive(Default)]
struct Cold {
    waker: Option<Waker>,
    failed: Option<(io::ErrorKind, usize)>,
}

impl Socket {
    pub(super) fn new(half: OwnedWriteHalf) -> Self {
        Self { half: Some(half), state: AtomicU8::new(0), cold: Mutex::default() }
    }

    fn tcp(&self) -> io::Result<&TcpStream> {
        let half = self.half.as_ref().map(AsRef::as_ref);
        half.ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    /// Something of it is in the queue from now on.
    #[inline]
    pub(super) fn is_queued(&self) {
        self.state.store(QUEUED, Ordering::Relaxed); // who takes it from the queue has had its lock
    }

    /// Ready when nothing of it is in the queue.
    #[inline]
    pub(super) fn poll_ready(&self, cx: &Context<'_>) -> Poll<io::Result<()>> {
        if self.state.load(Ordering::Acquire) == 0 {
            return Poll::Ready(Ok(()));
        }
        self.poll_sent(cx)
    }

    #[cold]
    fn poll_sent(&self, cx: &Context<'_>) -> Poll<io::Result<()>> {
        let mut cold = self.cold.lock();
        cold.waker = Some(cx.waker().clone());
        let awaited = |state| (state & QUEUED != 0).then_some(state | AWAITED);
        match self.state.fetch_update(Ordering::AcqRel, Ordering::Acquire, awaited) {
            Ok(_) => Poll::Pending,
            Err(_) => Poll::Ready(cold.failed.map_or(Ok(()), |(kind, _)| Err(kind.into()))),
        }
    }

    /// Why nothing came, if that is because what was queued could not be sent.
    #[inline]
    pub(super) fn failure(&self) -> Option<io::Error> {
        if self.state.load(Ordering::Acquire) & FAILED == 0 {
            return None;
        }
        self.cold.lock().failed.map(|(kind, bytes)| io::Error::new(kind, Unsent { kind, bytes }))
    }

    /// Sends what was queued.
    #[inline]
    pub(super) fn send(self: Arc<Self>, bytes: &[u8]) {
        match self.tcp().and_then(|tcp| tcp.try_write(bytes)) {
            Ok(n) if n == bytes.len() => self.done(0),
            Ok(n) => self.send_rest(bytes.get(n..).unwrap_or_default(), false),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.send_rest(bytes, true),
            Err(error) => self.fail(error.kind(), bytes.len()),
        }
    }

    /// Waits for the kernel to take the rest. `whole`: none of it was sent.
    #[cold]
    fn send_rest(self: Arc<Self>, rest: &[u8], whole: bool) {
        let Ok(runtime) = Handle::try_current() else {
            return self.fail(io::ErrorKind::WouldBlock, if whole { rest.len() } else { 0 });
        };
        let (rest, mut at) = (rest.to_vec(), 0);
        runtime.spawn(async move {
            let sending = poll_fn(|cx| self.poll_rest(&rest, &mut at, cx));
            let result = tokio::time::timeout(PATIENCE, sending).await;
            match result.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
                Ok(()) => self.done(0),
                Err(error) => self.fail(error.kind(), if whole && at == 0 { rest.len() } else { 0 }),
            }
        });
    }

    fn poll_rest(&self, rest: &[u8], at: &mut usize, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(left @ [_, ..]) = rest.get(*at..) {
            *at += ready!(self.poll_write(left, cx))?;
        }
        Poll::Ready(Ok(()))
    }

    /// Nothing of it is in the queue any more.
    #[inline]
    fn done(&self, state: u8) {
        if self.state.swap(state, Ordering::AcqRel) & AWAITED != 0 {
            self.wake();
        }
    }

    #[cold]
    fn wake(&self) {
        let waker = self.cold.lock().waker.take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// So many bytes could not be sent, and none of them was. Nothing is said any more: who waits for an answer is told that none comes, and
    /// what the peer has of a message will not look whole to it, for the connection ends with a reset.
    #[cold]
    fn fail(&self, kind: io::ErrorKind, unsent: usize) {
        self.cold.lock().failed = Some((kind, unsent));
        self.done(FAILED);
        if let Ok(tcp) = self.tcp() {
            // These fail only where the connection is gone, of which its reader hears.
            let _ = SockRef::from(tcp).set_linger(Some(Duration::ZERO));
            let _ = SockRef::from(tcp).shutdown(Shutdown::Read);
        }
    }

    /// Sends at once.
    pub(super) fn poll_write(&self, bytes: &[u8], cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.poll_io(|tcp| tcp.try_write(bytes), cx)
    }

    pub(super) fn poll_write_vectored(
        &self,
        slices: &[io::IoSlice<'_>],
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        self.poll_io(|tcp| tcp.try_write_vectored(slices), cx)
    }

    pub(super) fn poll_send_file(
        &self,
        file: &File,
        offset: u64,
        count: usize,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let send = |tcp: &TcpStream| {
            let send = || Ok(sendfile(tcp, file, Some(&mut { offset }), count)?);
            tcp.try_io(Interest::WRITABLE, send)
        };
        self.poll_io(send, cx)
    }

    #[inline]
    fn poll_io(
        &self,
        write: impl Fn(&TcpStream) -> io::Result<usize>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let tcp = self.tcp()?;
        loop {
            ready!(tcp.poll_write_ready(cx))?;
            match write(tcp) {
                Err(error)
                    if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
                done => return Poll::Ready(done),
            }
        }
    }

    pub(super) fn shut_down(&self) -> io::Result<()> {
        SockRef::from(self.tcp()?).shutdown(Shutdown::Write)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if let Some(half) = self.half.take() {
            half.forget(); // closing says enough
        }
    }
}

/// Nothing of what was queued last was sent.
#[derive(Debug)]
struct Unsent {
    kind: io::ErrorKind,
    bytes: usize,
}

impl fmt::Display for Unsent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "could not be sent: {}", self.kind)
    }
}

impl Error for Unsent {}

/// How many bytes, of those that a stream has taken, were not sent, as this error of reading from it says.
pub(crate) fn unsent(error: &io::Error) -> u64 {
    let unsent = error.get_ref().and_then(|error| error.downcast_ref::<Unsent>());
    unsent.map_or(0, |unsent| unsent.bytes as u64)
}
