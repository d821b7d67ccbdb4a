//! The service.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use tower_service::Service;

use crate::layer::ClientOf;
use crate::record::Record;
use crate::{AccessLogs, ResponseBody, ResponseFuture};

/// The service that [`AccessLogLayer`](crate::AccessLogLayer) makes.
#[derive(Clone)]
pub struct AccessLogService<S> {
    inner: S,
    logs: AccessLogs,
    client: Option<Arc<ClientOf>>,
}

impl<S> AccessLogService<S> {
    pub(crate) fn new(inner: S, logs: AccessLogs, client: Option<Arc<ClientOf>>) -> Self {
        Self { inner, logs, client }
    }

    /// The service whose exchanges are logged.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The service whose exchanges are logged.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The service whose exchanges were logged.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, B, R> Service<Request<B>> for AccessLogService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: http_body::Body,
{
    type Response = Response<ResponseBody<R>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (mut parts, body) = request.into_parts();
        let client = self.client.as_ref().and_then(|client| client(&parts));
        let record = Record::open(&mut parts, client, self.logs.clone());
        ResponseFuture::new(self.inner.call(Request::from_parts(parts, body)), record)
    }
}

impl<S: fmt::Debug> fmt::Debug for AccessLogService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessLogService")
            .field("inner", &self.inner)
            .field("logs", &self.logs)
            .finish_non_exhaustive()
    }
}
