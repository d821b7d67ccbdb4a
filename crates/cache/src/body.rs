//! The bodies of responses: the upstream's, on its way into the store or not, or what the store has.

use std::fmt;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use propylon_conditions::Window;

use crate::BoxError;
use crate::background::{Background, Work};
use crate::parts::Parts;
use crate::store::{EntryBody, Fill};

pin_project! {
    /// The body that the client gets.
    pub struct ResponseBody<R> {
        #[pin]
        kind: Kind<R>,
    }
}

pin_project! {
    #[project = KindProj]
    enum Kind<R> {
        /// The upstream's, as it is.
        Inner { #[pin] body: R },
        /// From the store.
        Stored { body: EntryBody },
        /// The upstream's, which is being stored, or of which a part is wanted.
        Copied { body: Box<Copied<R>> },
        /// Several parts of what the store has.
        Parts { body: Box<Parts> },
        /// None.
        Empty,
    }
}

impl<R> ResponseBody<R> {
    /// All that is left, if that is in memory in one piece. Then nothing is left.
    pub fn take_bytes(&mut self) -> Option<Bytes> {
        match &mut self.kind {
            Kind::Stored { body } => body.take_bytes(),
            Kind::Empty => Some(Bytes::new()),
            Kind::Inner { .. } | Kind::Copied { .. } | Kind::Parts { .. } => None,
        }
    }

    /// Whether it is read from a file of the store as it goes: no upstream waits for it, and none of the zone's memory is held.
    #[must_use]
    pub fn is_in_file(&self) -> bool {
        matches!(&self.kind, Kind::Stored { body } if body.is_in_file())
    }

    /// The body of the service inside, if nothing is done with it here.
    ///
    /// # Errors
    /// This body, if it is another.
    pub fn into_inner(self) -> Result<R, Self> {
        match self.kind {
            Kind::Inner { body } => Ok(body),
            kind => Err(Self { kind }),
        }
    }

    pub(crate) const fn inner(body: R) -> Self {
        Self { kind: Kind::Inner { body } }
    }

    pub(crate) const fn stored(body: EntryBody) -> Self {
        Self { kind: Kind::Stored { body } }
    }

    pub(crate) fn parts(parts: Parts) -> Self {
        Self { kind: Kind::Parts { body: Box::new(parts) } }
    }

    pub(crate) const fn empty() -> Self {
        Self { kind: Kind::Empty }
    }
}

impl<R> ResponseBody<R>
where
    R: Body<Data = Bytes> + Send + 'static,
    R::Error: Into<BoxError>,
{
    /// What comes of `body` goes to `fill` as well; what of it the client does not read goes there in the background.
    pub(crate) fn copied(
        body: R,
        fill: Option<Fill>,
        part: Option<&Range<u64>>,
        background: Option<Background>,
    ) -> Self {
        let mut copied = Copied {
            inner: Some(Box::pin(body)),
            fill,
            window: part.map(Window::new),
            background,
            rest: store_rest::<R>,
        };
        if copied.inner.as_ref().is_some_and(|inner| inner.is_end_stream()) {
            copied.end();
        }
        Self { kind: Kind::Copied { body: Box::new(copied) } }
    }
}

impl<R> Body for ResponseBody<R>
where
    R: Body<Data = Bytes>,
    R::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.project().kind.project() {
            KindProj::Inner { body } => body.poll_frame(cx).map_err(Into::into),
            KindProj::Stored { body } => Pin::new(body).poll_frame(cx).map_err(Into::into),
            KindProj::Copied { body } => body.poll_frame(cx),
            KindProj::Parts { body } => body.poll_frame(cx).map_err(Into::into),
            KindProj::Empty => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Inner { body } => body.is_end_stream(),
            Kind::Stored { body } => body.is_end_stream(),
            Kind::Copied { body } => body.is_end_stream(),
            Kind::Parts { body } => body.is_end_stream(),
            Kind::Empty => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Inner { body } => body.size_hint(),
            Kind::Stored { body } => body.size_hint(),
            Kind::Copied { body } => body.size_hint(),
            Kind::Parts { body } => body.size_hint(),
            Kind::Empty => SizeHint::with_exact(0),
        }
    }
}

