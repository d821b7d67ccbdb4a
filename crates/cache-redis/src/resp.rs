//! What Redis and Valkey speak, RESP in its second version: commands and replies. Pure.

use bytes::{Bytes, BytesMut};

/// A reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Nil,
    Integer(i64),
    Status(Bytes),
    Error(Bytes),
    Bulk(Bytes),
    Array(Vec<Self>),
}

/// This is no reply, or one that is larger than any that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid reply from the Redis server")]
pub(crate) struct Malformed;

/// Commands that are sent in one go.
#[derive(Debug, Default)]
pub(crate) struct Commands {
    parts: Vec<Bytes>,
    text: BytesMut,
    count: usize,
}

/// What is larger is not copied.
const LARGE: usize = 16 << 10;

/// How deep replies to what is asked here are nested: three, and one for luck.
const DEPTH: usize = 4;

/// How many members one of them has: a field and a value for each entry of the journal that is asked for at once.
const MEMBERS: i64 = 4096;

/// How long the line of a status, an error or a number is.
const LINE: usize = 16 << 10;

impl Commands {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// One more.
    pub(crate) fn with<const N: usize>(mut self, words: [&[u8]; N]) -> Self {
        self.begin(N);
        words.into_iter().for_each(|word| self.word(word));
        self
    }

    /// `SET key value PX milliseconds`.
    pub(crate) fn set(mut self, key: &[u8], value: Bytes, milliseconds: u64) -> Self {
        self.begin(5);
        self.word(b"SET");
        self.word(key);
        self.large(value);
        self.word(b"PX");
        self.word(milliseconds.to_string().as_bytes());
        self
    }

    /// How many replies they get.
    pub(crate) const fn count(&self) -> usize {
        self.count
    }

    /// What is sent.
    pub(crate) fn into_parts(mut self) -> Vec<Bytes> {
        self.parts.push(self.text.freeze());
        self.parts
    }

    fn begin(&mut self, words: usize) {
        self.count += 1;
        self.text.extend_from_slice(format!("*{words}\r\n").as_bytes());
    }

    fn word(&mut self, word: &[u8]) {
        self.text.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        self.text.extend_from_slice(word);
        self.text.extend_from_slice(b"\r\n");
    }

    fn large(&mut self, word: Bytes) {
        if word.len() < LARGE {
            return self.word(&word);
        }
        self.text.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        self.parts.push(std::mem::take(&mut self.text).freeze());
        self.parts.push(word);
        self.text.extend_from_slice(b"\r\n");
    }
}

/// Takes a reply out of what has come, if it is whole. One has at most `limit` bytes.
pub(crate) fn decode(from: &mut BytesMut, limit: usize) -> Result<Option<Value>, Malformed> {
    match end(from, 0, DEPTH, limit)? {
        Some(end) => {
            let reply = from.split_to(end).freeze();
            let mut at = 0;
            read(&reply, &mut at).map(Some)
        }
        None if from.len() > limit => Err(Malformed),
        None => Ok(None),
    }
}

/// Where the reply that begins at `at` ends, if it is whole.
fn end(text: &[u8], at: usize, depth: usize, limit: usize) -> Result<Option<usize>, Malformed> {
    let Some((kind, line, after)) = line(text, at)? else { return Ok(None) };
    match kind {
        b'+' | b'-' => Ok(Some(after)),
        b':' => number(line).map(|_| Some(after)),
        b'$' => match number(line)? {
            -1 => Ok(Some(after)),
            length => {
                let length =
                    usize::try_from(length).ok().filter(|length| *length <= limit).ok_or(Malformed)?;
                let end = after + length;
                match text.get(end..end + 2) {
                    Some(b"\r\n") => Ok(Some(end + 2)),
                    Some(_) => Err(Malformed),
                    None => Ok(None),
                }
            }
        },
        b'*' => match number(line)? {
            -1 => Ok(Some(after)),
            count if (0..=MEMBERS).contains(&count) && depth > 0 => {
                let mut at = after;
                for _ in 0..count {
                    let Some(end) = end(text, at, depth - 1, limit)? else { return Ok(None) };
                    at = end;
                }
                Ok(Some(at))
            }
            _ => Err(Malformed),
        },
        _ => Err(Malformed),
    }
}

