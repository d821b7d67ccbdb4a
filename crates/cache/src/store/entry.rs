//! What a look-up finds.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::body::EntryBody;
use super::disk::Opened;
use super::flow::{End, Reader};
use super::key::{Id, Key};
use super::meta::Meta;
use super::object::{Body, Object};

/// A stored response, or one that is being stored.
#[derive(Clone)]
pub struct Entry {
    pub(super) id: Id,
    pub(super) generation: u64,
    pub(super) soft: bool,
    pub(super) source: Source,
}

#[derive(Clone)]
pub(super) enum Source {
    Memory(Arc<Object>),
    Flow(Reader),
    File(Arc<Opened>),
    /// It is nowhere here: a tier had it.
    Loose(Arc<Object>),
}

impl Entry {
    /// The key that it is stored under.
    #[must_use]
    pub fn key(&self) -> &Key {
        match &self.source {
            Source::Memory(object) | Source::Loose(object) => &object.key,
            Source::Flow(reader) => &reader.flow().key,
            Source::File(opened) => &opened.key,
        }
    }

    /// Its head.
    #[must_use]
    pub fn meta(&self) -> &Meta {
        match &self.source {
            Source::Memory(object) | Source::Loose(object) => &object.meta,
            Source::Flow(reader) => &reader.flow().meta,
            Source::File(opened) => &opened.meta,
        }
    }

    /// It was purged softly: it is stale, however fresh its head is.
    #[must_use]
    pub fn is_purged(&self) -> bool {
        self.soft
    }

    /// Whether the body is still on its way. It may yet be cut short.
    #[must_use]
    pub fn is_filling(&self) -> bool {
        matches!(&self.source, Source::Flow(reader) if reader.flow().ended().is_none())
    }

    /// The body's length, if it is known.
    #[must_use]
    pub fn len(&self) -> Option<u64> {
        match &self.source {
            Source::Memory(object) | Source::Loose(object) => Some(object.body.len()),
            Source::Flow(reader) => {
                let flow = reader.flow();
                flow.length.or_else(|| (flow.ended() == Some(End::Whole)).then(|| flow.written()))
            }
            Source::File(opened) => Some(opened.len()),
        }
    }

    /// Whether the body is known to be empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == Some(0)
    }

    /// The whole body, if it is in memory in one piece: in the zone's, or because it came with the head that was read.
    #[must_use]
    pub fn bytes(&self) -> Option<Bytes> {
        match &self.source {
            Source::Memory(object) | Source::Loose(object) => match &object.body {
                Body::One(bytes) => Some(bytes.clone()),
                Body::Many(..) => None,
            },
            Source::File(opened) => opened.bytes().cloned(),
            Source::Flow(_) => None,
        }
    }

    /// The whole body.
    #[must_use]
    pub fn body(&self) -> EntryBody {
        EntryBody::new(&self.source, 0, self.len())
    }

    /// A part of the body. What lies behind its end is not there; while the length is not known, that shows at the end only.
    #[must_use]
    pub fn range(&self, range: Range<u64>) -> EntryBody {
        let end = range.end.min(self.len().unwrap_or(u64::MAX));
        EntryBody::new(&self.source, range.start.min(end), Some(end))
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut f = f.debug_struct("Entry");
        f.field("key", self.key()).field("len", &self.len()).field("filling", &self.is_filling());
        f.finish_non_exhaustive()
    }
}
