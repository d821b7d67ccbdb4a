//! What is done with any input; a panic is a fault. `fuzz/` and the replay of its corpus call these.

use propylon_vars::{Context, Definitions};

/// Any text as a template: it is one, or the error names a part of it.
pub(crate) fn template(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let definitions = Definitions::builder().build().expect("nothing is defined");
    match definitions.template(text, Context::Request) {
        Ok(template) => assert_eq!(template.source(), text),
        Err(error) => drop(error.to_string()),
    }
}
