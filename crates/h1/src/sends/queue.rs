//! What a thread has to send.

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;
use tokio::net::TcpStream;

use super::QueuedStream;
use super::crowd::Crowd;
use super::socket::Socket;

/// More than that leaves at once: it is no small message, and copied for nothing.
pub(super) const SMALL: usize = 8 << 10;

/// What waits at most, so that it is still in a cache when it is sent.
const MOST: usize = 256 << 10;

/// So many have to be at it at once: for fewer, nothing is gained.
const MANY: u32 = 32;

/// What the connections of one thread have to send: a handle, of which each clone is the same queue.
///
/// Somebody has to [`run`](Self::run) it. While nobody does, and while fewer than three dozen connections are sending, everything is sent
/// at once.
#[derive(Clone, Default)]
pub struct SendQueue(Arc<Mutex<Queue>>);

#[derive(Default)]
struct Queue {
    batch: Batch,
    crowd: Crowd,
    /// Who sends.
    runner: Option<Waker>,
}

/// What is to be sent in a row.
#[derive(Default)]
struct Batch {
    bytes: Vec<u8>,
    /// Whose they are, and how many.
    entries: Vec<(Arc<Socket>, usize)>,
}

impl SendQueue {
    /// An empty queue.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A stream whose small messages are sent through the queue.
    pub fn stream(&self, stream: TcpStream) -> QueuedStream {
        QueuedStream::new(stream, self.clone())
    }

    /// Sends what is queued, for as long as it is polled: a task of the runtime that the streams are on, one for a queue. It runs behind
    /// the tasks that can run when the first of them has something to send.
    pub async fn run(&self) {
        let _running = Running(self);
        let mut batch = Batch::default();
        poll_fn(|cx| {
            self.take(&mut batch, cx);
            batch.send();
            Poll::<()>::Pending
        })
        .await;
    }

    /// Takes what waits. Whatever comes after that wakes the task.
    fn take(&self, empty: &mut Batch, cx: &Context<'_>) {
        let mut queue = self.0.lock();
        std::mem::swap(&mut queue.batch, empty);
        if !queue.runner.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            queue.runner = Some(cx.waker().clone());
        }
    }

    /// Queues `bytes`, `len` of them in all. False: they are to be sent at once.
    #[inline(never)]
    pub(super) fn push<'a>(
        &self,
        socket: &Arc<Socket>,
        bytes: impl Iterator<Item = &'a [u8]>,
        len: usize,
    ) -> bool {
        let mut queue = self.0.lock();
        let Queue { batch, crowd, runner: Some(runner) } = &mut *queue else { return false };
        if crowd.came(Arc::as_ptr(socket).addr()) < MANY || batch.bytes.len() + len > MOST {
            return false;
        }
        socket.is_queued();
        bytes.for_each(|bytes| batch.bytes.extend_from_slice(bytes));
        batch.entries.push((Arc::clone(socket), len));
        if batch.entries.len() == 1 {
            runner.wake_by_ref();
        }
        true
    }
}

impl Batch {
    fn send(&mut self) {
        let mut bytes = &*self.bytes;
        for (socket, len) in self.entries.drain(..) {
            let (now, later) = bytes.split_at_checked(len).unwrap_or((bytes, &[]));
            bytes = later;
            socket.send(now);
        }
        self.bytes.clear();
    }
}

/// That somebody sends.
struct Running<'a>(&'a SendQueue);

impl Drop for Running<'_> {
    /// What is left is sent now, and whatever comes is sent by who has it.
    fn drop(&mut self) {
        let Queue { batch, .. } = &mut std::mem::take(&mut *self.0.0.lock());
        batch.send();
    }
}

impl fmt::Debug for SendQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendQueue").finish_non_exhaustive()
    }
}
