use std::fmt;
use std::num::NonZeroU64;
use std::sync::Arc;

use http::{Extensions, HeaderValue, header, request};
use tower_layer::Layer;

use crate::{Slice, Slices};

/// Asks for responses in slices.
#[derive(Clone)]
pub struct SliceLayer {
    pub(crate) options: Arc<Options>,
}

/// Tells a request which slice it is for.
type Tell = dyn Fn(&mut request::Parts, Option<Slice>) + Send + Sync;

/// What all services of a layer share.
#[derive(Clone)]
pub(crate) struct Options {
    pub(crate) size: NonZeroU64,
    pub(crate) ask: Arc<Tell>,
    pub(crate) beside: Arc<dyn Fn(&Extensions) -> Extensions + Send + Sync>,
    pub(crate) clock: Arc<dyn Fn() -> u64 + Send + Sync>,
}

impl SliceLayer {
    /// Slices of so many bytes (nginx: `slice`).
    #[must_use]
    pub fn new(size: NonZeroU64) -> Self {
        let ask = Arc::new(in_range);
        Self {
            options: Arc::new(Options {
                size,
                ask,
                beside: Arc::new(Extensions::clone),
                clock: Arc::new(wall_clock),
            }),
        }
    }

    /// How a request is told which slice it is for, beside its extension; none: for all there is. Default: by `Range`. Where a cache is
    /// inside, that would judge by it: there the key has to tell slices apart, and the field is set inside of the cache.
    #[must_use]
    pub fn asking(self, ask: impl Fn(&mut request::Parts, Option<Slice>) + Send + Sync + 'static) -> Self {
        self.with(|options| options.ask = Arc::new(ask))
    }

    /// The extensions of requests for slices behind the first, made of those of the client's request. Default: their clones.
    #[must_use]
    pub fn beside(self, beside: impl Fn(&Extensions) -> Extensions + Send + Sync + 'static) -> Self {
        self.with(|options| options.beside = Arc::new(beside))
    }

    /// The time, in milliseconds since 1970, for dates in conditions whose years have two digits. Default: the system's.
    #[must_use]
    pub fn clock(self, clock: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        self.with(|options| options.clock = Arc::new(clock))
    }

    fn with(mut self, change: impl FnOnce(&mut Options)) -> Self {
        change(Arc::make_mut(&mut self.options));
        self
    }
}

impl fmt::Debug for SliceLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SliceLayer").field("size", &self.options.size).finish_non_exhaustive()
    }
}

impl<S> Layer<S> for SliceLayer {
    type Service = Slices<S>;

    fn layer(&self, inner: S) -> Slices<S> {
        Slices { inner, options: Arc::clone(&self.options) }
    }
}

fn in_range(request: &mut request::Parts, slice: Option<Slice>) {
    if let Some(value) = slice.and_then(|slice| HeaderValue::try_from(slice.to_string()).ok()) {
        request.headers.insert(header::RANGE, value);
    }
}

#[expect(clippy::disallowed_methods, reason = "the dates of conditions are the world's")]
fn wall_clock() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
