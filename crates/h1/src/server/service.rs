//! What serves the requests of a connection.

use std::error::Error as StdError;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;

use super::{Context, FilePart, RequestBody, ResponseTimeouts};

/// Any error of a body.
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// What serves the requests of a connection: called through `&self`, so that no request costs a clone.
///
/// The future is dropped when the client has gone. A tower service becomes one by [`Tower`].
pub trait Service: Send + Sync {
    /// The body of its responses. An error cuts the message visibly: no last chunk, fewer bytes than announced.
    type Body: Body<Data = Bytes, Error: Into<BoxError>> + Send;
    /// The connection is closed without an answer (nginx: `return 444`).
    type Error: Send;

    /// The next part of a body, if it is one of a file: then it is sent as it is, by the kernel, and counts as taken. Asked only where
    /// the connection [sends files](super::Connection::send_files). Default: bodies are bytes.
    #[must_use]
    fn take_file(body: Pin<&mut Self::Body>) -> Option<FilePart> {
        let _ = body;
        None
    }

    /// A part that was taken so cannot be sent: the file has become shorter, or cannot be read. The message is cut.
    fn unreadable(body: Pin<&mut Self::Body>, error: io::Error) {
        let _ = (body, error);
    }

    /// The timeouts of a response with this body. Default: those of the connection.
    #[must_use]
    fn timeouts(body: &Self::Body) -> Option<ResponseTimeouts> {
        let _ = body;
        None
    }

    /// Serves one request. The exact target and the raw head are in its [context](Context::received).
    fn call(
        &self,
        request: Request<RequestBody>,
        context: Context,
    ) -> impl Future<Output = Result<Response<Self::Body>, Self::Error>> + Send;
}

impl<S: Service> Service for &S {
    type Body = S::Body;
    type Error = S::Error;

    fn take_file(body: Pin<&mut S::Body>) -> Option<FilePart> {
        S::take_file(body)
    }

    fn unreadable(body: Pin<&mut S::Body>, error: io::Error) {
        S::unreadable(body, error);
    }

    fn timeouts(body: &S::Body) -> Option<ResponseTimeouts> {
        S::timeouts(body)
    }

    fn call(
        &self,
        request: Request<RequestBody>,
        context: Context,
    ) -> impl Future<Output = Result<Response<S::Body>, S::Error>> + Send {
        S::call(self, request, context)
    }
}

impl<S: Service> Service for std::sync::Arc<S> {
    type Body = S::Body;
    type Error = S::Error;

    fn take_file(body: Pin<&mut S::Body>) -> Option<FilePart> {
        S::take_file(body)
    }

    fn unreadable(body: Pin<&mut S::Body>, error: io::Error) {
        S::unreadable(body, error);
    }

    fn timeouts(body: &S::Body) -> Option<ResponseTimeouts> {
        S::timeouts(body)
    }

    fn call(
        &self,
        request: Request<RequestBody>,
        context: Context,
    ) -> impl Future<Output = Result<Response<S::Body>, S::Error>> + Send {
        S::call(self, request, context)
    }
}

/// Any tower service: cloned for each request, readiness awaited, the [`Context`] among the request's extensions.
///
/// ```
/// use std::convert::Infallible;
///
/// use bytes::Bytes;
/// use http::{Request, Response};
/// use http_body_util::Full;
/// use propylon_h1::server::{Connection, RequestBody, Tower};
///
/// let service = tower::service_fn(|_: Request<RequestBody>| async {
///     Ok::<_, Infallible>(Response::new(Full::<Bytes>::from("hello")))
/// });
/// let (_client, server) = tokio::io::duplex(64);
/// let serving = Connection::new(server, Tower::new(service), ()).run();
/// # drop(serving);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Tower<S>(S);

impl<S> Tower<S> {
    /// Serves with `service`.
    pub fn new(service: S) -> Self {
        Self(service)
    }
}

impl<S, B> Service for Tower<S>
where
    S: tower_service::Service<Request<RequestBody>, Response = Response<B>, Error: Send, Future: Send>
        + Clone
        + Send
        + Sync,
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send,
{
    type Body = B;
    type Error = S::Error;

    async fn call(
        &self,
        mut request: Request<RequestBody>,
        context: Context,
    ) -> Result<Response<B>, S::Error> {
        let mut service = self.0.clone();
        request.extensions_mut().insert(context);
        poll_fn(|cx| service.poll_ready(cx)).await?;
        service.call(request).await
    }
}
