use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{COOKIE, HOST};
use http::{Request, Response, request};
use tower_layer::Layer;
use tower_service::Service;

use crate::{Answer, Asked, RelyingParty, Session};

/// Lets requests in that are of somebody's session at the provider, and has everybody else log in there. The request carries the
/// [`Session`] on, in an `Arc`.
#[derive(Clone)]
pub struct AuthOidcLayer<C> {
    party: RelyingParty<C>,
    scheme: &'static str,
}

impl<C> AuthOidcLayer<C> {
    /// A layer for this provider; browsers see the service by `http`.
    #[must_use]
    pub fn new(party: RelyingParty<C>) -> Self {
        Self { party, scheme: "http" }
    }

    /// Browsers see it by `https`: cookies are for that alone.
    #[must_use]
    pub fn https(mut self) -> Self {
        self.scheme = "https";
        self
    }
}

impl<C> fmt::Debug for AuthOidcLayer<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthOidcLayer").field("scheme", &self.scheme).finish_non_exhaustive()
    }
}

impl<S, C: Clone> Layer<S> for AuthOidcLayer<C> {
    type Service = LoggedIn<S, C>;

    fn layer(&self, inner: S) -> Self::Service {
        LoggedIn { inner, party: self.party.clone(), scheme: self.scheme }
    }
}

/// A service for those who have logged in. Made by [`AuthOidcLayer`].
#[derive(Clone)]
pub struct LoggedIn<S, C> {
    inner: S,
    party: RelyingParty<C>,
    scheme: &'static str,
}

impl<S, C> LoggedIn<S, C> {
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

impl<S: fmt::Debug, C> fmt::Debug for LoggedIn<S, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoggedIn").field("inner", &self.inner).finish_non_exhaustive()
    }
}

impl<S, B, R, C> Service<Request<B>> for LoggedIn<S, C>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send,
    B: Send + 'static,
    R: From<&'static str> + Send,
    C: Service<Request<Bytes>, Response = Response<Bytes>> + Clone + Send + Sync + 'static,
    C::Future: Send,
    C::Error: Into<Box<dyn std::error::Error + Send + Sync>> + Send,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<R>, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // The one that was ready is the one that is called.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let (party, scheme) = (self.party.clone(), self.scheme);
        let (mut parts, body) = request.into_parts();
        Box::pin(async move {
            match pass(&party, &parts, scheme).await {
                Ok(session) => {
                    parts.extensions.insert(session);
                    inner.call(Request::from_parts(parts, body)).await
                }
                Err(answer) => Ok(response(*answer)),
            }
        })
    }
}

/// The session of a request, or what is answered instead.
async fn pass<C>(
    party: &RelyingParty<C>,
    parts: &request::Parts,
    scheme: &str,
) -> Result<Arc<Session>, Box<Answer>>
where
    C: Service<Request<Bytes>, Response = Response<Bytes>> + Clone,
    C::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let cookies: Vec<&[u8]> = parts.headers.get_all(COOKIE).iter().map(|value| value.as_bytes()).collect();
    let step = party.step(parts.uri.path().as_bytes());
    if step.is_none()
        && let Some(session) = party.session(cookies.iter().copied())
    {
        return Ok(session);
    }
    let host = parts.headers.get(HOST).and_then(|host| host.to_str().ok());
    let host = parts.uri.authority().map(|authority| authority.as_str()).or(host).unwrap_or_default();
    let asked = Asked {
        origin: &format!("{scheme}://{host}"),
        target: parts.uri.path_and_query().map_or("/", |target| target.as_str()).as_bytes(),
        query: parts.uri.query().unwrap_or_default().as_bytes(),
        cookies: &cookies,
    };
    Err(Box::new(match step {
        Some(step) => party.answer(step, &asked).await,
        None => party.login(&asked).await,
    }))
}

fn response<R: From<&'static str>>(answer: Answer) -> Response<R> {
    let mut response = Response::new(R::from(answer.body));
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    if let Some(why) = answer.why {
        response.extensions_mut().insert(why);
    }
    response
}