/// The first byte, the rest of the line, and where the next one begins.
type Line<'a> = (u8, &'a [u8], usize);

fn line(text: &[u8], at: usize) -> Result<Option<Line<'_>>, Malformed> {
    let Some((kind, rest)) = text.get(at..).and_then(<[u8]>::split_first) else { return Ok(None) };
    if !matches!(kind, b'+' | b'-' | b':' | b'$' | b'*') {
        return Err(Malformed);
    }
    match rest.iter().take(LINE).position(|byte| *byte == b'\r') {
        None if rest.len() >= LINE => Err(Malformed),
        None => Ok(None),
        Some(length) => match (rest.get(..length), rest.get(length + 1)) {
            (Some(line), Some(b'\n')) => Ok(Some((*kind, line, at + length + 3))),
            (_, Some(_)) => Err(Malformed),
            _ => Ok(None),
        },
    }
}

fn number(line: &[u8]) -> Result<i64, Malformed> {
    let digits = line.strip_prefix(b"-").unwrap_or(line);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(Malformed);
    }
    std::str::from_utf8(line).ok().and_then(|text| text.parse().ok()).ok_or(Malformed)
}

/// The reply at `at`, which is whole. Its parts share its memory.
fn read(text: &Bytes, at: &mut usize) -> Result<Value, Malformed> {
    let (kind, line, after) = line(text, *at)?.ok_or(Malformed)?;
    *at = after;
    Ok(match kind {
        b'+' => Value::Status(text.slice_ref(line)),
        b'-' => Value::Error(text.slice_ref(line)),
        b':' => Value::Integer(number(line)?),
        b'$' => match usize::try_from(number(line)?) {
            Err(_) => Value::Nil,
            Ok(length) => {
                let value = text.get(after..after + length).ok_or(Malformed)?;
                *at = after + length + 2;
                Value::Bulk(text.slice_ref(value))
            }
        },
        _ => match number(line)? {
            -1 => Value::Nil,
            count => Value::Array((0..count).map(|_| read(text, at)).collect::<Result<_, _>>()?),
        },
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Strategy, any, prop_oneof, proptest};

    use super::*;

    const LIMIT: usize = 1 << 20;

    fn check(text: &str, expected: &Result<Option<Value>, Malformed>) {
        assert_eq!(&decode(&mut BytesMut::from(text), LIMIT), expected, "{text:?}");
    }

    fn bulk(text: &'static str) -> Value {
        Value::Bulk(Bytes::from_static(text.as_bytes()))
    }

    #[test]
    fn replies_are_read() {
        check("+OK\r\n", &Ok(Some(Value::Status(Bytes::from_static(b"OK")))));
        check("-ERR no\r\n", &Ok(Some(Value::Error(Bytes::from_static(b"ERR no")))));
        check(":-2\r\n", &Ok(Some(Value::Integer(-2))));
        check("$5\r\nhe\r\no\r\n", &Ok(Some(bulk("he\r\no"))));
        check("$0\r\n\r\n", &Ok(Some(bulk(""))));
        check("$-1\r\n", &Ok(Some(Value::Nil)));
        check("*-1\r\n", &Ok(Some(Value::Nil)));
        check("*0\r\n", &Ok(Some(Value::Array(vec![]))));
        let entry = Value::Array(vec![bulk("1-0"), Value::Array(vec![bulk("e"), bulk("x")])]);
        check("*1\r\n*2\r\n$3\r\n1-0\r\n*2\r\n$1\r\ne\r\n$1\r\nx\r\n", &Ok(Some(Value::Array(vec![entry]))));
    }

    #[test]
    fn what_is_none_is_refused_at_once() {
        for text in [
            "x",
            "HTTP/1.1 400",
            "\r\n",
            ":\r\n",
            ":1x\r\n",
            ":+1\r\n",
            ":9223372036854775808\r\n",
            "$-2\r\n",
            "$1048577\r\n",
            "$99999999999999999999\r\n",
            "$1\r\nab\r\n",
            "*-2\r\n",
            "*4097\r\n",
            "+OK\rx",
            "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n",
            ">1\r\n",
            "%1\r\n",
            "$ 1\r\n",
            "*1\r\nx",
        ] {
            check(text, &Err(Malformed));
        }
        check(&format!("+{}", "a".repeat(LINE)), &Err(Malformed));
        check(&format!("*2\r\n$2\r\nab\r\n$1000000\r\n{}", "a".repeat(LIMIT)), &Err(Malformed));
    }

    #[test]
    fn commands_are_written() {
        let commands = Commands::new().with([b"GET", b"a"]).set(b"k", Bytes::from_static(b"v"), 7);
        assert_eq!(commands.count(), 2);
        let text: Vec<u8> = commands.into_parts().concat();
        assert_eq!(
            String::from_utf8(text).unwrap(),
            "*2\r\n$3\r\nGET\r\n$1\r\na\r\n*5\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n$2\r\nPX\r\n$1\r\n7\r\n"
        );
        let large = Bytes::from(vec![b'x'; LARGE]);
        let parts = Commands::new().set(b"k", large.clone(), 7).into_parts();
        assert_eq!(parts[1].as_ptr(), large.as_ptr());
        assert!(parts[0].ends_with(b"$16384\r\n") && parts[2].starts_with(b"\r\n$2\r\nPX"));
    }

    fn value() -> impl Strategy<Value = Value> {
        let line = "[ -~]{0,8}".prop_map(Bytes::from);
        let leaf = prop_oneof![
            proptest::prelude::Just(Value::Nil),
            any::<i64>().prop_map(Value::Integer),
            line.clone().prop_map(Value::Status),
            line.prop_map(Value::Error),
            any::<Vec<u8>>().prop_map(|bytes| Value::Bulk(bytes.into())),
        ];
        let depth = u32::try_from(DEPTH).unwrap();
        leaf.prop_recursive(depth, 32, 6, |inner| {
            proptest::collection::vec(inner, 0..6).prop_map(Value::Array)
        })
    }

    fn write(value: &Value, out: &mut Vec<u8>) {
        let (kind, text): (u8, &[u8]) = match value {
            Value::Nil => return out.extend(b"$-1\r\n"),
            Value::Integer(number) => return out.extend(format!(":{number}\r\n").as_bytes()),
            Value::Array(all) => {
                out.extend(format!("*{}\r\n", all.len()).as_bytes());
                return all.iter().for_each(|value| write(value, out));
            }
            Value::Bulk(bytes) => {
                out.extend(format!("${}\r\n", bytes.len()).as_bytes());
                (0, bytes)
            }
            Value::Status(text) => (b'+', text),
            Value::Error(text) => (b'-', text),
        };
        out.extend(Some(kind).filter(|kind| *kind != 0));
        out.extend(text);
        out.extend(b"\r\n");
    }

    proptest! {
        /// In whatever pieces it comes.
        #[test]
        fn what_was_written_is_read(value in value(), cut in any::<proptest::sample::Index>()) {
            let mut text = Vec::new();
            write(&value, &mut text);
            text.extend(b"+next\r\n");
            let whole = text.len() - 7;
            let cut = cut.index(text.len());
            let mut buffer = BytesMut::from(&text[..cut]);
            let first = decode(&mut buffer, LIMIT).unwrap();
            assert_eq!(first.is_some(), cut >= whole);
            buffer.extend_from_slice(&text[cut..]);
            assert_eq!(first.or_else(|| decode(&mut buffer, LIMIT).unwrap()), Some(value));
            assert_eq!(buffer, &b"+next\r\n"[..]);
        }

        #[test]
        fn nothing_makes_it_panic(text in "[-+:$*0-9a\r\n]{0,40}", bytes in any::<Vec<u8>>()) {
            for text in [text.as_bytes(), &bytes] {
                let mut buffer = BytesMut::from(text);
                while let Ok(Some(_)) = decode(&mut buffer, LIMIT) {}
            }
        }
    }
}
