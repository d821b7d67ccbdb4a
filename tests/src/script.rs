//! Configurations with holes.

use std::fs;

/// Puts values into the holes of a text: `@NAME@` becomes the value of `NAME`.
pub fn fill(text: &str, holes: &[(&str, &str)]) -> String {
    holes.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("@{name}@"), value))
}

/// A file of `tests/fixtures`, its holes filled.
pub fn fixture(name: &str, holes: &[(&str, &str)]) -> String {
    let path = format!("{}/fixtures/{name}", env!("CARGO_MANIFEST_DIR"));
    fill(&fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}")), holes)
}
