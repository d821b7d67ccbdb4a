//! The request as it goes out: its framing belongs to the leaf.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, HeaderValue, TRANSFER_ENCODING};
use http::{HeaderMap, Method, Request, Version};
use http_body::{Body, Frame, SizeHint};
use parking_lot::Mutex;

use crate::transport::Protocol;
use crate::{Application, BoxError, Error, HttpVersion, Target, Transport, cgi, fastcgi, memcached};

type BoxBody = Pin<Box<dyn Body<Data = Bytes, Error = BoxError> + Send>>;

/// A request body that keeps to what the head declared. Empty: no allocation. Else: the body is boxed.
pub(crate) struct Outgoing {
    body: Option<BoxBody>,
    /// What is still to come, if that was declared.
    left: Option<u64>,
    progress: Option<Arc<Progress>>,
    /// Whether trailers go out with it.
    trailers: bool,
}

/// What the response side asks about the request body.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    complete: AtomicBool,
    error: Mutex<Option<BoxError>>,
}

impl Progress {
    /// Whether the whole body was handed to the connection.
    pub(crate) fn complete(&self) -> bool {
        self.complete.load(Relaxed)
    }

    /// The error that ended the body.
    pub(crate) fn take_error(&self) -> Option<BoxError> {
        self.error.lock().take()
    }
}

/// A body that is shorter or longer than its head said.
#[derive(Debug, thiserror::Error)]
#[error("request body does not have the declared length")]
struct WrongLength;

/// Stands for the real error, which is in [`Progress`].
#[derive(Debug, thiserror::Error)]
#[error("request body failed")]
pub(crate) struct Failed;

/// How a body goes out.
#[derive(Clone, Copy)]
pub(crate) struct Framing {
    empty: bool,
    left: Option<u64>,
    trailers: bool,
}

impl Framing {
    /// Whether nothing is sent of it.
    pub(crate) fn is_empty(&self) -> bool {
        self.empty
    }

    pub(crate) fn frame<B>(self, body: B) -> Outgoing
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        if self.empty { Outgoing::empty() } else { Outgoing::new(body, self.left, self.trailers) }
    }
}

/// Makes `request` one that can go out: target, version, framing.
pub(crate) fn prepare<B>(request: &mut Request<B>, transport: &Transport) -> Result<Framing, Error>
where
    B: Body<Data = Bytes>,
{
    let protocol = transport.fingerprint.protocol;
    let target = request.extensions_mut().remove::<Target>();
    // Nothing of it is for the connection, and some of it must not live as long. The own engine lets go of it as soon as the
    // head is written, for which it may want some of it.
    match &transport.application {
        Some(Application::FastCgi(config)) => fastcgi::keep_only(request.extensions_mut(), config),
        Some(Application::Cgi(config)) => cgi::keep_only(request.extensions_mut(), config),
        Some(Application::Memcached(config)) => memcached::keep_only(request.extensions_mut(), *config),
        None if protocol == Protocol::H1 => {}
        None => request.extensions_mut().clear(),
    }
    match target {
        Some(target) => *request.uri_mut() = target.place(protocol, request.extensions_mut())?,
        None if request.uri().authority().is_none() => {}
        None => {
            let path = std::mem::take(request.uri_mut()).into_parts().path_and_query;
            *request.uri_mut() = path.map_or(http::Uri::from_static("/"), Into::into);
        }
    }
    let version = transport.http_version;
    *request.version_mut() = match version {
        HttpVersion::Http11 => Version::HTTP_11,
        HttpVersion::Http2 => Version::HTTP_2,
        HttpVersion::Http10 => {
            request.headers_mut().entry(CONNECTION).or_insert(HeaderValue::from_static("close"));
            Version::HTTP_10
        }
    };
    let body = request.body();
    let ended = body.is_end_stream();
    let exact = if ended { Some(0) } else { body.size_hint().exact() };
    let left = frame(request.headers_mut(), exact, version)?;
    let trailers = version == HttpVersion::Http2;
    // Without a byte there may still be trailers.
    let empty = ended || (exact == Some(0) && !trailers);
    Ok(Framing { empty, left, trailers })
}

/// Whether it does no harm if the peer gets it twice, and whether we still have all of it then.
pub(crate) fn may_repeat(method: &Method, body: &Outgoing) -> bool {
    method.is_idempotent() && body.is_empty()
}

