//! The table of messages: `tests/tests/differential_messages.rs` sends it through nginx and the gateway, too.
#![allow(dead_code, reason = "each user takes what it needs")]

pub(crate) mod chunked;
pub(crate) mod request_fields;
pub(crate) mod request_framing;
pub(crate) mod request_line;
pub(crate) mod response;

/// One message, what the core makes of it, what nginx makes of it, and why.
pub(crate) struct Row {
    pub(crate) raw: &'static str,
    /// As `support::request` and `support::response` put it.
    pub(crate) ours: &'static str,
    /// `=`: the same. Else the status with what is odd about it; in brackets what another version does: `400 (1.22: 200)`.
    pub(crate) nginx: &'static str,
    pub(crate) why: &'static str,
}

impl Row {
    /// `raw` stands for its bytes; in it `\u{80}` to `\u{FF}` stand for the single bytes.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.raw.chars().map(|char| u8::try_from(u32::from(char)).expect("bytes up to FF")).collect()
    }
}

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

/// Each with the method that it answers.
pub(crate) fn responses() -> impl Iterator<Item = (&'static str, &'static Row)> {
    [("GET", response::ROWS), ("HEAD", response::TO_HEAD), ("CONNECT", response::TO_CONNECT)]
        .into_iter()
        .flat_map(|(method, rows)| rows.iter().map(move |row| (method, row)))
}
