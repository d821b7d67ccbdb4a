//! Server side includes.

use crate::context::Contexts;
use crate::convert::{Convert, Outcome};
use crate::row::{As, ONE, Row, SOME, To};
use crate::tree::Directive;

const LEVELS: Contexts = Contexts::LEVELS;

pub(crate) const ROWS: &[Row] = &[
    Row::new("ssi", Contexts::LEVELS_IF, ONE, To::Key(&["ssi", "on"], As::Flag)).note(
        "Subrequests do not have the client's conditions, range and `Accept-Encoding`. Compressed responses are not \
         processed. `stub` replaces any error. `Range` is ignored for everything that the location answers, pages or not.",
    ),
    Row::new("ssi_types", LEVELS, SOME, To::By(types, "ssi.types")).repeats(),
    Row::new("ssi_last_modified", LEVELS, ONE, To::Key(&["ssi", "last_modified"], As::Flag)),
    Row::new("ssi_silent_errors", LEVELS, ONE, To::Key(&["ssi", "silent_errors"], As::Flag)),
    Row::new("ssi_value_length", LEVELS, ONE, To::Key(&["ssi", "value_length"], As::Number)),
    Row::nothing("ssi_min_file_chunk", LEVELS, ONE, "pages are processed piece by piece"),
    Row::new(
        "subrequest_output_buffer_size",
        LEVELS,
        ONE,
        To::Key(&["ssi", "output_size"], As::Size),
    ),
];

fn types(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    super::media_types(convert, directive, "ssi")
}
