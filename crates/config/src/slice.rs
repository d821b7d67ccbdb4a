//! The key `slice`: large responses are asked for in slices.

use std::num::NonZeroU64;

use crate::key::{Key, Kind, Need};
use crate::reader::Scope;

pub(crate) const SLICE: Key = Key {
    name: "slice",
    kind: Kind::Size,
    need: Need::Default("\"0\""),
    nginx: "slice",
    doc: "Fetches responses from upstreams in aligned ranges of this size (`$slice_range`), one after the other as the \
          client reads, and only those that the client needs; `cache` stores each slice separately. \"0\": off. The range \
          is added to the upstream request as `Range`, and to the end of the cache key, unless `headers.set`, \
          `fastcgi.params` or `cache.key` already use it. `cache.valid` for 200 also applies to slices, unless it lists \
          206. A response with another status than 206 is passed on; of a 200, the client gets the range that it requested. \
          If slices belong to different versions, the response is aborted.",
};

/// Reads the key of a level; none: not in slices.
pub(crate) fn read(level: &mut Scope<'_>) -> Option<NonZeroU64> {
    level.size_if_set(SLICE.name).and_then(NonZeroU64::new)
}
