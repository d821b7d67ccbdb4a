use std::sync::Arc;

use bytes::Bytes;
use http::response;
use tower_layer::Layer;

use crate::rules::{Name, Rules};
use crate::{Charset, Map};

/// nginx's list.
const TYPES: [&str; 6] = [
    "text/html",
    "text/xml",
    "text/plain",
    "text/vnd.wap.wml",
    "application/javascript",
    "application/rss+xml",
];

/// Puts a [`Charset`] around a service.
#[derive(Clone, Debug)]
pub struct CharsetLayer {
    rules: Arc<Rules>,
}

impl CharsetLayer {
    /// Responses of the usual types of text get this charset.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self::with(Name::Fixed(name.into().into()))
    }

    /// The charset is chosen for each response: by its head, and what is in its extensions; `None`: it is left alone.
    #[must_use]
    pub fn choosing(choose: impl Fn(&response::Parts) -> Option<Bytes> + Send + Sync + 'static) -> Self {
        Self::with(Name::Chosen(Arc::new(choose)))
    }

    fn with(charset: Name) -> Self {
        let rules = Rules {
            charset,
            source: None,
            order: None,
            overrides: false,
            types: TYPES.into_iter().map(Into::into).collect(),
            maps: Vec::new(),
            missing: None,
        };
        Self { rules: Arc::new(rules) }
    }

    /// The media types, without parameters, that get a charset if they have none; `*`: any.
    #[must_use]
    pub fn types<T: Into<Box<str>>>(mut self, types: impl IntoIterator<Item = T>) -> Self {
        self.rules().types = types.into_iter().map(Into::into).collect();
        self
    }

    /// The charset of responses that do not name theirs: they are recoded from it.
    #[must_use]
    pub fn source(mut self, name: impl Into<String>) -> Self {
        self.rules().source = Some(Name::Fixed(name.into().into()));
        self
    }

    /// As [`source`](Self::source), chosen for each response; `None`: it is not known.
    #[must_use]
    pub fn source_with(
        mut self,
        choose: impl Fn(&response::Parts) -> Option<Bytes> + Send + Sync + 'static,
    ) -> Self {
        self.rules().source = Some(Name::Chosen(Arc::new(choose)));
        self
    }

    /// Whether responses that name another charset, of whatever type, get this one too.
    #[must_use]
    pub fn override_charset(mut self, on: bool) -> Self {
        self.rules().overrides = on;
        self
    }

    /// A charset that comes with the response and goes before all else, if it is one that the layer knows by name.
    #[must_use]
    pub fn order_with(
        mut self,
        order: impl Fn(&response::Parts) -> Option<Bytes> + Send + Sync + 'static,
    ) -> Self {
        self.rules().order = Some(Arc::new(order));
        self
    }

    /// How to recode between two charsets.
    #[must_use]
    pub fn map(mut self, map: Map) -> Self {
        self.rules().maps.push(map);
        self
    }

    /// Is told from which charset to which a response could not be recoded, for want of a map.
    #[must_use]
    pub fn on_missing(mut self, told: impl Fn(&[u8], &[u8]) + Send + Sync + 'static) -> Self {
        self.rules().missing = Some(Arc::new(told));
        self
    }

    fn rules(&mut self) -> &mut Rules {
        Arc::make_mut(&mut self.rules)
    }
}

impl<S> Layer<S> for CharsetLayer {
    type Service = Charset<S>;

    fn layer(&self, inner: S) -> Charset<S> {
        Charset::new(inner, self.rules.clone())
    }
}
