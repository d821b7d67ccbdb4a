//! `proxy_store*` and `fastcgi_store*`: responses that are stored as files.

use crate::args::invalid;
use crate::context::Contexts;
use crate::convert::{Convert, Done, Outcome, Target};
use crate::document::{FASTCGI, Value};
use crate::row::{As, ONE, Row, SOME, To};
use crate::tree::Directive;

const LEVELS: Contexts = Contexts::LEVELS;
const STORED: &str =
    "Of GET alone, and of no name that a `..` of the request is in. The temporary file is beside the place.";

pub(crate) const ROWS: &[Row] = &[
    Row::new("proxy_store", LEVELS, ONE, To::By(store, "store.to")).note(STORED),
    Row::new("proxy_store_access", LEVELS, SOME, To::By(access, "store.access")),
    Row::new("fastcgi_store", LEVELS, ONE, To::By(store, "store.to")).note(STORED),
    Row::new("fastcgi_store_access", LEVELS, SOME, To::By(access, "store.access")),
];

/// What is FastCGI's waits for a place that speaks it.
fn path(directive: &Directive, key: [&'static str; 2]) -> Vec<&'static str> {
    let fastcgi = directive.name().starts_with("fastcgi_").then_some(FASTCGI);
    fastcgi.into_iter().chain(key).collect()
}

fn store(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let zone = path(directive, ["cache", "zone"]);
    let to = convert.value(directive, 0, As::Text)?;
    convert.set(Target::Here, &path(directive, ["store", "to"]), to, &directive.place);
    if directive.arg(0) != "off" {
        if convert.section(Target::Here).has(&zone) {
            let (name, cache) = (directive.name(), directive.name().replace("store", "cache"));
            return Err(invalid(directive, 0, format!("\"{name}\" is incompatible with \"{cache}\"")));
        }
        // A cache around it counts no more (nginx).
        convert.set(Target::Here, &zone, Value::text("off"), &directive.place);
    }
    Ok(Done::AsWritten)
}

fn access(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let key = path(directive, ["store", "access"]);
    for (index, word) in directive.args().iter().enumerate() {
        let (who, what) = word.text.split_once(':').unwrap_or_default();
        if !(matches!(who, "user" | "group" | "all") && matches!(what, "r" | "rw")) {
            return Err(invalid(directive, index, format!("invalid value \"{}\"", word.text)));
        }
        let right = Value::text(&*word.text).at(directive.place_of(index));
        convert.push(Target::Here, &key, right, &directive.place);
    }
    Ok(Done::AsWritten)
}
