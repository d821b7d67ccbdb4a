//! The one seam type of a stack.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body as HttpBody;
use parking_lot::Mutex;
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::{Body, BoxError};

/// The future of a [`Route`]'s response.
pub type RouteFuture = Pin<Box<dyn Future<Output = Answer> + Send>>;

type Answer = Result<Response<Body>, BoxError>;

/// A service with its type erased; a clone is a refcount bump.
#[derive(Clone)]
pub struct Route(Arc<dyn Erased>);

trait Erased: Send + Sync {
    fn call(&self, request: Request<Body>) -> RouteFuture;
}

impl Route {
    /// Erases the type of `service`.
    pub fn new<S, B>(service: S) -> Self
    where
        S: Service<Request<Body>, Response = Response<B>> + Clone + Send + Sync + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send,
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        Self::erase::<S, Erasing>(service)
    }

    /// [`new`](Self::new) for a service that answers with the stack's own types: its answers do not move.
    pub fn plain<S>(service: S) -> Self
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = BoxError>
            + Clone
            + Send
            + Sync
            + 'static,
        S::Future: Send,
    {
        Self::erase::<S, AsTheyAre>(service)
    }

    fn erase<S, A>(service: S) -> Self
    where
        S: Service<Request<Body>> + Clone + Send + Sync + 'static,
        S::Future: Send,
        A: Answers<S::Response, S::Error> + 'static,
    {
        Self(Arc::new(Seam::<S, A> { turn: Mutex::new(service.clone()), service, answers: PhantomData }))
    }

    /// Puts `layer` around the route.
    #[must_use]
    pub fn layer<L, B>(self, layer: L) -> Self
    where
        L: Layer<Self>,
        L::Service: Service<Request<Body>, Response = Response<B>> + Clone + Send + Sync + 'static,
        <L::Service as Service<Request<Body>>>::Error: Into<BoxError>,
        <L::Service as Service<Request<Body>>>::Future: Send,
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        Self::new(layer.layer(self))
    }

    /// Puts `layer` around the route, if there is one; else the route stays as it is.
    #[must_use]
    pub fn layer_opt<L, B>(self, layer: Option<L>) -> Self
    where
        L: Layer<Self>,
        L::Service: Service<Request<Body>, Response = Response<B>> + Clone + Send + Sync + 'static,
        <L::Service as Service<Request<Body>>>::Error: Into<BoxError>,
        <L::Service as Service<Request<Body>>>::Future: Send,
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        match layer {
            Some(layer) => self.layer(layer),
            None => self,
        }
    }

    /// Sends a request through the route. The future awaits readiness itself.
    pub fn call<B>(&self, request: Request<B>) -> RouteFuture
    where
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        self.send(request.map(Body::new))
    }

    /// [`call`](Self::call) with a request that has the stack's own body, and so needs not move into another.
    #[inline]
    pub fn send(&self, request: Request<Body>) -> RouteFuture {
        self.0.call(request)
    }
}

impl<B> Service<Request<B>> for Route
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = RouteFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> RouteFuture {
        Self::call(self, request)
    }
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Route").finish_non_exhaustive()
    }
}

struct Seam<S, A> {
    service: S,
    /// A clone for who comes first: calls return at once, so that it is free but for another thread's call at that very moment,
    /// and a call costs no clone of its own.
    turn: Mutex<S>,
    answers: PhantomData<fn() -> A>,
}

/// How what a service answers becomes what a route does.
trait Answers<R, E> {
    fn answer(result: Result<R, E>) -> Answer;

    fn polled(polled: Poll<Result<R, E>>) -> Poll<Answer> {
        polled.map(Self::answer)
    }
}

/// It is that already, and stays where it is.
struct AsTheyAre;

impl Answers<Response<Body>, BoxError> for AsTheyAre {
    #[inline]
    fn answer(result: Answer) -> Answer {
        result
    }

    #[inline]
    fn polled(polled: Poll<Answer>) -> Poll<Answer> {
        polled
    }
}

/// It is made of it.
struct Erasing;

impl<B, E> Answers<Response<B>, E> for Erasing
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
    E: Into<BoxError>,
{
    fn answer(result: Result<Response<B>, E>) -> Answer {
        result.map(|response| response.map(Body::new)).map_err(Into::into)
    }
}

impl<S, A> Erased for Seam<S, A>
where
    S: Service<Request<Body>> + Clone + Send + Sync + 'static,
    S::Future: Send,
    A: Answers<S::Response, S::Error> + 'static,
{
    fn call(&self, request: Request<Body>) -> RouteFuture {
        match self.turn.try_lock() {
            Some(mut service) => call::<S, A>(&mut service, request),
            None => call::<S, A>(&mut self.service.clone(), request),
        }
    }
}

fn call<S, A>(service: &mut S, request: Request<Body>) -> RouteFuture
where
    S: Service<Request<Body>> + Clone + Send + 'static,
    S::Future: Send,
    A: Answers<S::Response, S::Error> + 'static,
{
    // Nearly always ready at once: then the request moves straight into its future.
    let waits = match service.poll_ready(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Ok(())) => {
            let state = State::Called { future: service.call(request), over: false };
            return Box::pin(SeamFuture::<S, S::Future, A> { state, answers: PhantomData });
        }
        Poll::Ready(Err(error)) => return Box::pin(std::future::ready(A::answer(Err(error)))),
        // The one that was asked waits: what it has registered for, a place in a line perhaps, is its own.
        Poll::Pending => {
            let fresh = service.clone();
            State::Waiting { service: std::mem::replace(service, fresh), request: Some(request) }
        }
    };
    Box::pin(SeamFuture::<S, S::Future, A> { state: waits, answers: PhantomData })
}

pin_project! {
    struct SeamFuture<S, F, A> {
        #[pin]
        state: State<S, F>,
        answers: PhantomData<fn() -> A>,
    }
}

pin_project! {
    #[project = Project]
    enum State<S, F> {
        // The group has not said yet that it is ready.
        Waiting { service: S, request: Option<Request<Body>> },
        // It is not dropped when it is over: what it gave would have to be moved out of the way.
        Called { #[pin] future: F, over: bool },
    }
}

impl<S, A> Future for SeamFuture<S, S::Future, A>
where
    S: Service<Request<Body>>,
    A: Answers<S::Response, S::Error>,
{
    type Output = Answer;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Answer> {
        let mut state = self.project().state;
        if let Project::Waiting { service, request } = state.as_mut().project() {
            if let Err(error) = ready!(service.poll_ready(cx)) {
                return Poll::Ready(A::answer(Err(error)));
            }
            let Some(request) = request.take() else { return Poll::Pending };
            let future = service.call(request);
            state.set(State::Called { future, over: false });
        }
        match state.project() {
            Project::Called { future, over: over @ false } => poll_called::<A, _, _, _>(future, over, cx),
            // Polled after its end: pending for ever is the documented freedom of a future, and no panic.
            Project::Called { .. } | Project::Waiting { .. } => Poll::Pending,
        }
    }
}

/// A function with one result, which is made where it goes.
fn poll_called<A, F, R, E>(future: Pin<&mut F>, over: &mut bool, cx: &mut Context<'_>) -> Poll<Answer>
where
    F: Future<Output = Result<R, E>>,
    A: Answers<R, E>,
{
    let polled = A::polled(future.poll(cx));
    *over = polled.is_ready();
    polled
}
