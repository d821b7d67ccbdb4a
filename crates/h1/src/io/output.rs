//! The bytes that are to go: small ones in one buffer and one send, large ones as they are, beside it.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::AsyncWrite;

use super::buffers;
use super::file::{self, FilePart, SendFile};

/// A message of up to so many bytes leaves in one buffer.
const COALESCE: usize = 8 << 10;

/// Nobody is asked for more while so many bytes wait to be sent.
pub(crate) const ENOUGH: usize = 64 << 10;

/// Slices in one write.
const SLICES: usize = 32;

/// What a connection has to send. It holds a buffer only while there are bytes in it.
#[derive(Debug, Default)]
pub(crate) struct Output {
    buffer: BytesMut,
    /// How much of `buffer` is sent.
    at: usize,
    /// How much of `buffer` the queue speaks of; the rest comes after the queue.
    queued: usize,
    queue: VecDeque<Chunk>,
    /// Bytes in the queue's own chunks.
    shared: usize,
    sent: u64,
    /// Why a part of a file cannot be sent.
    unreadable: Option<io::Error>,
}

#[derive(Debug)]
enum Chunk {
    /// So many bytes of the buffer.
    Buffer(usize),
    Shared(Bytes),
    File(FilePart),
}

impl Output {
    /// Where small things are written, to go after all that is here.
    pub(crate) fn buffer(&mut self) -> &mut BytesMut {
        if self.buffer.capacity() == 0 {
            self.buffer = buffers::take_write();
        }
        &mut self.buffer
    }

    /// Sends `data` after all that is here.
    #[inline(never)]
    pub(crate) fn push(&mut self, data: Bytes) {
        if self.pending() + data.len() <= COALESCE {
            self.buffer().extend_from_slice(&data);
            return;
        }
        self.queue_buffer();
        self.shared += data.len();
        self.queue.push_back(Chunk::Shared(data));
    }

    /// Sends a part of a file after all that is here.
    pub(crate) fn push_file(&mut self, part: FilePart) {
        self.queue_buffer();
        self.shared += length(&part);
        self.queue.push_back(Chunk::File(part));
    }

    /// What follows goes after all that is in the buffer.
    fn queue_buffer(&mut self) {
        // What is behind the queue may be sent in part.
        let unqueued = self.buffer.len() - self.queued.max(self.at);
        if unqueued > 0 {
            self.queue.push_back(Chunk::Buffer(unqueued));
            self.queued = self.buffer.len();
        }
    }

    /// Why a part of a file could not be read, if that is why writing failed.
    pub(crate) fn take_unreadable(&mut self) -> Option<io::Error> {
        self.unreadable.take()
    }

    /// Bytes that wait.
    pub(crate) fn pending(&self) -> usize {
        self.buffer.len() - self.at + self.shared
    }

    /// Whether so much waits that more should not be asked for.
    pub(crate) fn is_full(&self) -> bool {
        self.pending() >= ENOUGH
    }

    /// Bytes that the kernel took since the connection began.
    pub(crate) fn sent(&self) -> u64 {
        self.sent
    }

    /// Whether all that was written since the last [`clear`](Self::clear) can be written once more.
    pub(crate) fn can_rewind(&self) -> bool {
        self.queue.is_empty() && self.queued == 0
    }

    /// Everything goes once more, from the beginning, on a connection that has sent so much.
    pub(crate) fn rewind(&mut self, sent: u64) {
        self.at = 0;
        self.sent = sent;
    }

    /// Drops what is here, and the buffer.
    #[inline(never)]
    pub(crate) fn clear(&mut self) {
        self.queue = VecDeque::new();
        (self.at, self.queued, self.shared) = (0, 0, 0);
        buffers::give_write(std::mem::take(&mut self.buffer));
    }

    /// Forgets what was sent, if all was.
    pub(crate) fn recycle(&mut self) {
        if self.pending() == 0 {
            (self.at, self.queued) = (0, 0);
            self.buffer.clear();
        }
    }

    /// Whether a buffer is held.
    pub(crate) fn holds_buffer(&self) -> bool {
        self.buffer.capacity() > 0 || self.queue.capacity() > 0
    }

