//! What peers are called: one text in memory for each, the same for as long as it is the same peer, so that whoever counts by it
//! goes on counting when names resolve to something else, or the configuration is another one.

use std::sync::Arc;

use propylon_upstream::Peer;

/// How many names are kept of peers that are not there at the moment: they may come back.
const ABSENT: usize = 256;

/// The names of an upstream's peers, those first that are there.
#[derive(Clone, Debug, Default)]
pub(super) struct Called(Vec<Arc<str>>);

/// The names are given out anew.
pub(super) struct Turn<'a> {
    all: &'a mut Vec<Arc<str>>,
    /// How many have been given out: they stand first.
    given: usize,
}

impl Called {
    pub(super) fn turn(&mut self) -> Turn<'_> {
        Turn { all: &mut self.0, given: 0 }
    }
}

impl Turn<'_> {
    /// The same peer with the text that it is called by. Two with the same address are two.
    pub(super) fn call(&mut self, peer: &Peer) -> Peer {
        let free = self.all.iter().skip(self.given).position(|name| name == peer.name());
        let at = match free {
            Some(at) => self.given + at,
            None => {
                self.all.push(Arc::clone(peer.name()));
                self.all.len() - 1
            }
        };
        self.all.swap(self.given, at);
        let name = self.all.get(self.given).map(Arc::clone);
        self.given += 1;
        name.map_or_else(|| peer.clone(), |name| peer.called(name))
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.all.truncate(self.given + ABSENT);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_keeps_its_text() {
        let mut called = Called::default();
        let mut round = |names: &[&str]| {
            let mut turn = called.turn();
            names.iter().map(|name| turn.call(&Peer::unix(name)).name().clone()).collect::<Vec<_>>()
        };
        let first = round(&["a", "b", "a"]);
        assert_eq!(first.iter().map(|name| &**name).collect::<Vec<_>>(), ["unix:a", "unix:b", "unix:a"]);
        assert!(!Arc::ptr_eq(&first[0], &first[2]), "two servers that are written alike are two");
        let second = round(&["b", "c"]);
        assert!(Arc::ptr_eq(&second[0], &first[1]));
        let third = round(&["a", "c", "a"]);
        assert!(Arc::ptr_eq(&third[1], &second[1]));
        assert!(third.iter().any(|name| Arc::ptr_eq(name, &first[0])), "it was away for a while");
        assert!(third.iter().any(|name| Arc::ptr_eq(name, &first[2])));
    }
}
