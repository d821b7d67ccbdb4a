//! An internal redirect: the request goes round again inside the gateway.

use std::fmt;

use http::HeaderMap;

use crate::routing::Path;

/// A response that carries this extension is not for the client: dispatch sends the request round again.
#[derive(Clone, Debug)]
pub(crate) struct Reroute {
    pub(crate) target: RerouteTarget,
    /// Response fields that the final response has as well, unless it has its own.
    pub(crate) keep: HeaderMap,
}

/// Where to.
#[derive(Clone, Debug)]
pub(crate) enum RerouteTarget {
    /// A path with its arguments; the method becomes GET unless it is HEAD.
    Path(Path),
    /// A named location, with its `@`; method and URI stay.
    Named(Box<str>),
}

impl fmt::Display for RerouteTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => f.write_str(&String::from_utf8_lossy(path.raw())),
            Self::Named(name) => f.write_str(name),
        }
    }
}
