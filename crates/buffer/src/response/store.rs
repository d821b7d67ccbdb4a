//! What of a response waits for its client, and where: in the file first, then in memory. Pure bookkeeping: no tower, no I/O.

use std::collections::VecDeque;

use bytes::{Buf, Bytes, BytesMut};

use super::settings::Bounds;

/// The bytes between the upstream and the client, oldest first: what is in the file, what is on its way into it, what is in
/// memory. Only the last part is held here; the others are numbers.
#[derive(Debug)]
pub(super) struct Store {
    bounds: Bounds,
    /// Where the client's next byte is in the file, and where the file ends.
    read: u64,
    written: u64,
    /// Bytes that are being written.
    writing: usize,
    /// Blocks of memory, full ones but for the last.
    blocks: VecDeque<BytesMut>,
    memory: usize,
    /// All that has come, in memory or not.
    received: u64,
    /// Whether there is a file to write to.
    file: bool,
}

/// What the reader of the upstream may do next.
#[derive(Debug, PartialEq)]
pub(super) enum Room {
    /// Read on.
    Read,
    /// Write these to the end of the file at this place, and then look again.
    Write(u64, Vec<BytesMut>),
    /// Wait for the write that is under way.
    Busy,
    /// Wait for the client.
    Full,
}

/// Where the client's next bytes are.
#[derive(Debug, PartialEq)]
pub(super) enum Next {
    Memory(Bytes),
    /// So many bytes from here on in the file.
    File(u64, usize),
    /// They are being written; afterwards they are in the file.
    Writing,
    Nothing,
}

impl Store {
    pub(super) fn new(bounds: Bounds) -> Self {
        let file = bounds.file > 0;
        let blocks = VecDeque::new();
        Self { bounds, read: 0, written: 0, writing: 0, blocks, memory: 0, received: 0, file }
    }

    /// How many bytes wait.
    pub(super) fn len(&self) -> u64 {
        self.written - self.read + (self.writing + self.memory) as u64
    }

    /// Bytes that went to the client without a stop here.
    pub(super) fn passed(&mut self, bytes: usize) {
        self.received += bytes as u64;
    }

    /// Keeps a copy: the frame may be a small part of a large buffer.
    pub(super) fn push(&mut self, mut data: Bytes) {
        self.received += data.len() as u64;
        self.memory += data.len();
        while data.has_remaining() {
            let size = self.bounds.block;
            if self.blocks.back().is_none_or(|block| block.len() >= size) {
                self.blocks
                    .push_back(BytesMut::with_capacity(size.min(data.len().next_power_of_two().max(512))));
            }
            let Some(block) = self.blocks.back_mut() else { return };
            let piece = data.split_to(data.len().min(size - block.len()));
            if block.capacity() - block.len() < piece.len() {
                block.reserve(size - block.len()); // more than a little comes: a whole one, once
            }
            block.extend_from_slice(&piece);
        }
    }

    /// What to do before the upstream is read on.
    pub(super) fn room(&mut self) -> Room {
        // What fits stays in memory as a whole; of what does not, only as much as the client's share leaves.
        let fits = self.received <= self.bounds.total as u64;
        let limit = if fits { self.bounds.total } else { self.bounds.share };
        if self.memory + self.writing < limit {
            return Room::Read;
        }
        if self.writing > 0 {
            return Room::Busy;
        }
        let left = self.bounds.file - self.written.min(self.bounds.file);
        if !self.file || left < self.bounds.block as u64 {
            return Room::Full;
        }
        let mut most = self.bounds.piece.min(usize::try_from(left).unwrap_or(usize::MAX));
        let mut pieces = Vec::new();
        while let Some(block) = self.blocks.pop_front_if(|block| block.len() <= most) {
            most -= block.len();
            self.writing += block.len();
            pieces.push(block);
        }
        if pieces.is_empty() {
            return Room::Full;
        }
        self.memory -= self.writing;
        Room::Write(self.written, pieces)
    }

    /// What was to be written is.
    pub(super) fn wrote(&mut self) {
        self.written += self.writing as u64;
        self.writing = 0;
    }

    /// It could not be written: it stays in memory, and nothing is written any more.
    pub(super) fn could_not_write(&mut self, pieces: Vec<BytesMut>) {
        self.memory += std::mem::take(&mut self.writing);
        pieces.into_iter().rev().for_each(|block| self.blocks.push_front(block));
        self.file = false;
    }

    /// Nothing waits any more.
    pub(super) fn clear(&mut self) {
        self.blocks.clear();
        (self.read, self.written, self.writing, self.memory) = (0, 0, 0, 0);
    }

    /// Where the client's next bytes are; those in memory are taken out.
    pub(super) fn next(&mut self) -> Next {
        if self.read < self.written {
            let left = usize::try_from(self.written - self.read).unwrap_or(usize::MAX);
            return Next::File(self.read, left.min(self.bounds.block));
        }
        if self.writing > 0 {
            return Next::Writing;
        }
        (self.read, self.written) = (0, 0); // the file is all read: it begins anew
        match self.blocks.pop_front() {
            Some(block) => {
                self.memory -= block.len();
                Next::Memory(block.freeze())
            }
            None => Next::Nothing,
        }
    }

