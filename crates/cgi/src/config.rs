//! What is spoken, and what of responses is taken.

use bytes::BytesMut;

use crate::{Params, RequestFault, scgi, uwsgi};

/// What is spoken, and what of responses is taken: a builder.
///
/// ```
/// use propylon_cgi::Config;
///
/// let config = Config::uwsgi(0, 0).max_head(16 * 1024);
/// # let _ = config;
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Config {
    dialect: Dialect,
    pub(crate) max_head: usize,
    pub(crate) max_fields: usize,
    pub(crate) read_buffer: usize,
    pub(crate) abrupt_end: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Dialect {
    Uwsgi { modifier1: u8, modifier2: u8 },
    Scgi,
}

impl Config {
    /// uwsgi, with its two modifiers: what the params are for. Both are 0 for Python (nginx: `uwsgi_modifier1`, `uwsgi_modifier2`).
    #[must_use]
    pub fn uwsgi(modifier1: u8, modifier2: u8) -> Self {
        Self::new(Dialect::Uwsgi { modifier1, modifier2 })
    }

    /// SCGI.
    #[must_use]
    pub fn scgi() -> Self {
        Self::new(Dialect::Scgi)
    }

    fn new(dialect: Dialect) -> Self {
        Self { dialect, max_head: 64 * 1024, max_fields: 100, read_buffer: 64 * 1024, abrupt_end: false }
    }

    /// How many bytes a response head may have. Default 64 KiB (nginx: `uwsgi_buffer_size`, `scgi_buffer_size`).
    #[must_use]
    pub fn max_head(mut self, bytes: usize) -> Self {
        self.max_head = bytes;
        self
    }

    /// How many fields a response head may have. Default 100.
    #[must_use]
    pub fn max_fields(mut self, fields: usize) -> Self {
        self.max_fields = fields;
        self
    }

    /// How much is read at once, at most. Default 64 KiB.
    #[must_use]
    pub fn read_buffer(mut self, bytes: usize) -> Self {
        self.read_buffer = bytes;
        self
    }

    /// Whether a body without a length is whole, too, where its stream ends with [`UnexpectedEof`](std::io::ErrorKind::UnexpectedEof): TLS
    /// without its own end (`close_notify`). Default false, for whoever can close the connection can cut such a body. uWSGI has no other
    /// end, and nginx takes it for one.
    #[must_use]
    pub fn abrupt_end(mut self, whole: bool) -> Self {
        self.abrupt_end = whole;
        self
    }

    /// What goes before a body of `length` bytes.
    pub(crate) fn head(&self, params: &Params, length: u64) -> Result<BytesMut, RequestFault> {
        match self.dialect {
            Dialect::Uwsgi { modifier1, modifier2 } => uwsgi::packet(modifier1, modifier2, params),
            Dialect::Scgi => scgi::netstring(params, length),
        }
    }
}
