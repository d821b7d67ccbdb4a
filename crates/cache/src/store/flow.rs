//! A response on its way into the store: written by one, read by as many as want it before it is whole.

use std::collections::VecDeque;
use std::fmt;
use std::fs::File;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use parking_lot::Mutex;

use super::disk::Writer;
use super::key::{Id, Key};
use super::meta::Meta;
use super::tier::Mark;
use super::wakers::{Place, Wakers, wake};

/// What is known of the body so far. The last part of it is in memory, what is before that is in a file.
pub(super) struct Flow {
    pub(super) key: Key,
    pub(super) id: Id,
    pub(super) generation: u64,
    pub(super) meta: Arc<Meta>,
    /// The body's length, if it was told.
    pub(super) length: Option<u64>,
    /// Whether there may be readers before the end.
    pub(super) shared: bool,
    file: OnceLock<Written>,
    /// It is for those who share the zone's tier, too: the last purge that was known when it was asked for.
    mark: OnceLock<Mark>,
    state: Mutex<State>,
}

/// The file that a body goes to.
#[derive(Clone, Debug)]
pub(super) struct Written {
    pub(super) file: Arc<File>,
    /// Where in it the body begins.
    pub(super) body_at: u64,
}

#[derive(Default)]
struct State {
    /// Pieces and where they begin, in order. `start` is where the first begins, `written` where the next one will.
    pieces: VecDeque<(u64, Bytes)>,
    start: u64,
    written: u64,
    end: Option<End>,
    /// It was purged: it will not be stored, but is read to its end if somebody reads it.
    doomed: bool,
    /// It cannot be written: the same, and what is not written yet stays in memory.
    lost: bool,
    readers: usize,
    wakers: Wakers,
    /// Who waits until there is less to be written.
    writer: Option<Waker>,
    /// What writes the file, while it has nothing to do.
    idle: Option<Box<Writer>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// All of it is there.
    Whole,
    /// The rest will never come.
    Aborted,
}

/// What a reader finds where he is.
pub(super) enum Next {
    /// These bytes.
    Data(Bytes),
    /// So many bytes in the file.
    File(Written, u64),
    /// The end of the body.
    End,
    /// The end of what there will ever be.
    Aborted,
}

/// What there is to do for the one who writes the file.
pub(super) enum Task {
    /// These are to be written.
    Write(Vec<Bytes>),
    /// All is written that will ever be.
    Finish,
    /// It is not wanted any more.
    Abort,
    /// Not enough to be worth it.
    Nothing,
}

/// How much of a lost response is kept for those who read it.
const LOST_LIMIT: u64 = 8 << 20;

impl Flow {
    pub(super) fn new(
        key: Key,
        id: Id,
        generation: u64,
        meta: Meta,
        length: Option<u64>,
        shared: bool,
    ) -> Self {
        Self {
            key,
            id,
            generation,
            meta: Arc::new(meta),
            length,
            shared,
            file: OnceLock::new(),
            mark: OnceLock::new(),
            state: Mutex::default(),
        }
    }

    pub(super) fn mark(&self) -> Option<Mark> {
        self.mark.get().copied()
    }

    pub(super) fn set_mark(&self, mark: Mark) {
        self.mark.get_or_init(|| mark);
    }

    /// Adds to the body. Tells how much is in memory now.
    pub(super) fn push(&self, data: Bytes) -> u64 {
        let mut state = self.state.lock();
        if state.end.is_some() || data.is_empty() {
            return state.held();
        }
        let at = state.written;
        state.written += data.len() as u64;
        state.pieces.push_back((at, data));
        if !state.is_wanted() || (state.lost && state.held() > LOST_LIMIT) {
            state.abort();
        }
        let held = state.held();
        let wakers = state.wakers.take();
        drop(state);
        wake(wakers);
        held
    }

    /// Ends it. Only the first end counts.
    pub(super) fn end(&self, end: End) {
        let mut state = self.state.lock();
        match end {
            _ if state.end.is_some() => {}
            End::Whole if self.length.is_none_or(|length| length == state.written) => state.end = Some(end),
            End::Whole | End::Aborted => state.abort(),
        }
        let (wakers, writer) = (state.wakers.take(), state.writer.take());
        drop(state);
        wake(wakers);
        wake(vec![writer]);
    }

    /// It will not be stored. Who reads it may go on.
    pub(super) fn doom(&self) {
        self.state.lock().doomed = true;
    }

    /// It cannot be written. Who reads it may go on as long as that costs little.
    pub(super) fn lose(&self) {
        let mut state = self.state.lock();
        state.lost = true;
        let writer = state.writer.take();
        drop(state);
        wake(vec![writer]);
    }

    pub(super) fn ended(&self) -> Option<End> {
        self.state.lock().end
    }

    /// Whether others may read it.
    pub(super) fn is_open(&self) -> bool {
        self.shared || self.ended() == Some(End::Whole)
    }

    pub(super) fn written(&self) -> u64 {
        self.state.lock().written
    }

    /// Whether somebody needs the rest: the store, or those who read already.
    pub(super) fn is_wanted(&self) -> bool {
        let state = self.state.lock();
        state.end.is_none() && state.is_wanted()
    }

