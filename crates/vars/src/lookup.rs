//! A compiled map.

use std::cell::Cell;

use bytes::Bytes;
use propylon_exchange::Keep;

use crate::code::Code;
use crate::state;
use crate::table::Table;
use crate::variable::Scene;

/// A compiled map.
#[derive(Debug)]
pub(crate) struct Lookup {
    pub(crate) key: Code,
    pub(crate) table: Table,
    pub(crate) values: Vec<Code>,
    pub(crate) default: Code,
    pub(crate) hostnames: bool,
    pub(crate) volatile: bool,
    /// The facts that it needs, also by way of other maps.
    pub(crate) keep: Keep,
}

impl Lookup {
    /// Evaluates the key, finds the value that it leads to, and evaluates that.
    pub(crate) fn value(&self, scene: Scene<'_>) -> Bytes {
        let mut room = Room::take();
        self.key.eval_into(scene, &mut room.key);
        if self.hostnames && room.key.ends_with(b".") {
            room.key.pop();
        }
        let hit = self.table.find(&room.key, &mut room.lowered);
        room.give_back();
        let Some(hit) = hit else { return self.default.eval(scene) };
        if let Some(captures) = hit.captures {
            state::set_captures(scene.exchange, captures);
        }
        self.values.get(hit.value).map_or_else(Bytes::new, |value| value.eval(scene))
    }

    /// All templates of it.
    pub(crate) fn codes(&self) -> impl Iterator<Item = &Code> {
        [&self.key, &self.default].into_iter().chain(&self.values)
    }
}

/// Room to make a key in, kept by the thread between lookups. A lookup within a lookup gets its own.
#[derive(Default)]
struct Room {
    key: Vec<u8>,
    lowered: Vec<u8>,
}

thread_local!(static ROOM: Cell<Option<Room>> = const { Cell::new(None) });

impl Room {
    /// More than this is not kept.
    const KEPT: usize = 4096;

    fn take() -> Self {
        ROOM.take().unwrap_or_default()
    }

    fn give_back(mut self) {
        if self.key.capacity() <= Self::KEPT {
            self.key.clear();
            ROOM.set(Some(self));
        }
    }
}
