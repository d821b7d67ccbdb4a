//! Values of parameters: variables in them, quotes, and how they are shown.

use bytes::Bytes;

use crate::shared::MOST;
use crate::{Error, Host};

/// How what `echo` shows is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    None,
    Url,
    Entity,
}

/// The value of a variable: one that was set, or one of the host's.
pub(crate) fn variable(host: &dyn Host, name: &[u8]) -> Option<Bytes> {
    let name = name.to_ascii_lowercase();
    host.shared().get(&name).or_else(|| host.variable(std::str::from_utf8(&name).ok()?))
}

/// `text` with the values of its variables, and without the backslashes that quote something.
pub(crate) fn evaluate(host: &dyn Host, text: &[u8]) -> Result<Bytes, Error> {
    let mut value = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [byte, others @ ..] = rest {
        rest = match (byte, others) {
            (b'\\', [quoted @ (b'\\' | b'\'' | b'"' | b'$'), others @ ..]) => {
                value.push(*quoted);
                others
            }
            (b'\\', [other, others @ ..]) => {
                value.extend_from_slice(&[b'\\', *other]);
                others
            }
            (b'\\', []) => others, // it quotes nothing
            (b'$', _) => {
                let (name, others) = name(others).ok_or_else(|| Error::Variable(lossy(text)))?;
                value.extend_from_slice(&variable(host, name).unwrap_or_default());
                if value.len() > MOST {
                    return Err(Error::TooMuch);
                }
                others
            }
            _ => {
                value.push(*byte);
                others
            }
        };
    }
    Ok(value.into())
}

/// The name behind a `$`, in brackets or not, and what follows.
fn name(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let (bracket, text) = match text {
        [b'{', text @ ..] => (true, text),
        _ => (false, text),
    };
    let end = text.iter().position(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_');
    let (name, rest) = text.split_at(end.unwrap_or(text.len()));
    let rest = if bracket { rest.strip_prefix(b"}")? } else { rest };
    (!name.is_empty()).then_some((name, rest))
}

/// The path of an inclusion, decoded, and its arguments; a relative one is in the directory of `page`.
pub(crate) fn path(page: &[u8], text: &Bytes) -> Result<(Bytes, Option<Bytes>), Error> {
    let unsafe_uri = || Error::UnsafeUri(lossy(text));
    let absolute = if text.starts_with(b"/") {
        text.to_vec()
    } else {
        let directory = page.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
        [page.get(..directory).unwrap_or_default(), text].concat()
    };
    let mut halves = absolute.splitn(2, |byte| *byte == b'?');
    let raw = halves.next().unwrap_or_default();
    let args = halves.next().map(Bytes::copy_from_slice);
    let decoded = decode(raw);
    let leads_up = |path: &[u8]| path.split(|byte| *byte == b'/').any(|segment| segment == b"..");
    if raw.is_empty() || decoded.contains(&0) || leads_up(raw) || leads_up(&decoded) {
        return Err(unsafe_uri());
    }
    Ok((decoded.into(), args))
}

/// Without percent-encoding; what is none stays.
fn decode(text: &[u8]) -> Vec<u8> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [byte, others @ ..] = rest {
        rest = others;
        if let (b'%', [high, low, others @ ..]) = (byte, others)
            && let (Some(high), Some(low)) = (digit(high), digit(low))
        {
            decoded.push(high << 4 | low);
            rest = others;
        } else {
            decoded.push(*byte);
        }
    }
    decoded
}

/// `value` as it is shown.
pub(crate) fn encode(value: Bytes, encoding: Encoding) -> Bytes {
    match encoding {
        Encoding::None => value,
        Encoding::Url => encoded(&value, |byte, out| {
            if byte.is_ascii_control() || !byte.is_ascii() || b" \"#%'<>\\^`{|}".contains(&byte) {
                out.extend_from_slice(format!("%{byte:02X}").as_bytes());
            } else {
                out.push(byte);
            }
        }),
        Encoding::Entity => encoded(&value, |byte, out| match byte {
            b'<' => out.extend_from_slice(b"&lt;"),
            b'>' => out.extend_from_slice(b"&gt;"),
            b'&' => out.extend_from_slice(b"&amp;"),
            b'"' => out.extend_from_slice(b"&quot;"),
            byte => out.push(byte),
        }),
    }
}

fn encoded(value: &[u8], mut one: impl FnMut(u8, &mut Vec<u8>)) -> Bytes {
    let mut out = Vec::with_capacity(value.len());
    value.iter().for_each(|byte| one(*byte, &mut out));
    out.into()
}

/// Bytes as text for a report.
pub(crate) fn lossy(text: &[u8]) -> String {
    String::from_utf8_lossy(text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        fn check(page: &str, text: &str, expected: Option<(&str, Option<&str>)>) {
            let found = path(page.as_bytes(), &Bytes::copy_from_slice(text.as_bytes()));
            let expected = expected.map(|(path, args)| {
                (
                    Bytes::copy_from_slice(path.as_bytes()),
                    args.map(|args| Bytes::copy_from_slice(args.as_bytes())),
                )
            });
            assert_eq!(found.ok(), expected, "{page} {text}");
        }
        check("/a/b", "/c%20d?e%20f?g", Some(("/c d", Some("e%20f?g"))));
        check("/a/b", "c", Some(("/a/c", None)));
        check("/a/b", "", Some(("/a/", None)));
        check("/", "c?", Some(("/c", Some(""))));
        check("/a", "%zz%4", Some(("/%zz%4", None)));
        for wrong in ["../c", "/c/..", "/c/../d", "/%2e%2e/d", "..%2fd", "/a%00b"] {
            check("/a/b", wrong, None);
        }
        check("/a/b", "/c/...", Some(("/c/...", None)));
    }

    #[test]
    fn encodings() {
        let value = || Bytes::from_static(b"<a href=\"x\">'&% \xff#\x7f~");
        assert_eq!(encode(value(), Encoding::None), value());
        assert_eq!(encode(value(), Encoding::Entity), &b"&lt;a href=&quot;x&quot;&gt;'&amp;% \xff#\x7f~"[..]);
        assert_eq!(encode(value(), Encoding::Url), "%3Ca%20href=%22x%22%3E%27&%25%20%FF%23%7F~");
    }
}
