use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http::response;
use tower_layer::Layer;

use crate::Substitute;
use crate::rules::{Rule, Rules, Text};

/// Puts a [`Substitute`] around a service. Without rules it changes nothing.
#[derive(Clone, Debug)]
pub struct SubstituteLayer {
    rules: Arc<Rules>,
}

impl SubstituteLayer {
    /// A layer without rules, for `text/html`.
    #[must_use]
    pub fn new() -> Self {
        let rules = Rules {
            rules: Vec::new(),
            once: true,
            last_modified: false,
            types: vec!["text/html".into()],
            texts: OnceLock::new(),
        };
        Self { rules: Arc::new(rules) }
    }

    /// One text becomes another.
    #[must_use]
    pub fn replace(self, from: impl Into<Bytes>, to: impl Into<Bytes>) -> Self {
        self.rule(Text::Fixed(from.into()), Text::Fixed(to.into()))
    }

    /// As [`replace`](Self::replace), with what stands in the place made of the response's head and its extensions.
    #[must_use]
    pub fn replace_with(
        self,
        from: impl Into<Bytes>,
        to: impl Fn(&response::Parts) -> Bytes + Send + Sync + 'static,
    ) -> Self {
        self.rule(Text::Fixed(from.into()), Text::Computed(Arc::new(to)))
    }

    /// As [`replace`](Self::replace), with both made of the response's head and its extensions; an empty text is not
    /// looked for.
    #[must_use]
    pub fn replace_computed(
        self,
        from: impl Fn(&response::Parts) -> Bytes + Send + Sync + 'static,
        to: impl Fn(&response::Parts) -> Bytes + Send + Sync + 'static,
    ) -> Self {
        self.rule(Text::Computed(Arc::new(from)), Text::Computed(Arc::new(to)))
    }

    fn rule(mut self, from: Text, to: Text) -> Self {
        let rules = self.rules();
        rules.texts = OnceLock::new();
        rules.rules.push(Rule { from, to });
        self
    }

    /// Whether each text is replaced the first time only. Default true.
    #[must_use]
    pub fn once(mut self, on: bool) -> Self {
        self.rules().once = on;
        self
    }

    /// The media types, without parameters; `*`: any. Default `text/html`.
    #[must_use]
    pub fn types<T: Into<Box<str>>>(mut self, types: impl IntoIterator<Item = T>) -> Self {
        self.rules().types = types.into_iter().map(Into::into).collect();
        self
    }

    /// Whether `Last-Modified` stays, and the `ETag` as a weak one. Default false.
    #[must_use]
    pub fn last_modified(mut self, keep: bool) -> Self {
        self.rules().last_modified = keep;
        self
    }

    fn rules(&mut self) -> &mut Rules {
        Arc::make_mut(&mut self.rules)
    }
}

impl Default for SubstituteLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for SubstituteLayer {
    type Service = Substitute<S>;

    fn layer(&self, inner: S) -> Substitute<S> {
        Substitute::new(inner, self.rules.clone())
    }
}