    /// So many bytes of the file were given to the client.
    pub(super) fn took(&mut self, bytes: usize) {
        self.read += bytes as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds { total: 100, share: 40, block: 10, piece: 30, file: 1000 };

    fn store(bounds: Bounds) -> Store {
        Store::new(bounds)
    }

    fn bytes(store: &mut Store, from: u64, count: usize) {
        let data: Vec<u8> = (from..).take(count).map(|n| (n % 251) as u8).collect();
        store.push(data.into());
    }

    fn all(pieces: &[BytesMut]) -> Vec<u8> {
        pieces.concat()
    }

    #[test]
    fn what_fits_never_touches_the_disk() {
        let mut store = store(BOUNDS);
        for at in 0..9 {
            bytes(&mut store, at * 11, 11);
            assert_eq!(store.room(), Room::Read);
        }
        bytes(&mut store, 99, 1);
        assert_eq!(store.len(), 100);
        let mut got = Vec::new();
        while let Next::Memory(piece) = store.next() {
            assert!(piece.len() <= 10);
            got.extend_from_slice(&piece);
        }
        assert_eq!(got, (0..100).collect::<Vec<u8>>());
        assert_eq!((store.next(), store.len()), (Next::Nothing, 0));
    }

    #[test]
    fn what_does_not_fit_goes_to_the_file_in_order() {
        let mut store = store(BOUNDS);
        store.passed(70); // the client took these at once
        bytes(&mut store, 0, 45);
        let Room::Write(0, pieces) = store.room() else { panic!("45 of a share of 40") };
        assert_eq!(all(&pieces), (0..30).collect::<Vec<u8>>());
        assert_eq!(store.room(), Room::Busy, "15 in memory, 30 on their way");
        bytes(&mut store, 45, 25);
        assert_eq!(store.next(), Next::Writing);
        assert_eq!(store.len(), 70);
        store.wrote();
        assert_eq!(store.next(), Next::File(0, 10));
        store.took(4);
        assert_eq!(store.next(), Next::File(4, 10));
        let Room::Write(30, pieces) = store.room() else { panic!("40 in memory") };
        assert_eq!(all(&pieces), (30..60).collect::<Vec<u8>>());
        store.wrote();
        store.took(56);
        assert_eq!(store.len(), 10);
        assert_eq!(store.next(), Next::Memory((60..70).collect::<Vec<u8>>().into()));
        assert_eq!(store.next(), Next::Nothing);
        // And from the beginning of the file again.
        bytes(&mut store, 70, 40);
        assert!(matches!(store.room(), Room::Write(0, _)));
    }

    #[test]
    fn the_file_has_an_end() {
        let mut store = store(Bounds { file: 65, ..BOUNDS });
        store.passed(100);
        for place in [0, 30] {
            bytes(&mut store, 0, 30);
            bytes(&mut store, 0, 10);
            assert!(matches!(store.room(), Room::Write(at, _) if at == place));
            store.wrote();
            while store.memory > 0 {
                store.blocks.pop_front();
                store.memory = store.blocks.iter().map(BytesMut::len).sum();
            }
        }
        bytes(&mut store, 0, 40);
        assert_eq!(store.room(), Room::Full, "60 of 65 are written, and a block is 10");
        store.took(60);
        assert!(matches!(store.next(), Next::Memory(_)));
        assert_eq!(store.room(), Room::Read);
        bytes(&mut store, 0, 10);
        assert!(matches!(store.room(), Room::Write(0, _)), "all read: there is room again");
    }

    #[test]
    fn without_a_file_memory_is_all() {
        let mut store = store(Bounds { file: 0, ..BOUNDS });
        bytes(&mut store, 0, 99);
        assert_eq!(store.room(), Room::Read);
        bytes(&mut store, 99, 3);
        assert_eq!(store.room(), Room::Full);
        for _ in 0..7 {
            store.next();
        }
        assert_eq!(store.room(), Room::Read);
    }

    #[test]
    fn what_could_not_be_written_is_not_lost() {
        let mut store = store(BOUNDS);
        store.passed(100);
        bytes(&mut store, 0, 45);
        let Room::Write(0, pieces) = store.room() else { panic!("over its share") };
        bytes(&mut store, 45, 5);
        store.could_not_write(pieces);
        assert_eq!((store.len(), store.room()), (50, Room::Full));
        let mut got = Vec::new();
        while let Next::Memory(piece) = store.next() {
            got.extend_from_slice(&piece);
        }
        assert_eq!(got, (0..50).collect::<Vec<u8>>());
        assert_eq!(store.room(), Room::Read);
    }

    #[test]
    fn small_frames_share_a_block() {
        let mut store = store(Bounds { block: 4096, total: 1 << 20, ..BOUNDS });
        for _ in 0..1000 {
            store.push(Bytes::from_static(b"tick"));
        }
        assert_eq!(store.blocks.len(), 1);
        assert!(store.blocks.iter().all(|block| block.capacity() <= 4096));
    }
}
