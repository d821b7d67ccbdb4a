//! What a configuration defines, checked and compiled.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use propylon_exchange::{Exchange, Keep};

use crate::builder::Builder;
use crate::code::Code;
use crate::lookup::Lookup;
use crate::names;
use crate::scope::Scope;
use crate::state::{self, MapKey};
use crate::variable::Scene;
use crate::{Context, Map, Template, TemplateError};

/// What a configuration defines: its maps, and further names. Templates are compiled against it.
///
/// Made once per load; a clone is a refcount bump. The default defines nothing: templates may use what is built in.
#[derive(Clone, Default)]
pub struct Definitions(Arc<Inner>);

#[derive(Default)]
pub(crate) struct Inner {
    /// Distinguishes these definitions from those of another load in what an exchange remembers.
    pub(crate) id: u64,
    pub(crate) scope: Scope,
    pub(crate) maps: Vec<Lookup>,
    pub(crate) sources: Vec<Map>,
}

impl Definitions {
    /// Begins with nothing defined.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    pub(crate) fn new(inner: Inner) -> Self {
        Self(Arc::new(inner))
    }

    pub(crate) fn inner(&self) -> &Inner {
        &self.0
    }

    /// Compiles `text`.
    ///
    /// # Errors
    /// The first fault in the text; [`faults`](Self::faults) tells all.
    pub fn template(&self, text: &str, context: Context) -> Result<Template, TemplateError> {
        let mut errors = Vec::new();
        let code = Code::compile(text, context, &self.0.scope, &mut errors);
        if let Some(error) = errors.into_iter().next() {
            return Err(error);
        }
        let keep = self.0.keep(&code);
        Ok(Template::new(text, code, keep, self.clone()))
    }

    /// The value of the variable with this name, which came while the gateway runs; nothing if it has none, or if there is none.
    #[must_use]
    pub fn value(&self, name: &str, exchange: &Exchange) -> Option<Bytes> {
        let variable = self.0.scope.find(&name.to_ascii_lowercase()).ok()??;
        variable.value(Scene { exchange, definitions: &self.0 })
    }

    /// All that is wrong with `text`, for a report.
    #[must_use]
    pub fn faults(&self, text: &str, context: Context) -> Vec<TemplateError> {
        let mut errors = Vec::new();
        Code::compile(text, context, &self.0.scope, &mut errors);
        errors
    }

    /// The names that a template may use: the built-in ones of this version, with families as `http_NAME`, and those
    /// defined here.
    pub fn known_names(&self) -> impl Iterator<Item = &str> {
        let built_in = names::describe().iter().filter(|entry| entry.built()).map(|entry| entry.name);
        built_in.chain(self.0.scope.defined())
    }
}

impl Inner {
    /// The facts that `code` needs, also by way of maps.
    pub(crate) fn keep(&self, code: &Code) -> Keep {
        code.variables().fold(Keep::default(), |keep, variable| {
            keep.and(match variable.map() {
                Some(index) => self.maps.get(index).map_or(Keep::default(), |map| map.keep),
                None => variable.keep(),
            })
        })
    }

    /// The value of a map: looked up once an exchange, unless it is volatile. One of the fields that the client gets is looked
    /// up as often as it is asked for until they are sent: they change until then.
    pub(crate) fn map_value(&self, index: usize, exchange: &Exchange) -> Bytes {
        let Some(map) = self.maps.get(index) else { return Bytes::new() };
        let scene = Scene { exchange, definitions: self };
        if map.volatile {
            return map.value(scene);
        }
        let key = MapKey { definitions: self.id, index };
        let changes = map.keep.has(Keep::SENT_HEAD) && exchange.status().is_none();
        if !changes && let Some(value) = state::read(exchange, |facts| facts.map(key).cloned()) {
            return value;
        }
        let value = map.value(scene);
        if changes {
            state::write(exchange, |facts| facts.replace_map(key, value.clone()));
            return value;
        }
        state::write(exchange, |facts| facts.remember_map(key, value.clone())).unwrap_or(value)
    }
}

impl PartialEq for Definitions {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
            || self.0.sources == other.0.sources
                && self.0.scope.names == other.0.scope.names
                && self.0.scope.tokens == other.0.scope.tokens
    }
}

impl Eq for Definitions {}

impl fmt::Debug for Definitions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let maps: Vec<_> = self.0.sources.iter().map(|map| &map.name).collect();
        f.debug_struct("Definitions").field("maps", &maps).field("names", &self.0.scope.names).finish()
    }
}
