//! A request as it goes out.

use std::fmt;

use bytes::Bytes;
use http::{Method, Request, Version};
use http_body::Body;

use super::upload::Upload;
use crate::io::Output;
use crate::proto::{RequestToSend, encode_request};
use crate::{BodySize, EncodeError, Target};

/// A request that was written into memory: all of its head, and as much of its body as had come. It can be sent on another
/// connection, by [`Connection::resend`](super::Connection::resend).
pub struct Unsent<B> {
    pub(super) output: Output,
    pub(super) written: Written<B>,
}

/// A request whose head is in the output.
pub(super) struct Written<B> {
    pub(super) upload: Upload<B>,
    pub(super) method: Method,
    /// Whether another protocol was asked for.
    pub(super) upgrade: bool,
    pub(super) keep_alive: bool,
}

impl<B> Unsent<B> {
    /// The request's method.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.written.method
    }

    /// Whether all of the request is here: it waits for no more of its body.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.written.upload.is_whole()
    }
}

impl<B: Body<Data = Bytes>> Written<B> {
    /// Writes the head of `request` to `output`.
    pub(super) fn encode<T>(request: &Request<T>, body: B, output: &mut Output) -> Result<Self, EncodeError> {
        let size = if body.is_end_stream() { BodySize::Known(0) } else { body.size_hint().into() };
        let target = match request.extensions().get::<Target>() {
            Some(target) => target.as_bytes(),
            None => target_of(request).as_bytes(),
        };
        let version = if request.version() == Version::HTTP_10 { Version::HTTP_10 } else { Version::HTTP_11 };
        let head = RequestToSend {
            method: request.method(),
            target,
            version,
            headers: request.headers(),
            extensions: request.extensions(),
            body: size,
            keep_alive: true,
        };
        let sent = encode_request(&head, output.buffer())?;
        let upgrade = sent.upgrade || request.method() == Method::CONNECT;
        let body = (size != BodySize::Known(0) && sent.encoder.takes_data()).then_some(body);
        Ok(Self {
            upload: Upload::new(body, sent.encoder),
            method: request.method().clone(),
            upgrade,
            keep_alive: sent.keep_alive,
        })
    }
}

/// The target that a URI stands for: a proxy's peer is an origin (RFC 9112 3.2.1).
fn target_of<T>(request: &Request<T>) -> &str {
    if request.method() == Method::CONNECT
        && let Some(authority) = request.uri().authority()
    {
        return authority.as_str();
    }
    request.uri().path_and_query().map_or("/", |target| target.as_str())
}

impl<B> fmt::Debug for Unsent<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unsent").field("method", self.method()).finish_non_exhaustive()
    }
}
