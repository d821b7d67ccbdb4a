//! Where the files of a location are: what `$document_root`, `$realpath_root` and `$request_filename` are made from.

use std::ffi::OsStr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use bytes::Bytes;
use propylon_exchange::Exchange;

use crate::{Template, state};

/// Where the files of a location are.
///
/// ```
/// use std::sync::Arc;
/// use propylon_vars::{Document, Template};
/// # use propylon_exchange::{Address, Connection, Exchange, Head};
/// # let connection = Arc::new(Connection::new(1, Address::unix(), Address::unix()));
/// # let exchange = Exchange::rejected(Default::default(), connection, 1, tokio::time::Instant::now(), "".into(), 0);
///
/// let root = Document::root(Template::literal("/srv/www"));
/// assert_eq!(root.file(&exchange, b"/img/a.png").path, "/srv/www/img/a.png");
/// let alias = Document::alias(Template::literal("/srv/pictures/"), "/img/".len());
/// assert_eq!(alias.file(&exchange, b"/img/a.png").path, "/srv/pictures/a.png");
/// ```
#[derive(Clone, Debug)]
pub struct Document {
    directory: Template,
    base: Bytes,
    rest: Rest,
}

/// What of the request's path follows the directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rest {
    All,
    Behind(usize),
    Nothing,
}

/// The name of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileName {
    /// All of it.
    pub path: Bytes,
    /// How much of it is the directory: what follows comes from the request.
    pub directory: usize,
    /// How much of it stands in the configuration, word for word.
    pub fixed: usize,
}

impl Document {
    /// The request's path is appended to the directory (nginx: `root`).
    #[must_use]
    pub fn root(directory: Template) -> Self {
        Self { directory, base: Bytes::new(), rest: Rest::All }
    }

    /// The directory stands in the place of the first bytes of the request's path, which the location matched (nginx: `alias`).
    #[must_use]
    pub fn alias(directory: Template, matched: usize) -> Self {
        Self { directory, base: Bytes::new(), rest: Rest::Behind(matched) }
    }

    /// The directory is the whole name (nginx: `alias` in a location with a regular expression).
    #[must_use]
    pub fn whole(name: Template) -> Self {
        Self { directory: name, base: Bytes::new(), rest: Rest::Nothing }
    }

    /// Where a directory counts from that does not begin with a slash.
    #[must_use]
    pub fn relative_to(mut self, base: Bytes) -> Self {
        self.base = base;
        self
    }

    /// The same directory with the request's path behind it.
    #[must_use]
    pub fn appending(&self) -> Self {
        Self { rest: Rest::All, ..self.clone() }
    }

    /// Whether the directory is the whole name.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.rest == Rest::Nothing
    }

    /// How many bytes of the request's path the directory stands for.
    #[must_use]
    pub fn matched(&self) -> usize {
        match self.rest {
            Rest::Behind(matched) => matched,
            Rest::All | Rest::Nothing => 0,
        }
    }

    /// The directory (`$document_root`).
    #[must_use]
    pub fn directory(&self, exchange: &Exchange) -> Bytes {
        let directory = self.directory.eval(exchange);
        if self.base.is_empty() || directory.starts_with(b"/") {
            return directory;
        }
        [&*self.base, b"/", &*directory].concat().into()
    }

    /// The name of the file for a path (`$request_filename`).
    #[must_use]
    pub fn file(&self, exchange: &Exchange, uri: &[u8]) -> FileName {
        self.with_rest(
            exchange,
            match self.rest {
                Rest::All => uri,
                Rest::Behind(matched) => uri.get(matched..).unwrap_or_default(),
                Rest::Nothing => b"",
            },
        )
    }

    /// The name of the file that `rest` is in the directory.
    #[must_use]
    pub fn with_rest(&self, exchange: &Exchange, rest: &[u8]) -> FileName {
        let directory = self.directory(exchange);
        let length = directory.len();
        let fixed = if self.directory.as_static().is_some() { length } else { self.base.len() };
        let path = if rest.is_empty() { directory } else { [&*directory, rest].concat().into() };
        FileName { path, directory: length, fixed }
    }
}

/// The value of `$document_root`.
pub(crate) fn document_root(exchange: &Exchange) -> Option<Bytes> {
    state::with_document(exchange, |document| document.directory(exchange))
}

/// The value of `$request_filename`.
pub(crate) fn request_filename(exchange: &Exchange) -> Option<Bytes> {
    let uri = state::uri(exchange)?;
    state::with_document(exchange, |document| document.file(exchange, &uri).path)
}

/// The value of `$realpath_root`: asks the file system, as nginx does.
pub(crate) fn realpath_root(exchange: &Exchange) -> Option<Bytes> {
    let root = document_root(exchange)?;
    let path = std::fs::canonicalize(OsStr::from_bytes(&root)).ok()?;
    Some(path.into_os_string().into_vec().into())
}