impl<R> fmt::Debug for ResponseBody<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            Kind::Inner { .. } => "ResponseBody::Inner",
            Kind::Stored { .. } => "ResponseBody::Stored",
            Kind::Copied { .. } => "ResponseBody::Copied",
            Kind::Parts { .. } => "ResponseBody::Parts",
            Kind::Empty => "ResponseBody::Empty",
        })
    }
}

/// A body of the upstream that is read for two.
struct Copied<R> {
    /// None when it is at its end.
    inner: Option<Pin<Box<R>>>,
    fill: Option<Fill>,
    /// The part that the client wants, if not all.
    window: Option<Window>,
    background: Option<Background>,
    /// What is made of what the client does not read.
    rest: fn(Pin<Box<R>>, Fill) -> Work,
}

impl<R> Copied<R> {
    /// The body is whole.
    fn end(&mut self) {
        self.inner = None;
        if let Some(fill) = self.fill.take() {
            fill.finish();
        }
    }
}

impl<R> Copied<R>
where
    R: Body<Data = Bytes>,
    R::Error: Into<BoxError>,
{
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        loop {
            if self.window.as_ref().is_some_and(|window| window.is_over()) {
                return Poll::Ready(None); // what is left is for the store
            }
            let Some(inner) = &mut self.inner else { return Poll::Ready(None) };
            if let Some(fill) = &mut self.fill {
                ready!(fill.poll_ready(cx));
            }
            match ready!(inner.as_mut().poll_frame(cx)) {
                None => {
                    self.end();
                    return Poll::Ready(None);
                }
                Some(Err(error)) => {
                    // What came short is not stored: who reads it from the store sees that too.
                    (self.inner, self.fill) = (None, None);
                    return Poll::Ready(Some(Err(error.into())));
                }
                Some(Ok(frame)) => {
                    let last = inner.is_end_stream();
                    if let (Some(fill), Some(data)) = (&mut self.fill, frame.data_ref()) {
                        fill.write(data);
                    }
                    if last {
                        self.end();
                    }
                    match self.wanted(frame) {
                        Some(frame) => return Poll::Ready(Some(Ok(frame))),
                        None => continue,
                    }
                }
            }
        }
    }

    /// What the client wants of it.
    fn wanted(&mut self, frame: Frame<Bytes>) -> Option<Frame<Bytes>> {
        let Some(window) = &mut self.window else { return Some(frame) };
        let data = window.cut(frame.into_data().ok()?); // a part has no trailers
        (!data.is_empty()).then(|| Frame::data(data))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_none() || self.window.as_ref().is_some_and(|window| window.is_over())
    }

    fn size_hint(&self) -> SizeHint {
        match (&self.window, &self.inner) {
            (Some(window), _) => SizeHint::with_exact(window.left()),
            (None, Some(inner)) => inner.size_hint(),
            (None, None) => SizeHint::with_exact(0),
        }
    }
}

impl<R> Drop for Copied<R> {
    /// The client has left, or wants no more: the store does.
    fn drop(&mut self) {
        let (Some(inner), Some(fill)) = (self.inner.take(), self.fill.take()) else { return };
        if fill.is_wanted()
            && let Some(place) = self.background.as_ref().and_then(Background::place)
        {
            place.run((self.rest)(inner, fill));
        }
    }
}

fn store_rest<R>(mut inner: Pin<Box<R>>, mut fill: Fill) -> Work
where
    R: Body<Data = Bytes> + Send + 'static,
{
    Box::pin(async move {
        while fill.is_wanted() {
            std::future::poll_fn(|cx| fill.poll_ready(cx)).await;
            match std::future::poll_fn(|cx| inner.as_mut().poll_frame(cx)).await {
                None => return fill.finish(),
                Some(Err(_)) => return,
                Some(Ok(frame)) => {
                    if let Some(data) = frame.data_ref() {
                        fill.write(data);
                    }
                    if inner.is_end_stream() {
                        return fill.finish();
                    }
                }
            }
        }
    })
}

/// Reads what is being stored of a body. All else of it is nobody's: it is let go of.
pub(crate) async fn store<R>(body: ResponseBody<R>) {
    let Kind::Copied { body: mut copied } = body.kind else { return };
    if let (Some(inner), Some(fill)) = (copied.inner.take(), copied.fill.take()) {
        (copied.rest)(inner, fill).await;
    }
}
