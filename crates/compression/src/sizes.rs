use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

/// How long a compressed body was before and is after, once all of it has been compressed.
#[derive(Debug, Default)]
pub struct Sizes {
    original: AtomicU64,
    compressed: AtomicU64,
    whole: AtomicBool,
}

impl Sizes {
    /// Both lengths in bytes, the original one first.
    pub fn get(&self) -> Option<(u64, u64)> {
        self.whole.load(Relaxed).then(|| (self.original.load(Relaxed), self.compressed.load(Relaxed)))
    }

    pub(crate) fn wrote(&self, frame: Option<&Frame<Bytes>>) {
        match frame {
            Some(frame) => add(&self.compressed, frame),
            None => self.whole.store(true, Relaxed),
        }
    }
}

fn add<D: Buf>(count: &AtomicU64, frame: &Frame<D>) {
    count.fetch_add(frame.data_ref().map_or(0, |data| data.remaining() as u64), Relaxed);
}

pin_project! {
    /// A body that is counted before it is compressed, where somebody asks.
    pub(crate) struct Counted<B> {
        #[pin]
        body: B,
        sizes: Option<Arc<Sizes>>,
    }
}

impl<B> Counted<B> {
    pub(crate) const fn new(body: B, sizes: Option<Arc<Sizes>>) -> Self {
        Self { body, sizes }
    }
}

impl<B: Body> Body for Counted<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = self.project();
        let polled = this.body.poll_frame(cx);
        if let (Poll::Ready(Some(Ok(frame))), Some(sizes)) = (&polled, this.sizes) {
            add(&sizes.original, frame);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
