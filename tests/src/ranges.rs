//! What the origin has that knows ranges.

use std::ops::Range;

use crate::Head;

/// So many bytes, each of which tells where it stands.
pub fn ranged(size: usize) -> Vec<u8> {
    bytes(0..size)
}

fn bytes(part: Range<usize>) -> Vec<u8> {
    part.map(|at| b"0123456789abcdefghijklmnopqrstuvwxyz"[at % 36]).collect()
}

/// Of so many bytes those that a request asks for; the status and the field that say so.
pub(crate) fn part(size: usize, request: &Head) -> (Vec<u8>, usize, Option<String>) {
    let range = request.field("range").and_then(|range| {
        let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
        Some((first.parse::<usize>().ok()?, last.parse::<usize>().map_or(size, |last| (last + 1).min(size))))
    });
    match range {
        None => (ranged(size), 200, None),
        Some((first, _)) if first >= size => {
            (Vec::new(), 416, Some(format!("Content-Range: bytes */{size}")))
        }
        Some((first, end)) => {
            let said = format!("Content-Range: bytes {first}-{}/{size}", end - 1);
            (bytes(first..end), 206, Some(said))
        }
    }
}
