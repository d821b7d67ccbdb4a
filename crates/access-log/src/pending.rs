//! Lines that wait for the writer: what happens under the one short lock of a sink.

use tokio::time::Instant;

use crate::Buffering;

/// How much may wait beyond the configured size before lines are dropped.
pub(crate) const SLACK: usize = 1 << 20;

/// Lines that wait for the writer. `D` is what a reopened sink writes to from some line on.
#[derive(Debug)]
pub(crate) struct Pending<D> {
    bytes: Vec<u8>,
    buffering: Buffering,
    /// Each line is preceded by its length, because a line is a message.
    framed: bool,
    accepted: u64,
    flush_to: u64,
    since: Option<Instant>,
    /// With this many bytes the writer has to be told.
    ring_at: usize,
    /// Whether it was.
    rung: bool,
    closing: bool,
    successor: Option<Successor<D>>,
}

/// What everything from `at` on is written to.
#[derive(Debug)]
pub(crate) struct Successor<D> {
    pub(crate) at: usize,
    pub(crate) device: D,
}

/// What became of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pushed {
    /// It waits.
    Quiet,
    /// It waits, and the writer has to know.
    Ring,
    /// It waits, and room is getting scarce: the writer must not wait for more.
    Hurry,
    /// There was no room.
    Dropped,
}

/// What the writer has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// Take what there is.
    Now,
    /// Come back then.
    At(Instant),
    /// Nothing, until it is rung for.
    Idle,
}

impl<D> Pending<D> {
    pub(crate) fn new(buffering: Buffering, framed: bool) -> Self {
        Self {
            bytes: Vec::new(),
            buffering,
            framed,
            accepted: 0,
            flush_to: 0,
            since: None,
            ring_at: 1,
            rung: false,
            closing: false,
            successor: None,
        }
    }

    /// Takes a line in, if there is room for it.
    pub(crate) fn push(&mut self, line: &[u8]) -> Pushed {
        let head = if self.framed { size_of::<u32>() } else { 0 };
        let size = head + line.len();
        let (true, Ok(length)) =
            (self.bytes.len() + size <= self.buffering.size() + SLACK, u32::try_from(line.len()))
        else {
            return Pushed::Dropped;
        };
        if self.framed {
            self.bytes.extend_from_slice(&length.to_ne_bytes());
        }
        self.bytes.extend_from_slice(line);
        self.accepted += size as u64;
        if self.bytes.len() < self.ring_at {
            return Pushed::Quiet;
        }
        let hurry_at = self.buffering.size() + SLACK / 2;
        if self.bytes.len() >= hurry_at {
            self.ring_at = usize::MAX;
            self.rung = true;
            return Pushed::Hurry;
        }
        self.ring_at = hurry_at;
        if std::mem::replace(&mut self.rung, true) { Pushed::Quiet } else { Pushed::Ring }
    }

    /// What the writer has to do at `now`. Hands it the lines, in exchange for its empty buffer, when they are due.
    pub(crate) fn take(&mut self, now: Instant, into: &mut Vec<u8>) -> Due {
        self.rung = false;
        if self.bytes.is_empty() {
            self.since = None;
            self.ring_at = 1;
            return if self.successor.is_some() { Due::Now } else { Due::Idle };
        }
        let since = *self.since.get_or_insert(now);
        let taken = self.accepted - self.bytes.len() as u64;
        let urgent = self.closing || self.successor.is_some() || self.flush_to > taken;
        let late = self.buffering.flush().map(|flush| since + flush);
        if urgent || self.bytes.len() >= self.buffering.size() || late.is_some_and(|late| late <= now) {
            std::mem::swap(&mut self.bytes, into);
            self.since = None;
            self.ring_at = 1;
            return Due::Now;
        }
        self.ring_at = self.buffering.size();
        late.map_or(Due::Idle, Due::At)
    }

    /// Hands over what there is, due or not: nothing will be written any more.
    pub(crate) fn take_rest(&mut self, into: &mut Vec<u8>) {
        self.successor = None;
        into.append(&mut self.bytes);
    }

    /// The writer cannot take anything now: it need not be told of lines.
    pub(crate) fn mute(&mut self) {
        self.rung = false;
        self.ring_at = usize::MAX;
    }

    /// Everything from here on goes to `device`.
    pub(crate) fn succeed(&mut self, device: D) {
        // When the one before was not even begun, what would have gone there goes here: nothing is lost.
        let at = self.successor.as_ref().map_or(self.bytes.len(), |before| before.at);
        self.successor = Some(Successor { at, device });
        self.rung = true;
    }

    /// What the lines that were taken go to from some point on.
    pub(crate) fn take_successor(&mut self) -> Option<Successor<D>> {
        self.successor.take()
    }

    pub(crate) fn has_successor(&self) -> bool {
        self.successor.is_some()
    }

    /// Everything that waits is to be written soon. Returns up to where.
    pub(crate) fn flush(&mut self) -> u64 {
        self.flush_to = self.accepted;
        self.rung = true;
        self.accepted
    }

    /// No lines will come any more.
    pub(crate) fn close(&mut self) {
        self.closing = true;
        self.rung = true;
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.closing
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty() && self.successor.is_none()
    }

    pub(crate) fn is_rung(&self) -> bool {
        self.rung
    }

