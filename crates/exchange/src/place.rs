//! Where a request goes.

use std::sync::Arc;

use bytes::Bytes;

/// Where a request goes, as far as that is known before anybody has its exchange.
#[derive(Clone, Debug, Default)]
pub struct Place {
    /// The name of the server that was chosen (`$server_name`).
    pub server_name: Option<Arc<str>>,
    /// The host that the request is for, lower-case and without port (`$host`).
    pub host: Option<Bytes>,
    /// The path that the request is for, if that is known: see [`set_uri`](crate::Exchange::set_uri).
    pub uri: Uri,
}

/// The path that a request is for (`$uri`), and its arguments (`$args`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Uri {
    /// Not known yet.
    #[default]
    Unknown,
    /// The target of the head, as it is, and no arguments: what most targets are.
    Target,
    /// This, decoded and normalised, with these arguments.
    Path(Bytes, Option<Bytes>),
}
