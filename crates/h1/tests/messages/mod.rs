//! The table.

pub(crate) mod chunked;
pub(crate) mod request_fields;
pub(crate) mod request_framing;
pub(crate) mod request_line;
pub(crate) mod response;

use crate::support::Row;

pub(crate) const fn row(
    raw: &'static str,
    ours: &'static str,
    nginx: &'static str,
    why: &'static str,
) -> Row {
    Row { raw, ours, nginx, why }
}

pub(crate) fn requests() -> impl Iterator<Item = &'static Row> {
    [request_line::ROWS, request_fields::ROWS, request_framing::ROWS, chunked::ROWS].into_iter().flatten()
}
