//! Buffers to work in, kept by the thread between evaluations.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};

thread_local!(static KEPT: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) });

/// How many buffers a thread keeps: a map's key and its lower-case form, in a map within a map.
const BUFFERS: usize = 4;
/// A buffer that has grown beyond this is not kept.
const CAPACITY: usize = 4096;

/// An empty buffer; goes back when it is dropped. What is evaluated meanwhile gets another one.
pub(crate) struct Scratch(Vec<u8>);

impl Scratch {
    pub(crate) fn take() -> Self {
        Self(KEPT.with_borrow_mut(Vec::pop).unwrap_or_default())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let mut buffer = std::mem::take(&mut self.0);
        buffer.clear();
        // A thread that ends has no store any more: then the buffer goes too.
        let _ = KEPT.try_with(|kept| {
            let mut kept = kept.borrow_mut();
            if kept.len() < BUFFERS && (1..=CAPACITY).contains(&buffer.capacity()) {
                kept.push(buffer);
            }
        });
    }
}

impl Deref for Scratch {
    type Target = Vec<u8>;

    fn deref(&self) -> &Vec<u8> {
        &self.0
    }
}

impl DerefMut for Scratch {
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        &mut self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_comes_back_empty() {
        let mut first = Scratch::take();
        first.extend_from_slice(b"text");
        let at = first.as_ptr();
        let second = Scratch::take();
        assert_ne!(second.as_ptr(), at);
        drop(first);
        let again = Scratch::take();
        assert_eq!((again.as_ptr(), again.len()), (at, 0));
    }

    #[test]
    fn a_large_buffer_is_not_kept() {
        let mut large = Scratch::take();
        large.reserve(CAPACITY + 1);
        drop(large);
        assert!(Scratch::take().capacity() <= CAPACITY);
    }
}
