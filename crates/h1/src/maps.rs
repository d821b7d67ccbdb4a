//! Maps of fields and of extensions, recycled by the thread: no allocation a message, a bounded number of them.
//!
//! None of it is inlined: it is called from many places, and code has to be fetched.

use std::cell::RefCell;

use http::{Extensions, HeaderMap, Method, Uri};

/// How many maps a thread keeps, and how many fields one of them has room for: as many at least as a head has, and is given on its way,
/// as a rule, for a map that grows is hashed anew.
const KEPT: usize = 64;
const USUAL: usize = 12;
const LARGEST: usize = 96;
/// How many extensions there may have been where their room is kept.
const MOST: usize = 16;

thread_local! {
    static MAPS: RefCell<Vec<HeaderMap>> = const { RefCell::new(Vec::new()) };
    static EXTENSIONS: RefCell<Vec<Extensions>> = const { RefCell::new(Vec::new()) };
}

/// An empty map, with room for the usual number of fields.
#[inline(never)]
pub(crate) fn take() -> HeaderMap {
    let mut kept = None;
    let _ = MAPS.try_with(|maps| {
        if let Ok(mut maps) = maps.try_borrow_mut() {
            kept = maps.pop();
        }
    });
    kept.unwrap_or_else(|| HeaderMap::with_capacity(USUAL))
}

/// Puts `value` into the place of one that holds nothing, which would only cost time to drop.
pub(crate) fn put<T: Hollow>(place: &mut T, value: T) {
    let hollow = std::mem::replace(place, value);
    debug_assert!(hollow.is_hollow(), "it would leak");
    std::mem::forget(hollow);
}

/// What may hold nothing: no memory that would have to be freed.
pub(crate) trait Hollow {
    fn is_hollow(&self) -> bool;
}

impl Hollow for HeaderMap {
    fn is_hollow(&self) -> bool {
        self.capacity() == 0
    }
}

impl Hollow for Extensions {
    /// Their room cannot be seen; what they hold can.
    fn is_hollow(&self) -> bool {
        self.is_empty()
    }
}

impl Hollow for Method {
    fn is_hollow(&self) -> bool {
        *self == Self::GET
    }
}

impl Hollow for Uri {
    /// `/`, as a new request has it, is no memory of its own.
    fn is_hollow(&self) -> bool {
        *self == Self::default()
    }
}

/// Keeps `map` for the next who needs one. What is in it is lost.
#[inline(never)]
pub(crate) fn give(mut map: HeaderMap) {
    // `capacity` counts names; the further values of a name have room of their own.
    if map.capacity() < USUAL || map.capacity().max(map.len()) > LARGEST {
        return;
    }
    map.clear();
    // A thread that ends keeps nothing.
    let _ = MAPS.try_with(|maps| {
        if let Ok(mut maps) = maps.try_borrow_mut()
            && maps.len() < KEPT
        {
            maps.push(map);
        }
    });
}

/// No extensions, with room for some as a rule.
pub(crate) fn take_extensions() -> Extensions {
    let kept = EXTENSIONS.try_with(|kept| kept.try_borrow_mut().ok()?.pop());
    kept.ok().flatten().unwrap_or_default()
}

/// Keeps the room of `extensions`. What is in them is lost.
#[inline(never)]
pub(crate) fn give_extensions(mut extensions: Extensions) {
    // Those that never held anything have no room.
    if extensions.is_empty() || extensions.len() > MOST {
        return;
    }
    extensions.clear();
    // A thread that ends keeps nothing.
    let _ = EXTENSIONS.try_with(|kept| {
        if let Ok(mut kept) = kept.try_borrow_mut()
            && kept.len() < KEPT
        {
            kept.push(extensions);
        }
    });
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, header};

    use super::*;

    #[test]
    fn a_map_with_many_values_of_one_name_is_not_kept() {
        let mut map = HeaderMap::new();
        for _ in 0..=LARGEST {
            map.append(header::VIA, HeaderValue::from_static("a"));
        }
        give(map);
        assert_eq!(MAPS.with_borrow(Vec::len), 0);
    }

    #[test]
    fn extensions_come_back_empty_and_their_number_is_bounded() {
        for _ in 0..2 * KEPT {
            let mut extensions = Extensions::new();
            extensions.insert("of another request");
            give_extensions(extensions);
        }
        give_extensions(Extensions::new());
        assert_eq!(EXTENSIONS.with_borrow(Vec::len), KEPT);
        assert!((0..KEPT).all(|_| take_extensions().is_empty()));
        assert_eq!(EXTENSIONS.with_borrow(Vec::len), 0);
    }

    #[test]
    fn a_map_comes_back_empty_and_their_number_is_bounded() {
        for fields in 0..2 * KEPT {
            let mut map = HeaderMap::with_capacity(fields);
            map.append(header::VIA, HeaderValue::from_static("a"));
            map.append(header::VIA, HeaderValue::from_static("b"));
            give(map);
        }
        assert_eq!(MAPS.with_borrow(Vec::len), KEPT);
        for _ in 0..KEPT {
            let map = take();
            assert!(map.is_empty() && (USUAL..=LARGEST).contains(&map.capacity()));
        }
        assert!(take().capacity() >= USUAL);
    }
}
