//! A part of a body that comes in pieces.

use std::ops::Range;

use bytes::Bytes;

/// Cuts a part out of what comes in pieces, in their order.
///
/// ```
/// use bytes::Bytes;
/// use propylon_conditions::Window;
///
/// let mut window = Window::new(&(2..5));
/// assert_eq!(window.cut(Bytes::from("abc")), "c");
/// assert_eq!(window.left(), 2);
/// assert_eq!(window.cut(Bytes::from("defg")), "de");
/// assert!(window.is_over());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    skip: u64,
    left: u64,
}

impl Window {
    /// This part.
    #[must_use]
    pub const fn new(part: &Range<u64>) -> Self {
        Self { skip: part.start, left: part.end.saturating_sub(part.start) }
    }

    /// What of the next piece is of the part, perhaps nothing.
    pub fn cut(&mut self, mut piece: Bytes) -> Bytes {
        let skip = usize::try_from(self.skip).unwrap_or(usize::MAX).min(piece.len());
        self.skip -= skip as u64;
        let mut piece = piece.split_off(skip);
        piece.truncate(usize::try_from(self.left).unwrap_or(usize::MAX));
        self.left -= piece.len() as u64;
        piece
    }

    /// How much of the part is yet to come.
    #[must_use]
    pub const fn left(&self) -> u64 {
        self.left
    }

    /// Whether all of it has come: the pieces behind are of no use.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        self.left == 0
    }
}
