//! The response head that the client was sent.

use http::{HeaderMap, StatusCode};

/// The response head that the client was sent.
#[derive(Clone, Debug)]
pub struct SentHead {
    /// The status (`$status`).
    pub status: StatusCode,
    /// The fields, if somebody asked to [keep](crate::Keep::SENT_HEAD) them.
    pub headers: Option<HeaderMap>,
}