    /// From now on lines are written in other portions.
    pub(crate) fn set_buffering(&mut self, buffering: Buffering) {
        self.buffering = buffering;
        self.rung = true;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const FLUSH: Duration = Duration::from_secs(5);

    fn buffered(size: usize, flush: Option<Duration>) -> Pending<()> {
        Pending::new(Buffering::Buffered { size, flush }, false)
    }

    fn take(pending: &mut Pending<()>, now: Instant) -> (Due, Vec<u8>) {
        let mut lines = Vec::new();
        (pending.take(now, &mut lines), lines)
    }

    #[test]
    fn first_line_rings_and_the_next_ones_do_not() {
        let mut pending = Pending::<()>::new(Buffering::Prompt, false);
        assert_eq!(pending.push(b"a\n"), Pushed::Ring);
        assert_eq!(pending.push(b"b\n"), Pushed::Quiet);
        assert_eq!(take(&mut pending, Instant::now()), (Due::Now, b"a\nb\n".to_vec()));
        assert_eq!(take(&mut pending, Instant::now()), (Due::Idle, vec![]));
        assert_eq!(pending.push(b"c\n"), Pushed::Ring);
    }

    #[test]
    fn portion_is_due_when_its_first_line_has_waited() {
        let start = Instant::now();
        let mut pending = buffered(100, Some(FLUSH));
        assert_eq!(pending.push(b"a\n"), Pushed::Ring, "the writer has to set its alarm");
        assert_eq!(take(&mut pending, start), (Due::At(start + FLUSH), vec![]));
        assert_eq!(pending.push(b"b\n"), Pushed::Quiet);
        let almost = start + FLUSH - Duration::from_millis(1);
        assert_eq!(take(&mut pending, almost), (Due::At(start + FLUSH), vec![]));
        assert_eq!(take(&mut pending, start + FLUSH), (Due::Now, b"a\nb\n".to_vec()));

        // The next portion waits anew.
        pending.push(b"c\n");
        let later = start + FLUSH * 2;
        assert_eq!(take(&mut pending, later), (Due::At(later + FLUSH), vec![]));
    }

    #[test]
    fn portion_is_due_when_it_is_full() {
        let now = Instant::now();
        let mut pending = buffered(10, None);
        pending.push(b"1234\n");
        assert_eq!(take(&mut pending, now), (Due::Idle, vec![]), "without flush it waits for more");
        assert_eq!(pending.push(b"678\n"), Pushed::Quiet);
        assert_eq!(pending.push(b"\n"), Pushed::Ring);
        assert_eq!(take(&mut pending, now), (Due::Now, b"1234\n678\n\n".to_vec()));
    }

    #[test]
    fn half_full_hurries_once() {
        let mut pending = buffered(10, None);
        assert_eq!(pending.push(b"0123456789"), Pushed::Ring);
        assert_eq!(pending.push(&vec![b'x'; SLACK / 2 - 1]), Pushed::Quiet);
        assert_eq!(pending.push(b"x"), Pushed::Hurry);
        assert_eq!(pending.push(b"x"), Pushed::Quiet);
        take(&mut pending, Instant::now());
        assert_eq!(pending.push(&vec![b'x'; SLACK]), Pushed::Hurry);
    }

    #[test]
    fn full_is_dropped_and_room_is_used_again() {
        let mut pending = buffered(10, None);
        let line = vec![b'x'; SLACK + 1];
        assert_eq!(pending.push(&line), Pushed::Hurry);
        assert_eq!(pending.push(b"0123456789"), Pushed::Dropped);
        assert_eq!(pending.push(b"012345678"), Pushed::Quiet, "exactly full");
        assert_eq!(pending.push(b"\n"), Pushed::Dropped);
        assert_eq!(take(&mut pending, Instant::now()).1.len(), SLACK + 10);
        assert_eq!(pending.push(b"\n"), Pushed::Ring);
    }

    #[test]
    fn flush_close_and_successor_make_it_due() {
        type Urge = fn(&mut Pending<()>);
        let urges: [Urge; 3] = [|p| assert_eq!(p.flush(), 2), Pending::close, |p| p.succeed(())];
        for urge in urges {
            let mut pending = buffered(100, Some(FLUSH));
            pending.push(b"a\n");
            take(&mut pending, Instant::now());
            urge(&mut pending);
            assert!(pending.is_rung());
            assert_eq!(take(&mut pending, Instant::now()), (Due::Now, b"a\n".to_vec()));
        }
    }

    #[test]
    fn flush_ends_where_it_began() {
        let mut pending = buffered(100, None);
        pending.push(b"a\n");
        assert_eq!(pending.flush(), 2);
        assert_eq!(take(&mut pending, Instant::now()).0, Due::Now);
        pending.push(b"b\n");
        assert_eq!(take(&mut pending, Instant::now()).0, Due::Idle, "came after the flush");
    }

    #[test]
    fn second_successor_takes_over_from_the_first() {
        let mut pending = Pending::new(Buffering::Prompt, false);
        pending.push(b"a\n");
        pending.succeed(1);
        pending.push(b"b\n");
        pending.succeed(2);
        assert_eq!(pending.take(Instant::now(), &mut Vec::new()), Due::Now);
        let successor = pending.take_successor().unwrap();
        assert_eq!((successor.at, successor.device), (2, 2));
    }

    #[test]
    fn muted_rings_for_nothing_but_news() {
        let mut pending = Pending::<()>::new(Buffering::Prompt, false);
        pending.push(b"a\n");
        pending.mute();
        assert_eq!(pending.push(b"b\n"), Pushed::Quiet);
        assert!(!pending.is_rung());
        pending.succeed(());
        assert!(pending.is_rung());
    }

    #[test]
    fn frames_hold_the_length() {
        let mut pending = Pending::<()>::new(Buffering::Prompt, true);
        pending.push(b"ab");
        let (_, lines) = take(&mut pending, Instant::now());
        assert_eq!(lines, [&2_u32.to_ne_bytes()[..], b"ab"].concat());
    }
}
