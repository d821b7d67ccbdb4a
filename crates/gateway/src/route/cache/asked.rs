//! What the cache asks of the gateway.

use bytes::Bytes;
use http::header::{ETAG, LAST_MODIFIED};
use http::{Extensions, HeaderName, Method, StatusCode, request, response};
use propylon_cache::policy::Failure;
use propylon_cache::store::{Key, Purge, Zone};
use propylon_cache::{Event, Policy};
use propylon_config::Settings;
use propylon_exchange::Exchange;
use propylon_retry::Condition;
use propylon_stack::{Body, BoxError};
use propylon_vars::Template;

use super::holds;
use super::lookup::{Lookup, beside, extensions_beside};
use crate::rescue;
use crate::route::{TargetError, retry};
use crate::routing::{Path, Slashes};

/// What the cache asks of the gateway.
pub(super) struct Asked {
    lookup: Lookup,
    bypass: Vec<Template>,
    no_cache: Vec<Template>,
    /// What nginx does not keep.
    spared: Option<Spared>,
}

/// What nginx does not keep: responses that are not buffered, and orders to go elsewhere.
#[derive(Clone, Copy)]
struct Spared {
    buffers: bool,
    /// Whether `X-Accel-Buffering` is obeyed.
    accel_buffering: bool,
    /// Whether `X-Accel-Redirect` is.
    accel_redirect: bool,
}

const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
const X_ACCEL_REDIRECT: HeaderName = HeaderName::from_static("x-accel-redirect");

impl Spared {
    fn new(settings: &Settings) -> Self {
        let obeys = |name| !settings.headers.ignore.contains(&name);
        let buffers = settings.buffer.response;
        Self { buffers, accel_buffering: obeys(X_ACCEL_BUFFERING), accel_redirect: obeys(X_ACCEL_REDIRECT) }
    }

    fn has(self, response: &response::Parts) -> bool {
        let said = response.headers.get(X_ACCEL_BUFFERING).filter(|_| self.accel_buffering);
        let buffered = match said.map(|said| said.as_bytes().to_ascii_lowercase()).as_deref() {
            Some(b"yes") => true,
            Some(b"no") => false,
            _ => self.buffers,
        };
        !buffered || (self.accel_redirect && response.headers.contains_key(X_ACCEL_REDIRECT))
    }
}

impl Asked {
    pub(super) fn new(settings: &Settings, lookup: Lookup) -> Self {
        let cache = &settings.cache;
        let (bypass, no_cache) = (cache.bypass.clone(), cache.no_cache.clone());
        Self { lookup, bypass, no_cache, spared: cache.habits.nginx.then(|| Spared::new(settings)) }
    }
}

impl Policy for Asked {
    fn find(&self, request: &request::Parts) -> Option<(Zone, Key)> {
        self.lookup.find(request).map(|(zone, key)| (zone, Key::new(key)))
    }

    fn find_other(&self, request: &request::Parts) -> Option<(Zone, Key)> {
        let target = Bytes::copy_from_slice(request.uri.path_and_query()?.as_str().as_bytes());
        let path = Path::parse(target.clone(), Slashes::Keep).ok()?;
        let mut other = request.clone();
        let exchange = beside(request.extensions.get::<Exchange>()?, |head| {
            (head.target, head.method) = (target, Method::GET);
        });
        propylon_vars::set_uri(&exchange, path.decoded().clone(), path.args().cloned());
        other.extensions.insert(exchange);
        other.extensions.insert(path);
        self.find(&other)
    }

    fn purge(&self, key: Key) -> Purge {
        self.lookup.changed(key)
    }

    fn bypass(&self, request: &request::Parts) -> bool {
        request.extensions.get::<Exchange>().is_some_and(|exchange| holds(&self.bypass, exchange))
    }

    fn no_store(&self, request: &Extensions, response: &response::Parts) -> bool {
        request.get::<Exchange>().is_some_and(|exchange| holds(&self.no_cache, exchange))
            || self.spared.is_some_and(|spared| spared.has(response))
    }

    fn failure(&self, error: &BoxError) -> Option<Failure> {
        failure(error)
    }

    fn status_of(&self, error: &BoxError) -> Option<StatusCode> {
        failure(error).map(|_| rescue::status(&**error))
    }

    fn remember(&self, request: &Extensions) -> Extensions {
        let mut kept = Extensions::new();
        if let Some(exchange) = request.get::<Exchange>() {
            kept.insert(exchange.clone());
        }
        if let Some(path) = request.get::<Path>() {
            kept.insert(path.clone());
        }
        kept
    }

    fn beside(&self, remembered: &Extensions) -> Extensions {
        extensions_beside(remembered)
    }

    fn observe(&self, request: &Extensions, event: Event<'_>) {
        let Some(exchange) = request.get::<Exchange>() else { return };
        match event {
            Event::Status(status) => exchange.cached(status.as_str()),
            Event::Validating(meta) => {
                let field =
                    |name| meta.headers.get(name).map(|value| Bytes::copy_from_slice(value.as_bytes()));
                exchange.revalidating(field(LAST_MODIFIED), field(ETAG));
            }
            _ => {}
        }
    }
}

/// What went wrong with the upstream.
fn failure(error: &BoxError) -> Option<Failure> {
    match retry::failure::<Body>(Err(error)).map(|failure| failure.condition) {
        Some(Condition::Timeout) => Some(Failure::Timeout),
        Some(Condition::InvalidHeader) => Some(Failure::InvalidHeader),
        Some(_) => Some(Failure::Error),
        // Nobody was there to be asked (nginx: `error`, too).
        None if error.is::<propylon_balance::Error>() || error.is::<TargetError>() => Some(Failure::Error),
        None => None,
    }
}
