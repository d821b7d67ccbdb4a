//! What a request asks the origin to do with it.

use std::time::Duration;

use crate::Head;

/// The commands in the fields `X-Do` and `X-Reply` of a request: `X-Do: status=404 chunked`, `X-Reply: X-A: b`.
///
/// | command | the origin |
/// |---|---|
/// | `status=N` | answers with this status |
/// | `size=N` | sends N bytes of `x` as the body (otherwise the bytes of the request head) |
/// | `ranges=N` | has N bytes, which tell where they stand, and of these what `Range` asks for |
/// | `wait=MS` | waits before the head |
/// | `pause=MS` | waits between the head and the body |
/// | `chunked`, `to-close` | frames the body by chunks, or by the end of the connection (otherwise by its length) |
/// | `last` | sends `Connection: close` and closes afterwards |
/// | `never` | reads the request and never answers |
/// | `close` | closes without an answer |
/// | `close-head` | closes in the middle of the head |
/// | `bad-field` | answers with a head that holds a NUL |
/// | `garbage` | answers with bytes that are not HTTP |
/// | `cut` | closes in the middle of the body |
/// | `stall` | stops in the middle of the body, and keeps the connection |
///
/// For a range that does not begin at 0, `X-Later` and `X-Later-Reply` say it, if they are there.
#[derive(Debug, Clone, Default)]
pub struct Control {
    words: Vec<(String, String)>,
    /// Fields to add to the response, each a whole line without its end.
    pub reply: Vec<Vec<u8>>,
}

impl Control {
    /// Reads the commands of a request.
    pub fn of(head: &Head) -> Self {
        let mut control = Self::default();
        let later = head.field("range").is_some_and(|range| !range.starts_with("bytes=0-"));
        let names = |name: &'static str, other: &'static str| {
            if later && head.field(other).is_some() { other } else { name }
        };
        let (words, reply) = (names("x-do", "x-later"), names("x-reply", "x-later-reply"));
        for (name, value) in head.fields() {
            if name == words {
                control.words.extend(self::words(&String::from_utf8_lossy(&value)));
            } else if name == reply {
                control.reply.push(value);
            }
        }
        control
    }

    /// Whether the command is there.
    pub fn says(&self, word: &str) -> bool {
        self.value(word).is_some()
    }

    /// The number of a command `word=N`.
    pub fn number(&self, word: &str) -> Option<usize> {
        let value = self.value(word)?;
        Some(value.parse().unwrap_or_else(|_| panic!("X-Do: {word}={value} wants a number")))
    }

    /// The duration of a command `word=MS`.
    pub fn millis(&self, word: &str) -> Option<Duration> {
        self.number(word).map(|ms| Duration::from_millis(ms as u64))
    }

    fn value(&self, word: &str) -> Option<&str> {
        self.words.iter().find(|(name, _)| name == word).map(|(_, value)| value.as_str())
    }
}

fn words(text: &str) -> impl Iterator<Item = (String, String)> {
    text.split_whitespace().map(|word| {
        let (name, value) = word.split_once('=').unwrap_or((word, ""));
        (name.to_owned(), value.to_owned())
    })
}
