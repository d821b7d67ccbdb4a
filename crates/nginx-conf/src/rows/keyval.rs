//! `keyval_zone` and `keyval`: variables from keys and values that are changed while the gateway runs.

use crate::args::{self, invalid};
use crate::context::Contexts;
use crate::convert::{Convert, Done, Outcome, different, refuse};
use crate::document::{Section, Value, key};
use crate::lexer::Word;
use crate::row::{Row, SOME, THREE, To};
use crate::tree::Directive;

const BOTH: Contexts = Contexts::HTTP.or(Contexts::STREAM);
const ZONE: &str = "Keys are changed by `api`, or by `[admin]` with the same paths and bodies under `/api/v1/keyvals/`. \
                    With `state` it is different: the file is `FILE.json`, and keys in nginx's file are not imported. \
                    `sync` is refused.";
const STATE: &str = "the file is `FILE.json`; keys in nginx's file are not imported: add them by the API, or write them \
                     there as JSON, `{ \"key\": \"value\" }`";

pub(crate) const ROWS: &[Row] = &[
    Row::new("keyval_zone", BOTH, SOME, To::By(zone, "keyval_zone")).repeats().note(ZONE),
    Row::new("keyval", BOTH, THREE, To::By(variable, "keyval")).repeats(),
];

fn zone(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let (mut found, mut keys) = (None, Vec::new());
    for (index, word) in directive.args().iter().enumerate() {
        let (name, text) = word.text.split_once('=').unwrap_or((&word.text, ""));
        let wrong = |what: &str| invalid(directive, index, format!("invalid {what} \"{}\"", word.text));
        let (known, value) = match name {
            "zone" => {
                let (zone, size) = text.split_once(':').ok_or_else(|| wrong("zone size"))?;
                let bytes = propylon_config::size(size).map_err(|_| wrong("zone size"))?;
                if bytes < 32 << 10 {
                    return Err(invalid(directive, index, format!("zone \"{}\" is too small", word.text)));
                }
                found = Some((index, word, zone));
                ("size", Value::text(size))
            }
            // nginx's file stays as it is.
            "state" if !text.is_empty() => ("state", Value::text(format!("{text}.json"))),
            "timeout" => {
                let some = propylon_config::duration(text).is_ok_and(|time| !time.is_zero());
                let time = args::duration(text).filter(|_| some);
                ("timeout", Value::text(time.ok_or_else(|| wrong("timeout"))?))
            }
            "type" if matches!(text, "string" | "ip" | "prefix") => ("type", Value::text(text)),
            "type" => return Err(wrong("type")),
            "sync" if word.text == "sync" => {
                return refuse("`sync` is not supported: set the keys by the API of each gateway");
            }
            _ => return Err(wrong("parameter")),
        };
        keys.push((known, value.at(&word.place)));
    }
    let Some((index, word, name)) = found.filter(|(.., name)| !name.is_empty()) else {
        return Err(invalid(directive, 0, "\"keyval_zone\" must have \"zone\" parameter"));
    };
    if convert.frame().collected("keyvals").iter().any(|known| known.text == name) {
        return Err(invalid(directive, index, format!("duplicate zone \"{name}\"")));
    }
    convert.frame_mut().collect("keyvals", &[Word { text: name.to_owned(), place: word.place.clone() }]);
    let above = convert.take_pending();
    let header = format!("[keyval_zone.{}]", key(name));
    let mut section = Section::of(header, &directive.place, &above, directive.beside.as_ref());
    for (known, value) in keys {
        section.set(&[known], value, Some(&directive.place));
    }
    let has_file = section.has(&["state"]);
    convert.named().push(section);
    if has_file { different(STATE) } else { Ok(Done::AsWritten) }
}

fn variable(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let Some(name) = directive.arg(1).strip_prefix('$').filter(|name| !name.is_empty()) else {
        return Err(invalid(directive, 1, format!("invalid variable name \"{}\"", directive.arg(1))));
    };
    let Some(zone) = directive.arg(2).strip_prefix("zone=").filter(|zone| !zone.is_empty()) else {
        return Err(invalid(directive, 2, format!("invalid parameter \"{}\"", directive.arg(2))));
    };
    let above = convert.take_pending();
    let header = format!("[keyval.{}]", key(name));
    let mut section = Section::of(header, &directive.place, &above, directive.beside.as_ref());
    let place = directive.place_of(0);
    section.set(&["key"], Value::text(directive.arg(0)).at(place), Some(place));
    let place = directive.place_of(2);
    section.set(&["zone"], Value::text(zone).at(place), Some(place));
    convert.named().push(section);
    Ok(Done::AsWritten)
}
