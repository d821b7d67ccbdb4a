use std::error::Error;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::header::WWW_AUTHENTICATE;
use http::{Request, Response, StatusCode};
use tower_service::Service;

use crate::layer::Rules;
use crate::{Verdict, question};

/// The service that was asked gave no answer: an extension of the response, which is a 500, for whoever tells of errors.
#[derive(Clone, Debug)]
pub struct Unanswered(pub Arc<dyn Error + Send + Sync>);

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the authorization request failed: {}", self.0)
    }
}

impl Error for Unanswered {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.0)
    }
}

/// A service that another one guards. Made by [`AuthRequestLayer`](crate::AuthRequestLayer).
#[derive(Clone)]
pub struct AuthRequest<S, A> {
    inner: S,
    authority: A,
    rules: Arc<Rules>,
}

impl<S, A> AuthRequest<S, A> {
    pub(crate) const fn new(inner: S, authority: A, rules: Arc<Rules>) -> Self {
        Self { inner, authority, rules }
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

impl<S: fmt::Debug, A: fmt::Debug> fmt::Debug for AuthRequest<S, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthRequest")
            .field("inner", &self.inner)
            .field("authority", &self.authority)
            .finish_non_exhaustive()
    }
}

impl<S, A, B, R, Q> Service<Request<B>> for AuthRequest<S, A>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send,
    A: Service<Request<()>, Response = Response<Q>> + Clone + Send + 'static,
    A::Future: Send,
    A::Error: Into<Box<dyn Error + Send + Sync>> + Send,
    B: Send + 'static,
    R: Default + Send,
    Q: Send,
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
        let mut authority = self.authority.clone();
        let rules = Arc::clone(&self.rules);
        let (mut head, body) = request.into_parts();
        Box::pin(async move {
            let asked = question(&head, rules.uri.clone().unwrap_or_else(|| head.uri.clone()));
            let answer = match poll_fn(|cx| authority.poll_ready(cx)).await {
                Ok(()) => authority.call(asked).await,
                Err(error) => Err(error),
            };
            let answer = match answer {
                Ok(answer) => answer.into_parts().0, // of its body nobody wants to know
                Err(error) => {
                    let mut response = refused(StatusCode::INTERNAL_SERVER_ERROR);
                    response.extensions_mut().insert(Unanswered(Arc::from(error.into())));
                    return Ok(response);
                }
            };
            let verdict = Verdict::of(answer.status, &answer.headers);
            if let Some(status) = verdict.status() {
                let mut response = refused(status);
                if let Verdict::Unauthorized { challenges } = &verdict {
                    let challenges = challenges.iter().map(|value| (WWW_AUTHENTICATE, value.clone()));
                    response.headers_mut().extend(challenges);
                }
                return Ok(response);
            }
            (rules.take_over)(&mut head, &answer);
            inner.call(Request::from_parts(head, body)).await
        })
    }
}

fn refused<R: Default>(status: StatusCode) -> Response<R> {
    let mut response = Response::new(R::default());
    *response.status_mut() = status;
    response
}
