//! `modern_browser` and `ancient_browser`.

use propylon_config::is_browser;

use crate::args::invalid;
use crate::context::Contexts;
use crate::convert::{Convert, Done, Outcome, Target};
use crate::document::Value;
use crate::row::{As, ONE, ONE_OR_TWO, Row, SOME, To};
use crate::tree::Directive;

const LEVELS: Contexts = Contexts::LEVELS;

pub(crate) const ROWS: &[Row] = &[
    Row::new("modern_browser", LEVELS, ONE_OR_TWO, To::By(modern, "browser.modern")).repeats(),
    Row::new("ancient_browser", LEVELS, SOME, To::By(ancient, "browser.ancient")).repeats(),
    Row::new("modern_browser_value", LEVELS, ONE, To::Key(&["browser", "modern_value"], As::Text)),
    Row::new("ancient_browser_value", LEVELS, ONE, To::Key(&["browser", "ancient_value"], As::Text)),
];

fn ancient(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    for index in 0..directive.args().len() {
        let value = Value::text(directive.arg(index)).at(directive.place_of(index));
        convert.push(Target::Here, &["browser", "ancient"], value, &directive.place);
    }
    Ok(Done::AsWritten)
}

fn modern(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let text = match directive.args().len() {
        1 if directive.arg(0) == "unlisted" => "unlisted".to_owned(),
        1 => return Err(invalid(directive, 0, "\"modern_browser\" directive invalid value")),
        _ if !is_browser(directive.arg(0), "0") => {
            return Err(invalid(directive, 0, format!("unknown browser name \"{}\"", directive.arg(0))));
        }
        _ if !is_browser(directive.arg(0), directive.arg(1)) => {
            return Err(invalid(directive, 1, format!("invalid browser version \"{}\"", directive.arg(1))));
        }
        _ => format!("{} {}", directive.arg(0), directive.arg(1)),
    };
    let value = Value::text(text).at(directive.place_of(0));
    convert.push(Target::Here, &["browser", "modern"], value, &directive.place);
    Ok(Done::AsWritten)
}
