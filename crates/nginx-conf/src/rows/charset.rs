//! Charsets.

use crate::args::invalid;
use crate::context::Contexts;
use crate::convert::{Convert, Done, Outcome, Stop};
use crate::document::{Section, Value};
use crate::place::Problem;
use crate::row::{As, BLOCK_TWO, ONE, Row, SOME, To};
use crate::tree::Directive;

const LEVELS: Contexts = Contexts::LEVELS;
const LEVELS_IF: Contexts = Contexts::LEVELS_IF;

pub(crate) const ROWS: &[Row] = &[
    Row::new("charset", LEVELS_IF, ONE, To::Key(&["charset", "name"], As::Text)),
    Row::new("source_charset", LEVELS_IF, ONE, To::Key(&["charset", "source"], As::Text)),
    Row::new("override_charset", LEVELS_IF, ONE, To::Key(&["charset", "override"], As::Flag)),
    Row::new("charset_types", LEVELS, SOME, To::By(types, "charset.types")).repeats(),
    Row::new("charset_map", Contexts::HTTP, BLOCK_TWO, To::By(map, "charset_map")).repeats(),
];

fn types(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    super::media_types(convert, directive, "charset")
}

fn map(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let Some(block) = directive.block() else { return Ok(Done::AsWritten) };
    if directive.arg(0).eq_ignore_ascii_case("utf-8") {
        let message = "\"charset_map\" with \"utf-8\" charset should be given in the second column";
        return Err(invalid(directive, 0, message.to_owned()));
    }
    let above = convert.take_pending();
    let mut section = Section::of("[[charset_map]]", &directive.place, &above, directive.beside.as_ref());
    for (index, key) in ["from", "to"].into_iter().enumerate() {
        let place = directive.place_of(index);
        section.set(&[key], Value::text(directive.arg(index)).at(place), Some(place));
    }
    convert.entries(block, |_, entry| {
        entry.above.iter().for_each(|comment| section.comment(comment.clone()));
        if entry.args().len() != 1 {
            return Err(Stop::Invalid(Problem::new(&entry.place, "invalid parameters number")));
        }
        let value = Value::text(entry.arg(0)).at(entry.place_of(0));
        section.set(&["values", entry.name()], value, Some(&entry.place));
        if let Some(note) = &entry.beside {
            section.beside(note);
        }
        Ok(Done::AsWritten)
    });
    block.below.iter().for_each(|comment| section.comment(comment.clone()));
    convert.document.named.push(section);
    Ok(Done::AsWritten)
}
