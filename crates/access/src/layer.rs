use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{Request, Response, request};
use tokio::sync::Semaphore;
use tower_layer::Layer;
use tower_service::Service;

use crate::{Access, Client, Delay, Login, UserFile, Verdict};

/// The user that a request was let in as: an extension of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User(pub Bytes);

/// Lets requests in, or answers them with 401, 403 or 500 and an empty body; such an answer has the reason, [`Refused`](crate::Refused),
/// among its extensions.
#[derive(Clone)]
pub struct AccessLayer {
    gate: Arc<Gate>,
}

/// How many passwords are checked at once.
const AT_ONCE: usize = 4;

type Find = dyn Fn(&request::Parts) -> Client + Send + Sync;

#[derive(Clone)]
struct Gate {
    access: Access,
    client: Arc<Find>,
    login: Option<(Bytes, Arc<UserFile>)>,
    turns: Arc<Semaphore>,
    delay: Delay,
}

impl AccessLayer {
    /// A layer with these rules; `client` tells where a request comes from, [`Client::Unknown`] where it cannot.
    ///
    /// ```
    /// use http::{HeaderName, request};
    /// use propylon_access::{Access, AccessLayer, Client, Rules, Whom};
    ///
    /// // Behind a proxy that writes this field over whatever the client sent in it.
    /// let field = HeaderName::from_static("x-real-ip");
    /// let rules = Rules::new().allow(Whom::Net("10.0.0.0/8".parse()?)).deny(Whom::All);
    /// let layer = AccessLayer::new(Access::new(rules), move |request: &request::Parts| {
    ///     let ip = request.headers.get(&field).and_then(|value| value.to_str().ok()?.parse().ok());
    ///     ip.map_or(Client::Unknown, Client::Ip)
    /// });
    /// # let _ = layer;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn new(access: Access, client: impl Fn(&request::Parts) -> Client + Send + Sync + 'static) -> Self {
        let (client, login, delay) = (Arc::new(client), None, Delay::default());
        Self { gate: Arc::new(Gate { access, client, login, turns: turns(), delay }) }
    }

    /// Asks for a password of one of these users. Four are checked at once.
    #[must_use]
    pub fn basic(mut self, realm: impl Into<Bytes>, users: UserFile) -> Self {
        let gate = Arc::make_mut(&mut self.gate);
        (gate.login, gate.turns) = (Some((realm.into(), Arc::new(users))), turns());
        self
    }

    /// Answers 401 so long after the request came, and not earlier (nginx: `auth_delay`). Default: at once.
    #[must_use]
    pub fn delay(mut self, delay: Duration) -> Self {
        Arc::make_mut(&mut self.gate).delay = Delay::new(delay);
        self
    }
}

fn turns() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(AT_ONCE))
}

impl fmt::Debug for AccessLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessLayer").field("access", &self.gate.access).finish_non_exhaustive()
    }
}

impl<S> Layer<S> for AccessLayer {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded { inner, gate: self.gate.clone() }
    }
}

/// A service that not everyone may use. Made by [`AccessLayer`].
#[derive(Clone)]
pub struct Guarded<S> {
    inner: S,
    gate: Arc<Gate>,
}

impl<S> Guarded<S> {
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

impl<S: fmt::Debug> fmt::Debug for Guarded<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guarded").field("inner", &self.inner).finish_non_exhaustive()
    }
}

impl<S, B, R> Service<Request<B>> for Guarded<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send,
    B: Send + 'static,
    R: Default + Send,
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
        let gate = self.gate.clone();
        let (mut parts, body) = request.into_parts();
        Box::pin(async move {
            let login = gate.login.as_ref().map(|(realm, users)| Login {
                realm: realm.clone(),
                users: users.clone(),
                turns: gate.turns.clone(),
                authorization: parts.headers.get(AUTHORIZATION).cloned(),
            });
            let due = gate.delay.begin();
            let verdict = gate.access.check((gate.client)(&parts), login).await;
            if let Some(status) = verdict.status() {
                due.wait(status).await;
                let mut response = Response::new(R::default());
                *response.status_mut() = status;
                if let Verdict::Unauthorized { challenge: Some(challenge), .. } = &verdict {
                    response.headers_mut().insert(WWW_AUTHENTICATE, challenge.clone());
                }
                if let Some(why) = verdict.why() {
                    response.extensions_mut().insert(why);
                }
                return Ok(response);
            }
            if let Verdict::Allowed { user: Some(user) } = verdict {
                parts.extensions.insert(User(user));
            }
            inner.call(Request::from_parts(parts, body)).await
        })
    }
}
