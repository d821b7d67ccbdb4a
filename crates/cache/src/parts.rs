//! Several ranges in one answer: `multipart/byteranges`, RFC 9110 14.6.

use std::collections::VecDeque;
use std::hash::BuildHasher as _;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use http_body::{Body, Frame, SizeHint};

use crate::store::{self, Entry, EntryBody};

/// The parts that are left.
pub(crate) struct Parts {
    left: VecDeque<Part>,
    length: u64,
}

enum Part {
    Text(Bytes),
    Stored(EntryBody),
}

impl Parts {
    /// These ranges of `entry`, which is `length` bytes long; `response` has its head, and gets that of the answer.
    pub(crate) fn new<B>(
        response: &mut Response<B>,
        entry: &Entry,
        ranges: &[Range<u64>],
        length: u64,
    ) -> Self {
        let headers = response.headers();
        let kind = headers.get(header::CONTENT_TYPE).cloned();
        let boundary = boundary();
        let mut left = VecDeque::with_capacity(2 * ranges.len() + 1);
        for range in ranges {
            left.push_back(Part::Text(part_head(&boundary, kind.as_ref(), range, length)));
            left.push_back(Part::Stored(entry.range(range.clone())));
        }
        left.push_back(Part::Text(format!("\r\n--{boundary}--\r\n").into()));
        let parts = Self { length: left.iter().map(Part::len).sum(), left };
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        parts.describe(response.headers_mut(), &boundary);
        parts
    }

    fn describe(&self, headers: &mut HeaderMap, boundary: &str) {
        // "a server that generates a multipart [...] MUST NOT generate a Content-Range header field in the header section".
        headers.remove(header::CONTENT_RANGE);
        headers.insert(header::CONTENT_LENGTH, self.length.into());
        if let Ok(kind) = HeaderValue::try_from(format!("multipart/byteranges; boundary={boundary}")) {
            headers.insert(header::CONTENT_TYPE, kind);
        }
    }

    pub(crate) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, store::Error>>> {
        loop {
            let text = match self.left.front_mut() {
                None => return Poll::Ready(None),
                Some(Part::Text(text)) => std::mem::take(text),
                Some(Part::Stored(body)) => match ready!(Pin::new(body).poll_frame(cx)) {
                    None => Bytes::new(),
                    Some(Ok(frame)) => {
                        self.length =
                            self.length.saturating_sub(frame.data_ref().map_or(0, |data| data.len() as u64));
                        return Poll::Ready(Some(Ok(frame)));
                    }
                    Some(Err(error)) => {
                        self.left.clear();
                        return Poll::Ready(Some(Err(error)));
                    }
                },
            };
            self.left.pop_front();
            if !text.is_empty() {
                self.length = self.length.saturating_sub(text.len() as u64);
                return Poll::Ready(Some(Ok(Frame::data(text))));
            }
        }
    }

    pub(crate) fn is_end_stream(&self) -> bool {
        self.left.is_empty()
    }

    pub(crate) fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length)
    }
}

impl Part {
    fn len(&self) -> u64 {
        match self {
            Self::Text(text) => text.len() as u64,
            Self::Stored(body) => body.size_hint().lower(),
        }
    }
}

fn part_head(boundary: &str, kind: Option<&HeaderValue>, range: &Range<u64>, length: u64) -> Bytes {
    let mut text = format!("\r\n--{boundary}\r\n").into_bytes();
    if let Some(kind) = kind {
        text.extend(b"Content-Type: ");
        text.extend(kind.as_bytes());
        text.extend(b"\r\n");
    }
    let last = range.end.saturating_sub(1);
    text.extend(format!("Content-Range: bytes {}-{last}/{length}\r\n\r\n", range.start).into_bytes());
    text.into()
}

/// What nobody who writes what is stored can know.
fn boundary() -> String {
    let random = std::hash::RandomState::new();
    format!("{:016x}{:016x}", random.hash_one(0), random.hash_one(1))
}
