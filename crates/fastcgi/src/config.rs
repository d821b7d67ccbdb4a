//! How requests are sent, and what of responses is taken.

use bytes::Bytes;

/// How requests are sent, and what of responses is taken: a builder.
///
/// ```
/// use propylon_fastcgi::Config;
///
/// let config = Config::new().keep_conn(true).catch_stderr(["PHP Fatal error"]);
/// # let _ = config;
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Config {
    pub(crate) keep_conn: bool,
    pub(crate) catch_stderr: Vec<Bytes>,
    pub(crate) max_head: usize,
    pub(crate) max_fields: usize,
    pub(crate) read_buffer: usize,
}

impl Config {
    /// The defaults: connections end with their request, nothing is caught, heads of 64 KiB and 100 fields.
    #[must_use]
    pub fn new() -> Self {
        Self {
            keep_conn: false,
            catch_stderr: Vec::new(),
            max_head: 64 * 1024,
            max_fields: 100,
            read_buffer: 64 * 1024,
        }
    }

    /// Whether the application is asked to keep connections. Default false, for php-fpm has a process wait for each of them (nginx:
    /// `fastcgi_keep_conn`).
    #[must_use]
    pub fn keep_conn(mut self, keep: bool) -> Self {
        self.keep_conn = keep;
        self
    }

    /// Texts which, written to the standard error before the head, make a response an error. Default none (nginx:
    /// `fastcgi_catch_stderr`).
    #[must_use]
    pub fn catch_stderr<T: Into<Bytes>>(mut self, texts: impl IntoIterator<Item = T>) -> Self {
        self.catch_stderr = texts.into_iter().map(Into::into).filter(|text| !text.is_empty()).collect();
        self
    }

    /// How many bytes a response head may have. Default 64 KiB (nginx: `fastcgi_buffer_size`).
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
}

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}
