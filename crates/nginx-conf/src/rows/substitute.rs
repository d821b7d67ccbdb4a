//! Texts that are replaced.

use crate::args::invalid;
use crate::context::Contexts;
use crate::convert::{Convert, Done, Outcome, Target};
use crate::document::Value;
use crate::row::{As, ONE, Row, SOME, TWO, To};
use crate::tree::Directive;

const LEVELS: Contexts = Contexts::LEVELS;

pub(crate) const ROWS: &[Row] = &[
    Row::new("sub_filter", LEVELS, TWO, To::By(rule, "substitute.rules")).repeats(),
    Row::new("sub_filter_once", LEVELS, ONE, To::Key(&["substitute", "once"], As::Flag)),
    Row::new("sub_filter_types", LEVELS, SOME, To::By(types, "substitute.types")).repeats(),
    Row::new("sub_filter_last_modified", LEVELS, ONE, To::Key(&["substitute", "last_modified"], As::Flag)),
];

fn rule(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    if directive.arg(0).is_empty() {
        return Err(invalid(directive, 0, "empty search pattern"));
    }
    let texts = (0..2).map(|index| Value::text(directive.arg(index)).at(directive.place_of(index)));
    let rule = Value::List(texts.collect());
    convert.push(Target::Here, &["substitute", "rules"], rule, &directive.place);
    Ok(Done::AsWritten)
}

fn types(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    super::media_types(convert, directive, "substitute")
}
