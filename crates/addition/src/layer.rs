use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use http::response;
use http_body::Body;
use tower_layer::Layer;

use crate::Addition;
use crate::addition::Asking;
use crate::rules::Rules;

/// Puts an [`Addition`] around a service. Without anything to add it changes nothing.
#[derive(Clone)]
pub struct AdditionLayer {
    rules: Arc<Rules>,
}

impl AdditionLayer {
    /// A layer that adds nothing, to `text/html`.
    #[must_use]
    pub fn new() -> Self {
        Self { rules: Arc::new(Rules { before: None, after: None, types: vec!["text/html".into()] }) }
    }

    /// What comes before the body of a response with this head, if anything does. The future is polled when its turn has come.
    #[must_use]
    pub fn before<F, A, B, E>(mut self, of: F) -> Self
    where
        F: Fn(&response::Parts) -> Option<A> + Send + Sync + 'static,
        A: Future<Output = Result<B, E>> + Send + 'static,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn StdError + Send + Sync>>,
        E: Into<Box<dyn StdError + Send + Sync>>,
    {
        Arc::make_mut(&mut self.rules).before = Some(Arc::new(move |head| of(head).map(Asking::new)));
        self
    }

    /// What comes behind it.
    #[must_use]
    pub fn after<F, A, B, E>(mut self, of: F) -> Self
    where
        F: Fn(&response::Parts) -> Option<A> + Send + Sync + 'static,
        A: Future<Output = Result<B, E>> + Send + 'static,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn StdError + Send + Sync>>,
        E: Into<Box<dyn StdError + Send + Sync>>,
    {
        Arc::make_mut(&mut self.rules).after = Some(Arc::new(move |head| of(head).map(Asking::new)));
        self
    }

    /// The media types, without parameters; `*`: any. Default `text/html`.
    #[must_use]
    pub fn types<T: Into<Box<str>>>(mut self, types: impl IntoIterator<Item = T>) -> Self {
        Arc::make_mut(&mut self.rules).types = types.into_iter().map(Into::into).collect();
        self
    }
}

impl Default for AdditionLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for AdditionLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdditionLayer").field("rules", &self.rules).finish()
    }
}

impl<S> Layer<S> for AdditionLayer {
    type Service = Addition<S>;

    fn layer(&self, inner: S) -> Addition<S> {
        Addition::new(inner, self.rules.clone())
    }
}
