//! The one body type of a stack.

use std::any::Any;
use std::fmt;
use std::fs::File;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;

use crate::BoxError;

/// A message body of any origin.
///
/// Bodies that need no box have none: an empty body, whole bytes, and hyper's incoming body.
pub struct Body(Kind);

enum Kind {
    Empty,
    Full(Bytes),
    Incoming(Incoming),
    Replayable(Box<dyn Replayable>),
    Boxed(Pin<Box<dyn Boxed>>),
}

/// A part of a file.
pub type FilePart = (Arc<File>, Range<u64>);

/// A body of any origin, which may have parts of files in it.
trait Boxed: HttpBody<Data = Bytes, Error = BoxError> + Send {
    fn take_file(self: Pin<&mut Self>) -> Option<FilePart>;
}

/// A body that can be had again from its beginning.
trait Replayable: Send {
    fn again(&self) -> Box<dyn Replayable>;
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>>;
    fn is_end_stream(&self) -> bool;
    fn size_hint(&self) -> SizeHint;
}

impl Body {
    /// No body.
    #[must_use]
    pub fn empty() -> Self {
        Self(Kind::Empty)
    }

    /// Any body. A `Body`, and hyper's incoming body, are taken as they are; others are boxed, once.
    #[must_use]
    pub fn new<B>(body: B) -> Self
    where
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let mut slot = Some(body);
        let any: &mut dyn Any = &mut slot;
        if let Some(body) = any.downcast_mut::<Option<Self>>().and_then(Option::take) {
            return body;
        }
        if let Some(body) = any.downcast_mut::<Option<Incoming>>().and_then(Option::take) {
            return if body.is_end_stream() { Self::empty() } else { Self(Kind::Incoming(body)) };
        }
        match slot {
            Some(body) => Self(Kind::Boxed(Box::pin(AnyOrigin { body, take_file: None }))),
            // Only the branches above empty the slot, and they return.
            None => Self::empty(),
        }
    }

    /// A body whose clone is the same body from its beginning, whatever was read of this one: [`Body::try_clone`]
    /// always gives it.
    #[must_use]
    pub fn replayable<B>(body: B) -> Self
    where
        B: HttpBody<Data = Bytes> + Clone + Unpin + Send + 'static,
        B::Error: Into<BoxError>,
    {
        Self(Kind::Replayable(Box::new(Replay(body))))
    }

    /// A body of which [`Body::take_file`] gives parts, as `take_file` takes them of it.
    #[must_use]
    pub fn filed<B>(body: B, take_file: fn(Pin<&mut B>) -> Option<FilePart>) -> Self
    where
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        Self(Kind::Boxed(Box::pin(AnyOrigin { body, take_file: Some(take_file) })))
    }

    /// Takes the next part of the body if it is one of a file, for the kernel to send it: it counts as read.
    pub fn take_file(&mut self) -> Option<FilePart> {
        if let Kind::Boxed(body) = &mut self.0 { body.as_mut().take_file() } else { None }
    }

    /// The same body again, if that can be had: an empty body, whole bytes that nobody has begun to read, or a
    /// [replayable](Body::replayable) one.
    #[must_use]
    pub fn try_clone(&self) -> Option<Self> {
        match &self.0 {
            Kind::Empty => Some(Self::empty()),
            Kind::Full(bytes) => Some(Self(Kind::Full(bytes.clone()))),
            Kind::Replayable(body) => Some(Self(Kind::Replayable(body.again()))),
            Kind::Incoming(_) | Kind::Boxed(_) => None,
        }
    }

    /// The whole body, if it is in memory already.
    #[must_use]
    pub fn as_bytes(&self) -> Option<&Bytes> {
        static EMPTY: Bytes = Bytes::new();
        match &self.0 {
            Kind::Empty => Some(&EMPTY),
            Kind::Full(bytes) => Some(bytes),
            _ => None,
        }
    }
}

impl Default for Body {
    fn default() -> Self {
        Self::empty()
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        if bytes.is_empty() { Self::empty() } else { Self(Kind::Full(bytes)) }
    }
}

impl From<&'static str> for Body {
    fn from(text: &'static str) -> Self {
        Bytes::from_static(text.as_bytes()).into()
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Bytes::from(text).into()
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match &mut self.0 {
            Kind::Empty => Poll::Ready(None),
            Kind::Full(bytes) => {
                let bytes = std::mem::take(bytes);
                self.0 = Kind::Empty;
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Kind::Incoming(body) => {
                Pin::new(body).poll_frame(cx).map(|frame| frame.map(|frame| frame.map_err(Into::into)))
            }
            Kind::Replayable(body) => body.poll_frame(cx),
            Kind::Boxed(body) => body.as_mut().poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Empty => true,
            Kind::Full(_) => false,
            Kind::Incoming(body) => body.is_end_stream(),
            Kind::Replayable(body) => body.is_end_stream(),
            Kind::Boxed(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Empty => SizeHint::with_exact(0),
            Kind::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Kind::Incoming(body) => body.size_hint(),
            Kind::Replayable(body) => body.size_hint(),
            Kind::Boxed(body) => body.size_hint(),
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &self.0 {
            Kind::Empty => "empty",
            Kind::Full(_) => "full",
            Kind::Incoming(_) => "incoming",
            Kind::Replayable(_) => "replayable",
            Kind::Boxed(_) => "boxed",
        };
        write!(f, "Body({kind}, {:?})", self.size_hint())
    }
}

/// The `Clone` that [`Body::replayable`] was given, made object safe.
struct Replay<B>(B);

impl<B> Replayable for Replay<B>
where
    B: HttpBody<Data = Bytes> + Clone + Unpin + Send + 'static,
    B::Error: Into<BoxError>,
{
    fn again(&self) -> Box<dyn Replayable> {
        Box::new(Self(self.0.clone()))
    }

    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Pin::new(&mut self.0).poll_frame(cx).map(|frame| frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}

pin_project_lite::pin_project! {
    /// A body whose error became a [`BoxError`].
    struct AnyOrigin<B> {
        #[pin]
        body: B,
        take_file: Option<fn(Pin<&mut B>) -> Option<FilePart>>,
    }
}

impl<B> Boxed for AnyOrigin<B>
where
    B: HttpBody<Data = Bytes> + Send,
    B::Error: Into<BoxError>,
{
    fn take_file(self: Pin<&mut Self>) -> Option<FilePart> {
        let this = self.project();
        this.take_file.and_then(|take| take(this.body))
    }
}

impl<B> HttpBody for AnyOrigin<B>
where
    B: HttpBody<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.project().body.poll_frame(cx).map(|frame| frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
