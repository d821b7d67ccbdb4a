//! What can be allowed.

use http::Method;

/// A method by which clients write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verb {
    /// A file is put in its place.
    Put,
    /// A file or a collection is removed.
    Delete,
    /// A collection is made.
    MkCol,
    /// A file or a collection is copied.
    Copy,
    /// A file or a collection is moved.
    Move,
}

impl Verb {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Put, Self::Delete, Self::MkCol, Self::Copy, Self::Move];

    /// As it stands in a request.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Put => "PUT",
            Self::Delete => "DELETE",
            Self::MkCol => "MKCOL",
            Self::Copy => "COPY",
            Self::Move => "MOVE",
        }
    }

    /// The method of a request, if it is one of them.
    #[must_use]
    pub fn of(method: &Method) -> Option<Self> {
        Self::ALL.into_iter().find(|verb| method.as_str() == verb.as_str())
    }
}
