//! Bytes from their beginning, as far as there are some.

use bytes::Bytes;

/// What is not read yet.
pub(crate) struct Reader {
    rest: Bytes,
}

impl Reader {
    pub(crate) fn new(bytes: &Bytes) -> Self {
        Self { rest: bytes.clone() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn take(&mut self, n: usize) -> Option<Bytes> {
        (self.rest.len() >= n).then(|| self.rest.split_to(n))
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.take(2)?.first_chunk().copied().map(u16::from_be_bytes)
    }

    /// As many as the byte before them says.
    pub(crate) fn prefixed_u8(&mut self) -> Option<Bytes> {
        let n = self.u8()?;
        self.take(n.into())
    }

    /// As many as the two bytes before them say.
    pub(crate) fn prefixed_u16(&mut self) -> Option<Bytes> {
        let n = self.u16()?;
        self.take(n.into())
    }
}
