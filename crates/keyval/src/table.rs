//! The entries of a zone, in the order of their keys. Pure: knows neither locks nor clocks.
//!
//! They are trees, not tables of hashes: nothing that is added moves more than a node, so that nobody waits for a table
//! to grow; and the longest prefix of a key, or the smallest network around it, is near where the key would be.

use std::collections::BTreeMap;
use std::ops::Bound::{Included, Unbounded};

use bytes::Bytes;
use tokio::time::Instant;

use crate::network::Network;

/// How keys are looked up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// A key is found by itself.
    #[default]
    String,
    /// Keys are addresses and networks: the smallest one counts that the address, or the network, that is looked up is in.
    Ip,
    /// The longest key counts that what is looked up begins with.
    Prefix,
}

/// What a key leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) value: Bytes,
    /// When it is no longer there.
    pub(crate) expires: Option<Instant>,
}

impl Entry {
    pub(crate) fn is_there(&self, now: impl FnOnce() -> Instant) -> bool {
        self.expires.is_none_or(|expires| expires > now())
    }
}

/// A key that can be one of a zone of that kind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Key {
    Text(Box<str>),
    Network(Network),
}

impl Key {
    pub(crate) fn new(kind: Kind, text: &str) -> Option<Self> {
        match kind {
            Kind::Ip => Network::parse(text).map(Self::Network),
            Kind::String | Kind::Prefix => (!text.is_empty()).then(|| Self::Text(text.into())),
        }
    }

    pub(crate) fn text(&self) -> String {
        match self {
            Self::Text(text) => text.as_ref().into(),
            Self::Network(network) => network.to_string(),
        }
    }
}

/// The entries.
#[derive(Debug)]
pub(crate) enum Table {
    Strings(BTreeMap<Box<str>, Entry>),
    Prefixes(BTreeMap<Box<str>, Entry>),
    Networks(BTreeMap<Network, Entry>),
}

impl Table {
    pub(crate) fn new(kind: Kind) -> Self {
        match kind {
            Kind::String => Self::Strings(BTreeMap::new()),
            Kind::Prefix => Self::Prefixes(BTreeMap::new()),
            Kind::Ip => Self::Networks(BTreeMap::new()),
        }
    }

    /// What is looked up, among those entries that are there.
    pub(crate) fn find(&self, key: &[u8], is_there: impl Fn(&Entry) -> bool) -> Option<&Entry> {
        match self {
            Self::Strings(tree) => tree.get(std::str::from_utf8(key).ok()?).filter(|entry| is_there(entry)),
            Self::Prefixes(tree) => longest(tree, beginning(key), is_there),
            Self::Networks(tree) => smallest(tree, Network::parse(std::str::from_utf8(key).ok()?)?, is_there),
        }
    }

    /// The entry with this very key.
    pub(crate) fn get(&self, key: &Key) -> Option<&Entry> {
        match (self, key) {
            (Self::Strings(tree) | Self::Prefixes(tree), Key::Text(text)) => tree.get(text),
            (Self::Networks(tree), Key::Network(network)) => tree.get(network),
            _ => None,
        }
    }

    pub(crate) fn insert(&mut self, key: Key, entry: Entry) -> Option<Entry> {
        match (self, key) {
            (Self::Strings(tree) | Self::Prefixes(tree), Key::Text(text)) => tree.insert(text, entry),
            (Self::Networks(tree), Key::Network(network)) => tree.insert(network, entry),
            _ => None, // a key is made for the kind of its zone
        }
    }

    pub(crate) fn remove(&mut self, key: &Key) -> Option<Entry> {
        match (self, key) {
            (Self::Strings(tree) | Self::Prefixes(tree), Key::Text(text)) => tree.remove(text),
            (Self::Networks(tree), Key::Network(network)) => tree.remove(network),
            _ => None,
        }
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Strings(tree) | Self::Prefixes(tree) => tree.len(),
            Self::Networks(tree) => tree.len(),
        }
    }

    /// Looks at all, in the order of their keys, which are made where they are asked for.
    pub(crate) fn each(&self, mut look: impl FnMut(&dyn Fn() -> Key, &Entry)) {
        match self {
            Self::Strings(tree) | Self::Prefixes(tree) => {
                tree.iter().for_each(|(text, entry)| look(&|| Key::Text(text.clone()), entry));
            }
            Self::Networks(tree) => {
                tree.iter().for_each(|(network, entry)| look(&|| Key::Network(*network), entry));
            }
        }
    }
}

/// The part of a key that is text: keys are, so that no other part can be theirs.
fn beginning(key: &[u8]) -> &str {
    match std::str::from_utf8(key) {
        Ok(text) => text,
        Err(error) => key
            .get(..error.valid_up_to())
            .and_then(|valid| std::str::from_utf8(valid).ok())
            .unwrap_or_default(),
    }
}

/// The longest key that `text` begins with. The one next before it in the tree is it, or says how much of the text any
/// such key can have: no more than it has in common with it.
fn longest<'t>(
    tree: &'t BTreeMap<Box<str>, Entry>,
    mut text: &str,
    is_there: impl Fn(&Entry) -> bool,
) -> Option<&'t Entry> {
    loop {
        let (key, entry) = tree.range::<str, _>((Unbounded, Included(text))).next_back()?;
        let same = key.bytes().zip(text.bytes()).take_while(|(one, other)| one == other).count();
        let end = if same < key.len() {
            same
        } else if is_there(entry) {
            return Some(entry);
        } else {
            same.checked_sub(1)?
        };
        text = text.get(..text.floor_char_boundary(end))?;
    }
}

