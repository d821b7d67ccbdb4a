use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request, Response};
use tower_service::Service;

use crate::body::ResponseBody;
use crate::challenges::Challenges;
use crate::future::ResponseFuture;

/// The type of an answer of HTTP-01 (RFC 8555 8.3).
pub const ANSWER_TYPE: HeaderValue = HeaderValue::from_static("application/octet-stream");

/// A service in whose place HTTP-01 is answered. Made by [`Http01Layer`](crate::Http01Layer).
#[derive(Clone, Debug)]
pub struct Http01<S> {
    inner: S,
    challenges: Challenges,
}

impl<S> Http01<S> {
    pub(crate) fn new(inner: S, challenges: Challenges) -> Self {
        Self { inner, challenges }
    }

    /// The service within.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The service within.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The service within.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, B, R> Service<Request<B>> for Http01<S>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Response = Response<ResponseBody<R>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
        let found = if is_read { self.challenges.http(request.uri().path()) } else { None };
        match found {
            None => ResponseFuture::inner(self.inner.call(request)),
            Some(answer) => {
                let answer = if *request.method() == Method::HEAD { Bytes::new() } else { answer };
                ResponseFuture::answered(answer)
            }
        }
    }
}

/// The response that has this body.
pub(crate) fn response<R>(answer: Bytes) -> Response<ResponseBody<R>> {
    let mut response = Response::new(ResponseBody::answer(answer));
    response.headers_mut().insert(CONTENT_TYPE, ANSWER_TYPE);
    response
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use http::StatusCode;
    use http_body::Body;
    use http_body_util::Full;
    use tower::{ServiceExt, service_fn};

    use super::*;

    #[tokio::test]
    async fn what_is_pending_is_answered() {
        let challenges = Challenges::new();
        let open = challenges.open_answer("token");
        let ask = async |method: Method, path: &str| {
            let inner = service_fn(async |_: Request<()>| {
                let mut response = Response::new(Full::new(Bytes::from_static(b"moved")));
                *response.status_mut() = StatusCode::MOVED_PERMANENTLY;
                Ok::<_, Infallible>(response)
            });
            let request = Request::builder().method(method).uri(path).body(()).expect("a request");
            let response = Http01::new(inner, challenges.clone()).oneshot(request).await.expect("a response");
            (response.status().as_u16(), response.body().size_hint().exact())
        };
        let path = "/.well-known/acme-challenge/token";
        assert_eq!(ask(Method::GET, path).await, (200, Some(6)));
        assert_eq!(ask(Method::GET, &format!("http://a.test{path}?x")).await, (200, Some(6)));
        assert_eq!(ask(Method::HEAD, path).await, (200, Some(0)));
        assert_eq!(ask(Method::POST, path).await, (301, Some(5)));
        assert_eq!(ask(Method::GET, "/.well-known/acme-challenge/other").await, (301, Some(5)));
        drop(open);
        assert_eq!(ask(Method::GET, path).await, (301, Some(5)));
    }
}
