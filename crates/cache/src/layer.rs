//! The layer, and what its services share.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Method};
use tower_layer::Layer;

use crate::background::{Background, Work};
use crate::policy::{Forward, Handling, Rules};
use crate::{Cache, Policy};

/// Puts a [`Cache`] around a service.
///
/// Without a word more: RFC 9111 in full, requests for what is not stored wait for the first of them, and nothing is done in
/// the background until a [`spawner`](Self::spawner) is given.
pub struct CacheLayer<P> {
    shared: Arc<Shared<P>>,
}

/// What all services of a layer share.
pub(crate) struct Shared<P> {
    pub(crate) policy: P,
    pub(crate) options: Options,
}

#[derive(Clone)]
pub(crate) struct Options {
    pub(crate) rules: Rules,
    pub(crate) methods: Vec<Method>,
    pub(crate) min_uses: NonZeroU32,
    pub(crate) lock: Option<Lock>,
    pub(crate) background_update: bool,
    pub(crate) convert_head: bool,
    pub(crate) max_range_offset: Option<u64>,
    pub(crate) name: Option<Arc<str>>,
    /// What is said of requests whose method, or whose client, sends them past the cache.
    pub(crate) past: Option<[HeaderValue; 2]>,
    pub(crate) clock: Arc<dyn Fn() -> u64 + Send + Sync>,
    pub(crate) background: Option<Background>,
}

/// How requests for the same thing wait for one of them: nginx's `proxy_cache_lock`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lock {
    /// How long a request waits. Then it goes on by itself, and its answer is not stored.
    pub timeout: Duration,
    /// After how long the one that all wait for is not waited for any more, and another one tries.
    pub age: Duration,
}

impl Default for Lock {
    /// nginx's: 5 seconds each.
    fn default() -> Self {
        Self { timeout: Duration::from_secs(5), age: Duration::from_secs(5) }
    }
}

impl<P: Policy> CacheLayer<P> {
    /// A cache for the requests that `policy` finds a place for.
    #[must_use]
    pub fn new(policy: P) -> Self {
        let options = Options {
            rules: Rules::rfc(),
            methods: Vec::new(),
            min_uses: NonZeroU32::MIN,
            lock: Some(Lock::default()),
            background_update: true,
            convert_head: false,
            max_range_offset: None,
            name: None,
            past: None,
            clock: Arc::new(wall_clock),
            background: None,
        };
        Self { shared: Arc::new(Shared { policy, options }) }
    }

    /// How responses are judged. Default: [`Rules::rfc`].
    #[must_use]
    pub fn rules(self, rules: Rules) -> Self {
        self.with(|options| options.rules = rules)
    }

    /// Methods whose answers are stored beside those to GET and HEAD. Their bodies have to be told apart by the key.
    /// Default: none.
    #[must_use]
    pub fn methods(self, methods: impl IntoIterator<Item = Method>) -> Self {
        self.with(|options| options.methods = methods.into_iter().collect())
    }

    /// The how-manyth request for something has its answer stored. Default: the first.
    #[must_use]
    pub fn min_uses(self, uses: NonZeroU32) -> Self {
        self.with(|options| options.min_uses = uses)
    }

    /// Whether requests wait for another one of the same key, that asks the upstream already. Default: as nginx would.
    #[must_use]
    pub fn lock(self, lock: Option<Lock>) -> Self {
        self.with(|options| options.lock = lock)
    }

    /// Whether what is stale, and may be used meanwhile, is refreshed in the background. Else the first client waits for it.
    /// Default: yes, if there is a [`spawner`](Self::spawner).
    #[must_use]
    pub fn background_update(self, on: bool) -> Self {
        self.with(|options| options.background_update = on)
    }

    /// Whether a HEAD for what is not stored becomes a GET, so that it is stored: nginx's `proxy_cache_convert_head`. It needs
    /// a [`spawner`](Self::spawner). Default: no; answers to HEAD answer HEAD alone.
    #[must_use]
    pub fn convert_head(self, on: bool) -> Self {
        self.with(|options| options.convert_head = on)
    }

    /// From where on a range is asked of the upstream as a range, and not stored. Before that all is asked for. Default: never.
    #[must_use]
    pub fn max_range_offset(self, offset: Option<u64>) -> Self {
        self.with(|options| options.max_range_offset = offset)
    }

    /// Responses say with RFC 9211's `Cache-Status` what a cache of this name, a token, did. Default: they do not.
    #[must_use]
    pub fn name(self, name: Option<&str>) -> Self {
        let past = |name| {
            let [method, request] = [Forward::Method, Forward::Request].map(Handling::forwarded);
            Some([method.value(name)?, request.value(name)?])
        };
        let past = name.and_then(past);
        // What is no name for the field is none.
        let name = if past.is_some() { name.map(Arc::from) } else { None };
        self.with(|options| (options.name, options.past) = (name, past))
    }

    /// The time, in milliseconds since 1970. Default: the system's.
    #[must_use]
    pub fn clock(self, clock: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        self.with(|options| options.clock = Arc::new(clock))
    }

    /// Runs what outlives the request that it began with: a refresh, or the rest of a response whose client left. At most 1024
    /// at once; see [`background_limit`](Self::background_limit).
    #[must_use]
    pub fn spawner(self, spawn: impl Fn(Work) + Send + Sync + 'static) -> Self {
        self.with(|options| options.background = Some(Background::new(spawn)))
    }

    /// How many things are done in the background at once, in all services of the layer. What would be one more is not done:
    /// a refresh is waited for, and the rest of a response that nobody reads is not stored.
    #[must_use]
    pub fn background_limit(self, limit: usize) -> Self {
        self.with(|options| {
            if let Some(background) = &mut options.background {
                background.set_limit(limit);
            }
        })
    }

    fn with(mut self, change: impl FnOnce(&mut Options)) -> Self {
        // A builder that was cloned is used for services already, or is about to be: those keep what they have.
        if let Some(shared) = Arc::get_mut(&mut self.shared) {
            change(&mut shared.options);
        }
        self
    }
}

impl<P> Clone for CacheLayer<P> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<P> fmt::Debug for CacheLayer<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheLayer").field("rules", &self.shared.options.rules).finish_non_exhaustive()
    }
}

impl<S, P> Layer<S> for CacheLayer<P> {
    type Service = Cache<S, P>;

    fn layer(&self, inner: S) -> Cache<S, P> {
        Cache { inner, shared: Arc::clone(&self.shared) }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "ages are counted by dates, and what is stored outlives the process"
)]
pub(crate) fn wall_clock() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
