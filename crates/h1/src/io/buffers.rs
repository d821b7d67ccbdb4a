//! Buffers recycled by the thread: no lock, no allocation a message, a bounded number of them.
//!
//! None of it is inlined: it is called from many places, and code has to be fetched.

use std::cell::RefCell;

use bytes::BytesMut;

/// The size of a read buffer when it is first needed.
pub(crate) const START: usize = 8 << 10;

/// A buffer above this is a large one.
const LARGE: usize = 4 * START;

/// How many buffers a thread keeps for reading, and how many large ones; and how many for writing.
const SMALL_KEPT: usize = 64;
const LARGE_KEPT: usize = 4;
const WRITE_KEPT: usize = 64;

/// A buffer for writing above this is not kept.
const WRITE_LARGEST: usize = 4 * START;

/// How many buffers are looked at for one that nobody refers to any more.
const TRIES: usize = 3;

thread_local! {
    static KEPT: RefCell<Kept> = const { RefCell::new(Kept::new()) };
}

struct Kept {
    small: Vec<BytesMut>,
    large: Vec<BytesMut>,
    write: Vec<BytesMut>,
}

impl Kept {
    const fn new() -> Self {
        Self { small: Vec::new(), large: Vec::new(), write: Vec::new() }
    }

    fn shelf(&mut self, size: usize) -> (&mut Vec<BytesMut>, usize) {
        if size > LARGE { (&mut self.large, LARGE_KEPT) } else { (&mut self.small, SMALL_KEPT) }
    }
}

/// An empty buffer with room for `size` bytes.
#[inline(never)]
pub(crate) fn take(size: usize) -> BytesMut {
    let kept = KEPT.try_with(|kept| {
        let mut kept = kept.try_borrow_mut().ok()?;
        let (shelf, _) = kept.shelf(size);
        for _ in 0..TRIES {
            let mut buffer = shelf.pop()?;
            // A message may outlive its connection's use of the buffer: then the buffer is the message's.
            if buffer.try_reclaim(size) {
                return Some(buffer);
            }
        }
        None
    });
    kept.ok().flatten().unwrap_or_else(|| BytesMut::with_capacity(size))
}

/// Keeps `buffer` for the next who reads. What is in it is lost.
#[inline(never)]
pub(crate) fn give(mut buffer: BytesMut, size: usize) {
    buffer.clear();
    // A thread that ends keeps nothing.
    let _ = KEPT.try_with(|kept| {
        if let Ok(mut kept) = kept.try_borrow_mut() {
            let (shelf, most) = kept.shelf(size);
            if shelf.len() < most {
                shelf.push(buffer);
            }
        }
    });
}

/// An empty buffer to write into.
#[inline(never)]
pub(crate) fn take_write() -> BytesMut {
    let kept = KEPT.try_with(|kept| kept.try_borrow_mut().ok()?.write.pop());
    kept.ok().flatten().unwrap_or_else(|| BytesMut::with_capacity(START))
}

/// Keeps `buffer` for the next who writes.
#[inline(never)]
pub(crate) fn give_write(mut buffer: BytesMut) {
    if buffer.capacity() == 0 || buffer.capacity() > WRITE_LARGEST {
        return;
    }
    buffer.clear();
    let _ = KEPT.try_with(|kept| {
        if let Ok(mut kept) = kept.try_borrow_mut()
            && kept.write.len() < WRITE_KEPT
        {
            kept.write.push(buffer);
        }
    });
}

/// How many buffers this thread keeps: for reading, for writing.
#[cfg(test)]
pub(crate) fn pooled() -> (usize, usize) {
    KEPT.with(|kept| {
        let kept = kept.borrow();
        (kept.small.len() + kept.large.len(), kept.write.len())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_comes_back_unless_somebody_refers_to_it() {
        let mut buffer = take(START);
        buffer.extend_from_slice(b"head");
        let head = buffer.split().freeze();
        give(buffer, START);
        assert_eq!(pooled().0, 1);
        let other = take(START);
        assert_eq!(pooled().0, 0, "the one that is referred to is not kept for ever");
        drop(head);

        let at = other.as_ptr();
        give(other, START);
        assert_eq!(take(START).as_ptr(), at);
    }

    #[test]
    fn the_number_of_buffers_is_bounded() {
        for _ in 0..2 * SMALL_KEPT {
            give(BytesMut::with_capacity(START), START);
            give(BytesMut::with_capacity(16 * START), 16 * START);
            give_write(BytesMut::with_capacity(START));
        }
        assert_eq!(pooled(), (SMALL_KEPT + LARGE_KEPT, WRITE_KEPT));
        give_write(BytesMut::with_capacity(WRITE_LARGEST + 1));
        assert!(take_write().capacity() <= WRITE_LARGEST);
    }
}
