//! Targeted fields, RFC 9213: dictionaries of Structured Fields (RFC 9651), in which one fault makes the whole field
//! nothing.

use http::{HeaderMap, HeaderName};

use super::directives::{Delta, ResponseDirectives};

/// What the first of these fields says that is there, is valid and is not empty. None: `Cache-Control` counts.
#[must_use]
pub(super) fn directives(headers: &HeaderMap, names: &[HeaderName]) -> Option<ResponseDirectives> {
    names.iter().find_map(|name| of_field(headers, name))
}

fn of_field(headers: &HeaderMap, name: &HeaderName) -> Option<ResponseDirectives> {
    let mut lines = headers.get_all(name).iter();
    let first = lines.next()?;
    let mut joined;
    let text = match lines.next() {
        None => first.as_bytes(),
        Some(second) => {
            joined = first.as_bytes().to_vec();
            for line in std::iter::once(second).chain(lines) {
                joined.extend(b", ");
                joined.extend(line.as_bytes());
            }
            &joined
        }
    };
    let members = Parser(text).dictionary()?;
    if members.is_empty() {
        return None;
    }
    let mut all = ResponseDirectives::default();
    for (key, value) in members {
        add(&mut all, key, value)?;
    }
    Some(all)
}

/// None: the value is of a type that the directive does not have.
fn add(all: &mut ResponseDirectives, key: &[u8], value: Item) -> Option<()> {
    let number = match key {
        b"max-age" => &mut all.max_age,
        b"s-maxage" => &mut all.s_maxage,
        b"stale-while-revalidate" => &mut all.stale_while_revalidate,
        b"stale-if-error" => &mut all.stale_if_error,
        b"no-cache" | b"private" => {
            match value {
                Item::Boolean(true) => all.add(key, None, false),
                Item::Boolean(false) => {}
                Item::String(names) => all.add(key, Some(&names), true),
                Item::Integer(_) | Item::Other => return None,
            }
            return Some(());
        }
        b"no-store" | b"public" | b"must-revalidate" | b"proxy-revalidate" | b"must-understand" => {
            match value {
                Item::Boolean(true) => all.add(key, None, false),
                Item::Boolean(false) => {}
                Item::Integer(_) | Item::String(_) | Item::Other => return None,
            }
            return Some(());
        }
        _ => return Some(()),
    };
    let Item::Integer(seconds) = value else { return None };
    *number = match u64::try_from(seconds) {
        Ok(seconds) => Delta::Seconds(u32::try_from(seconds).unwrap_or(u32::MAX)),
        Err(_) => Delta::Invalid,
    };
    Some(())
}

/// A bare item, as far as a directive can have it.
#[derive(Debug, PartialEq, Eq)]
enum Item {
    Integer(i64),
    Boolean(bool),
    String(Vec<u8>),
    Other,
}

