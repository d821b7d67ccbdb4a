//! An internal redirect: the request goes round again inside the gateway.

use std::fmt;

use bytes::Bytes;
use http::header::{ACCEPT_RANGES, CONTENT_TYPE, SET_COOKIE};
use http::{HeaderMap, HeaderValue, StatusCode};
use propylon_error_page::Handled;

use crate::route::Found;

/// A response that carries this extension is not for the client: dispatch sends the request round again.
#[derive(Clone)]
pub(crate) struct Reroute {
    pub(crate) target: RerouteTarget,
    /// Response fields that the final response has as well, unless it has its own.
    pub(crate) keep: HeaderMap,
    /// Whether the method becomes GET, unless it is HEAD, where a path is the target.
    pub(crate) get: bool,
    /// The error that the request ended in, if it goes to an error page.
    pub(crate) error: Option<Failed>,
}

/// An error that is on its way to its page.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Failed {
    /// The error.
    pub(crate) status: StatusCode,
    /// The status that the client sees; none: the page's own.
    pub(crate) shown: Option<StatusCode>,
    /// What keeps the error of the page from having a page in its turn.
    pub(crate) handled: Option<Handled>,
}

/// What earlier rounds leave to what answers: an extension of the request.
#[derive(Clone, Debug)]
pub(crate) struct Earlier {
    /// The `Content-Type` that an upstream ordered.
    pub(crate) media_type: Option<HeaderValue>,
    /// Whether the answer is the page of an error, shown with another status than 200.
    pub(crate) shows_error: bool,
}

/// Where to.
#[derive(Clone)]
pub(crate) enum RerouteTarget {
    /// A path, decoded, and its arguments.
    Path(Bytes, Option<Bytes>),
    /// A named location, with its `@`; method and URI stay.
    Named(Box<str>),
    /// Nowhere: this is the answer, in the name of the location that was chosen.
    Answer(Found),
}

impl Reroute {
    /// A round for `target`, with the same method.
    pub(crate) fn to(target: RerouteTarget) -> Self {
        Self { target, keep: HeaderMap::new(), get: false, error: None }
    }
}

impl RerouteTarget {
    /// The target that a text of the configuration names: `@name`, or a path with its arguments behind a `?`.
    pub(crate) fn parse(text: &Bytes) -> Self {
        match std::str::from_utf8(text) {
            Ok(name) if name.starts_with('@') => Self::Named(name.into()),
            _ => match memchr::memchr(b'?', text) {
                Some(at) => Self::Path(text.slice(..at), Some(text.slice(at + 1..))),
                None => Self::Path(text.clone(), None),
            },
        }
    }
}

impl fmt::Display for RerouteTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path, _) => f.write_str(&String::from_utf8_lossy(path)),
            Self::Named(name) => f.write_str(name),
            Self::Answer(_) => f.write_str("an answer"),
        }
    }
}

/// Pages of the gateway's own are of their own type, and nothing to ask for parts of.
pub(crate) fn unkeep(kept: &mut HeaderMap) {
    kept.remove(CONTENT_TYPE);
    kept.remove(ACCEPT_RANGES);
}

/// Adds what earlier rounds kept: cookies add up, anything else gives way to what is there.
pub(crate) fn merge(headers: &mut HeaderMap, kept: HeaderMap) {
    if kept.is_empty() {
        return;
    }
    let mut name = None;
    for (next, value) in kept {
        name = next.or(name);
        let Some(name) = &name else { continue };
        if *name == SET_COOKIE || !headers.contains_key(name) {
            headers.append(name.clone(), value);
        }
    }
}