/// What repeats a request: its head, without a body.
pub(crate) fn copy_head(request: &Request<Outgoing>) -> Request<Outgoing> {
    let mut copy = Request::new(Outgoing::empty());
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.version_mut() = request.version();
    *copy.headers_mut() = request.headers().clone();
    copy
}

/// Writes the framing fields (RFC 9112 6, RFC 9113 8.1.1) for a body of `exact` bytes, or of unknown length. Returns the declared length.
fn frame(headers: &mut HeaderMap, exact: Option<u64>, version: HttpVersion) -> Result<Option<u64>, Error> {
    if headers.contains_key(TRANSFER_ENCODING) {
        headers.remove(TRANSFER_ENCODING);
    }
    let given = headers.get(CONTENT_LENGTH).map(|value| declared(headers, value));
    match (exact, given) {
        // "0" says something that its absence does not: keep it as the client or the configuration wrote it.
        (Some(0), Some(Some(0)) | None) => Ok(Some(0)),
        (Some(0), Some(_)) => {
            headers.remove(CONTENT_LENGTH);
            Ok(Some(0))
        }
        (Some(n), Some(Some(given))) if n == given => Ok(Some(n)),
        (Some(n), _) => {
            headers.insert(CONTENT_LENGTH, n.into());
            Ok(Some(n))
        }
        (None, Some(Some(given))) => Ok(Some(given)),
        (None, _) if version == HttpVersion::Http10 => Err(Error::LengthRequired),
        (None, given) => {
            if given.is_some() {
                headers.remove(CONTENT_LENGTH);
            }
            if version == HttpVersion::Http2 {
                return Ok(None); // its frames tell where it ends
            }
            headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
            Ok(None)
        }
    }
}

/// The length that one proper Content-Length field declares.
fn declared(headers: &HeaderMap, value: &HeaderValue) -> Option<u64> {
    let digits = value.to_str().ok().filter(|v| v.bytes().all(|b| b.is_ascii_digit()))?;
    let single = headers.get_all(CONTENT_LENGTH).iter().nth(1).is_none();
    digits.parse().ok().filter(|_| single)
}

impl Outgoing {
    pub(crate) fn empty() -> Self {
        Self { body: None, left: Some(0), progress: None, trailers: false }
    }

