use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep};

use super::pace::Pace;
use crate::Rate;

pin_project! {
    /// A body that goes as fast as it may: its data in pieces, each when it is time for it.
    ///
    /// Trailers, size and end are the inner body's own. The inner body is asked for more only when all of what it gave has gone.
    #[derive(Debug)]
    pub struct RateBody<B> {
        #[pin]
        inner: B,
        paced: Option<Box<Paced>>,
    }
}

#[derive(Debug)]
struct Paced {
    pace: Pace,
    /// What has come and may not go yet.
    rest: Bytes,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl<B> RateBody<B> {
    /// `inner` at this rate; none: as it comes.
    pub fn new(inner: B, rate: Option<Rate>) -> Self {
        let paced =
            rate.map(|rate| Box::new(Paced { pace: Pace::new(rate), rest: Bytes::new(), sleep: None }));
        Self { inner, paced }
    }

    /// The body inside.
    pub const fn get_ref(&self) -> &B {
        &self.inner
    }
}

impl<B: Body<Data = Bytes>> Body for RateBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = self.project();
        let Some(paced) = this.paced else { return this.inner.poll_frame(cx) };
        if paced.rest.is_empty() {
            match ready!(this.inner.poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) if data.is_empty() => return Poll::Ready(Some(Ok(Frame::data(data)))),
                    Ok(data) => paced.rest = data,
                    Err(frame) => return Poll::Ready(Some(Ok(frame))),
                },
                other => return Poll::Ready(other),
            }
        }
        paced.poll_piece(cx).map(|piece| Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest() == 0 && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (inner, rest) = (self.inner.size_hint(), self.rest());
        let mut hint = SizeHint::new();
        hint.set_lower(inner.lower().saturating_add(rest));
        if let Some(upper) = inner.upper().and_then(|upper| upper.checked_add(rest)) {
            hint.set_upper(upper);
        }
        hint
    }
}

impl<B> RateBody<B> {
    fn rest(&self) -> u64 {
        self.paced.as_ref().map_or(0, |paced| paced.rest.len() as u64)
    }
}

impl Paced {
    /// The next piece of what has come.
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Bytes> {
        loop {
            match self.pace.allow(Instant::now(), self.rest.len() as u64) {
                Ok(bytes) => {
                    self.pace.gone(bytes);
                    let bytes = usize::try_from(bytes).unwrap_or(usize::MAX).min(self.rest.len());
                    return Poll::Ready(self.rest.split_to(bytes));
                }
                Err(at) => {
                    let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(at)));
                    if sleep.deadline() != at {
                        sleep.as_mut().reset(at);
                    }
                    ready!(sleep.as_mut().poll(cx));
                }
            }
        }
    }
}