    /// Waits until less than `limit` bytes wait to be written.
    pub(super) fn poll_room(&self, limit: u64, cx: &Context<'_>) -> Poll<()> {
        let mut state = self.state.lock();
        if state.lost || !state.is_wanted() || state.end.is_some() || state.held() < limit {
            return Poll::Ready(());
        }
        state.writer = Some(cx.waker().clone());
        Poll::Pending
    }

    /// What is at `at`, at most up to `end`.
    pub(super) fn poll_next(
        &self,
        at: u64,
        end: Option<u64>,
        place: &mut Place,
        cx: &Context<'_>,
    ) -> Poll<Next> {
        let mut state = self.state.lock();
        if end.is_some_and(|end| at >= end) {
            return Poll::Ready(Next::End);
        }
        let limit = end.map_or(u64::MAX, |end| end - at);
        if at < state.start {
            if let Some(file) = self.file.get() {
                return Poll::Ready(Next::File(file.clone(), limit.min(state.start - at)));
            }
            return Poll::Ready(Next::Aborted);
        }
        if at < state.written {
            let after = state.pieces.partition_point(|(start, _)| *start <= at);
            if let Some((start, piece)) = after.checked_sub(1).and_then(|index| state.pieces.get(index)) {
                let skip = usize::try_from(at - start).unwrap_or(usize::MAX).min(piece.len());
                let take = usize::try_from(limit).unwrap_or(usize::MAX).min(piece.len() - skip);
                return Poll::Ready(Next::Data(piece.slice(skip..skip + take)));
            }
        }
        match state.end {
            Some(End::Whole) => Poll::Ready(Next::End),
            Some(End::Aborted) => Poll::Ready(Next::Aborted),
            None => {
                state.wakers.wait(place, cx.waker());
                Poll::Pending
            }
        }
    }

    /// For the one who writes the file: what to do, if at least `enough` bytes are there or no more will come.
    pub(super) fn task(&self, enough: u64) -> Task {
        let state = self.state.lock();
        if state.has_no_task(enough) {
            return Task::Nothing;
        }
        match state.end {
            Some(End::Aborted) => Task::Abort,
            _ if state.lost || !state.is_wanted() => Task::Abort,
            Some(End::Whole) if state.pieces.is_empty() => Task::Finish,
            _ => Task::Write(state.pieces.iter().map(|(_, piece)| piece.clone()).collect()),
        }
    }

    /// Puts the writer away, unless there is something to do.
    pub(super) fn park(&self, writer: Box<Writer>, enough: u64) -> Option<Box<Writer>> {
        let mut state = self.state.lock();
        if state.has_no_task(enough) {
            state.idle = Some(writer);
            return None;
        }
        Some(writer)
    }

    /// Has this writer write the file.
    pub(super) fn set_writer(&self, writer: Writer) {
        self.state.lock().idle = Some(Box::new(writer));
    }

    /// The writer, if he is idle and there is something to do.
    pub(super) fn take_writer(&self, enough: u64) -> Option<Box<Writer>> {
        let mut state = self.state.lock();
        if state.has_no_task(enough) { None } else { state.idle.take() }
    }

    /// The first so many pieces are in `file`.
    pub(super) fn flushed(&self, pieces: usize, file: &Written) {
        self.file.get_or_init(|| file.clone());
        let mut state = self.state.lock();
        let pieces = pieces.min(state.pieces.len());
        state.pieces.drain(..pieces);
        state.start = state.pieces.front().map_or(state.written, |(at, _)| *at);
        let writer = state.writer.take();
        drop(state);
        wake(vec![writer]);
    }

    /// The pieces of a body that is in memory.
    pub(super) fn pieces(&self) -> Vec<Bytes> {
        self.state.lock().pieces.iter().map(|(_, piece)| piece.clone()).collect()
    }
}

impl State {
    fn held(&self) -> u64 {
        self.written - self.start
    }

    fn has_no_task(&self, enough: u64) -> bool {
        self.end.is_none() && !self.lost && self.is_wanted() && self.held() < enough
    }

    fn is_wanted(&self) -> bool {
        !(self.doomed || self.lost) || self.readers > 0
    }

    fn abort(&mut self) {
        self.end = Some(End::Aborted);
        // What nobody has read by now is part of nothing; only what is in the file is still there.
        self.pieces.clear();
        self.written = self.start;
    }
}

impl fmt::Debug for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flow").field("key", &self.key).field("length", &self.length).finish_non_exhaustive()
    }
}

/// One who reads a flow: as long as there is one, it is read from the origin even if it cannot be stored.
#[derive(Debug)]
pub(super) struct Reader(Arc<Flow>);

impl Reader {
    pub(super) fn new(flow: Arc<Flow>) -> Self {
        flow.state.lock().readers += 1;
        Self(flow)
    }

    pub(super) fn flow(&self) -> &Arc<Flow> {
        &self.0
    }

    /// Waits no longer.
    pub(super) fn leave(&self, place: &mut Place) {
        self.0.state.lock().wakers.leave(place);
    }
}

impl Clone for Reader {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.0))
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.0.state.lock().readers -= 1;
    }
}
