//! Storing a response while it passes by.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};

use super::disk::Writer;
use super::entry::{Entry, Source};
use super::flow::{End, Flow, Reader};
use super::lock::{Guard, Released};
use super::object::BLOCK;
use super::shared::Shared;
use super::tier::Mark;

/// Writes a response's body into the store. Whoever looks its key up meanwhile reads what is there already and waits for the
/// rest.
///
/// [`finish`](Self::finish) stores it. One that is dropped stores nothing, and who reads it gets an error.
pub struct Fill {
    shared: Arc<Shared>,
    flow: Arc<Flow>,
    /// Where the next bytes of a body in memory go.
    block: BytesMut,
    /// What is counted for it in the zone's size.
    reserved: u64,
    /// What small pieces of a body in memory take beside their bytes.
    overhead: u64,
    /// The lock, if nobody can read before the end.
    guard: Option<Guard>,
}

/// How much of a body may wait to be written to its file before [`Fill::poll_ready`] makes the writer wait.
const BEHIND: u64 = 1 << 20;

/// How much of it may wait if the writer does not: with more it is not stored.
const TOO_FAR_BEHIND: u64 = 8 << 20;

/// A piece with fewer bytes takes [`OVERHEAD`] more until all are joined at the end.
const SMALL: usize = 1 << 10;

/// What a piece takes in a [`Flow`].
const OVERHEAD: u64 = 64;

impl Fill {
    /// `reserved` bytes are counted for it already.
    pub(super) fn new(shared: Arc<Shared>, flow: Arc<Flow>, reserved: u64, guard: Option<Guard>) -> Self {
        let guard = match guard {
            Some(guard) if flow.shared => {
                guard.release(Released::Filled);
                None
            }
            guard => guard,
        };
        Self { shared, flow, block: BytesMut::new(), reserved, overhead: 0, guard }
    }

