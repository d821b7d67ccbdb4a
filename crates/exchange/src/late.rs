//! What is known only as the exchange goes on.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use smallvec::SmallVec;

use crate::tries::{Opened, Progress};
use crate::{Trace, Uri};

/// Where a request is proxied to, as the configuration names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyHost {
    /// Host, with the port if the configuration wrote one (`$proxy_host`).
    pub host: Box<str>,
    /// The port, or the scheme's default (`$proxy_port`).
    pub port: u16,
    /// What it speaks, as a URL says it: `http`, `https`, `fastcgi`.
    pub scheme: &'static str,
}

/// How an exchange ended, seen from the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum End {
    /// The whole response was handed to the client's connection.
    Complete,
    /// The client went away before that (499 in the log when no head had been sent).
    ClientClosed,
    /// The response was cut: its source failed after the head had been sent.
    Truncated,
}

impl End {
    /// A number that stands for it. Not 0.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::Complete => 1,
            Self::ClientClosed => 2,
            Self::Truncated => 3,
        }
    }

    /// What the [number](Self::number) stands for.
    #[must_use]
    pub fn numbered(number: u8) -> Option<Self> {
        [Self::Complete, Self::ClientClosed, Self::Truncated].into_iter().find(|end| end.number() == number)
    }
}

/// What is known only as the exchange goes on.
#[derive(Default)]
pub(crate) struct Late {
    pub(crate) tries: SmallVec<[Opened; 1]>,
    /// What became of them, but for the first, which the exchange itself has.
    pub(crate) progress: Vec<Progress>,
    /// What the next try waited for its peer.
    pub(crate) queued: Option<Duration>,
    pub(crate) proxy: Option<(Arc<ProxyHost>, Bytes)>,
    pub(crate) uri: Uri,
    /// What a cache had to do with it.
    pub(crate) cached: Option<&'static str>,
    /// Whether nobody has counted that yet.
    pub(crate) cached_anew: bool,
    pub(crate) answering: Option<StatusCode>,
    pub(crate) showing: Option<StatusCode>,
    /// Where what is said of it goes.
    pub(crate) error_log: Option<Arc<dyn Any + Send + Sync>>,
    /// In a box, for most exchanges keep nothing.
    pub(crate) kept: Option<Box<Kept>>,
}

/// What is kept only for those who asked.
#[derive(Default)]
pub(crate) struct Kept {
    pub(crate) request_body: Option<Bytes>,
    /// Of the stored response that is asked about.
    pub(crate) last_modified: Option<Bytes>,
    pub(crate) etag: Option<Bytes>,
    pub(crate) upstream_headers: Option<HeaderMap>,
    pub(crate) upstream_trailers: Option<HeaderMap>,
    pub(crate) answering_fields: Option<HeaderMap>,
    pub(crate) sent_headers: Option<HeaderMap>,
    pub(crate) sent_trailers: Option<HeaderMap>,
    pub(crate) trace: Option<Box<Trace>>,
}

impl Late {
    pub(crate) fn at(uri: Uri) -> Self {
        Self { uri, ..Self::default() }
    }

    pub(crate) fn keep(&mut self, keep: impl FnOnce(&mut Kept)) {
        keep(self.kept.get_or_insert_default());
    }

    pub(crate) fn kept<'a, T>(&'a self, find: impl FnOnce(&'a Kept) -> Option<T>) -> Option<T> {
        self.kept.as_deref().and_then(find)
    }
}
