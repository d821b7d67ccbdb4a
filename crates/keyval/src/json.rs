//! What a state file says: one object of JSON, whose values are texts, or objects of a text and the millisecond at which it ends.
//! Pure.

/// A key with its value, as a file has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pair {
    pub(crate) key: String,
    pub(crate) value: String,
    /// In milliseconds since 1970.
    pub(crate) expires: Option<u64>,
}

/// Where a text is wrong, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    pub(crate) line: usize,
    pub(crate) what: &'static str,
}

/// One pair a line.
pub(crate) fn write<'p>(pairs: impl Iterator<Item = (&'p str, &'p str, Option<u64>)>) -> String {
    let mut text = String::from("{");
    for (index, (key, value, expires)) in pairs.enumerate() {
        text.push_str(if index == 0 { "\n" } else { ",\n" });
        string(&mut text, key);
        text.push_str(": ");
        match expires {
            None => string(&mut text, value),
            Some(at) => {
                text.push_str("{\"value\": ");
                string(&mut text, value);
                text.push_str(&format!(", \"expires\": {at}}}"));
            }
        }
    }
    text.push_str("\n}\n");
    text
}

fn string(text: &mut String, value: &str) {
    text.push('"');
    for character in value.chars() {
        match character {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            control if control < ' ' => text.push_str(&format!("\\u{:04x}", u32::from(control))),
            other => text.push(other),
        }
    }
    text.push('"');
}

/// The pairs of a text, in its order.
pub(crate) fn read(text: &str) -> Result<Vec<Pair>, Wrong> {
    let mut reader = Reader { rest: text };
    reader.pairs().and_then(|pairs| reader.end().map(|()| pairs)).map_err(|what| {
        let read = text.len() - reader.rest.len();
        Wrong { line: 1 + text.bytes().take(read).filter(|&byte| byte == b'\n').count(), what }
    })
}

struct Reader<'t> {
    rest: &'t str,
}

type Read<T> = Result<T, &'static str>;

