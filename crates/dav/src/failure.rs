//! Why nothing was written.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use http::StatusCode;
use rustix::io::Errno;

/// Why nothing was written: an extension of the response, for whoever writes a log. It prints as nginx writes it.
#[derive(Clone, Debug)]
pub struct Failure(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    status: StatusCode,
    why: Why,
}

#[derive(Debug)]
enum Why {
    Said(&'static str),
    /// What of a path.
    Is(PathBuf, &'static str),
    /// A call to the system failed.
    Call(&'static str, PathBuf, Errno),
}

impl Failure {
    /// The request asks for what is not done.
    pub(crate) fn said(status: StatusCode, what: &'static str) -> Self {
        Self(Arc::new(Inner { status, why: Why::Said(what) }))
    }

    /// What is at this path is in the way.
    pub(crate) fn is(status: StatusCode, path: impl Into<PathBuf>, what: &'static str) -> Self {
        Self(Arc::new(Inner { status, why: Why::Is(path.into(), what) }))
    }

    /// A call failed; `missing` is the status where something is not there.
    pub(crate) fn call(
        call: &'static str,
        path: impl Into<PathBuf>,
        errno: Errno,
        missing: StatusCode,
    ) -> Self {
        let status = match errno {
            Errno::NOENT | Errno::NOTDIR | Errno::NAMETOOLONG => missing,
            Errno::ACCESS | Errno::PERM | Errno::ROFS | Errno::LOOP => StatusCode::FORBIDDEN,
            Errno::EXIST => StatusCode::METHOD_NOT_ALLOWED,
            Errno::NOSPC | Errno::DQUOT => StatusCode::INSUFFICIENT_STORAGE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self(Arc::new(Inner { status, why: Why::Call(call, path.into(), errno) }))
    }

    /// What the client is told.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.0.status
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.why {
            Why::Said(what) => f.write_str(what),
            Why::Is(path, what) => write!(f, "\"{}\" {what}", path.display()),
            Why::Call(call, path, errno) => {
                let code = errno.raw_os_error();
                let text = io::Error::from(*errno).to_string();
                let text = text.split(" (os error").next().unwrap_or_default();
                write!(f, "{call} \"{}\" failed ({code}: {text})", path.display())
            }
        }
    }
}

impl std::error::Error for Failure {}

/// What a call of the standard library failed with.
pub(crate) fn errno(error: &io::Error) -> Errno {
    Errno::from_io_error(error).unwrap_or(Errno::IO)
}
