//! Where the bytes of a TOML string stand in its source.

use std::ops::Range;

/// The range of `source` (a string with its quotes, or a bare key) that holds `range` of the decoded `text`; `None` when
/// the two do not fit together.
pub(crate) fn locate(source: &str, text: &str, range: &Range<usize>) -> Option<Range<usize>> {
    if source == text {
        return Some(range.clone());
    }
    let (open, inner) = strip(source)?;
    let base = open + leading_break(source, open);
    if inner == text {
        return Some(base + range.start..base + range.end);
    }
    if !source.starts_with('"') {
        return None;
    }
    let mut places = Places { start: None, end: None, decoded: String::with_capacity(text.len()) };
    places.walk(inner, base, range);
    if places.decoded != text {
        return None;
    }
    Some(places.start?..places.end?)
}

/// How long the opening quotes are, and what stands between them and the closing ones.
fn strip(source: &str) -> Option<(usize, &str)> {
    let quotes = ["'''", "\"\"\"", "'", "\""];
    quotes.into_iter().find_map(|quote| {
        let inner = source.strip_prefix(quote)?.strip_suffix(quote)?;
        let skipped = if quote.len() == 3 { leading_break(source, quote.len()) } else { 0 };
        Some((quote.len(), inner.get(skipped..)?))
    })
}

/// A line break right after three quotes is not part of the string.
fn leading_break(source: &str, open: usize) -> usize {
    let inner = source.get(open..).unwrap_or_default();
    match open {
        3 if inner.starts_with("\r\n") => 2,
        3 if inner.starts_with('\n') => 1,
        _ => 0,
    }
}

/// The decoded text so far, and where the wanted bytes of it came from.
struct Places {
    start: Option<usize>,
    end: Option<usize>,
    decoded: String,
}

impl Places {
    fn walk(&mut self, inner: &str, base: usize, range: &Range<usize>) {
        let mut rest = inner;
        loop {
            let at = base + inner.len() - rest.len();
            if self.start.is_none() && self.decoded.len() >= range.start {
                self.start = Some(at);
            }
            if self.end.is_none() && self.decoded.len() >= range.end {
                self.end = Some(at);
            }
            let mut chars = rest.chars();
            match chars.next() {
                None => return,
                Some('\\') => rest = self.escape(chars.as_str()),
                Some(plain) => {
                    self.decoded.push(plain);
                    rest = chars.as_str();
                }
            }
        }
    }

    /// Decodes what follows a backslash.
    fn escape<'r>(&mut self, after: &'r str) -> &'r str {
        let mut chars = after.chars();
        let next = chars.next().unwrap_or_default();
        let rest = chars.as_str();
        let digits = match next {
            'x' => 2,
            'u' => 4,
            'U' => 8,
            _ => 0,
        };
        if digits > 0 {
            let (number, rest) = rest.split_at_checked(digits).unwrap_or((rest, ""));
            self.decoded.extend(u32::from_str_radix(number, 16).ok().and_then(char::from_u32));
            return rest;
        }
        match next {
            'b' => self.decoded.push('\u{8}'),
            't' => self.decoded.push('\t'),
            'n' => self.decoded.push('\n'),
            'f' => self.decoded.push('\u{c}'),
            'r' => self.decoded.push('\r'),
            'e' => self.decoded.push('\u{1b}'),
            // A backslash that ends a line takes the blanks of the next ones with it.
            ' ' | '\t' | '\r' | '\n' => return rest.trim_start_matches([' ', '\t', '\r', '\n']),
            plain => self.decoded.push(plain),
        }
        rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        let check = |source: &str, text: &str, part: &str, expected: &str| {
            let start = text.find(part).expect("a part of the text");
            let found =
                locate(source, text, &(start..start + part.len())).and_then(|range| source.get(range));
            assert_eq!(found, Some(expected), "{source}");
        };
        check("bare", "bare", "ar", "ar");
        check("'a b'", "a b", "b", "b");
        check("\"a b\"", "a b", "b", "b");
        check("'''\na b'''", "a b", "a", "a");
        check("\"\"\"\r\na b\"\"\"", "a b", "a", "a");
        check(r#""\\d{2,1}x""#, r"\d{2,1}x", "{2,1}", "{2,1}");
        check(r#""\\d""#, r"\d", r"\d", r"\\d");
        check(r#""\u00e9[""#, "é[", "[", "[");
        check("\"\"\"a\\\n   b c\"\"\"", "ab c", "c", "c");
        check("\"\"\"\na\\tb\"\"\"", "a\tb", "b", "b");
        check("\"a\\tb\"", "a\tb", "\t", "\\t");
    }

    #[test]
    fn the_end_is_a_place() {
        assert_eq!(locate("\"\\\\\"", "\\", &(1..1)), Some(3..3));
        assert_eq!(locate("''", "", &(0..0)), Some(1..1));
    }

    #[test]
    fn what_does_not_fit() {
        assert_eq!(locate("1", "x", &(0..1)), None);
        assert_eq!(locate("'x'", "y", &(0..1)), None);
        assert_eq!(locate("\"\\u00\"", "y", &(0..1)), None);
    }
}