impl Reader<'_> {
    fn pairs(&mut self) -> Read<Vec<Pair>> {
        let mut pairs = Vec::new();
        self.members(|reader, key| {
            let pair = if reader.next() == Some('{') {
                let (mut value, mut expires) = (None, None);
                reader.members(|reader, name| {
                    match name.as_str() {
                        "value" => value = Some(reader.string()?),
                        "expires" => expires = Some(reader.number()?),
                        _ => return Err("this key is unknown; expected `value` or `expires`"),
                    }
                    Ok(())
                })?;
                Pair { key, value: value.ok_or("there is no `value`")?, expires }
            } else {
                Pair { key, value: reader.string()?, expires: None }
            };
            pairs.push(pair);
            Ok(())
        })?;
        Ok(pairs)
    }

    /// An object; `member` reads what is behind a name.
    fn members(&mut self, mut member: impl FnMut(&mut Self, String) -> Read<()>) -> Read<()> {
        self.take('{', "expected `{`")?;
        if self.next() == Some('}') {
            return self.take('}', "");
        }
        loop {
            let name = self.string()?;
            self.take(':', "expected `:`")?;
            member(self, name)?;
            if self.next() == Some('}') {
                return self.take('}', "");
            }
            self.take(',', "expected `,` or `}`")?;
        }
    }

    fn string(&mut self) -> Read<String> {
        self.take('"', "expected a text in quotes")?;
        let mut text = String::new();
        loop {
            let mut characters = self.rest.chars();
            let character = characters.next().ok_or("the file ends within a text")?;
            match character {
                '"' => {
                    self.rest = characters.as_str();
                    return Ok(text);
                }
                '\\' => {
                    let escape = characters.next().ok_or("the file ends within a text")?;
                    self.rest = characters.as_str();
                    text.push(self.escaped(escape)?);
                }
                control if control < ' ' => return Err("a text goes over the end of its line"),
                other => {
                    self.rest = characters.as_str();
                    text.push(other);
                }
            }
        }
    }

    /// What an escape stands for; a character beyond the first 65,536 is two of them.
    fn escaped(&mut self, escape: char) -> Read<char> {
        Ok(match escape {
            '"' | '\\' | '/' => escape,
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => {
                let mut units = vec![self.unit()?];
                if units.first().is_some_and(|unit| (0xd800..0xdc00).contains(unit)) {
                    self.rest = self.rest.strip_prefix("\\u").ok_or("half of a character is missing")?;
                    units.push(self.unit()?);
                }
                let mut characters = char::decode_utf16(units);
                characters.next().and_then(Result::ok).ok_or("half of a character is missing")?
            }
            _ => return Err("this escape is unknown"),
        })
    }

    fn unit(&mut self) -> Read<u16> {
        let (digits, rest) = self.rest.split_at_checked(4).ok_or("expected four digits")?;
        let hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let unit =
            hex.then(|| u16::from_str_radix(digits, 16).ok()).flatten().ok_or("expected four digits")?;
        self.rest = rest;
        Ok(unit)
    }

    fn number(&mut self) -> Read<u64> {
        self.next();
        let end = self.rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.rest.len());
        let (digits, rest) = self.rest.split_at_checked(end).unwrap_or_default();
        let number = digits.parse().map_err(|_| "expected a number of milliseconds")?;
        self.rest = rest;
        Ok(number)
    }

    /// What comes behind blanks.
    fn next(&mut self) -> Option<char> {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\r', '\n']);
        self.rest.chars().next()
    }

    fn take(&mut self, wanted: char, otherwise: &'static str) -> Read<()> {
        self.next();
        self.rest = self.rest.strip_prefix(wanted).ok_or(otherwise)?;
        Ok(())
    }

    fn end(&mut self) -> Read<()> {
        self.next().map_or(Ok(()), |_| Err("there is more behind the end"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pair(key: &str, value: &str, expires: Option<u64>) -> Pair {
        Pair { key: key.into(), value: value.into(), expires }
    }

    fn written(pairs: &[Pair]) -> String {
        write(pairs.iter().map(|pair| (&*pair.key, &*pair.value, pair.expires)))
    }

    #[test]
    fn what_others_write_is_read() {
        let check = |text: &str, expected: &[Pair]| assert_eq!(read(text).unwrap(), expected, "{text}");
        check("{}", &[]);
        check(" {\r\n\t} \n", &[]);
        check(
            r#"{"a":"b","c":{"expires":12,"value":"d"}}"#,
            &[pair("a", "b", None), pair("c", "d", Some(12))],
        );
        check(r#"{"\u00e9\ud83d\ude00\/\b\f":"\"\\\n\r\t"}"#, &[pair("é😀/\u{8}\u{c}", "\"\\\n\r\t", None)]);
        check("{\"é\": \"\u{7f}\"}", &[pair("é", "\u{7f}", None)]);
    }

    #[test]
    fn what_is_damaged_is_told_with_its_line() {
        let check = |text: &str, line: usize, what: &str| {
            let wrong = read(text).unwrap_err();
            assert!(wrong.line == line && wrong.what.contains(what), "{text}: {wrong:?}");
        };
        check("", 1, "`{`");
        check("[]", 1, "`{`");
        check("{", 1, "text in quotes");
        check("{\n\"a\": 1}", 2, "text in quotes");
        check("{\n\"a\": \"b", 2, "ends within a text");
        check("{\"a\": \"b\\", 1, "ends within a text");
        check("{\"a\": \"b\n\"}", 1, "end of its line");
        check("{\"a\" \"b\"}", 1, "`:`");
        check("{\n\n\"a\": \"b\" \"c\"}", 3, "`,` or `}`");
        check("{\"a\": \"b\",}", 1, "text in quotes");
        check("{\"a\": \"b\"}\n\0", 2, "more behind the end");
        check("{\"a\": {\"value\": \"b\", \"x\": 1}}", 1, "unknown");
        check("{\"a\": {}}", 1, "no `value`");
        check("{\"a\": {\"value\": \"b\", \"expires\": -1}}", 1, "milliseconds");
        check("{\"a\": {\"value\": \"b\", \"expires\": 99999999999999999999}}", 1, "milliseconds");
        check("{\"\\x\": \"b\"}", 1, "escape");
        check("{\"\\u12\": \"b\"}", 1, "four digits");
        check("{\"\\u+123\": \"b\"}", 1, "four digits");
        check("{\"\\ud800\": \"b\"}", 1, "half of a character");
        check("{\"\\ud800\\u0041\": \"b\"}", 1, "half of a character");
        check("{\"\\udc00\": \"b\"}", 1, "half of a character");
    }

    proptest! {
        /// Here as there: another reader of JSON finds the same.
        #[test]
        fn what_is_written_is_read(pairs in prop::collection::vec((".*", ".*", proptest::option::of(any::<u64>())), 0..5)) {
            let pairs: Vec<Pair> = pairs.into_iter().map(|(key, value, expires)| Pair { key, value, expires }).collect();
            let text = written(&pairs);
            prop_assert_eq!(read(&text).unwrap(), pairs.clone());
            let other: serde_json::Value = serde_json::from_str(&text).unwrap();
            for pair in pairs.iter().filter(|pair| pairs.iter().filter(|other| other.key == pair.key).count() == 1) {
                let found = &other[&pair.key];
                match pair.expires {
                    None => prop_assert_eq!(found.as_str(), Some(&*pair.value)),
                    Some(at) => {
                        prop_assert_eq!(found["value"].as_str(), Some(&*pair.value));
                        prop_assert_eq!(found["expires"].as_u64(), Some(at));
                    }
                }
            }
        }

        /// What another writer of JSON escapes is read, and nothing makes it panic.
        #[test]
        fn what_another_has_written_is_read(key in ".*", value in ".*", noise in ".*") {
            let text = serde_json::json!({ &key: value }).to_string();
            prop_assert_eq!(read(&text).unwrap(), [pair(&key, &value, None)]);
            let _ = read(&noise);
            let _ = read(&format!("{{\"{noise}"));
        }
    }
}
