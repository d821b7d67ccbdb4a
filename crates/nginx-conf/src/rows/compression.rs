//! Compression.

use crate::args;
use crate::context::Contexts;
use crate::convert::{Convert, Done, Outcome, Target, different};
use crate::document::Value;
use crate::row::{As, ONE, Row, SOME, TWO, To};
use crate::tree::Directive;

const LEVELS: Contexts = Contexts::LEVELS;

/// Old browsers that took gzip for what it is not (nginx's own name for them).
const MSIE6: &str = r"MSIE [4-6]\.(?!.*SV1)";

pub(crate) const ROWS: &[Row] = &[
    Row::new("gzip", Contexts::LEVELS_IF, ONE, To::By(gzip, "compression.codings"))
        .note("`on` is different: responses have `Vary: Accept-Encoding`, which caches need, unless `gzip_vary off` says otherwise."),
    Row::new("gzip_types", LEVELS, SOME, To::By(types, "compression.types")).repeats(),
    Row::new("gzip_min_length", LEVELS, ONE, To::Key(&["compression", "min_length"], As::Size)),
    Row::new("gzip_comp_level", LEVELS, ONE, To::Key(&["compression", "level"], As::Number)),
    Row::new("gzip_vary", LEVELS, ONE, To::Key(&["compression", "vary"], As::Flag)),
    Row::new("gzip_proxied", LEVELS, SOME, To::List(&["compression", "proxied"], As::Text)),
    Row::new("gzip_http_version", LEVELS, ONE, To::Key(&["compression", "http_version"], As::Text)),
    Row::new("gzip_disable", LEVELS, SOME, To::By(disable, "compression.disable")),
    Row::nothing(
        "gzip_buffers",
        LEVELS,
        TWO,
        "what is compressed leaves as it comes: there are no buffers to set",
    ),
];

fn gzip(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let on = args::flag(directive, 0)?;
    let codings = if on { vec![Value::text("gzip")] } else { Vec::new() };
    convert.set(Target::Here, &["compression", "codings"], Value::List(codings), &directive.place);
    if on {
        return different(
            "responses have Vary: Accept-Encoding, which caches need, unless gzip_vary off says otherwise",
        );
    }
    Ok(Done::AsWritten)
}

fn types(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    super::media_types(convert, directive, "compression")
}

fn disable(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let agents = (0..directive.args().len()).map(|index| {
        let text = if directive.arg(index) == "msie6" { MSIE6 } else { directive.arg(index) };
        Value::text(text).at(directive.place_of(index))
    });
    let agents = Value::List(agents.collect());
    convert.set(Target::Here, &["compression", "disable"], agents, &directive.place);
    Ok(Done::AsWritten)
}
