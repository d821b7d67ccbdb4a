use memchr::memchr;

/// A radix tree of byte strings: finds the longest one that a text begins with, in time that depends on the text alone.
#[derive(Debug)]
pub(super) struct PrefixTree<T> {
    root: Branch<T>,
}

#[derive(Debug)]
struct Branch<T> {
    label: Box<[u8]>,
    value: Option<T>,
    /// First bytes of the labels of `below`, in the same order.
    firsts: Vec<u8>,
    below: Vec<Self>,
}

impl<T: Copy> PrefixTree<T> {
    pub(super) fn new() -> Self {
        Self { root: Branch::leaf(&[], None) }
    }

    /// Replaces the value of a prefix that is there already.
    pub(super) fn insert(&mut self, prefix: &[u8], value: T) {
        self.root.insert(prefix, value);
    }

    pub(super) fn longest(&self, text: &[u8]) -> Option<T> {
        let mut at = &self.root;
        let mut rest = text;
        let mut found = at.value;
        while let Some(child) = at.child(rest) {
            let Some(after) = rest.strip_prefix(&*child.label) else { break };
            found = child.value.or(found);
            rest = after;
            at = child;
        }
        found
    }
}

impl<T: Copy> Branch<T> {
    fn leaf(label: &[u8], value: Option<T>) -> Self {
        Self { label: label.into(), value, firsts: Vec::new(), below: Vec::new() }
    }

    fn child(&self, rest: &[u8]) -> Option<&Self> {
        self.below.get(memchr(*rest.first()?, &self.firsts)?)
    }

    fn insert(&mut self, prefix: &[u8], value: T) {
        let Some(&first) = prefix.first() else {
            self.value = Some(value);
            return;
        };
        let at = memchr(first, &self.firsts);
        let Some(child) = at.and_then(|at| self.below.get_mut(at)) else {
            self.firsts.push(first);
            self.below.push(Self::leaf(prefix, Some(value)));
            return;
        };
        let common = child.label.iter().zip(prefix).take_while(|(a, b)| a == b).count();
        child.split(common);
        child.insert(prefix.get(common..).unwrap_or_default(), value);
    }

    /// Cuts the label after `at` bytes; what followed becomes the only branch below.
    fn split(&mut self, at: usize) {
        let Some((head, tail)) = self.label.split_at_checked(at) else { return };
        let Some(&first) = tail.first() else { return };
        let lower = Self {
            label: tail.into(),
            value: self.value.take(),
            firsts: std::mem::replace(&mut self.firsts, vec![first]),
            below: std::mem::take(&mut self.below),
        };
        self.label = head.into();
        self.below.push(lower);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn agrees_with_a_linear_search(
            prefixes in proptest::collection::btree_set("[ab/]{0,6}", 0..12),
            text in "[ab/]{0,10}",
        ) {
            let prefixes: Vec<String> = prefixes.into_iter().collect();
            let mut tree = PrefixTree::new();
            // Long ones first and short ones first split labels differently.
            for (index, prefix) in prefixes.iter().enumerate().rev() {
                tree.insert(prefix.as_bytes(), index);
            }
            let expected = (0..prefixes.len())
                .filter(|&index| text.starts_with(&prefixes[index]))
                .max_by_key(|&index| prefixes[index].len());
            prop_assert_eq!(tree.longest(text.as_bytes()), expected);
        }
    }
}
