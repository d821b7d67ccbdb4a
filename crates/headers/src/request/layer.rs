//! The layer and its builder.

use std::sync::Arc;

use http::header::{HeaderName, HeaderValue};
use http::request::Parts;
use tower_layer::Layer;

use super::fields::Fields;
use super::service::RequestHeaders;
use crate::field::{RequestField, Value};

/// Writes the head of a request as an upstream is to see it.
///
/// Without any setting it removes what belongs to the client's connection (see
/// [`remove_hop_by_hop`](crate::remove_hop_by_hop)) and `Expect`, which whoever reads the client's body answers.
///
/// All values are computed before anything is removed, so a closure sees the request as the client sent it.
///
/// ```
/// use http::header::{ACCEPT_ENCODING, HeaderName, HeaderValue};
/// use propylon_headers::{RequestField, RequestHeadersLayer};
///
/// let layer = RequestHeadersLayer::new()
///     .host(|_| Some(HeaderValue::from_static("origin.internal:8080")))
///     .set(RequestField::fixed(HeaderName::from_static("x-served-by"), HeaderValue::from_static("edge-1")))
///     .set(RequestField::absent(ACCEPT_ENCODING));
/// # let _: RequestHeadersLayer = layer.clone();
/// ```
#[derive(Clone, Debug, Default)]
pub struct RequestHeadersLayer {
    fields: Arc<Fields>,
}

impl RequestHeadersLayer {
    /// A layer that removes connection fields and `Expect`, and sets nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What `Host` is unless it is [`set`](Self::set) (nginx: `$proxy_host`). Default: what the client sent.
    ///
    /// With `None` or an empty value no `Host` is sent.
    #[must_use]
    pub fn host<F>(mut self, value: F) -> Self
    where
        F: Fn(&Parts) -> Option<HeaderValue> + Send + Sync + 'static,
    {
        Arc::make_mut(&mut self.fields).default_host(Value::computed(value));
        self
    }

    /// Sends this field in the place of the client's (nginx: `proxy_set_header`); one without a value removes the client's.
    ///
    /// A set field wins over everything built in: `Connection` and `Upgrade` go as they are set. The exceptions are the
    /// framing fields: `Transfer-Encoding` is never sent by this layer, and `Content-Length` can be removed but not
    /// changed. Setting a name again adds values.
    #[must_use]
    pub fn set(mut self, field: RequestField) -> Self {
        Arc::make_mut(&mut self.fields).set(field);
        self
    }

    /// [`set`](Self::set) for each field.
    #[must_use]
    pub fn set_all(self, fields: impl IntoIterator<Item = RequestField>) -> Self {
        fields.into_iter().fold(self, Self::set)
    }

    /// Whether the client's fields are sent on (nginx: `proxy_pass_request_headers`). Default: true.
    ///
    /// With `false`, what is sent is the `Host` (of [`host`](Self::host), else the client's), the set fields, and
    /// `Content-Length`, because the body still goes.
    #[must_use]
    pub fn pass_request_headers(mut self, pass: bool) -> Self {
        Arc::make_mut(&mut self.fields).pass_client(pass);
        self
    }

    /// A field that the client cannot have removed by naming it in `Connection`, besides those that
    /// [`remove_hop_by_hop`](crate::remove_hop_by_hop) protects: one that another layer added. Set fields need no
    /// protection.
    #[must_use]
    pub fn protect(mut self, name: HeaderName) -> Self {
        Arc::make_mut(&mut self.fields).protect(name);
        self
    }
}

impl<S> Layer<S> for RequestHeadersLayer {
    type Service = RequestHeaders<S>;

    fn layer(&self, inner: S) -> Self::Service {
        RequestHeaders::new(inner, Arc::clone(&self.fields))
    }
}