/// The smallest network around `wanted`; as [`longest`].
fn smallest(
    tree: &BTreeMap<Network, Entry>,
    mut wanted: Network,
    is_there: impl Fn(&Entry) -> bool,
) -> Option<&Entry> {
    loop {
        let (network, entry) = tree.range(..=wanted).next_back()?;
        wanted = if !network.contains(wanted) {
            wanted.common(*network)?
        } else if is_there(entry) {
            return Some(entry);
        } else {
            network.larger()?
        };
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn table(kind: Kind, keys: &[&str]) -> Table {
        let mut table = Table::new(kind);
        for key in keys {
            let value = Bytes::copy_from_slice(key.as_bytes());
            table.insert(Key::new(kind, key).unwrap(), Entry { value, expires: None });
        }
        table
    }

    #[track_caller]
    fn check(table: &Table, key: impl AsRef<[u8]>, expected: Option<&str>) {
        let found = table.find(key.as_ref(), |_| true).map(|entry| str::from_utf8(&entry.value).unwrap());
        assert_eq!(found, expected);
    }

    #[test]
    fn strings_are_found_by_themselves() {
        let table = table(Kind::String, &["a", "ab", "é"]);
        check(&table, "a", Some("a"));
        check(&table, "A", None);
        check(&table, "abc", None);
        check(&table, "", None);
        check(&table, "é", Some("é"));
        check(&table, b"\xc3", None);
    }

    #[test]
    fn the_longest_prefix_counts() {
        let table = table(Kind::Prefix, &["/", "/a", "/ab/c", "/ab/d", "/é", "b"]);
        check(&table, "/x", Some("/"));
        check(&table, "/ab/c/d", Some("/ab/c"));
        check(&table, "/ab/e", Some("/a"));
        check(&table, "/ab/dz", Some("/ab/d"));
        check(&table, "/éa", Some("/é"));
        check(&table, "/è", Some("/"));
        check(&table, b"/a\xff", Some("/a"));
        check(&table, b"\xff", None);
        check(&table, "", None);
        check(&table, "c", None);
    }

    #[test]
    fn the_smallest_network_counts() {
        let table =
            table(Kind::Ip, &["10.0.0.0/8", "10.1.0.0/16", "10.1.2.3", "2001:db8::/32", "192.0.2.0/24"]);
        check(&table, "10.1.2.3", Some("10.1.2.3"));
        check(&table, "10.1.2.4", Some("10.1.0.0/16"));
        check(&table, "10.255.0.1", Some("10.0.0.0/8"));
        check(&table, "11.0.0.1", None);
        check(&table, "10.1.2.0/24", Some("10.1.0.0/16"));
        check(&table, "10.0.0.0/7", None);
        check(&table, "::ffff:10.1.2.3", Some("10.1.2.3"));
        check(&table, "2001:db8::1", Some("2001:db8::/32"));
        check(&table, "::1", None);
        check(&table, "nonsense", None);
        check(&table, "", None);
    }

    /// A tree with a network in the one and the other half of a larger one, which is not there any more.
    #[test]
    fn what_is_over_hides_nothing() {
        let ips = table(Kind::Ip, &["10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24"]);
        let found = |hidden: &[&str]| {
            let is_there = |entry: &Entry| !hidden.contains(&str::from_utf8(&entry.value).unwrap());
            ips.find(b"10.1.2.3", is_there).map(|entry| entry.value.clone())
        };
        assert_eq!(found(&["10.1.2.0/24"]).unwrap(), "10.1.0.0/16");
        assert_eq!(found(&["10.1.2.0/24", "10.1.0.0/16"]).unwrap(), "10.0.0.0/8");
        assert_eq!(found(&["10.1.2.0/24", "10.1.0.0/16", "10.0.0.0/8"]), None);
        let prefixes = table(Kind::Prefix, &["é", "éé"]);
        let found = prefixes.find("ééé".as_bytes(), |entry| entry.value == "é").unwrap();
        assert_eq!(found.value, "é");
        assert!(prefixes.find("ééé".as_bytes(), |_| false).is_none());
    }

    proptest! {
        /// As whoever looks at all of them finds it.
        #[test]
        fn prefixes_are_those_of_a_search(keys in prop::collection::vec("[ab/é]{1,6}", 0..20), text in "[ab/é]{0,8}") {
            let all: Vec<&str> = keys.iter().map(String::as_str).collect();
            let expected = all.iter().copied().filter(|key| text.starts_with(key)).max_by_key(|key| key.len());
            let table = table(Kind::Prefix, &all);
            let found = table.find(text.as_bytes(), |_| true).map(|entry| entry.value.clone());
            prop_assert_eq!(found.as_deref(), expected.map(str::as_bytes));
        }

        #[test]
        fn networks_are_those_of_a_search(keys in prop::collection::vec((0_u32..64, 24_u8..=32), 0..20), address in 0_u32..64) {
            let written = |(bits, length): &(u32, u8)| {
                let address = std::net::Ipv4Addr::from_bits(0x0a00_0000 | bits);
                Network::parse(&format!("{address}/{length}")).unwrap()
            };
            let wanted = written(&(address, 32));
            let all: Vec<Network> = keys.iter().map(written).collect();
            let expected = all.iter().filter(|network| network.contains(wanted)).max();
            let texts: Vec<String> = all.iter().map(ToString::to_string).collect();
            let table = table(Kind::Ip, &texts.iter().map(String::as_str).collect::<Vec<_>>());
            let found = table.find(wanted.to_string().as_bytes(), |_| true).map(|entry| entry.value.clone());
            let found = found.map(|value| String::from_utf8(value.to_vec()).unwrap());
            prop_assert_eq!(found, expected.map(ToString::to_string));
        }
    }
}
