//! How much of a body is still to come.

use bytes::Bytes;

/// How much of a body is still to come, if its head said it.
#[derive(Clone, Copy, Debug)]
pub struct Left(Option<u64>);

impl Left {
    /// Of a body that is so long, or as long as it gets.
    #[must_use]
    pub fn new(length: Option<u64>) -> Self {
        Self(length)
    }

    /// What of `data` is the body's: less than all of it, if there is more than the head said.
    #[must_use]
    pub fn take(&mut self, mut data: Bytes) -> Bytes {
        if let Some(left) = &mut self.0 {
            data.truncate(usize::try_from(*left).unwrap_or(usize::MAX));
            *left -= data.len() as u64;
        }
        data
    }

    /// Whether it may end here.
    #[must_use]
    pub fn may_end(&self) -> bool {
        self.0.is_none_or(|left| left == 0)
    }

    /// How much it is, if that is known.
    #[must_use]
    pub fn known(&self) -> Option<u64> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_than_was_said() {
        let mut left = Left::new(Some(3));
        assert_eq!(left.take(Bytes::from_static(b"ab")), "ab");
        assert!(!left.may_end());
        assert_eq!(left.take(Bytes::from_static(b"cd")), "c");
        assert!(left.may_end());
        assert_eq!((left.take(Bytes::from_static(b"e")), left.known()), (Bytes::new(), Some(0)));
        let mut left = Left::new(None);
        assert_eq!((left.take(Bytes::from_static(b"all")), left.may_end()), ("all".into(), true));
    }
}
