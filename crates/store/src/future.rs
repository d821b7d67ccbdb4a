use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::SystemTime;

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode, header};
use http_body::Body;
use pin_project_lite::pin_project;

use crate::layer::Spawn;
use crate::saver::Saver;
use crate::{BoxError, Place, ResponseBody};

pin_project! {
    /// The future of a response's head.
    pub struct ResponseFuture<F> {
        #[pin]
        pub(crate) inner: F,
        pub(crate) place: Option<Place>,
        pub(crate) spawn: Option<Arc<Spawn>>,
    }
}

impl<F, E, R> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: Body<Data = Bytes> + Send + 'static,
    R::Error: Into<BoxError>,
{
    type Output = Result<Response<ResponseBody<R>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = ready!(this.inner.poll(cx))?;
        let place = this.place.take().filter(|_| response.status() == StatusCode::OK);
        Poll::Ready(Ok(match place {
            None => response.map(ResponseBody::plain),
            Some(place) => {
                let modified = modified(response.headers());
                let saver = |body: &R| Saver::new(place, modified, body.size_hint().exact());
                response.map(|body| {
                    let saver = saver(&body);
                    ResponseBody::stored(body, saver, this.spawn.take())
                })
            }
        }))
    }
}

impl<F> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").field("place", &self.place).finish_non_exhaustive()
    }
}

fn modified(headers: &HeaderMap) -> Option<SystemTime> {
    httpdate::parse_http_date(headers.get(header::LAST_MODIFIED)?.to_str().ok()?).ok()
}
