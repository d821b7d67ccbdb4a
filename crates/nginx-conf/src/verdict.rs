use std::fmt;

use serde_json::{Value, json};

use crate::place::Place;

/// What became of a directive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// It means here what it means in nginx.
    Exact,
    /// The same request gives the same answer, but sizes, counts or timing are not as in nginx.
    Different,
    /// It cannot be converted.
    Refused,
}

impl Verdict {
    /// The word for it in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Different => "different",
            Self::Refused => "refused",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A directive of the nginx.conf, and what became of it.
///
/// `Display` is a line of the report: `nginx.conf:12: refused: ssi on; (server-side includes are not built)`.
#[derive(Clone, Debug)]
pub struct Line {
    /// Where it stands.
    pub place: Place,
    /// Its name.
    pub directive: String,
    /// What became of it.
    pub verdict: Verdict,
    /// What is different, or why it is refused and what to do; may be empty.
    pub note: String,
}

impl Line {
    /// Whether it is of what stands at this place.
    pub(crate) fn is_at(&self, place: &Place) -> bool {
        self.place.file() == place.file() && self.place.range == place.range
    }

    /// The directive on one line.
    fn text(&self) -> String {
        self.place.text().split_whitespace().collect::<Vec<_>>().join(" ")
    }

    pub(crate) fn json(&self) -> Value {
        json!({
            "file": self.place.file(),
            "line": self.place.line(),
            "directive": self.directive,
            "text": self.text(),
            "verdict": self.verdict.as_str(),
            "note": self.note,
        })
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.place, self.verdict, self.text())?;
        if !self.note.is_empty() {
            write!(f, " ({})", self.note)?;
        }
        Ok(())
    }
}
