//! The future of a response.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::Response;
use http_body::Body;
use pin_project_lite::pin_project;
use propylon_exchange::End;

use crate::ResponseBody;
use crate::record::Record;

pin_project! {
    /// The future that [`AccessLogService`](crate::AccessLogService) returns. Dropped before its end, it writes the line of a
    /// client that went away (status 499).
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        #[pin]
        inner: F,
        record: Option<Record>,
    }
}

impl<F> ResponseFuture<F> {
    pub(crate) fn new(inner: F, record: Record) -> Self {
        Self { inner, record: Some(record) }
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body,
{
    type Output = Result<Response<ResponseBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let result = ready!(this.inner.poll(cx));
        let record = this.record.take();
        match result {
            Ok(response) => {
                let (head, body) = response.into_parts();
                let record = record.map(|record| record.responded(&head));
                Poll::Ready(Ok(Response::from_parts(head, ResponseBody::new(body, record))))
            }
            Err(error) => {
                // There is no response to tell of: the server makes of it what it will.
                if let Some(record) = record {
                    record.ended(End::Truncated);
                }
                Poll::Ready(Err(error))
            }
        }
    }
}
