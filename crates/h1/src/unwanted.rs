use std::sync::Arc;

use http::HeaderName;

use crate::{Marks, names};

/// Fields of a response that nobody is going to look at: those that have a mark of these, and those that have a name of these. They are
/// judged as all others are and do not go into the map, which costs less than to remove them.
///
/// ```
/// use http::HeaderName;
/// use propylon_h1::{Marks, Unwanted};
///
/// let unwanted = Unwanted::from(Marks::DATE).names([HeaderName::from_static("x-powered-by")]);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Unwanted {
    pub(crate) marks: Marks,
    names: Option<Arc<Names>>,
}

#[derive(Debug)]
struct Names {
    list: Vec<Box<[u8]>>,
    /// The [bits](bit) of all of them.
    bits: u64,
}

impl Unwanted {
    /// Nothing: all fields go into the map.
    pub const NONE: Self = Self { marks: Marks::NONE, names: None };

    /// These names too. One that is of consequence, so that it has a [mark](Marks), stays wanted; so does one that has more than
    /// letters, digits and `-`, or is one letter.
    #[must_use]
    pub fn names(mut self, names: impl IntoIterator<Item = HeaderName>) -> Self {
        let may_go = |name: &HeaderName| {
            let name = name.as_str().as_bytes();
            // What `is_same` can compare.
            name.len() > 1 && name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
        };
        let names = names.into_iter().filter(|name| names::classify(name).is_empty() && may_go(name));
        let list: Vec<Box<[u8]>> = names.map(|name| name.as_str().as_bytes().into()).collect();
        let bits = list.iter().fold(0, |bits, name| bits | bit(name));
        self.names = (!list.is_empty()).then(|| Arc::new(Names { list, bits }));
        self
    }

    /// Whether a name is one of them, in whatever case it is spelled.
    #[inline]
    pub(crate) fn has_name(&self, spelled: &[u8]) -> bool {
        self.names.as_deref().is_some_and(|names| names.has(spelled))
    }
}

impl Names {
    #[inline(never)] // where there are none, that is all that each field costs
    fn has(&self, spelled: &[u8]) -> bool {
        self.bits & bit(spelled) != 0 && self.list.iter().any(|name| names::is_same(spelled, name))
    }
}

impl From<Marks> for Unwanted {
    fn from(marks: Marks) -> Self {
        Self { marks, ..Self::NONE }
    }
}

/// One of 64 bits for a name, by its length and its last letter.
#[inline]
fn bit(name: &[u8]) -> u64 {
    const CASE: u8 = 0x20;
    let last = name.last().map_or(0, |last| last | CASE);
    1 << ((name.len().wrapping_mul(5) + usize::from(last)) % 64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unwanted_in_any_case() {
        let names = ["x-powered-by", "x-a_b", "x", "date", "etag", "x-^", "x-2"].map(HeaderName::from_static);
        let unwanted = Unwanted::from(Marks::SERVER).names(names);
        let check = |name: &str, expected| assert_eq!(unwanted.has_name(name.as_bytes()), expected, "{name}");
        for name in ["X-Powered-By", "x-powered-by", "X-POWERED-BY", "ETag", "X-2"] {
            check(name, true);
        }
        for name in [
            "",
            "X-Powered-Bz",
            "Y-Powered-By",
            "X-Powered_By",
            "x-a_b",
            "x",
            "y",
            "8",
            "Date",
            "Server",
            "x-^",
            "x-\x12",
        ] {
            check(name, false);
        }
        assert!(!Unwanted::NONE.names([]).has_name(b"x"));
    }
}
