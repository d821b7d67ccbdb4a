use bytes::Bytes;

use crate::{Marks, Target};

/// Extension of a received request: what `http::Request` has no place for.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ReceivedRequest {
    /// The exact target.
    pub target: Target,
    /// Which fields of consequence the head had when it was read.
    pub marks: Marks,
    /// The bytes of the head; [`RawFields`](crate::proto::RawFields) reads them.
    pub raw: Bytes,
}

/// Extension of a received response: what `http::Response` has no place for.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ReceivedResponse {
    /// Which fields of consequence the head had when it was read.
    pub marks: Marks,
    /// `Content-Length`, also where it does not frame (HEAD, 304).
    pub content_length: Option<u64>,
    /// The bytes of the head; [`RawFields`](crate::proto::RawFields) reads them.
    pub raw: Bytes,
}
