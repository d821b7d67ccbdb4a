//! The bytes that came and are not yet understood.

use std::io;
use std::pin::pin;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt};

use super::buffers::{self, START};

/// What a connection has read. It holds a buffer only while there are bytes in it.
#[derive(Debug)]
pub(crate) struct Input {
    buffer: BytesMut,
    /// How much is asked of the kernel at once: grows while it is given, to `largest`.
    size: usize,
    /// How large the buffer is, whatever of it is in use.
    allocated: usize,
    largest: usize,
    /// How many reads in a row brought little.
    little: u8,
    received: u64,
    ended: bool,
    /// Whether the last read found nothing, so that the task was woken because there is something, as a rule.
    waits: bool,
}

/// Tells without a buffer whether there is anything to read. Ready is always a right answer; pending must wake the task.
pub(crate) type Readable<I> = fn(&I, &mut Context<'_>) -> Poll<()>;

impl Input {
    pub(crate) fn new(largest: usize) -> Self {
        Self {
            buffer: BytesMut::new(),
            size: START,
            allocated: 0,
            largest: largest.max(START),
            little: 0,
            received: 0,
            ended: false,
            waits: false,
        }
    }

    /// What came and was not taken.
    pub(crate) fn bytes(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    pub(crate) fn len(&self) -> usize {
        self.buffer.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// Bytes that came since the connection began.
    pub(crate) fn received(&self) -> u64 {
        self.received
    }

    /// Whether the peer has said that nothing more comes.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended
    }

    /// Reads once: how many bytes came, 0 at the end, which stays the end. Who waits then should [`release`](Self::release) the
    /// buffer, unless a message that is being served shares it anyhow. Where nothing is expected, none is got before the stream is
    /// `readable`, if that can be asked.
    #[inline(never)] // one for all places where there is something to read
    pub(crate) fn poll_fill<I: AsyncRead + Unpin>(
        &mut self,
        io: &mut I,
        readable: Option<Readable<I>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if self.ended {
            return Poll::Ready(Ok(0));
        }
        let expected = std::mem::replace(&mut self.waits, true);
        if let Some(readable) = readable.filter(|_| !expected) {
            ready!(readable(io, cx));
        }
        self.make_room();
        let room = self.buffer.capacity() - self.buffer.len();
        let n = ready!(pin!(io.read_buf(&mut self.buffer)).poll(cx))?;
        self.waits = false;
        self.received += n as u64;
        if n == 0 {
            self.ended = true;
        } else {
            self.adapt(n, room);
        }
        Poll::Ready(Ok(n))
    }

    /// Nothing is expected from now on.
    pub(crate) fn expect_nothing(&mut self) {
        self.waits = false;
    }

    /// The message is over: the next one begins small and is not expected, and an empty buffer goes to whoever needs it.
    pub(crate) fn rest(&mut self) {
        self.expect_nothing();
        self.size = START;
        self.little = 0;
        self.release();
    }

    /// Everything that came and was not taken.
    pub(crate) fn take(&mut self) -> BytesMut {
        std::mem::take(&mut self.buffer)
    }

    /// Whether a buffer is held.
    pub(crate) fn holds_buffer(&self) -> bool {
        self.buffer.capacity() > 0
    }

    /// Gives an empty buffer to whoever needs it.
    pub(crate) fn release(&mut self) {
        if self.buffer.is_empty() && self.buffer.capacity() > 0 {
            let buffer = std::mem::take(&mut self.buffer);
            buffers::give(buffer, self.allocated);
        }
    }

    /// Gives an empty buffer away if it is a large one.
    pub(crate) fn release_large(&mut self) {
        if self.allocated > START {
            self.release();
        }
    }

    fn make_room(&mut self) {
        if self.buffer.capacity() - self.buffer.len() >= self.size / 2 {
            return;
        }
        if !self.buffer.is_empty() {
            self.buffer.reserve(self.size);
            self.allocated = self.allocated.max(self.buffer.capacity());
        } else if !self.buffer.try_reclaim(self.size) {
            self.buffer = buffers::take(self.size);
            self.allocated = self.size;
        }
    }

    fn adapt(&mut self, n: usize, room: usize) {
        if n >= room {
            self.size = (self.size * 4).min(self.largest);
            self.little = 0;
        } else if n < self.size / 4 && self.size > START {
            self.little += 1;
            if self.little > 4 {
                self.size = (self.size / 2).max(START);
                self.little = 0;
            }
        }
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        if self.buffer.capacity() > 0 {
            buffers::give(std::mem::take(&mut self.buffer), self.allocated);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::AsyncWriteExt;

    use super::*;

    #[tokio::test]
    async fn grows_while_reads_fill_it_and_rests_without_a_buffer() {
        let (mut near, mut far) = tokio::io::duplex(1 << 20);
        let mut input = Input::new(256 << 10);
        far.write_all(&vec![7; 1 << 20]).await.unwrap();
        let mut reads = Vec::new();
        while reads.iter().sum::<usize>() < 1 << 20 {
            reads.push(poll_fn(|cx| input.poll_fill(&mut near, None, cx)).await.unwrap());
            input.bytes().clear();
        }
        assert_eq!(reads[..3], [8 << 10, 32 << 10, 128 << 10]);
        assert!(reads.iter().all(|n| *n <= 256 << 10));
        input.rest();
        assert!(!input.holds_buffer());

        far.write_all(b"x").await.unwrap();
        assert_eq!(poll_fn(|cx| input.poll_fill(&mut near, None, cx)).await.unwrap(), 1);
        assert!(input.holds_buffer() && input.bytes().capacity() <= 2 * START);
        input.bytes().clear();
        let polled = poll_fn(|cx| Poll::Ready(input.poll_fill(&mut near, None, cx))).await;
        input.release();
        assert!(polled.is_pending() && !input.holds_buffer(), "who waits holds nothing");
        assert_eq!(input.received(), (1 << 20) + 1);
    }

    #[tokio::test]
    async fn the_end_stays() {
        let (mut near, far) = tokio::io::duplex(16);
        let mut input = Input::new(0);
        drop(far);
        for _ in 0..2 {
            assert_eq!(poll_fn(|cx| input.poll_fill(&mut near, None, cx)).await.unwrap(), 0);
        }
        assert!(input.has_ended());
    }
}