    fn new<B>(body: B, left: Option<u64>, trailers: bool) -> Self
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        Self { body: Some(Box::pin(IntoBoxError { body })), left, progress: Some(Arc::default()), trailers }
    }

    /// The same from its beginning: `taken` is what had been taken of it.
    pub(crate) fn rewound(self, taken: VecDeque<Frame<Bytes>>) -> Self {
        if taken.is_empty() {
            return self;
        }
        if let Some(progress) = &self.progress {
            progress.complete.store(false, Relaxed);
        }
        let bytes: u64 = taken.iter().filter_map(Frame::data_ref).map(|data| data.len() as u64).sum();
        let left = self.left.map(|left| left + bytes);
        let body: Option<BoxBody> = Some(Box::pin(Rewound { taken, rest: self.body }));
        Self { body, left, progress: self.progress, trailers: self.trailers }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.body.is_none()
    }

    /// How far it gets. An empty body makes no progress: there is nothing to wait for.
    pub(crate) fn progress(&self) -> Option<Arc<Progress>> {
        self.progress.clone()
    }

    fn complete(&mut self) {
        self.body = None;
        if let Some(progress) = &self.progress {
            progress.complete.store(true, Relaxed);
        }
    }

    fn fail(&mut self, error: BoxError) -> Failed {
        self.body = None;
        if let Some(progress) = &self.progress {
            *progress.error.lock() = Some(error);
        }
        Failed
    }

    /// Takes `data` off what was declared.
    fn count(&mut self, data: &Bytes) -> Result<(), WrongLength> {
        if let Some(left) = &mut self.left {
            *left = left.checked_sub(data.len() as u64).ok_or(WrongLength)?;
        }
        Ok(())
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Failed;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failed>>> {
        loop {
            let Some(body) = &mut self.body else { return Poll::Ready(None) };
            let frame = match ready!(body.as_mut().poll_frame(cx)) {
                Some(Ok(frame)) => frame,
                Some(Err(error)) => return Poll::Ready(Some(Err(self.fail(error)))),
                None if self.left.is_none_or(|left| left == 0) => {
                    self.complete();
                    return Poll::Ready(None);
                }
                None => return Poll::Ready(Some(Err(self.fail(WrongLength.into())))),
            };
            let data = match frame.into_data() {
                Ok(data) => data,
                Err(trailers) if self.trailers => {
                    if self.left.is_some_and(|left| left > 0) {
                        return Poll::Ready(Some(Err(self.fail(WrongLength.into()))));
                    }
                    self.complete();
                    return Poll::Ready(Some(Ok(trailers)));
                }
                // An HTTP/1 upstream gets none.
                Err(_) => continue,
            };
            if let Err(error) = self.count(&data) {
                return Poll::Ready(Some(Err(self.fail(error.into()))));
            }
            // The connection does not ask again once it has all that was declared.
            let ended = self.body.as_ref().is_some_and(|body| body.is_end_stream());
            match self.left {
                Some(0) if ended || !self.trailers => self.complete(),
                Some(0) => {}
                Some(_) if ended => return Poll::Ready(Some(Err(self.fail(WrongLength.into())))),
                None if ended => self.complete(),
                _ => {}
            }
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outgoing").field("left", &self.left).finish_non_exhaustive()
    }
}

/// A body of which some has been taken.
struct Rewound {
    taken: VecDeque<Frame<Bytes>>,
    rest: Option<BoxBody>,
}

impl Body for Rewound {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Some(frame) = self.taken.pop_front() {
            return Poll::Ready(Some(Ok(frame)));
        }
        match &mut self.rest {
            Some(rest) => rest.as_mut().poll_frame(cx),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.taken.is_empty() && self.rest.as_ref().is_none_or(|rest| rest.is_end_stream())
    }
}

pin_project_lite::pin_project! {
    struct IntoBoxError<B> {
        #[pin]
        body: B,
    }
}

impl<B> Body for IntoBoxError<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.project().body.poll_frame(cx).map_err(Into::into)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(given: &[(&str, &str)], exact: Option<u64>, version: HttpVersion, expected: Option<&str>) {
        let mut headers = HeaderMap::new();
        for (name, value) in given {
            headers.append(http::HeaderName::try_from(*name).unwrap(), value.parse().unwrap());
        }
        let framed = frame(&mut headers, exact, version).map(|left| {
            let te = headers.get_all(TRANSFER_ENCODING).iter().map(|v| format!("te={}", v.to_str().unwrap()));
            let cl = headers.get_all(CONTENT_LENGTH).iter().map(|v| format!("cl={}", v.to_str().unwrap()));
            let chunked = headers.contains_key(TRANSFER_ENCODING);
            assert_eq!(left.is_none(), chunked || version == HttpVersion::Http2 && exact.is_none());
            te.chain(cl).collect::<Vec<_>>().join(" ")
        });
        assert_eq!(framed.ok().as_deref(), expected, "{given:?} {exact:?}");
    }

    #[test]
    fn framing() {
        use HttpVersion::{Http2, Http10, Http11};
        let (cl, te) = ("content-length", "transfer-encoding");
        check(&[], Some(0), Http11, Some(""));
        check(&[(cl, "0")], Some(0), Http11, Some("cl=0"));
        check(&[(cl, "5")], Some(0), Http11, Some(""));
        check(&[(te, "chunked")], Some(0), Http11, Some(""));
        check(&[], Some(3), Http11, Some("cl=3"));
        check(&[(cl, "3")], Some(3), Http10, Some("cl=3"));
        check(&[(cl, "4"), (te, "chunked")], Some(3), Http11, Some("cl=3"));
        check(&[(cl, "3"), (cl, "3")], Some(3), Http11, Some("cl=3"));
        check(&[(cl, "7")], None, Http11, Some("cl=7"));
        check(&[(cl, "7"), (te, "chunked")], None, Http11, Some("cl=7"));
        check(&[(cl, "+7")], None, Http11, Some("te=chunked"));
        check(&[(cl, "7"), (cl, "8")], None, Http11, Some("te=chunked"));
        check(&[(te, "gzip, chunked")], None, Http11, Some("te=chunked"));
        check(&[], None, Http10, None);
        check(&[(cl, "7")], None, Http10, Some("cl=7"));
        check(&[(te, "chunked")], None, Http2, Some(""));
        check(&[(te, "chunked"), (cl, "3")], Some(3), Http2, Some("cl=3"));
    }
}
