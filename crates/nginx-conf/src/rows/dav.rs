//! `dav_*`: files that clients write.

use super::proxy::like;
use super::store;
use crate::args::invalid;
use crate::context::Contexts;
use crate::convert::{Convert, Done, Outcome, Target};
use crate::document::Value;
use crate::row::{As, Row, SOME, To};
use crate::tree::Directive;

const LEVELS: Contexts = Contexts::LEVELS;

pub(crate) const ROWS: &[Row] = &[
    Row::new("dav_methods", LEVELS, SOME, To::By(methods, "dav.methods")).repeats().note(
        "As in nginx, only in locations that serve files. A missing directory gives 409, `Depth: 0` is honoured (RFC 4918), \
         and so are `If-Match` and other preconditions (RFC 9110). Bodies are first written to a hidden file in the \
         destination's directory. `disable_symlinks` applies; `if_not_owner` counts as `on`.",
    ),
    Row::new("dav_access", LEVELS, SOME, To::By(access, "dav.access")),
    like("create_full_put_path", &["dav", "create_full_put_path"], As::Flag),
    like("min_delete_depth", &["dav", "min_delete_depth"], As::Number),
];

/// The methods of several add up.
fn methods(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    const KEY: [&str; 2] = ["dav", "methods"];
    if !convert.section(Target::Here).has(&KEY) {
        convert.set(Target::Here, &KEY, Value::List(Vec::new()), &directive.place); // `off` is none, whatever is around it
    }
    for (index, word) in directive.args().iter().enumerate() {
        let method = word.text.to_ascii_uppercase();
        match method.as_str() {
            "OFF" => {}
            "PUT" | "DELETE" | "MKCOL" | "COPY" | "MOVE" => {
                let method = Value::text(method).at(directive.place_of(index));
                convert.push(Target::Here, &KEY, method, &directive.place);
            }
            _ => return Err(invalid(directive, index, format!("invalid value \"{}\"", word.text))),
        }
    }
    Ok(Done::AsWritten)
}

fn access(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    store::rights(convert, directive, &["dav", "access"])
}
