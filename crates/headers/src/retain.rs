//! Removing fields without disturbing the order of the others.

use http::header::{Entry, HeaderMap, HeaderName, HeaderValue};
use smallvec::SmallVec;

/// Removes the fields whose names `goes` picks; the others keep their order.
///
/// [`HeaderMap::remove`] fills the gap with the last field, which is all right only when nothing stands behind it. Otherwise
/// the map is emptied and filled again: it keeps its allocation, but each field is hashed once more.
pub(crate) fn remove_in_order(headers: &mut HeaderMap, goes: impl Fn(&HeaderName) -> bool) {
    let mut going: SmallVec<[HeaderName; 4]> = SmallVec::new();
    for name in headers.keys() {
        if goes(name) {
            going.push(name.clone());
        } else if !going.is_empty() {
            return refill(headers, goes);
        }
    }
    for name in going.iter().rev() {
        headers.remove(name);
    }
}

fn refill(headers: &mut HeaderMap, goes: impl Fn(&HeaderName) -> bool) {
    // A name of None means: one more line of the name before.
    let mut kept: SmallVec<[(Option<HeaderName>, HeaderValue); 16]> = SmallVec::new();
    let mut keeping = true;
    for (name, value) in headers.drain() {
        if let Some(name) = &name {
            keeping = !goes(name);
        }
        if keeping {
            kept.push((name, value));
        }
    }
    let mut kept = kept.into_iter().peekable();
    while let Some((Some(name), value)) = kept.next() {
        if let Entry::Vacant(free) = headers.entry(name) {
            let mut lines = free.insert_entry(value);
            while let Some((_, line)) = kept.next_if(|(name, _)| name.is_none()) {
                lines.append(line);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_order_of_the_rest() {
        fn check(fields: &str, going: &str, expected: &str) {
            let mut headers = HeaderMap::new();
            for (index, name) in fields.split_terminator(' ').enumerate() {
                headers.append(name.parse::<HeaderName>().unwrap(), HeaderValue::from(index));
            }
            remove_in_order(&mut headers, |name| going.split(' ').any(|going| name == going));
            let left: Vec<_> =
                headers.iter().map(|(name, value)| format!("{name}{}", value.to_str().unwrap())).collect();
            assert_eq!(left.join(" "), expected, "{fields} without {going}");
            for name in headers.keys() {
                assert!(headers.contains_key(name));
            }
        }
        check("", "a", "");
        check("a b c", "x", "a0 b1 c2");
        check("a b c d", "a", "b1 c2 d3");
        check("a b c d", "b d", "a0 c2");
        check("a b c d", "c d", "a0 b1");
        check("a b c d", "a b c d", "");
        check("a b a c b", "c", "a0 a2 b1 b4");
        check("a b a c b", "a", "b1 b4 c3");
        check("c a b a b", "c", "a1 a3 b2 b4");
    }
}
