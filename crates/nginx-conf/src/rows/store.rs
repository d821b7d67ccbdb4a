//! `proxy_store*` and its like of `fastcgi_*`, `uwsgi_*` and `scgi_*`: responses that are stored as files.

use super::proxy::path;
use crate::args::invalid;
use crate::context::Contexts;
use crate::convert::{Convert, Done, Outcome, Stop, Target};
use crate::document::Value;
use crate::row::{As, ONE, Row, SOME, To};
use crate::tree::Directive;

const LEVELS: Contexts = Contexts::LEVELS;
const STORED: &str = "Only responses to GET are stored, and none whose file name has a `..` from the request. The temporary file is in the \
     destination's directory.";

macro_rules! rows {
    ($($store:literal $access:literal;)*) => {
        &[$(
            Row::new($store, LEVELS, ONE, To::By(store, "store.to")).note(STORED),
            Row::new($access, LEVELS, SOME, To::By(access, "store.access")),
        )*]
    };
}

pub(crate) const ROWS: &[Row] = rows! {
    "proxy_store" "proxy_store_access";
    "fastcgi_store" "fastcgi_store_access";
    "uwsgi_store" "uwsgi_store_access";
    "scgi_store" "scgi_store_access";
};

fn store(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let zone = path(directive, &["cache", "zone"]);
    let to = convert.value(directive, 0, As::Text)?;
    if directive.arg(0) != "off" {
        alone(convert, directive, &zone, &directive.name().replace("store", "cache"))?;
        // A cache around it counts no more (nginx).
        convert.set(Target::Here, &zone, Value::text("off"), &directive.place);
    }
    convert.set(Target::Here, &path(directive, &["store", "to"]), to, &directive.place);
    Ok(Done::AsWritten)
}

/// nginx: in one place a response is stored or kept in a cache. What stands in the way is the key of the other directive, unless that is off.
pub(super) fn alone(
    convert: &mut Convert<'_>,
    directive: &Directive,
    key: &[&str],
    other: &str,
) -> Result<(), Stop> {
    let found = convert.section(Target::Here).value_mut(key);
    if found.is_some_and(|value| value.as_text() != Some("off")) {
        let name = directive.name();
        return Err(invalid(directive, 0, format!("\"{name}\" directive is incompatible with \"{other}\"")));
    }
    Ok(())
}

fn access(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let key = path(directive, &["store", "access"]);
    rights(convert, directive, &key)
}

/// Who may do what with files: words such as `group:rw`.
pub(super) fn rights(convert: &mut Convert<'_>, directive: &Directive, key: &[&str]) -> Outcome {
    for (index, word) in directive.args().iter().enumerate() {
        let (who, what) = word.text.split_once(':').unwrap_or_default();
        if !(matches!(who, "user" | "group" | "all") && matches!(what, "r" | "rw")) {
            return Err(invalid(directive, index, format!("invalid value \"{}\"", word.text)));
        }
        let right = Value::text(&*word.text).at(directive.place_of(index));
        convert.push(Target::Here, key, right, &directive.place);
    }
    Ok(Done::AsWritten)
}
