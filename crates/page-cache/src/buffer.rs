//! Memory that files are read into, and that is used again.

use std::cell::RefCell;

use bytes::Bytes;

use crate::CHUNK;

/// How many are kept for each thread.
const KEPT: usize = 8;

/// For less, a buffer of just that size is better.
const LARGE: usize = CHUNK / 2;

thread_local! {
    static BUFFERS: RefCell<Vec<Box<[u8]>>> = const { RefCell::new(Vec::new()) };
}

/// A buffer, and how much of it is read.
pub(crate) struct Buffer {
    room: Box<[u8]>,
    wanted: usize,
}

impl Buffer {
    /// Room for so many bytes, a chunk at most.
    pub(crate) fn new(wanted: usize) -> Self {
        let wanted = wanted.min(CHUNK);
        let room = if wanted < LARGE {
            vec![0; wanted].into()
        } else {
            let kept = BUFFERS.with_borrow_mut(Vec::pop);
            kept.unwrap_or_else(|| vec![0; CHUNK].into())
        };
        Self { room, wanted }
    }

    /// Where to read to.
    pub(crate) fn room(&mut self) -> &mut [u8] {
        self.room.get_mut(..self.wanted).unwrap_or_default()
    }

    /// So many bytes have been read.
    pub(crate) fn into_bytes(mut self, read: usize) -> Bytes {
        self.wanted = read.min(self.wanted);
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        self.room.get(..self.wanted).unwrap_or_default()
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if self.room.len() == CHUNK {
            let room = std::mem::take(&mut self.room);
            // Not when the thread ends.
            let _ = BUFFERS.try_with(|buffers| {
                let mut buffers = buffers.borrow_mut();
                if buffers.len() < KEPT {
                    buffers.push(room);
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(wanted: usize, read: usize, with: u8) -> Bytes {
        let mut buffer = Buffer::new(wanted);
        assert_eq!(buffer.room().len(), wanted);
        buffer.room().fill(with);
        buffer.into_bytes(read)
    }

    #[test]
    fn large_ones_are_used_again_and_nothing_of_others_shows() {
        let first = filled(CHUNK, CHUNK, 1);
        let other = filled(CHUNK, CHUNK, 2);
        let place = first.as_ptr();
        drop(first);
        let again = filled(CHUNK - 7, 70_000, 3);
        assert_eq!((again.as_ptr(), again.len()), (place, 70_000));
        assert!(again.iter().all(|&byte| byte == 3) && other.iter().all(|&byte| byte == 2));
    }

    #[test]
    fn few_are_kept() {
        let many: Vec<Bytes> = (0..2 * KEPT).map(|_| filled(CHUNK, 1, 0)).collect();
        drop(many);
        assert_eq!(BUFFERS.with_borrow(Vec::len), KEPT);
        assert_eq!(filled(10, 4, 9), &[9; 4][..]);
        assert_eq!(BUFFERS.with_borrow(Vec::len), KEPT);
    }
}