    /// Writes until nothing is left. One call of the kernel if it takes all. `Pending` after progress as well as without.
    #[inline(never)]
    pub(crate) fn poll_write<I: AsyncWrite + Unpin>(
        &mut self,
        io: &mut I,
        send_file: Option<SendFile<I>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while self.pending() > 0 {
            let n = match self.queue.front() {
                None => {
                    let bytes = self.buffer.get(self.at..).unwrap_or_default();
                    ready!(Pin::new(&mut *io).poll_write(cx, bytes))?
                }
                Some(Chunk::File(_)) => match ready!(self.poll_send_file(io, send_file, cx))? {
                    Some(n) => n,
                    None => continue,
                },
                Some(_) => ready!(self.poll_write_queue(io, cx))?,
            };
            if n == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.advance(n);
        }
        Pin::new(io).poll_flush(cx)
    }

    /// Writes once what is in several places.
    #[inline(never)] // it has room for many slices on the stack
    fn poll_write_queue<I: AsyncWrite + Unpin>(
        &self,
        io: &mut I,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let mut slices = [IoSlice::new(&[]); SLICES];
        let filled = self.slices(&mut slices);
        Pin::new(io).poll_write_vectored(cx, slices.get(..filled).unwrap_or_default())
    }

    /// Has the kernel send what it takes of the part of a file in front. `None`: it cannot, and bytes stand there now.
    #[inline(never)]
    fn poll_send_file<I>(
        &mut self,
        io: &I,
        send_file: Option<SendFile<I>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<Option<usize>>> {
        let Some(Chunk::File(part)) = self.queue.front_mut() else { return Poll::Ready(Ok(None)) };
        let count = length(part);
        let (file, range) = part;
        let sent = match send_file {
            Some(send) => ready!(send(io, file, range.start, count, cx)),
            None => Err(io::ErrorKind::Unsupported.into()),
        };
        match sent {
            Ok(0) => self.unreadable = Some(file::shortened()),
            Ok(n) => return Poll::Ready(Ok(Some(n))),
            Err(error) if is_of_file(&error) => match file::read(file, range) {
                Ok(bytes) => {
                    range.start += bytes.len() as u64;
                    if range.is_empty() {
                        self.queue.pop_front();
                    }
                    self.queue.push_front(Chunk::Shared(bytes));
                    return Poll::Ready(Ok(None));
                }
                Err(error) => self.unreadable = Some(error),
            },
            Err(error) => return Poll::Ready(Err(error)),
        }
        Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()))
    }

    fn slices<'a>(&'a self, slices: &mut [IoSlice<'a>; SLICES]) -> usize {
        let mut rest = self.buffer.get(self.at..).unwrap_or_default();
        let mut filled = 0;
        for slice in slices.iter_mut() {
            let bytes = match self.queue.get(filled) {
                Some(Chunk::Shared(data)) => &data[..],
                Some(Chunk::Buffer(n)) => {
                    let (now, later) = rest.split_at_checked(*n).unwrap_or((rest, &[]));
                    rest = later;
                    now
                }
                None if filled == self.queue.len() && !rest.is_empty() => rest,
                Some(Chunk::File(_)) | None => break,
            };
            *slice = IoSlice::new(bytes);
            filled += 1;
        }
        filled
    }

    #[inline]
    fn advance(&mut self, n: usize) {
        self.sent += n as u64;
        if self.queue.is_empty() {
            self.at += n;
        } else {
            self.advance_queue(n);
        }
    }

    fn advance_queue(&mut self, mut n: usize) {
        while n > 0 {
            match self.queue.front_mut() {
                Some(Chunk::Shared(data)) if data.len() > n => {
                    data.advance(n);
                    self.shared -= n;
                    return;
                }
                Some(Chunk::Buffer(left)) if *left > n => {
                    *left -= n;
                    self.at += n;
                    return;
                }
                Some(Chunk::File(part)) if length(part) > n => {
                    part.1.start += n as u64;
                    self.shared -= n;
                    return;
                }
                Some(Chunk::File(part)) => {
                    n -= length(part);
                    self.shared -= length(part);
                }
                Some(Chunk::Shared(data)) => {
                    n -= data.len();
                    self.shared -= data.len();
                }
                Some(Chunk::Buffer(left)) => {
                    n -= *left;
                    self.at += *left;
                }
                None => {
                    self.at += n;
                    return;
                }
            }
            self.queue.pop_front();
        }
    }
}