    /// Ready when the disk is not too far behind. It is for who would rather be slowed down than hold more in memory; memory
    /// is always ready.
    pub fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.flow.poll_room(BEHIND, cx)
    }

    /// Adds to the body. What cannot be stored is not an error: [`is_wanted`](Self::is_wanted) tells.
    pub fn write(&mut self, data: &Bytes) {
        if !self.flow.is_wanted() {
            return;
        }
        let limit = self.shared.object_limit();
        if self.flow.written() + data.len() as u64 > limit.min(self.flow.length.unwrap_or(u64::MAX)) {
            self.abandon();
            return;
        }
        if self.shared.disk.is_none() {
            self.write_to_memory(data);
        } else if self.flow.push(data.clone()) > TOO_FAR_BEHIND {
            self.shared.forget(&self.flow);
            self.flow.lose();
        }
        Writer::kick(&self.flow);
    }

    /// Whether the rest is needed: it is going to be stored, or somebody reads it.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        self.flow.is_wanted()
    }

    /// It is for those who share the zone's tier, too: the origin was asked at this mark.
    pub(crate) fn share(&self, mark: Mark) {
        self.flow.set_mark(mark);
    }

    /// It is not going to be stored: it was purged. None if nobody reads it already either.
    pub(crate) fn doom(mut self) -> Option<Self> {
        self.shared.forget(&self.flow);
        self.flow.doom();
        self.guard = None; // whoever waits for it may have more luck
        self.is_wanted().then_some(self)
    }

    pub(super) fn generation(&self) -> u64 {
        self.flow.generation
    }

    /// What is written here, for a reader.
    #[must_use]
    pub fn entry(&self) -> Entry {
        Entry {
            id: self.flow.id,
            generation: self.flow.generation,
            soft: false,
            source: Source::Flow(Reader::new(Arc::clone(&self.flow))),
        }
    }

    /// Stores it: all of the body was written. If that is not as much as was announced, nothing is stored.
    pub fn finish(mut self) {
        self.flow.end(End::Whole);
        let whole = self.flow.ended() == Some(End::Whole);
        if self.shared.disk.is_some() {
            Writer::kick(&self.flow);
            if let Some(guard) = self.guard.take() {
                guard.release(if whole { Released::Filled } else { Released::Abandoned });
            }
            return;
        }
        self.shared.release(std::mem::take(&mut self.reserved)); // it is counted with its head now
        let stored = whole && self.shared.store_in_memory(&self.flow);
        if stored {
            self.shared.offer(&self.flow);
        }
        if let Some(guard) = self.guard.take() {
            // It was cut short, or purged: the next one may have more luck.
            guard.release(if stored { Released::Filled } else { Released::Abandoned });
        }
    }

    /// Into blocks of the store's own: a slice of a connection's buffer would keep all of that buffer.
    fn write_to_memory(&mut self, data: &Bytes) {
        if (1..SMALL).contains(&data.len()) {
            self.overhead += OVERHEAD;
        }
        let needed = self.flow.written() + data.len() as u64 + self.overhead;
        if let Some(more) = needed.checked_sub(self.reserved) {
            self.reserved = needed;
            if !self.shared.reserve(more) {
                self.abandon();
                return;
            }
        }
        let mut rest: &[u8] = data;
        while !rest.is_empty() {
            if self.block.capacity() == 0 {
                self.block = BytesMut::with_capacity(self.next_block(rest.len()));
            }
            let (now, later) = rest.split_at(rest.len().min(self.block.capacity()));
            self.block.extend_from_slice(now);
            self.flow.push(self.block.split().freeze());
            rest = later;
        }
    }

    /// Exact if the length is known, else larger from block to block.
    fn next_block(&self, least: usize) -> usize {
        let written = self.flow.written();
        match self.flow.length {
            Some(length) => usize::try_from(length - written).unwrap_or(BLOCK).min(BLOCK),
            None => usize::try_from(written).unwrap_or(BLOCK).clamp(4096, BLOCK).max(least.min(BLOCK)),
        }
    }

    /// It cannot be stored: it is larger than it said, or than anything may be.
    fn abandon(&mut self) {
        self.shared.forget(&self.flow);
        self.flow.end(End::Aborted);
        if let Some(guard) = self.guard.take() {
            guard.pass();
        }
    }
}

impl Drop for Fill {
    fn drop(&mut self) {
        if self.flow.ended() != Some(End::Whole) {
            self.shared.forget(&self.flow);
            self.flow.end(End::Aborted);
            Writer::kick(&self.flow);
        }
        self.shared.release(self.reserved);
    }
}

impl fmt::Debug for Fill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fill").field("flow", &self.flow).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::StatusCode;
    use http_body::Body as _;

    use crate::store::{Key, Limits, Lookup, Meta, Zone};

    /// Purged before it was known what it is, and read by somebody already.
    #[tokio::test]
    async fn what_is_doomed_is_not_stored_and_those_who_read_it_have_it_all() {
        let (zone, key) = (Zone::memory(Limits::default()), Key::new("a"));
        let fill = || zone.fill(&key, Meta::new(StatusCode::OK), Some(4), None).unwrap();
        assert!(fill().doom().is_none(), "nobody reads it");

        let fill = fill();
        let Lookup::Found(entry) = zone.lookup(&key, |_| true) else { panic!("it is on its way") };
        let mut fill = fill.doom().unwrap();
        assert!(matches!(zone.lookup(&key, |_| true), Lookup::Missing));
        fill.write(&Bytes::from_static(b"text"));
        fill.finish();
        let mut body = std::pin::pin!(entry.body());
        let frame = std::future::poll_fn(|cx| body.as_mut().poll_frame(cx)).await;
        assert_eq!(frame.unwrap().unwrap().into_data().unwrap(), "text");
        assert!(body.is_end_stream());
        assert!(matches!(zone.lookup(&key, |_| true), Lookup::Missing));
        assert_eq!((zone.stats().keys, zone.stats().bytes), (0, 0));
    }
}
