//! The tower service.

use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request, Response};
use tower_service::Service;

use crate::balancer::{Balancer, Tried};
use crate::body::ResponseBody;
use crate::error::Error;
use crate::future::ResponseFuture;
use crate::pick::Key;
use crate::sticky::Wanted;

/// What a try says about its peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The peer did what it should.
    Success,
    /// The peer failed: it counts towards `max_fails`.
    Failure,
    /// The peer failed if the request goes to another one because of this response ([`ResponseBody::failed`]); else it did
    /// what it should (nginx: a status of `proxy_next_upstream`).
    Open,
    /// Nothing: the client was at fault, or left.
    Neutral,
}

/// How requests get to the peers: what a [`Balance`] cannot know.
pub trait Dispatch<T, B> {
    /// What comes of a request.
    type Future: Future<Output = Result<Response<Self::Body>, Self::Error>>;
    /// The body of a response.
    type Body;
    /// Why a try failed; must take this crate's [`Error`].
    type Error: From<Error>;

    /// Sends a request to a peer. Whatever has to be waited for, readiness too, the future awaits.
    fn send(&self, peer: &T, request: Request<B>) -> Self::Future;

    /// Calls `pick` with what binds the request to a peer. Default: nothing does.
    fn with_key<R>(&self, request: &Request<B>, pick: impl FnOnce(Key<'_>) -> R) -> R {
        let _ = request;
        pick(Key::None)
    }

    /// What a try says about its peer. Default: a response is a success, an error a failure.
    fn outcome(&self, result: Result<&Response<Self::Body>, &Self::Error>) -> Outcome {
        if result.is_ok() { Outcome::Success } else { Outcome::Failure }
    }

    /// The request waited so long in the queue, and is sent now.
    fn waited(&self, request: &Request<B>, time: Duration) {
        let _ = (request, time);
    }
}

/// Sends each request to a peer that the [`Balancer`] chooses.
///
/// A request whose extensions hold a [`Tried`] goes to no peer twice.
#[derive(Debug)]
pub struct Balance<T, D> {
    balancer: Balancer<T>,
    dispatch: D,
    sticky: bool,
}

impl<T, D: Clone> Clone for Balance<T, D> {
    fn clone(&self) -> Self {
        Self { balancer: self.balancer.clone(), dispatch: self.dispatch.clone(), sticky: self.sticky }
    }
}

impl<T, D> Balance<T, D> {
    /// Sends to the peers of `balancer` as `dispatch` says.
    #[must_use]
    pub fn new(balancer: Balancer<T>, dispatch: D) -> Self {
        Self { balancer, dispatch, sticky: false }
    }

    /// Whether requests may be bound to a peer: the extension [`Wanted`] is looked at only then, and responses carry
    /// [`ServedBy`](crate::ServedBy). Default false.
    #[must_use]
    pub fn sticky(mut self, on: bool) -> Self {
        self.sticky = on;
        self
    }

    /// What chooses.
    #[must_use]
    pub fn balancer(&self) -> &Balancer<T> {
        &self.balancer
    }
}

impl<T, D, B> Service<Request<B>> for Balance<T, D>
where
    T: Send + Sync + 'static,
    D: Dispatch<T, B> + Clone,
{
    type Response = Response<ResponseBody<T, D::Body>>;
    type Error = D::Error;
    type Future = ResponseFuture<T, D, B>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), D::Error>> {
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn call(&mut self, request: Request<B>) -> Self::Future {
        let tried = request.extensions().get::<Tried>();
        let wanted = if self.sticky { request.extensions().get::<Wanted>() } else { None };
        let picked = self.dispatch.with_key(&request, |key| self.balancer.pick_or_wait(wanted, key, tried));
        match picked {
            Some(Ok(mut picked)) => {
                picked.tells = self.sticky;
                let future = self.dispatch.send(picked.peer().server().payload(), request);
                ResponseFuture::sending(self.dispatch.clone(), picked, future)
            }
            Some(Err(error)) => ResponseFuture::failed(error),
            None => {
                let (wanted, tried, sticky) = (wanted.cloned(), tried.cloned(), self.sticky);
                // The wait is rare, and may be long: it has a box of its own.
                let key = self.dispatch.with_key(&request, |key| OwnedKey::from(key));
                let balancer = self.balancer.clone();
                let wait = Box::pin(async move {
                    let waited = balancer.wait(wanted.as_ref(), key.as_key(), tried.as_ref()).await;
                    waited.map(|(mut picked, time)| {
                        picked.tells = sticky;
                        (picked, time)
                    })
                });
                ResponseFuture::waiting(self.dispatch.clone(), wait, request)
            }
        }
    }
}

/// A key that outlives its request's borrow.
enum OwnedKey {
    None,
    Address(std::net::IpAddr),
    Bytes(Box<[u8]>),
}

impl From<Key<'_>> for OwnedKey {
    fn from(key: Key<'_>) -> Self {
        match key {
            Key::None => Self::None,
            Key::Address(address) => Self::Address(address),
            Key::Bytes(bytes) => Self::Bytes(bytes.into()),
        }
    }
}

impl OwnedKey {
    fn as_key(&self) -> Key<'_> {
        match self {
            Self::None => Key::None,
            Self::Address(address) => Key::Address(*address),
            Self::Bytes(bytes) => Key::Bytes(bytes),
        }
    }
}
