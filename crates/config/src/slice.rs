//! The key `slice`: large responses are asked for in slices.

use std::num::NonZeroU64;

use crate::key::{Key, Kind, Need};
use crate::reader::Scope;

pub(crate) const SLICE: Key = Key {
    name: "slice",
    kind: Kind::Size,
    need: Need::Default("\"0\""),
    nginx: "slice",
    doc: "Upstreams are asked for aligned ranges of this size (`$slice_range`), one after the other as the client reads, and of what a client wants \
          alone; `cache` keeps each by itself. \"0\": they are asked for all at once. The request to the upstream has the range in `Range`, and the \
          key of the cache has it at its end, where `headers.set`, `fastcgi.params` or `cache.key` say nothing of it; what \
          `cache.valid` has for 200 is for slices as well, unless it names 206. What is no slice passes as it is; slices of different versions cut the \
          response.",
};

/// Reads the key of a level; none: not in slices.
pub(crate) fn read(level: &mut Scope<'_>) -> Option<NonZeroU64> {
    level.size_if_set(SLICE.name).and_then(NonZeroU64::new)
}
