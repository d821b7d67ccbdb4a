use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::AsyncRead;
use tower_service::Service;

use crate::{Ahead, BoxError, ClientHello, Limits, preread};

/// A service of connections that is told what their clients ask for. Made by [`PrereadLayer`](crate::PrereadLayer).
#[derive(Clone, Copy, Debug)]
pub struct Preread<S> {
    inner: S,
    limits: Limits,
}

impl<S> Preread<S> {
    /// Reads within these limits, and has `inner` serve.
    pub const fn new(inner: S, limits: Limits) -> Self {
        Self { inner, limits }
    }

    /// The service inside.
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The service inside.
    pub const fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The service inside.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

/// What [`Preread`] gives: a connection's whole service.
pub type ServiceFuture<T> = Pin<Box<dyn Future<Output = Result<T, BoxError>> + Send>>;

impl<S, I> Service<I> for Preread<S>
where
    S: Service<(Ahead<I>, Option<ClientHello>)> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Into<BoxError>,
    I: AsyncRead + Unpin + Send + 'static,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = ServiceFuture<S::Response>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, connection: I) -> Self::Future {
        // The one that is ready serves this connection.
        let next = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, next);
        let limits = self.limits;
        Box::pin(async move {
            let read = preread(connection, limits).await?;
            inner.call(read).await.map_err(Into::into)
        })
    }
}
