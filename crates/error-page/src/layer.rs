use std::fmt;
use std::sync::Arc;

use http::response;
use tower_layer::Layer;

use crate::{ErrorPage, Pages};

/// Puts an [`ErrorPage`] around a service.
pub struct ErrorPageLayer<T, A> {
    pub(crate) rules: Arc<Rules<T, A>>,
}

type Intercepts = dyn Fn(&response::Parts) -> bool + Send + Sync;

pub(crate) struct Rules<T, A> {
    pub(crate) pages: Pages<T>,
    pub(crate) answer: A,
    pub(crate) intercepts: Box<Intercepts>,
    pub(crate) recursive: bool,
}

impl<T, A> ErrorPageLayer<T, A> {
    /// A layer that lets `answer` make the response for each status that has one of these pages.
    #[must_use]
    pub fn new(pages: Pages<T>, answer: A) -> Self {
        let intercepts = Box::new(|_: &response::Parts| true);
        Self { rules: Arc::new(Rules { pages, answer, intercepts, recursive: false }) }
    }

    /// Which responses may be replaced; the others pass whatever their status is. Default: all.
    #[must_use]
    pub fn intercept(self, intercepts: impl Fn(&response::Parts) -> bool + Send + Sync + 'static) -> Self {
        self.change(|rules| rules.intercepts = Box::new(intercepts))
    }

    /// Whether a request that is answering with an error page already ([`Handled::Once`](crate::Handled::Once)) may get another
    /// one. Default: no.
    #[must_use]
    pub fn recursive(self, recursive: bool) -> Self {
        self.change(|rules| rules.recursive = recursive)
    }

    fn change(mut self, change: impl FnOnce(&mut Rules<T, A>)) -> Self {
        // A layer that has made services already is left as it is: the setters are for the making of it.
        if let Some(rules) = Arc::get_mut(&mut self.rules) {
            change(rules);
        }
        self
    }
}

impl<T, A> Clone for ErrorPageLayer<T, A> {
    fn clone(&self) -> Self {
        Self { rules: self.rules.clone() }
    }
}

impl<T, A> fmt::Debug for ErrorPageLayer<T, A>
where
    T: fmt::Debug,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ErrorPageLayer").field("pages", &self.rules.pages).finish_non_exhaustive()
    }
}

impl<S, T, A> Layer<S> for ErrorPageLayer<T, A> {
    type Service = ErrorPage<S, T, A>;

    fn layer(&self, inner: S) -> ErrorPage<S, T, A> {
        ErrorPage::new(inner, self.rules.clone())
    }
}
