//! A compiled map.

use bytes::Bytes;
use propylon_exchange::Keep;

use crate::code::Code;
use crate::scratch::Scratch;
use crate::state;
use crate::table::{Hit, Table};
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
        let hit = self.find(scene);
        let Some(hit) = hit else { return self.default.eval(scene) };
        if let Some(captures) = hit.captures {
            state::set_captures(scene.exchange, captures);
        }
        self.values.get(hit.value).map_or_else(Bytes::new, |value| value.eval(scene))
    }

    fn find(&self, scene: Scene<'_>) -> Option<Hit> {
        let mut key = Scratch::take();
        self.key.eval_into(scene, &mut key);
        if self.hostnames && key.ends_with(b".") {
            key.pop();
        }
        self.table.find(&key, &mut Scratch::take())
    }

    /// All templates of it.
    pub(crate) fn codes(&self) -> impl Iterator<Item = &Code> {
        [&self.key, &self.default].into_iter().chain(&self.values)
    }
}
