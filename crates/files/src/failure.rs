use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use http::StatusCode;
use rustix::io::Errno;

/// Why there is no file to answer with: an extension of the response, for whoever writes a log.
///
/// It prints as nginx writes it: `open() "/srv/a" failed (2: No such file or directory)`.
#[derive(Clone, Debug)]
pub struct Failure(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A call to the system failed.
    Call(&'static str, Errno),
    /// An index file, or its directory.
    Index(Errno),
    /// What stands for a directory is none.
    NotDirectory,
    /// A directory that has no index file.
    NoIndex,
    /// A directory with more in it than a list may have.
    TooMany,
    /// A device, a socket or the like.
    NotRegular,
    /// The path leaves its root.
    Climbs,
    /// There is a NUL in the path.
    Nul,
}

impl Failure {
    pub(crate) fn new(path: impl Into<PathBuf>, kind: Kind) -> Self {
        Self(Arc::new(Inner { path: path.into(), kind }))
    }

    pub(crate) fn errno(&self) -> Option<Errno> {
        match self.0.kind {
            Kind::Call(_, errno) | Kind::Index(errno) => Some(errno),
            _ => None,
        }
    }

    /// The status of the response: 404 for what is not there, 403 for what may not be read, 500 for anything else.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self.0.kind {
            Kind::Call(_, errno) | Kind::Index(errno) => match errno {
                Errno::NOENT | Errno::NOTDIR | Errno::NAMETOOLONG => StatusCode::NOT_FOUND,
                Errno::ACCESS | Errno::LOOP | Errno::MLINK => StatusCode::FORBIDDEN,
                _ => StatusCode::INTERNAL_SERVER_ERROR,
            },
            Kind::NoIndex => StatusCode::FORBIDDEN,
            Kind::NotDirectory | Kind::TooMany => StatusCode::INTERNAL_SERVER_ERROR,
            Kind::NotRegular | Kind::Climbs | Kind::Nul => StatusCode::NOT_FOUND,
        }
    }

    /// Whether a directory is there and none of its index files is.
    #[must_use]
    pub fn is_no_index(&self) -> bool {
        self.0.kind == Kind::NoIndex
    }

    /// Whether it says no more than that nothing is there (nginx: `log_not_found`).
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.errno().is_some() && self.status() == StatusCode::NOT_FOUND
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.0.path.display();
        match self.0.kind {
            Kind::Call(call, errno) => write!(f, "{call} \"{path}\" failed ({})", Text(errno)),
            Kind::Index(errno) if errno == Errno::ACCESS => {
                write!(f, "\"{path}\" is forbidden ({})", Text(errno))
            }
            Kind::Index(errno) => write!(f, "\"{path}\" is not found ({})", Text(errno)),
            Kind::NotDirectory => write!(f, "\"{path}\" is not a directory"),
            Kind::NoIndex => write!(f, "directory index of \"{path}\" is forbidden"),
            Kind::TooMany => write!(f, "\"{path}\" has too many files for a directory listing"),
            Kind::NotRegular => write!(f, "\"{path}\" is not a regular file"),
            Kind::Climbs => write!(f, "\"{path}\" is outside its root"),
            Kind::Nul => write!(f, "\"{path}\" contains a NUL byte"),
        }
    }
}

impl std::error::Error for Failure {}

/// An error of the system in nginx's form: `2: No such file or directory`.
struct Text(Errno);

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = self.0.raw_os_error();
        let text = io::Error::from(self.0).to_string();
        let text = text.strip_suffix(&format!(" (os error {code})")).unwrap_or(&text);
        write!(f, "{code}: {text}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_print_as_nginx_writes_them_and_have_its_statuses() {
        #[track_caller]
        fn check(kind: Kind, status: u16, text: &str) {
            let failure = Failure::new("/a", kind);
            assert_eq!((failure.status().as_u16(), failure.to_string().as_str()), (status, text));
        }
        let open = |errno| Kind::Call("open()", errno);
        check(open(Errno::NOENT), 404, "open() \"/a\" failed (2: No such file or directory)");
        check(open(Errno::NOTDIR), 404, "open() \"/a\" failed (20: Not a directory)");
        check(open(Errno::NAMETOOLONG), 404, "open() \"/a\" failed (36: File name too long)");
        check(open(Errno::ACCESS), 403, "open() \"/a\" failed (13: Permission denied)");
        check(open(Errno::MFILE), 500, "open() \"/a\" failed (24: Too many open files)");
        let links = "openat() \"/a\" failed (40: Too many levels of symbolic links)";
        check(Kind::Call("openat()", Errno::LOOP), 403, links);
        check(Kind::Index(Errno::ACCESS), 403, "\"/a\" is forbidden (13: Permission denied)");
        check(Kind::Index(Errno::NOENT), 404, "\"/a\" is not found (2: No such file or directory)");
        check(Kind::NoIndex, 403, "directory index of \"/a\" is forbidden");
        check(Kind::TooMany, 500, "\"/a\" has too many files for a directory listing");
        check(Kind::NotRegular, 404, "\"/a\" is not a regular file");
        check(Kind::Climbs, 404, "\"/a\" is outside its root");
    }
}