/// How long a part is: no longer than one that a process may have.
fn length((_, range): &FilePart) -> usize {
    usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(usize::MAX)
}

/// Whether it is the file that cannot be sent so, and not the stream that takes nothing.
fn is_of_file(error: &io::Error) -> bool {
    use io::ErrorKind::{
        BrokenPipe, ConnectionAborted, ConnectionReset, HostUnreachable, NetworkDown, NetworkUnreachable,
        NotConnected, TimedOut,
    };
    let of_stream = [
        BrokenPipe,
        ConnectionAborted,
        ConnectionReset,
        HostUnreachable,
        NetworkDown,
        NetworkUnreachable,
        NotConnected,
        TimedOut,
    ];
    !of_stream.contains(&error.kind())
}

impl Drop for Output {
    fn drop(&mut self) {
        buffers::give_write(std::mem::take(&mut self.buffer));
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::AsyncReadExt;

    use super::*;

    /// What arrives, read in pieces of `step` bytes through a pipe of `step` bytes.
    async fn check(pieces: &[(&str, usize)], step: usize) {
        let mut output = Output::default();
        let mut expected = Vec::new();
        for (text, size) in pieces {
            output.buffer().extend_from_slice(text.as_bytes());
            expected.extend_from_slice(text.as_bytes());
            let data: Vec<u8> = (0..=250).cycle().take(*size).collect();
            expected.extend_from_slice(&data);
            output.push(data.into());
        }
        assert_eq!(output.pending(), expected.len());
        let (mut near, mut far) = tokio::io::duplex(step);
        let reader = tokio::spawn(async move {
            let mut got = Vec::new();
            far.read_to_end(&mut got).await.map(|_| got)
        });
        poll_fn(|cx| output.poll_write(&mut near, None, cx)).await.unwrap();
        assert_eq!((output.pending(), output.sent()), (0, expected.len() as u64));
        drop(near);
        assert!(reader.await.unwrap().unwrap() == expected, "{pieces:?} in steps of {step}");
        output.clear();
        assert!(!output.holds_buffer());
    }

    #[tokio::test]
    async fn bytes_leave_in_order_however_they_are_taken() {
        for step in [1, 7, 4096, 1 << 20] {
            check(&[("head", 10), ("tail", 0)], step).await;
            check(&[("head", 10_000), ("between", 5), ("and", 9_000), ("tail", 0)], step).await;
            check(&[("", 9_000), ("", 9_000)], step).await;
            check(&[("x", 9_000); 40], step).await;
        }
    }

    #[tokio::test]
    async fn what_was_sent_of_the_buffer_is_not_sent_again() {
        let mut output = Output::default();
        let mut expected = vec![b'a'; 5000];
        output.buffer().extend_from_slice(&expected);
        let (mut near, mut far) = tokio::io::duplex(1000);
        let polled = poll_fn(|cx| Poll::Ready(output.poll_write(&mut near, None, cx))).await;
        assert!(polled.is_pending() && output.pending() == 4000);
        output.push(vec![b'b'; 9000].into());
        output.buffer().extend_from_slice(b"tail");
        expected.extend(vec![b'b'; 9000]);
        expected.extend(b"tail");
        let reader = tokio::spawn(async move {
            let mut got = Vec::new();
            far.read_to_end(&mut got).await.map(|_| got)
        });
        poll_fn(|cx| output.poll_write(&mut near, None, cx)).await.unwrap();
        assert_eq!((output.pending(), output.sent()), (0, expected.len() as u64));
        drop(near);
        assert!(reader.await.unwrap().unwrap() == expected);
    }

    #[test]
    fn small_messages_are_one_buffer() {
        let mut output = Output::default();
        output.buffer().extend_from_slice(b"head");
        output.push(Bytes::from(vec![0; COALESCE - 4]));
        assert!(output.can_rewind());
        output.push(Bytes::from_static(b"x"));
        assert!(!output.can_rewind());
        assert!(!output.is_full());
        output.push(Bytes::from(vec![0; ENOUGH]));
        assert!(output.is_full());
    }
}
