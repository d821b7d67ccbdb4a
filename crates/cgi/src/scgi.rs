//! SCGI: a netstring of params, and then the body.

use std::fmt::Write;

use bytes::{BufMut, BytesMut};

use crate::{Params, RequestFault};

/// What the protocol itself has to say, whatever the params are: the length first.
const OWN: [&[u8]; 2] = [b"CONTENT_LENGTH", b"SCGI"];

/// The netstring with the params, each name and value with a NUL behind it. A name stands there once: what params have of
/// `CONTENT_LENGTH` and `SCGI` is left out.
pub(crate) fn netstring(params: &Params, length: u64) -> Result<BytesMut, RequestFault> {
    let others =
        || params.iter().filter(|(name, _)| !OWN.contains(name)).flat_map(|(name, value)| [name, value]);
    if others().any(|text| text.contains(&0)) {
        return Err(RequestFault::Nul);
    }
    let own = "CONTENT_LENGTH\0\0SCGI\x001\0".len() + digits(length);
    let size = own + others().map(|text| text.len() + 1).sum::<usize>();
    let mut out = BytesMut::with_capacity(digits(size as u64) + size + 2);
    // A buffer takes all that is written.
    let _ = write!(out, "{size}:CONTENT_LENGTH\0{length}\0SCGI\x001\0");
    for text in others() {
        out.put_slice(text);
        out.put_u8(0);
    }
    out.put_u8(b',');
    Ok(out)
}

/// How many of them a number is written in.
fn digits(number: u64) -> usize {
    std::iter::successors(Some(number), |rest| Some(rest / 10).filter(|rest| *rest > 0)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn netstrings() {
        let params = Params::builder()
            .push("REQUEST_METHOD", "POST")
            .push("CONTENT_LENGTH", "9")
            .push("SCGI", "2")
            .push("REQUEST_URI", "/deepthought")
            .build();
        // The specification's own example.
        let expected =
            "70:CONTENT_LENGTH\x0027\0SCGI\x001\0REQUEST_METHOD\0POST\0REQUEST_URI\0/deepthought\0,";
        assert_eq!(netstring(&params, 27).unwrap(), expected);
        assert_eq!(netstring(&Params::default(), 0).unwrap(), "24:CONTENT_LENGTH\x000\0SCGI\x001\0,");
        // What it holds is what was reserved for it, whatever the lengths are.
        for length in [0, 9, 10, 99, 100, u64::MAX] {
            let bytes = netstring(&params, length).unwrap();
            assert_eq!(bytes.len(), bytes.capacity(), "{length}");
            let (size, rest) = std::str::from_utf8(&bytes).unwrap().split_once(':').unwrap();
            assert_eq!(size.parse(), Ok(rest.len() - 1), "{length}");
            assert!(rest.starts_with(&format!("CONTENT_LENGTH\0{length}\0")), "{rest:?}");
        }
    }

    #[test]
    fn no_value_makes_params() {
        for (name, value) in [("A", "b\0REMOTE_USER\0root"), ("A\0", "b")] {
            assert_eq!(netstring(&Params::builder().push(name, value).build(), 0), Err(RequestFault::Nul));
        }
    }
}
