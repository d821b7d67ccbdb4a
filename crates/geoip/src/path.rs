//! Which value of a record is meant.

use maxminddb::PathElement;
use smallvec::SmallVec;

/// Which value of a record is meant: the names that lead to it, from the outermost. Of a list a number is meant, from 0; from the end it is
/// negative, from -1. Without any the record itself is meant.
///
/// ```
/// use propylon_geoip::DataPath;
///
/// let code = DataPath::new(["country", "iso_code"]);
/// let region = DataPath::new(["subdivisions", "0", "names", "en"]);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct DataPath(Box<[Step]>);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Step {
    name: Box<str>,
    /// What it means of a list.
    index: Option<isize>,
}

pub(crate) type Elements<'p> = SmallVec<[PathElement<'p>; 6]>;

impl DataPath {
    /// The value that these names lead to.
    #[must_use]
    pub fn new<N: Into<Box<str>>>(names: impl IntoIterator<Item = N>) -> Self {
        let steps = names.into_iter().map(|name| {
            let name = name.into();
            let index = name.parse().ok();
            Step { name, index }
        });
        Self(steps.collect())
    }

    /// Whether a number is in it.
    pub(crate) fn has_indexes(&self) -> bool {
        self.0.iter().any(|step| step.index.is_some())
    }

    /// As the reader wants it, numbers for places in lists.
    pub(crate) fn elements(&self) -> Elements<'_> {
        let elements = self.0.iter().map(|step| match step.index {
            None => PathElement::Key(&step.name),
            Some(index) if index < 0 => PathElement::IndexFromEnd(index.unsigned_abs() - 1),
            Some(index) => PathElement::Index(index.unsigned_abs()),
        });
        elements.collect()
    }

    /// As the reader wants it, numbers for names.
    pub(crate) fn keys(&self) -> Elements<'_> {
        self.0.iter().map(|step| PathElement::Key(&step.name)).collect()
    }
}
