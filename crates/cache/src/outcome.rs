//! What became of a request, in nginx's words.

use crate::store::Meta;

/// What the cache had to do with a response: nginx's `$upstream_cache_status`. A response that passed the layer has it among
/// its extensions, if the cache had something to do with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// Nothing was stored for the request.
    Miss,
    /// The cache was not asked.
    Bypass,
    /// What was stored is stale; the response is the upstream's.
    Expired,
    /// The response is stale, for the upstream has none, or a refresh began.
    Stale,
    /// The response is stale, and somebody else refreshes it.
    Updating,
    /// What was stored was stale, and is good says the upstream.
    Revalidated,
    /// The response was stored, and is fresh.
    Hit,
}

impl Status {
    /// As nginx writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Miss => "MISS",
            Self::Bypass => "BYPASS",
            Self::Expired => "EXPIRED",
            Self::Stale => "STALE",
            Self::Updating => "UPDATING",
            Self::Revalidated => "REVALIDATED",
            Self::Hit => "HIT",
        }
    }
}

/// What a [`Policy`](crate::Policy) is told about a request.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// This is what the cache has to do with it as things stand: `Expired` may yet become `Stale` or `Revalidated`.
    Status(Status),
    /// The upstream is asked whether this is still good.
    Validating(&'a Meta),
}
