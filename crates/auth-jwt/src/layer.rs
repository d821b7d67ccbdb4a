use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{Request, Response, StatusCode, request};
use tower_layer::Layer;
use tower_service::Service;

use crate::{KeyError, KeyFile, KeySet, Refused, Token, bearer, challenge};

/// Where keys come from.
#[derive(Clone, Debug)]
pub enum Keys {
    /// These.
    Set(Arc<KeySet>),
    /// Those of a file, as it is.
    File(Arc<KeyFile>),
}

impl From<KeySet> for Keys {
    fn from(set: KeySet) -> Self {
        Self::Set(Arc::new(set))
    }
}

impl From<KeyFile> for Keys {
    fn from(file: KeyFile) -> Self {
        Self::File(Arc::new(file))
    }
}

impl Keys {
    /// They themselves, as they are now.
    ///
    /// # Errors
    /// There are none.
    pub async fn get(&self) -> Result<Arc<KeySet>, KeyError> {
        match self {
            Self::Set(set) => Ok(set.clone()),
            Self::File(file) => file.look().await,
        }
    }
}

/// Lets requests in that have a good token, or answers them with 401, 403 or 500 and an empty body. The request carries the [`Token`]
/// on, in an `Arc`.
#[derive(Clone)]
pub struct AuthJwtLayer {
    gate: Arc<Gate>,
}

type Find = dyn Fn(&request::Parts) -> Option<Bytes> + Send + Sync;
type Require = dyn Fn(&Token, &request::Parts) -> bool + Send + Sync;

#[derive(Clone)]
struct Gate {
    realm: Bytes,
    keys: Vec<Keys>,
    token: Arc<Find>,
    leeway: Duration,
    require: Vec<(Arc<Require>, StatusCode)>,
}

impl AuthJwtLayer {
    /// A layer that asks for a token of these keys, in the field `Authorization`.
    #[must_use]
    pub fn new(realm: impl Into<Bytes>, keys: impl Into<Keys>) -> Self {
        let (realm, keys) = (realm.into(), vec![keys.into()]);
        let (token, leeway, require) = (Arc::new(authorization), Duration::ZERO, Vec::new());
        Self { gate: Arc::new(Gate { realm, keys, token, leeway, require }) }
    }

    /// Or of these: all of them are there, or it is 500.
    #[must_use]
    pub fn or(mut self, keys: impl Into<Keys>) -> Self {
        self.gate_mut().keys.push(keys.into());
        self
    }

    /// Where the token is: in a cookie, or an argument. Default: in `Authorization`, behind `Bearer`.
    #[must_use]
    pub fn token(mut self, find: impl Fn(&request::Parts) -> Option<Bytes> + Send + Sync + 'static) -> Self {
        self.gate_mut().token = Arc::new(find);
        self
    }

    /// How far the clock of whoever made the token may be from this one's. Default: not at all.
    #[must_use]
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.gate_mut().leeway = leeway;
        self
    }

    /// What has to be true of a good token besides; else this is the status.
    ///
    /// ```
    /// use http::StatusCode;
    /// use propylon_auth_jwt::{AuthJwtLayer, KeyFile};
    ///
    /// let issuer = String::from("https://login.example.com");
    /// let layer = AuthJwtLayer::new("Staff", KeyFile::new("/etc/keys.json")).require(
    ///     move |token, _| token.claim(&["iss"]).as_deref() == Some(issuer.as_bytes()),
    ///     StatusCode::FORBIDDEN,
    /// );
    /// # let _ = layer;
    /// ```
    #[must_use]
    pub fn require(
        mut self,
        check: impl Fn(&Token, &request::Parts) -> bool + Send + Sync + 'static,
        or: StatusCode,
    ) -> Self {
        self.gate_mut().require.push((Arc::new(check), or));
        self
    }

    fn gate_mut(&mut self) -> &mut Gate {
        Arc::make_mut(&mut self.gate)
    }
}

impl fmt::Debug for AuthJwtLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Gate { realm, keys, .. } = &*self.gate;
        f.debug_struct("AuthJwtLayer").field("realm", realm).field("keys", keys).finish_non_exhaustive()
    }
}

fn authorization(parts: &request::Parts) -> Option<Bytes> {
    let value = parts.headers.get(AUTHORIZATION)?;
    bearer(value.as_bytes()).map(Bytes::copy_from_slice)
}

impl Gate {
    /// The token of a request that may come in, or what it is answered.
    async fn check(&self, parts: &request::Parts) -> Result<Token, (StatusCode, Option<Refused>)> {
        let refused = |why| (StatusCode::UNAUTHORIZED, Some(why));
        let text = (self.token)(parts).unwrap_or_default();
        let token = Token::parse(&text).map_err(refused)?;
        let mut sets = Vec::with_capacity(self.keys.len());
        for keys in &self.keys {
            sets.push(keys.get().await.map_err(|_| (StatusCode::INTERNAL_SERVER_ERROR, None))?);
        }
        KeySet::verify(sets.iter().map(AsRef::as_ref), &token, now(), self.leeway).map_err(refused)?;
        match self.require.iter().find(|(check, _)| !check(&token, parts)) {
            Some((_, status)) => Err((*status, None)),
            None => Ok(token),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "what tokens say of their time is said of the wall's")]
fn now() -> SystemTime {
    SystemTime::now()
}

impl<S> Layer<S> for AuthJwtLayer {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded { inner, gate: self.gate.clone() }
    }
}

/// A service for those who have a token. Made by [`AuthJwtLayer`].
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
            match gate.check(&parts).await {
                Ok(token) => {
                    parts.extensions.insert(Arc::new(token));
                    inner.call(Request::from_parts(parts, body)).await
                }
                Err((status, why)) => Ok(refusal(status, why, &gate.realm)),
            }
        })
    }
}

fn refusal<R: Default>(status: StatusCode, why: Option<Refused>, realm: &[u8]) -> Response<R> {
    let mut response = Response::new(R::default());
    *response.status_mut() = status;
    if status == StatusCode::UNAUTHORIZED
        && let Some(challenge) = challenge(realm, why != Some(Refused::NoToken))
    {
        response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    }
    if let Some(why) = why {
        response.extensions_mut().insert(why);
    }
    response
}
