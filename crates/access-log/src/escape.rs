//! How a value is made safe for its place in a line.

/// How the values of variables are written into a line; nginx's `escape=` parameter of `log_format`. The text between
/// variables is never escaped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Escape {
    /// `"`, `\`, and bytes below 0x20 or above 0x7e become `\xHH`; a variable without value becomes `-`.
    #[default]
    Default,
    /// What a JSON string asks for (RFC 8259 section 7): `\"`, `\\`, `\n`, `\r`, `\t`, `\b`, `\f`, `\u00HH`; a variable
    /// without value becomes nothing. Bytes that are not UTF-8 stay as they are, as in nginx.
    Json,
    /// Nothing is escaped, and a variable without value becomes nothing: only for values that clients cannot choose,
    /// since a line feed in a value begins a new line.
    None,
}

impl Escape {
    /// What appends a value.
    pub(crate) fn appender(self) -> fn(&[u8], &mut Vec<u8>) {
        match self {
            Self::Default => append_default,
            Self::Json => append_json,
            Self::None => append_raw,
        }
    }

    /// What stands for a variable without value.
    pub(crate) fn missing(self) -> &'static [u8] {
        match self {
            Self::Default => b"-",
            Self::Json | Self::None => b"",
        }
    }
}

fn append_default(value: &[u8], line: &mut Vec<u8>) {
    append_runs(value, line, is_odd_in_text, |byte, line| {
        line.extend_from_slice(&[b'\\', b'x', hex(byte >> 4), hex(byte & 0xf)]);
    });
}

fn append_json(value: &[u8], line: &mut Vec<u8>) {
    append_runs(value, line, is_odd_in_json, append_json_byte);
}

fn append_raw(value: &[u8], line: &mut Vec<u8>) {
    line.extend_from_slice(value);
}

// Without branches, so that sixteen bytes are looked at together.
fn is_odd_in_json(byte: u8) -> bool {
    (byte < 0x20) | (byte == b'"') | (byte == b'\\')
}

fn is_odd_in_text(byte: u8) -> bool {
    is_odd_in_json(byte) | (byte > 0x7e)
}

/// Appends `value` in runs between the bytes that are odd, and those by `escaped`.
fn append_runs(
    value: &[u8],
    line: &mut Vec<u8>,
    is_odd: impl Fn(u8) -> bool,
    escaped: impl Fn(u8, &mut Vec<u8>),
) {
    let mut rest = value;
    while let Some((run, tail)) = first_odd(rest, &is_odd).and_then(|at| rest.split_at_checked(at)) {
        line.extend_from_slice(run);
        let Some((&byte, tail)) = tail.split_first() else { return };
        escaped(byte, line);
        rest = tail;
    }
    line.extend_from_slice(rest);
}

fn first_odd(bytes: &[u8], is_odd: impl Fn(u8) -> bool) -> Option<usize> {
    let (chunks, _) = bytes.as_chunks::<16>();
    let is_plain = |chunk: &&[u8; 16]| !chunk.iter().fold(false, |odd, &byte| odd | is_odd(byte));
    let plain = chunks.iter().take_while(is_plain).count() * 16;
    let odd = bytes.get(plain..)?.iter().position(|&byte| is_odd(byte))?;
    Some(plain + odd)
}

fn append_json_byte(byte: u8, line: &mut Vec<u8>) {
    let short = match byte {
        b'"' | b'\\' => byte,
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        0x08 => b'b',
        0x0c => b'f',
        _ => {
            line.extend_from_slice(b"\\u00");
            line.extend_from_slice(&[hex(byte >> 4), hex(byte & 0xf)]);
            return;
        }
    };
    line.extend_from_slice(&[b'\\', short]);
}

/// The upper-case hexadecimal digit of a number below 16.
fn hex(nibble: u8) -> u8 {
    if nibble < 10 { b'0' + nibble } else { b'A' + nibble - 10 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(escape: Escape, value: &[u8], expected: &str) {
        let mut line = b"|".to_vec();
        escape.appender()(value, &mut line);
        assert_eq!(String::from_utf8_lossy(&line), format!("|{expected}"), "{escape:?} of {value:?}");
    }

    #[test]
    fn default_escapes_quotes_controls_and_all_that_is_not_ascii() {
        for (value, expected) in [
            (&b""[..], ""),
            (b"GET / HTTP/1.1", "GET / HTTP/1.1"),
            (b"a\"b\\c", "a\\x22b\\x5Cc"),
            (b"\x00\t\n\r\x1f", "\\x00\\x09\\x0A\\x0D\\x1F"),
            (b" ~\x7f\x80\xc3\xa4\xff", " ~\\x7F\\x80\\xC3\\xA4\\xFF"),
            (b"'/[]^{}|`", "'/[]^{}|`"),
        ] {
            check(Escape::Default, value, expected);
        }
    }

    #[test]
    fn json_escapes_what_a_json_string_cannot_hold() {
        for (value, expected) in [
            (&b""[..], ""),
            (b"a\"b\\c/", "a\\\"b\\\\c/"),
            (b"\n\r\t\x08\x0c", "\\n\\r\\t\\b\\f"),
            (b"\x00\x01\x0b\x1a\x1f", "\\u0000\\u0001\\u000B\\u001A\\u001F"),
            ("ä\u{7f}".as_bytes(), "ä\u{7f}"),
        ] {
            check(Escape::Json, value, expected);
        }
    }

    #[test]
    fn odd_bytes_are_found_wherever_they_stand() {
        for length in 1..70 {
            for at in 0..length {
                let mut value = vec![b'x'; length];
                value[at] = b'"';
                let expected = format!("{}\\x22{}", "x".repeat(at), "x".repeat(length - at - 1));
                check(Escape::Default, &value, &expected);
                check(Escape::Json, &value, &expected.replace("\\x22", "\\\""));
            }
        }
    }

    #[test]
    fn none_escapes_nothing() {
        check(Escape::None, b"a\"\\\n\x00", "a\"\\\n\x00");
    }

    #[test]
    fn missing_is_a_dash_only_by_default() {
        for (escape, expected) in [(Escape::Default, "-"), (Escape::Json, ""), (Escape::None, "")] {
            assert_eq!(escape.missing(), expected.as_bytes(), "{escape:?}");
        }
    }
}
