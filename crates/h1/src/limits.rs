/// What a message may take at most; beyond it the message is refused, never cut.
///
/// The defaults are nginx's: `large_client_header_buffers 4 8k`, `max_headers 1000`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of the request or status line with its line end, 8 KiB by default; above it 414.
    pub first_line: usize,
    /// Bytes of one header line with its line end, 8 KiB by default; above it 400.
    pub header_line: usize,
    /// Bytes of a whole head, empty lines before it and the one behind it included, 32 KiB by default; above it 400.
    pub head: usize,
    /// Header lines of a head, 1000 by default; above it 400.
    pub fields: usize,
    /// Bytes that a body may spend on chunk extensions in all, 16 KiB by default.
    pub chunk_extensions: usize,
    /// Bytes of a trailer section in all, 8 KiB by default.
    pub trailers: usize,
    /// Lines of a trailer section, 100 by default.
    pub trailer_fields: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            first_line: 8 << 10,
            header_line: 8 << 10,
            head: 32 << 10,
            fields: 1000,
            chunk_extensions: 16 << 10,
            trailers: 8 << 10,
            trailer_fields: 100,
        }
    }
}

impl Limits {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}
