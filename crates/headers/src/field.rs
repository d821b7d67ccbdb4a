//! A field that the configuration writes.

use std::fmt;
use std::sync::Arc;

use http::header::{HeaderName, HeaderValue};
use smallvec::SmallVec;

use crate::fingerprint::Fingerprint;
use crate::names;

/// Computes a value, or none, from a message's parts.
pub(crate) type Compute<P> = Arc<dyn Fn(&P) -> Option<HeaderValue> + Send + Sync>;

/// Values that were computed and wait to be written, each with its name.
pub(crate) type Ready<'a> = SmallVec<[(&'a HeaderName, HeaderValue); 8]>;

/// A field that the configuration writes: a name and what makes its values.
///
/// `P` is what values are computed from: [`http::request::Parts`] on the way in ([`RequestField`]),
/// [`http::response::Parts`] on the way out ([`ResponseField`]). An empty value means that the field is not sent, as in nginx.
///
/// ```
/// use http::header::{HOST, HeaderName, HeaderValue};
/// use propylon_headers::{RequestField, Value};
///
/// let name = HeaderName::from_static("x-tier");
/// let fields = [
///     RequestField::fixed(HOST, HeaderValue::from_static("origin.internal")),
///     RequestField::computed(HeaderName::from_static("x-path"), |parts| parts.uri.path().parse().ok()),
///     RequestField::list(name, [Value::fixed(HeaderValue::from_static("a")), Value::fixed(HeaderValue::from_static("b"))]),
///     RequestField::absent(HeaderName::from_static("accept-encoding")),
/// ];
/// assert_eq!(fields[0].name(), HOST);
/// ```
pub struct Field<P> {
    name: HeaderName,
    bit: Fingerprint,
    values: SmallVec<[Value<P>; 1]>,
    late: bool,
}

impl<P> Field<P> {
    /// A field with one value, always the same.
    #[must_use]
    pub fn fixed(name: HeaderName, value: HeaderValue) -> Self {
        Self::list(name, [Value::fixed(value)])
    }

    /// A field with one value, computed for each message; `None` or an empty value: not sent.
    #[must_use]
    pub fn computed<F>(name: HeaderName, value: F) -> Self
    where
        F: Fn(&P) -> Option<HeaderValue> + Send + Sync + 'static,
    {
        Self::list(name, [Value::computed(value)])
    }

    /// A repeated field: one line for each value that is not empty, in this order.
    #[must_use]
    pub fn list(name: HeaderName, values: impl IntoIterator<Item = Value<P>>) -> Self {
        let bit = Fingerprint::name(name.as_str());
        Self { name: names::constant(name), bit, values: values.into_iter().collect(), late: false }
    }

    /// A field that is not sent.
    #[must_use]
    pub fn absent(name: HeaderName) -> Self {
        Self::list(name, [])
    }

    /// In a response: its values are computed when what is hidden is gone and the fields that were added before it are there,
    /// and see that. In a request it means nothing.
    #[must_use]
    pub fn late(mut self) -> Self {
        self.late = true;
        self
    }

    pub(crate) fn is_late(&self) -> bool {
        self.late
    }

    /// The field's name.
    #[must_use]
    pub fn name(&self) -> &HeaderName {
        &self.name
    }

    /// The first of the values that is not empty, for a message with these parts.
    #[must_use]
    pub fn value(&self, parts: &P) -> Option<HeaderValue> {
        self.values.iter().find_map(|value| value.evaluate(parts))
    }

    /// With the last of its values alone.
    pub(crate) fn last(mut self) -> Self {
        self.values = self.values.pop().into_iter().collect();
        self
    }

    pub(crate) fn bit(&self) -> Fingerprint {
        self.bit
    }

    /// Adds the values of a field with the same name.
    pub(crate) fn merge(&mut self, other: Self) {
        self.values.extend(other.values);
    }

    /// Appends the values that are not empty.
    pub(crate) fn evaluate<'a>(&'a self, parts: &P, ready: &mut Ready<'a>) {
        for value in &self.values {
            if let Some(value) = value.evaluate(parts) {
                ready.push((&self.name, value));
            }
        }
    }
}

impl<P> Clone for Field<P> {
    fn clone(&self) -> Self {
        Self { name: self.name.clone(), bit: self.bit, values: self.values.clone(), late: self.late }
    }
}

impl<P> fmt::Debug for Field<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {:?}", self.name, self.values)
    }
}

/// A field for [`RequestHeadersLayer::set`](crate::RequestHeadersLayer::set).
pub type RequestField = Field<http::request::Parts>;

/// A field for [`ResponseHeadersLayer::add`](crate::ResponseHeadersLayer::add).
pub type ResponseField = Field<http::response::Parts>;

/// One value of a [`Field`].
pub struct Value<P>(Source<P>);

enum Source<P> {
    Fixed(HeaderValue),
    Computed(Compute<P>),
}

impl<P> Value<P> {
    /// A value that is always the same.
    #[must_use]
    pub fn fixed(value: HeaderValue) -> Self {
        Self(Source::Fixed(value))
    }

    /// A value computed for each message; `None` or an empty value: not sent.
    #[must_use]
    pub fn computed<F>(value: F) -> Self
    where
        F: Fn(&P) -> Option<HeaderValue> + Send + Sync + 'static,
    {
        Self(Source::Computed(Arc::new(value)))
    }

    /// The value, unless it is empty.
    pub(crate) fn evaluate(&self, parts: &P) -> Option<HeaderValue> {
        let value = match &self.0 {
            Source::Fixed(value) => Some(value.clone()),
            Source::Computed(value) => value(parts),
        };
        value.filter(|value| !value.is_empty())
    }
}

impl<P> Clone for Value<P> {
    fn clone(&self) -> Self {
        Self(match &self.0 {
            Source::Fixed(value) => Source::Fixed(value.clone()),
            Source::Computed(value) => Source::Computed(Arc::clone(value)),
        })
    }
}

impl<P> fmt::Debug for Value<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Source::Fixed(value) => value.fmt(f),
            Source::Computed(_) => f.write_str("<computed>"),
        }
    }
}
