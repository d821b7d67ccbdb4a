//! Tower services and futures that a test can look into. For services that answer step by step there is `tower-test`.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use tower_service::Service;

/// A service of a closure that counts its calls and panics when it is called without having been ready: the rule that
/// a wrapper breaks when it clones a service and calls the wrong one of the two.
///
/// A clone starts unready and shares the count.
///
/// ```
/// use propylon_testkit::service::Checked;
///
/// let service = Checked::new(|request: u8| std::future::ready(Ok::<_, std::io::Error>(request + 1)));
/// assert_eq!(service.calls(), 0);
/// ```
#[derive(Debug)]
pub struct Checked<F> {
    answer: F,
    ready: bool,
    calls: Arc<AtomicUsize>,
}

impl<F> Checked<F> {
    /// A service that is ready at every poll and answers with the closure's future.
    pub fn new(answer: F) -> Self {
        Self { answer, ready: false, calls: Arc::default() }
    }

    /// How often this service and its clones were called.
    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::Acquire)
    }
}

impl<F: Clone> Clone for Checked<F> {
    fn clone(&self) -> Self {
        Self { answer: self.answer.clone(), ready: false, calls: self.calls.clone() }
    }
}

impl<F, R, Fut, T, E> Service<R> for Checked<F>
where
    F: FnMut(R) -> Fut,
    Fut: Future<Output = Result<T, E>>,
{
    type Response = T;
    type Error = E;
    type Future = Fut;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), E>> {
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: R) -> Fut {
        assert!(std::mem::take(&mut self.ready), "the service was called without poll_ready");
        self.calls.fetch_add(1, Ordering::AcqRel);
        (self.answer)(request)
    }
}

/// A value (most often a future) whose drop a test can see.
///
/// ```
/// use propylon_testkit::service::Tracked;
///
/// let (future, fate) = Tracked::new(std::future::pending::<()>());
/// drop(future);
/// assert!(fate.dropped());
/// ```
#[derive(Debug)]
pub struct Tracked<T> {
    inner: Pin<Box<T>>,
    fate: Fate,
}

/// Sees whether a [`Tracked`] value was dropped.
#[derive(Clone, Debug, Default)]
pub struct Fate(Arc<AtomicBool>);

impl<T> Tracked<T> {
    /// Tracks the value.
    pub fn new(inner: T) -> (Self, Fate) {
        let fate = Fate::default();
        (Self::with(inner, fate.clone()), fate)
    }

    /// Tracks the value by a handle that exists already: for a future that a closure makes later.
    pub fn with(inner: T, fate: Fate) -> Self {
        Self { inner: Box::pin(inner), fate }
    }
}

impl<T: Future> Future for Tracked<T> {
    type Output = T::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T::Output> {
        self.inner.as_mut().poll(cx)
    }
}

impl<T> Drop for Tracked<T> {
    fn drop(&mut self) {
        self.fate.0.store(true, Ordering::Release);
    }
}

impl Fate {
    /// Whether the value was dropped.
    #[must_use]
    pub fn dropped(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}