/// What is left of a field's value. Each function takes what it is named after, or fails: RFC 9651 4.2.
struct Parser<'a>(&'a [u8]);

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<u8> {
        self.0.first().copied()
    }

    fn take(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn take_if(&mut self, wanted: u8) -> bool {
        let there = self.peek() == Some(wanted);
        if there {
            self.take();
        }
        there
    }

    fn take_while(&mut self, wanted: impl Fn(u8) -> bool) -> &'a [u8] {
        let end = self.0.iter().position(|byte| !wanted(*byte)).unwrap_or(self.0.len());
        let (taken, rest) = self.0.split_at(end);
        self.0 = rest;
        taken
    }

    fn dictionary(mut self) -> Option<Vec<(&'a [u8], Item)>> {
        let mut members: Vec<(&[u8], Item)> = Vec::new();
        self.take_while(|byte| byte == b' ');
        while !self.0.is_empty() {
            let key = self.key()?;
            let value = if self.take_if(b'=') { self.item_or_list()? } else { Item::Boolean(true) };
            self.parameters()?;
            // "If dictionary already contains a key this_key [...], overwrite its value with member."
            match members.iter_mut().find(|(known, _)| *known == key) {
                Some((_, old)) => *old = value,
                None => members.push((key, value)),
            }
            self.take_while(|byte| matches!(byte, b' ' | b'\t'));
            if self.0.is_empty() {
                break;
            }
            if !self.take_if(b',') {
                return None;
            }
            self.take_while(|byte| matches!(byte, b' ' | b'\t'));
            if self.0.is_empty() {
                return None; // a trailing comma
            }
        }
        Some(members)
    }

    fn key(&mut self) -> Option<&'a [u8]> {
        if !self.peek().is_some_and(|byte| byte.is_ascii_lowercase() || byte == b'*') {
            return None;
        }
        Some(self.take_while(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-' | b'.' | b'*')
        }))
    }

    fn parameters(&mut self) -> Option<()> {
        while self.take_if(b';') {
            self.take_while(|byte| byte == b' ');
            self.key()?;
            if self.take_if(b'=') {
                self.item()?;
            }
        }
        Some(())
    }

    fn item_or_list(&mut self) -> Option<Item> {
        if !self.take_if(b'(') {
            return self.item();
        }
        loop {
            self.take_while(|byte| byte == b' ');
            if self.take_if(b')') {
                return Some(Item::Other);
            }
            self.item()?;
            self.parameters()?;
            if !matches!(self.peek()?, b' ' | b')') {
                return None;
            }
        }
    }

    fn item(&mut self) -> Option<Item> {
        match self.peek()? {
            b'-' | b'0'..=b'9' => self.number(),
            b'"' => self.string().map(Item::String),
            b'?' => {
                self.take();
                match self.take()? {
                    b'0' => Some(Item::Boolean(false)),
                    b'1' => Some(Item::Boolean(true)),
                    _ => None,
                }
            }
            b':' => {
                self.take();
                self.take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='));
                self.take_if(b':').then_some(Item::Other)
            }
            b'@' => {
                self.take();
                matches!(self.number()?, Item::Integer(_)).then_some(Item::Other)
            }
            b'%' => {
                self.take();
                self.string().map(|_| Item::Other)
            }
            byte if byte.is_ascii_alphabetic() || byte == b'*' => {
                self.take_while(|byte| byte.is_ascii_graphic() && !b"\"(),;<=>?@[\\]{}".contains(&byte));
                Some(Item::Other)
            }
            _ => None,
        }
    }

    fn number(&mut self) -> Option<Item> {
        let negative = self.take_if(b'-');
        let digits = self.take_while(|byte| byte.is_ascii_digit());
        if digits.is_empty() || digits.len() > 15 {
            return None;
        }
        if self.take_if(b'.') {
            let fraction = self.take_while(|byte| byte.is_ascii_digit());
            return (digits.len() <= 12 && (1..=3).contains(&fraction.len())).then_some(Item::Other);
        }
        let value = digits.iter().fold(0, |value, digit| value * 10 + i64::from(digit - b'0'));
        Some(Item::Integer(if negative { -value } else { value }))
    }

    fn string(&mut self) -> Option<Vec<u8>> {
        if !self.take_if(b'"') {
            return None;
        }
        let mut text = Vec::new();
        loop {
            match self.take()? {
                b'"' => return Some(text),
                b'\\' => text.push(self.take().filter(|byte| matches!(byte, b'"' | b'\\'))?),
                byte @ 0x20..=0x7e => text.push(byte),
                _ => return None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[track_caller]
    fn check(lines: &[&'static str], expected: Option<&ResponseDirectives>) {
        let name = HeaderName::from_static("cdn-cache-control");
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(&name, HeaderValue::from_static(line));
        }
        assert_eq!(
            directives(&headers, &[HeaderName::from_static("x"), name]).as_ref(),
            expected,
            "{lines:?}"
        );
    }

    fn max_age(max_age: Delta) -> Option<ResponseDirectives> {
        Some(ResponseDirectives { max_age, ..ResponseDirectives::default() })
    }

    #[test]
    fn what_is_valid_decides() {
        let none = ResponseDirectives::default;
        let ten = max_age(Delta::Seconds(10));
        let ten = ten.as_ref();
        check(&["max-age=10"], ten);
        check(&["  max-age=10  "], ten);
        check(&["max-age=1", "max-age=10"], ten);
        check(&["max-age=10;foo=bar;baz, unknown=(a \"b\" 1.5;x);y, date=@1, bin=:aGk=:"], ten);
        check(&["max-age=10, no-store=?0, other=%\"x\", *=tok/en:x"], ten);
        check(&["max-age=12345678901"], max_age(Delta::Seconds(u32::MAX)).as_ref());
        check(&["max-age=-1"], max_age(Delta::Invalid).as_ref());
        check(&["foo"], Some(&none()));
        check(&["no-store, private"], Some(&ResponseDirectives { no_store: true, private: true, ..none() }));
        check(&["no-cache"], Some(&ResponseDirectives { no_cache: true, ..none() }));
        let withheld = smallvec::smallvec![HeaderName::from_static("a"), HeaderName::from_static("b")];
        check(&["private=\"a, b\""], Some(&ResponseDirectives { withheld, ..none() }));
    }

    #[test]
    fn what_is_not_is_not_there() {
        for line in [
            "",
            "   ",
            "max-age=1, &&&&&",
            "max-age=\"10\"",
            "max-age=1.5",
            "max-age",
            "max-age=ten",
            "max-age =10",
            "max-age= 10",
            "max-age=10,",
            "max-age=10 no-store",
            "Max-Age=10",
            "max-age=1234567890123456",
            "no-store=1",
            "private=1",
            "a=\"open",
            "a=(1 2",
            "a=(1,2)",
            "a=?2",
            "a=:x",
            "a=\"\\x\"",
            "a=@1.5",
            "=1",
        ] {
            check(&[line], None);
        }
        check(&[], None);
    }

    #[test]
    fn the_first_that_is_valid() {
        let names = ["a", "b", "c"].map(HeaderName::from_static);
        let mut headers = HeaderMap::new();
        headers.insert("a", HeaderValue::from_static("&"));
        headers.insert("b", HeaderValue::from_static("max-age=2"));
        headers.insert("c", HeaderValue::from_static("max-age=3"));
        assert_eq!(directives(&headers, &names), max_age(Delta::Seconds(2)));
    }
}
