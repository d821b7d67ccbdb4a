//! What is answered: the line before the value.

use crate::error::Fault;
use crate::key::Key;

/// What follows a value.
pub(crate) const TRAILER: &[u8] = b"\r\nEND\r\n";

/// A line that was understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    /// A value of so many bytes follows, and the [`TRAILER`].
    Value { length: u64, flags: Option<u64> },
    /// There is none.
    NotFound,
}

impl Reply {
    /// Reads a line, of which the line feed is the last byte, as the answer to `key`. `flags`: whether they are of interest; else anything
    /// may stand there.
    pub(crate) fn read(line: &[u8], key: &Key, flags: bool) -> Result<Self, Fault> {
        let line = line.strip_suffix(b"\r\n").ok_or(Fault::Reply)?;
        if line == b"END" {
            return Ok(Self::NotFound);
        }
        let Some(rest) = line.strip_prefix(b"VALUE ") else { return Err(fault(line)) };
        let rest = rest.strip_prefix(key.as_bytes()).ok_or(Fault::Key)?;
        let rest = rest.strip_prefix(b" ").ok_or(Fault::Reply)?;
        let mut words = rest.splitn(2, |byte| *byte == b' ');
        let (Some(first), Some(length)) = (words.next(), words.next()) else { return Err(Fault::Reply) };
        let flags = if flags { Some(number(first).ok_or(Fault::Flags)?) } else { None };
        Ok(Self::Value { length: number(length).ok_or(Fault::Length)?, flags })
    }
}

/// Why there is neither a value nor none.
fn fault(line: &[u8]) -> Fault {
    if line.starts_with(b"SERVER_ERROR") {
        Fault::Server
    } else if line.starts_with(b"CLIENT_ERROR") {
        Fault::Request
    } else {
        Fault::Reply
    }
}

fn number(digits: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|b| b.is_ascii_digit()))?;
    text.parse().ok().filter(|number| i64::try_from(*number).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let key = Key::escaped(b"/k").unwrap();
        let value = |length, flags| Ok(Reply::Value { length, flags });
        for (line, flags, expected) in [
            ("VALUE /k 0 5\r\n", false, value(5, None)),
            ("VALUE /k 0 0\r\n", false, value(0, None)),
            ("VALUE /k 3 5\r\n", true, value(5, Some(3))),
            ("VALUE /k x 5\r\n", false, value(5, None)),
            ("VALUE /k  5\r\n", false, value(5, None)),
            ("END\r\n", false, Ok(Reply::NotFound)),
            ("VALUE /k x 5\r\n", true, Err(Fault::Flags)),
            ("VALUE /k -1 5\r\n", true, Err(Fault::Flags)),
            ("VALUE /k  5\r\n", true, Err(Fault::Flags)),
            ("VALUE /k 0 5 7\r\n", false, Err(Fault::Length)),
            ("VALUE /k 0 -5\r\n", false, Err(Fault::Length)),
            ("VALUE /k 0 +5\r\n", false, Err(Fault::Length)),
            ("VALUE /k 0 \r\n", false, Err(Fault::Length)),
            ("VALUE /k 0 9223372036854775808\r\n", false, Err(Fault::Length)),
            ("VALUE /k 0\r\n", false, Err(Fault::Reply)),
            ("VALUE /k5 0 5\r\n", false, Err(Fault::Reply)),
            ("VALUE /other 0 5\r\n", false, Err(Fault::Key)),
            ("VALUE /K 0 5\r\n", false, Err(Fault::Key)),
            ("VALUE  0 5\r\n", false, Err(Fault::Key)),
            ("VALUE /k 0 5\n", false, Err(Fault::Reply)),
            ("END\n", false, Err(Fault::Reply)),
            ("END \r\n", false, Err(Fault::Reply)),
            ("end\r\n", false, Err(Fault::Reply)),
            ("\r\n", false, Err(Fault::Reply)),
            ("\n", false, Err(Fault::Reply)),
            ("ERROR\r\n", false, Err(Fault::Reply)),
            ("CLIENT_ERROR line format\r\n", false, Err(Fault::Request)),
            ("SERVER_ERROR out of memory\r\n", false, Err(Fault::Server)),
            ("HTTP/1.1 200 OK\r\n", false, Err(Fault::Reply)),
        ] {
            assert_eq!(Reply::read(line.as_bytes(), &key, flags), expected, "{line:?}");
        }
    }
}
