//! What binds a request to a peer.

use std::sync::Arc;
use std::time::Duration;

use http::header::{COOKIE, HeaderMap, HeaderValue, SET_COOKIE};
use http::{Request, Response, Uri};

use super::cookie::Cookie;
use super::memory::Memory;
use super::sessions::Sessions;
use crate::body::ResponseBody;

/// What binds requests to peers.
pub trait Binding<B> {
    /// What is kept of a request until its response is there.
    type Session;

    /// What the peer is called that the request should go to, if it says so, and what will hear who served it.
    fn wanted(&self, request: &Request<B>) -> (Option<Arc<[u8]>>, Self::Session);
}

/// What hears which peer has served a request.
pub trait Session<R> {
    /// `peer` has; this is its response.
    fn served(self, peer: &Arc<str>, response: &mut Response<R>);
}

/// Who does not care.
impl<R> Session<R> for () {
    fn served(self, _: &Arc<str>, _: &mut Response<R>) {}
}

/// Clients show a cookie that names the peer, and are given one with each response (nginx: `sticky cookie`). A cookie that names
/// no peer, or one that cannot serve, is replaced.
#[derive(Clone, Debug)]
pub struct ByCookie(Arc<Cookie>);

impl ByCookie {
    /// By this cookie.
    #[must_use]
    pub fn new(cookie: Cookie) -> Self {
        Self(Arc::new(cookie))
    }
}

impl<B> Binding<B> for ByCookie {
    type Session = Self;

    fn wanted(&self, request: &Request<B>) -> (Option<Arc<[u8]>>, Self) {
        let lines = request.headers().get_all(COOKIE).iter().map(HeaderValue::as_bytes);
        (self.0.find(lines).map(Arc::from), self.clone())
    }
}

impl<R> Session<R> for ByCookie {
    #[expect(clippy::disallowed_methods, reason = "wall-clock time for text only: nothing is decided by it")]
    fn served(self, peer: &Arc<str>, response: &mut Response<R>) {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        if let Some(field) = self.0.field(peer, now.unwrap_or_default()) {
            response.headers_mut().append(SET_COOKIE, field);
        }
    }
}

/// Requests name the [`route`](crate::Server::route) of their peer somewhere (nginx: `sticky route`).
#[derive(Clone, Debug)]
pub struct ByRoute<F>(F);

impl<F> ByRoute<F>
where
    F: Fn(&HeaderMap, &Uri) -> Option<Vec<u8>>,
{
    /// `find` finds it.
    #[must_use]
    pub fn new(find: F) -> Self {
        Self(find)
    }
}

impl<F, B> Binding<B> for ByRoute<F>
where
    F: Fn(&HeaderMap, &Uri) -> Option<Vec<u8>>,
{
    type Session = ();

    fn wanted(&self, request: &Request<B>) -> (Option<Arc<[u8]>>, ()) {
        ((self.0)(request.headers(), request.uri()).map(Arc::from), ())
    }
}

/// Sessions are learnt from what peers say: a response begins one, requests name it (nginx: `sticky learn`).
#[derive(Clone, Debug)]
pub struct Learning<L, C> {
    memory: Memory,
    lookup: L,
    create: Arc<C>,
}

impl<L, C> Learning<L, C>
where
    L: Fn(&HeaderMap, &Uri) -> Option<Vec<u8>>,
    C: Fn(&HeaderMap) -> Option<Vec<u8>>,
{
    /// `lookup` finds the session in a request, `create` in a response. One that is not used for ten minutes is forgotten.
    #[must_use]
    pub fn new(sessions: Sessions, lookup: L, create: C) -> Self {
        Self { memory: Memory::new(sessions), lookup, create: Arc::new(create) }
    }

    /// How long a session that is not used is remembered. Default 10 min (nginx: `timeout=`).
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.memory = self.memory.timeout(timeout);
        self
    }

    /// Whether a session begins with the response's head. Default: with its end (nginx: `header`).
    #[must_use]
    pub fn at_head(mut self, on: bool) -> Self {
        self.memory = self.memory.at_head(on);
        self
    }
}

impl<L, C, B> Binding<B> for Learning<L, C>
where
    L: Fn(&HeaderMap, &Uri) -> Option<Vec<u8>>,
{
    type Session = Learner<C>;

    fn wanted(&self, request: &Request<B>) -> (Option<Arc<[u8]>>, Learner<C>) {
        let session = (self.lookup)(request.headers(), request.uri());
        let peer = session.as_ref().and_then(|session| self.memory.find(session));
        let learner = Learner { memory: self.memory.clone(), create: Arc::clone(&self.create), session };
        (peer.map(Into::into), learner)
    }
}

/// Learns from one response: the [`Binding::Session`] of [`Learning`].
#[derive(Debug)]
pub struct Learner<C> {
    memory: Memory,
    create: Arc<C>,
    /// The session of the request.
    session: Option<Vec<u8>>,
}

impl<C, T, R> Session<ResponseBody<T, R>> for Learner<C>
where
    C: Fn(&HeaderMap) -> Option<Vec<u8>>,
{
    fn served(self, peer: &Arc<str>, response: &mut Response<ResponseBody<T, R>>) {
        let created = (self.create)(response.headers());
        self.memory.served(created, self.session, peer, response);
    }
}
