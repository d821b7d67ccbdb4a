/// The fields of a raw head in the order and spelling in which they came.
#[derive(Debug, Clone)]
pub struct RawFields<'a> {
    rest: &'a [u8],
}

impl<'a> RawFields<'a> {
    /// `raw` begins with a first line, which is skipped.
    #[must_use]
    pub fn new(raw: &'a [u8]) -> Self {
        let after = memchr::memchr(b'\n', raw).map_or(raw.len(), |at| at + 1);
        Self { rest: raw.get(after..).unwrap_or_default() }
    }
}

impl<'a> Iterator for RawFields<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (line, rest) = self.rest.split_at_checked(memchr::memchr(b'\n', self.rest)? + 1)?;
        self.rest = rest;
        let colon = memchr::memchr(b':', line)?;
        let (name, value) = line.split_at_checked(colon)?;
        Some((name, value.get(1..)?.trim_ascii()))
    }
}
