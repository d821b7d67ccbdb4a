//! `geo` and `split_clients`: variables made from addresses and from shares.

use crate::args::invalid;
use crate::context::Contexts;
use crate::convert::{Convert, Done, Outcome, Stop};
use crate::document::{Section, Value, key};
use crate::place::{Place, Problem};
use crate::row::{BLOCK_ONE_OR_TWO, BLOCK_TWO, Row, To};
use crate::tree::{Block, Directive};

pub(crate) const ROWS: &[Row] = &[
    Row::new("geo", Contexts::HTTP.or(Contexts::STREAM), BLOCK_ONE_OR_TWO, To::By(geo, "geo"))
        .repeats()
        .note("Supported in the block: default, ranges, proxy, proxy_recursive, volatile, delete, include. Partially \
               overlapping ranges are refused."),
    Row::new("split_clients", Contexts::HTTP.or(Contexts::STREAM), BLOCK_TWO, To::By(split_clients, "split_clients")).repeats(),
];

fn geo(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let last = directive.args().len().saturating_sub(1);
    define(convert, directive, "geo", last, |section, entry| match (entry.name(), entry.args().len()) {
        ("ranges", 0) => Ok(()), // ranges and networks may stand side by side
        (flag @ ("proxy_recursive" | "volatile"), 0) => {
            section.set(&[flag], Value::flag(true), Some(&entry.place));
            Ok(())
        }
        ("proxy", 1) => {
            section.push(&["proxies"], Value::text(entry.arg(0)).at(entry.place_of(0)), Some(&entry.place));
            Ok(())
        }
        ("delete", 1) => {
            section.remove(&["values", entry.arg(0)]);
            Ok(())
        }
        ("default", 1) => set(section, &["default"], entry),
        (network, 1) => set(section, &["values", network], entry),
        _ => Err(wrong(entry, "invalid number of the geo parameters")),
    })
}

fn split_clients(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    define(convert, directive, "split_clients", 1, |section, entry| {
        match (entry.name(), entry.args().len()) {
            (share, 1) => set(section, &["values", share], entry),
            _ => Err(wrong(entry, "invalid number of the split_clients parameters")),
        }
    })
}

/// Makes a table of definitions from a block; the variable's name is argument `name`, and one before it is the key.
fn define(
    convert: &mut Convert<'_>,
    directive: &Directive,
    table: &str,
    name: usize,
    entry: impl Fn(&mut Section, &Directive) -> Result<(), Stop>,
) -> Outcome {
    let Some(block) = directive.block() else { return Ok(Done::AsWritten) };
    let Some(variable) = directive.arg(name).strip_prefix('$').filter(|name| !name.is_empty()) else {
        return Err(invalid(directive, name, format!("invalid variable name \"{}\"", directive.arg(name))));
    };
    let above = convert.take_pending();
    let header = format!("[{table}.{}]", key(variable));
    let mut section = Section::of(header, &directive.place, &above, directive.beside.as_ref());
    if name > 0 {
        let place: &Place = directive.place_of(0);
        section.set(&["key"], Value::text(directive.arg(0)).at(place), Some(place));
    }
    entries(convert, block, &mut section, entry);
    convert.named().push(section);
    Ok(Done::AsWritten)
}

fn entries(
    convert: &mut Convert<'_>,
    block: &Block,
    section: &mut Section,
    entry: impl Fn(&mut Section, &Directive) -> Result<(), Stop>,
) {
    convert.entries(block, |_, directive| {
        directive.above.iter().for_each(|comment| section.comment(comment.clone()));
        entry(section, directive)?;
        if let Some(note) = &directive.beside {
            section.beside(note);
        }
        Ok(Done::AsWritten)
    });
    block.below.iter().for_each(|comment| section.comment(comment.clone()));
}

/// A value of these blocks is plain text in nginx, and the later of two counts.
fn set(section: &mut Section, path: &[&str], entry: &Directive) -> Result<(), Stop> {
    if entry.arg(0).contains('$') {
        return Err(Stop::Refused(
            "nginx takes the `$` in this value as text, but here it would begin a variable".into(),
        ));
    }
    section.set(path, Value::text(entry.arg(0)).at(entry.place_of(0)), Some(&entry.place));
    Ok(())
}

fn wrong(entry: &Directive, message: &str) -> Stop {
    Stop::Invalid(Problem::new(&entry.place, message))
}
