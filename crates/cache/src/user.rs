//! What the cache asks of whoever uses it.

use bytes::Bytes;
use http::uri::Authority;
use http::{Extensions, HeaderMap, StatusCode, header, request, response};

use crate::policy::Failure;
use crate::store::{Key, Purge, Tags, Zone};
use crate::{BoxError, Event};

/// What a cache cannot know by itself: which requests it is for, what they are looked up by, and what errors mean.
///
/// Most of it has a default. `Extensions` are those of the client's request, or what [`remember`](Self::remember) kept of
/// them.
pub trait Policy: Send + Sync + 'static {
    /// Where a response to this request may be, and by what it is looked up. None: it has nothing to do with the cache.
    ///
    /// What can change the answer has to be in the key: the host as well.
    fn find(&self, request: &request::Parts) -> Option<(Zone, Key)>;

    /// The same for a URI that an unsafe request changed beside its own: that of the `Location` or `Content-Location` of its
    /// answer, as a path and query. None: nothing is removed.
    fn find_other(&self, request: &request::Parts) -> Option<(Zone, Key)> {
        self.find(request)
    }

    /// What goes when an unsafe request has changed what is looked up by this key. Default: what is stored under it.
    fn purge(&self, key: Key) -> Purge {
        Purge::Key(key)
    }

    /// Whether this request is not to be answered from the store. Its answer is stored.
    fn bypass(&self, request: &request::Parts) -> bool {
        let _ = request;
        false
    }

    /// Whether this answer is not to be stored.
    fn no_store(&self, request: &Extensions, response: &response::Parts) -> bool {
        let _ = (request, response);
        false
    }

    /// What an error of the service inside means; None: nothing that a stale response is better than.
    fn failure(&self, error: &BoxError) -> Option<Failure> {
        let _ = error;
        Some(Failure::Error)
    }

    /// The status that the client sees for an error of the service inside. If there is a time for it in
    /// [`Rules::valid`](crate::policy::Rules::valid), the error is remembered for so long.
    fn status_of(&self, error: &BoxError) -> Option<StatusCode> {
        let _ = error;
        None
    }

    /// What of a request's extensions is needed when its answer comes. They are cloned, unless this says less.
    fn remember(&self, request: &Extensions) -> Extensions {
        request.clone()
    }

    /// The extensions of a request that is made beside a client's, to refresh what is stored.
    fn beside(&self, remembered: &Extensions) -> Extensions {
        let _ = remembered;
        Extensions::new()
    }

    /// Is told what the cache does.
    fn observe(&self, request: &Extensions, event: Event<'_>) {
        let _ = (request, event);
    }

    /// By what an answer can be purged beside its key: `Cache-Tag`, with commas, and `Surrogate-Key`, with blanks.
    fn tags(&self, response: &HeaderMap) -> Tags {
        let lines = |name| response.get_all(name).iter();
        let split = |line: &http::HeaderValue, at: u8| {
            let parts = line.as_bytes().split(move |byte| *byte == at).map(<[u8]>::trim_ascii);
            parts.filter(|tag| !tag.is_empty()).map(Bytes::copy_from_slice).collect::<Tags>()
        };
        let mut tags: Tags = lines("cache-tag").flat_map(|line| split(line, b',')).collect();
        tags.extend(lines("surrogate-key").flat_map(|line| split(line, b' ')));
        tags
    }
}

/// A policy for one zone, whose key is a request's host, path and query.
#[derive(Clone, Debug)]
pub struct ByUri(Zone);

impl ByUri {
    /// All that may be stored is stored in `zone`.
    #[must_use]
    pub const fn new(zone: Zone) -> Self {
        Self(zone)
    }
}

impl Policy for ByUri {
    fn find(&self, request: &request::Parts) -> Option<(Zone, Key)> {
        let host = match request.uri.authority().map(Authority::as_str) {
            Some(authority) => authority.as_bytes(),
            None => request.headers.get(header::HOST).map(|host| host.as_bytes()).unwrap_or_default(),
        };
        let path = request.uri.path_and_query()?.as_str().as_bytes();
        let mut key = Vec::with_capacity(host.len() + path.len());
        key.extend(host.iter().map(u8::to_ascii_lowercase));
        key.extend(path);
        Some((self.0.clone(), Key::new(key)))
    }
}
