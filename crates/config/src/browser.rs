//! The table `browser`: which browsers count as modern, and which as ancient.

use std::ops::Range;
use std::sync::Arc;

use propylon_vars::Browsers;

use crate::key::{Key, Kind, Need, Table};
use crate::reader::{Context, Scope};
use crate::report::Diagnostic;

pub(crate) const TABLE: Table = Table {
    name: "browser",
    doc: "Classifies browsers as modern or ancient by their `User-Agent`, for `$modern_browser` and `$ancient_browser`. Without this table \
          all browsers are ancient.",
    keys: &[
        Key {
            name: "modern",
            kind: Kind::List(&Kind::Text {
                hint: "a browser and a version such as \"msie 5.5\", or \"unlisted\"",
            }),
            need: Need::Default("[]"),
            nginx: "modern_browser",
            doc: "Modern browsers: \"opera\", \"msie\", \"gecko\", \"safari\" or \"konqueror\", a space, and the lowest modern version. \
                  \"unlisted\": browsers that are listed neither here nor in `ancient` are modern as well.",
        },
        Key {
            name: "ancient",
            kind: Kind::List(&Kind::Text {
                hint: "a part of a User-Agent such as \"Links\", or \"netscape4\"",
            }),
            need: Need::Default("[]"),
            nginx: "ancient_browser",
            doc: "Substrings of the `User-Agent` of ancient browsers; \"netscape4\": Mozilla 1 to 4.",
        },
        Key {
            name: "modern_value",
            kind: Kind::Text { hint: "a string" },
            need: Need::Default("\"1\""),
            nginx: "modern_browser_value",
            doc: "The value of `$modern_browser` for a modern browser.",
        },
        Key {
            name: "ancient_value",
            kind: Kind::Text { hint: "a string" },
            need: Need::Default("\"1\""),
            nginx: "ancient_browser_value",
            doc: "The value of `$ancient_browser` for an ancient browser.",
        },
    ],
    unbuilt: &[],
};

/// Reads the table; nothing if it says what is so without it.
pub(crate) fn read(scope: &mut Scope<'_>) -> Option<Arc<Browsers>> {
    let value = |scope: &mut Scope<'_>, key: &'static str| {
        scope.text(key).map(|text| text.value.into_string().into_bytes()).unwrap_or_default()
    };
    let modern = value(scope, "modern_value");
    let mut browsers = Browsers::new().values(modern, value(scope, "ancient_value"));
    scope.list("modern", |cx, text, span| {
        browsers = if text == "unlisted" {
            browsers.clone().modern_unlisted()
        } else {
            modern_one(cx, &browsers, text, span)?
        };
        Some(())
    });
    scope.list("ancient", |_, text, _| {
        let known = browsers.clone();
        browsers = if text == "netscape4" { known.netscape4() } else { known.ancient(text) };
        Some(())
    });
    (browsers != Browsers::new()).then(|| Arc::new(browsers))
}

/// Whether there is a browser of this name, and this is a version, for the key `browser.modern`.
///
/// ```
/// use propylon_config::is_browser;
///
/// assert!(is_browser("MSIE", "5.5") && !is_browser("mosaic", "1") && !is_browser("msie", "5b"));
/// ```
#[must_use]
pub fn is_browser(name: &str, version: &str) -> bool {
    Browsers::new().modern(name, version).is_some()
}

fn modern_one(cx: &mut Context, browsers: &Browsers, text: &str, span: Range<usize>) -> Option<Browsers> {
    let found = text.split_once(' ').and_then(|(name, version)| browsers.clone().modern(name, version));
    if found.is_none() {
        let expected = "expected \"opera\", \"msie\", \"gecko\", \"safari\" or \"konqueror\" followed by a space and a version, or \"unlisted\"";
        cx.push(
            Diagnostic::at(span, format!("invalid browser and version `{}`", text.escape_debug()))
                .label(expected),
        );
    }
    found
}
