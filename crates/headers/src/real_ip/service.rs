//! The service.

use std::sync::Arc;
use std::task::{Context, Poll};

use http::Request;
use tower_service::Service;

use super::layer::Rules;
use crate::client_addr::ClientAddr;

/// The connection's own address, a request extension that [`RealIpLayer`](crate::RealIpLayer) inserts when it has replaced
/// the [`ClientAddr`] (nginx: `$realip_remote_addr`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConnectionAddr(
    /// The address that was there before.
    pub ClientAddr,
);

/// The service that [`RealIpLayer`](crate::RealIpLayer) makes.
#[derive(Clone, Debug)]
pub struct RealIp<S> {
    inner: S,
    rules: Arc<Rules>,
}

impl<S> RealIp<S> {
    pub(super) fn new(inner: S, rules: Arc<Rules>) -> Self {
        Self { inner, rules }
    }

    /// The wrapped service.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The wrapped service.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The wrapped service.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, B> Service<Request<B>> for RealIp<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let peer = request.extensions().get::<ClientAddr>().copied();
        if let Some(peer) = peer
            && let Some(client) = self.rules.address(&peer, request.headers())
        {
            request.extensions_mut().insert(client);
            request.extensions_mut().insert(ConnectionAddr(peer));
        }
        self.rules.strip(peer.as_ref(), request.headers_mut());
        self.inner.call(request)
    }
}
