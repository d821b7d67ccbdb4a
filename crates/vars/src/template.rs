//! A text with variables in it, compiled once.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::HeaderValue;
use propylon_exchange::{Exchange, Keep};

use crate::code::Code;
use crate::side::{self, Side};
use crate::variable::Scene;
use crate::{Definitions, TemplateError};

/// A text with variables in it, compiled once and evaluated from an [`Exchange`].
///
/// Made by [`Definitions::template`]. A clone is a refcount bump. Two templates are equal if their texts are, and, where
/// a map takes part, the definitions too.
///
/// ```
/// use propylon_vars::{Context, Definitions, Template};
///
/// let template = Definitions::default().template("no variables", Context::Request)?;
/// assert_eq!(template.as_static().unwrap(), "no variables");
/// assert_eq!(template, Template::literal("no variables"));
/// # Ok::<(), propylon_vars::TemplateError>(())
/// ```
#[derive(Clone)]
pub struct Template(Arc<Compiled>);

struct Compiled {
    source: Box<str>,
    code: Code,
    keep: Keep,
    definitions: Definitions,
}

/// Where a template stands: what its text may name besides variables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Context {
    /// A value that is used while a request is served: `$1` to `$9` are what the last regular expression captured,
    /// empty if there was none.
    Request,
    /// A log format: `$1` to `$9` are errors, as in nginx's `log_format`.
    Log,
}

impl Template {
    pub(crate) fn new(source: &str, code: Code, keep: Keep, definitions: Definitions) -> Self {
        Self(Arc::new(Compiled { source: source.into(), code, keep, definitions }))
    }

    /// A template for exactly this text: a `$` in it is a `$`.
    #[must_use]
    pub fn literal(text: impl Into<String>) -> Self {
        let text = text.into();
        let code = Code::Static(Bytes::copy_from_slice(text.as_bytes()));
        Self::new(&text, code, Keep::default(), Definitions::default())
    }

    /// The text that it was made from.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.0.source
    }

    /// The value, if no variable takes part in it.
    #[must_use]
    pub fn as_static(&self) -> Option<&Bytes> {
        match &self.0.code {
            Code::Static(text) => Some(text),
            Code::One(_) | Code::Steps { .. } => None,
        }
    }

    /// What the exchange must [keep](Exchange::keep) so that every variable in it, and in the maps that it uses, finds
    /// its value.
    #[must_use]
    pub fn needs(&self) -> Keep {
        self.0.keep
    }

    /// The variables in it that are not there on this side: those of HTTP in what is evaluated for a stream, and those of streams for a
    /// request. They would have no value.
    #[must_use]
    pub fn misplaced(&self, side: Side) -> Vec<TemplateError> {
        match self.as_static() {
            Some(_) => Vec::new(), // a literal may hold a dollar
            None => side::misplaced(self.0.definitions.inner(), &self.0.source, side),
        }
    }

    /// Whether it shows the body of the request.
    #[must_use]
    pub fn shows_request_body(&self) -> bool {
        self.0.keep.has(Keep::REQUEST_BODY)
    }

    /// The value. A variable without a value is empty.
    ///
    /// Costs no copy for static text, nor for a single variable that is kept as `Bytes` (`$uri`, `$args`, `$arg_NAME`,
    /// `$request_uri`, `$host`, captures, maps); else one allocation.
    #[must_use]
    pub fn eval(&self, exchange: &Exchange) -> Bytes {
        self.0.code.eval(self.scene(exchange))
    }

    /// The value as that of a field: nothing if it has what cannot stand in one (a line break). That of a variable without a value is
    /// empty, or nothing.
    ///
    /// Costs no copy where [`eval`](Self::eval) costs none, and none for the client's address and the scheme.
    #[must_use]
    pub fn field(&self, exchange: &Exchange) -> Option<HeaderValue> {
        self.0.code.field(self.scene(exchange))
    }

    /// Appends the value to `out`. A variable without a value is empty.
    pub fn eval_into(&self, exchange: &Exchange, out: &mut Vec<u8>) {
        self.0.code.eval_into(self.scene(exchange), out);
    }

    /// Appends the value to `out`, each variable's value by way of `escape`, and `missing` in place of a variable that
    /// has none.
    ///
    /// `escape` is given a value in one or several pieces and must treat each byte by itself. Literal text, `missing`
    /// and numbers do not pass through it.
    pub fn write_with(
        &self,
        exchange: &Exchange,
        out: &mut Vec<u8>,
        missing: &[u8],
        escape: fn(&[u8], &mut Vec<u8>),
    ) {
        self.0.code.write_with(self.scene(exchange), out, missing, escape);
    }

    fn scene<'a>(&'a self, exchange: &'a Exchange) -> Scene<'a> {
        Scene { exchange, definitions: self.0.definitions.inner() }
    }

    fn uses_maps(&self) -> bool {
        self.0.code.variables().any(|variable| variable.map().is_some())
    }
}

impl PartialEq for Template {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
            || self.source() == other.source()
                && self.as_static() == other.as_static()
                && self.uses_maps() == other.uses_maps()
                && (!self.uses_maps() || self.0.definitions == other.0.definitions)
    }
}

impl Eq for Template {}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Template").field(&self.source()).finish()
    }
}
