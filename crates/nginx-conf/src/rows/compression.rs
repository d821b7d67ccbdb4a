//! Compression.

use std::collections::HashSet;

use crate::args;
use crate::context::Contexts;
use crate::convert::{Convert, Done, Outcome, Target, different};
use crate::document::Value;
use crate::row::{As, ONE, Row, SOME, TWO, To};
use crate::tree::Directive;

const LEVELS: Contexts = Contexts::LEVELS;

/// Old browsers that took gzip for what it is not (nginx's own name for them).
const MSIE6: &str = r"MSIE [4-6]\.(?!.*SV1)";

const TYPES: &str = "Different: all codings share one list of types.";
const LEVEL: &str = "`gzip_comp_level` sets the level of all codings";
const LENGTH: &str = "`gzip_min_length` sets the minimum length for all codings";
const WINDOW: &str = "the window size follows from the compression level";
const BUFFERS: &str = "compressed data is sent as it is produced: there are no buffers to configure";

pub(crate) const ROWS: &[Row] = &[
    Row::new("gzip", Contexts::LEVELS_IF, ONE, To::By(gzip, "compression.codings"))
        .note("`on` is different: responses have `Vary: Accept-Encoding`, which caches need, unless `gzip_vary off` is set."),
    Row::new("gzip_types", LEVELS, SOME, To::By(types, "compression.types")).repeats(),
    Row::new("gzip_min_length", LEVELS, ONE, To::Key(&["compression", "min_length"], As::Size)),
    Row::new("gzip_comp_level", LEVELS, ONE, To::Key(&["compression", "level"], As::Number)),
    Row::new("gzip_vary", LEVELS, ONE, To::Key(&["compression", "vary"], As::Flag)),
    Row::new("gzip_proxied", LEVELS, SOME, To::List(&["compression", "proxied"], As::Text)),
    Row::new("gzip_http_version", LEVELS, ONE, To::Key(&["compression", "http_version"], As::Text)),
    Row::new("gzip_disable", LEVELS, SOME, To::By(disable, "compression.disable")),
    // Of ngx_brotli and the module of zstd.
    Row::new("brotli", Contexts::LEVELS_IF, ONE, To::By(gzip, "compression.codings")).note("As for `gzip`."),
    Row::new("zstd", Contexts::LEVELS_IF, ONE, To::By(gzip, "compression.codings")).note("As for `gzip`."),
    Row::new("brotli_types", LEVELS, SOME, To::By(other_types, "compression.types")).repeats().note(TYPES),
    Row::new("zstd_types", LEVELS, SOME, To::By(other_types, "compression.types")).repeats().note(TYPES),
    Row::nothing("brotli_comp_level", LEVELS, ONE, LEVEL),
    Row::nothing("zstd_comp_level", LEVELS, ONE, LEVEL),
    Row::nothing("brotli_min_length", LEVELS, ONE, LENGTH),
    Row::nothing("zstd_min_length", LEVELS, ONE, LENGTH),
    Row::nothing("brotli_window", LEVELS, ONE, WINDOW),
    Row::nothing("brotli_buffers", LEVELS, TWO, BUFFERS),
    Row::nothing("zstd_buffers", LEVELS, TWO, BUFFERS),
    Row::nothing(
        "gzip_buffers",
        LEVELS,
        TWO,
        BUFFERS,
    ),
];

fn gzip(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let on = args::flag(directive, 0)?;
    let coding = if directive.name() == "brotli" { "br" } else { directive.name() };
    let section = &mut convert.frame_mut().section;
    section.switch_coding(["compression", "codings"], coding, on, &directive.place);
    if on {
        return different(
            "responses have Vary: Accept-Encoding, which caches need, unless gzip_vary off is set",
        );
    }
    Ok(Done::AsWritten)
}

/// Each of them once: those of several codings are mostly the same.
fn types(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let done = super::media_types(convert, directive, "compression")?;
    if let Some(Value::List(items)) = convert.frame_mut().section.value_mut(&["compression", "types"]) {
        let mut known = HashSet::new();
        items.retain(|item| item.as_text().is_none_or(|text| known.insert(text.to_owned())));
    }
    Ok(done)
}

fn other_types(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    types(convert, directive)?;
    different("all codings share one list of types")
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
