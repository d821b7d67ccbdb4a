use bytes::Bytes;

use crate::{Marks, Target};

/// What `http::Request` has no place for: of a server's [`Context`](crate::server::Context), or an extension of a request made by
/// [`RequestHead::into_request`](crate::RequestHead::into_request).
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

/// What `http::Response` has no place for: of a client's [`Body`](crate::client::Body), or an extension of a response made by
/// [`ResponseHead::into_response`](crate::ResponseHead::into_response).
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
