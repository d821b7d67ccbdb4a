//! `map`: variables made from others.

use crate::args::invalid;
use crate::context::Contexts;
use crate::convert::{Convert, Done, Outcome};
use crate::document::{Section, Value, key};
use crate::row::{BLOCK_TWO, Row, To};
use crate::tree::Directive;

pub(crate) const ROWS: &[Row] =
    &[Row::new("map", Contexts::HTTP.or(Contexts::STREAM), BLOCK_TWO, To::By(map, "map"))
        .repeats()
        .note("Supported in the block: default, hostnames, volatile, include.")];

fn map(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let Some(block) = directive.block() else { return Ok(Done::AsWritten) };
    let Some(name) = directive.arg(1).strip_prefix('$').filter(|name| !name.is_empty()) else {
        return Err(invalid(directive, 1, format!("invalid variable name \"{}\"", directive.arg(1))));
    };
    let above = convert.take_pending();
    let header = format!("[map.{}]", key(name));
    let mut section = Section::of(header, &directive.place, &above, directive.beside.as_ref());
    section.set(
        &["key"],
        Value::text(directive.arg(0)).at(directive.place_of(0)),
        Some(directive.place_of(0)),
    );
    convert.entries(block, |_, entry| self::entry(&mut section, entry));
    block.below.iter().for_each(|comment| section.comment(comment.clone()));
    convert.named().push(section);
    Ok(Done::AsWritten)
}

fn entry(section: &mut Section, entry: &Directive) -> Outcome {
    entry.above.iter().for_each(|comment| section.comment(comment.clone()));
    let (pattern, place) = (entry.name(), entry.words.first().map_or(&entry.place, |word| &word.place));
    match (pattern, entry.args().len()) {
        ("hostnames" | "volatile", 0) => {
            section.set(&[pattern], Value::flag(true), Some(&entry.place));
        }
        (_, 1) => {
            let value = Value::text(entry.arg(0)).at(entry.place_of(0));
            // A backslash takes what is special as it is; before a `~` it has the same task here.
            let path: &[&str] = match pattern {
                "default" => &["default"],
                _ if pattern.starts_with("\\~") => &["values", pattern],
                _ => &["values", pattern.strip_prefix('\\').unwrap_or(pattern)],
            };
            if section.has(path) {
                let message = if path == ["default"] {
                    "duplicate default map parameter".to_owned()
                } else {
                    format!("conflicting parameter \"{pattern}\"")
                };
                return Err(crate::convert::Stop::Invalid(crate::place::Problem::new(place, message)));
            }
            section.set(path, value, Some(&entry.place));
        }
        _ => {
            let message = "invalid number of the map parameters";
            return Err(crate::convert::Stop::Invalid(crate::place::Problem::new(&entry.place, message)));
        }
    }
    if let Some(note) = &entry.beside {
        section.beside(note);
    }
    Ok(Done::AsWritten)
}
