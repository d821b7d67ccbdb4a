use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Version};

use super::scan::{content, has_control, position};
use crate::{ConnectionOptions, HeadErrorKind, Marks, maps, names};

/// A header section, and what of it concerns framing and the connection.
#[derive(Debug, Default)]
pub(super) struct Section {
    pub(super) headers: HeaderMap,
    pub(super) marks: Marks,
    pub(super) connection: ConnectionOptions,
    length: Option<Result<u64, HeadErrorKind>>,
    encoding: Option<Result<(), HeadErrorKind>>,
}

impl Section {
    /// Reads the lines of `raw` from `start` on; `ends` are the offsets behind each, the empty line's last. Fields with one of the
    /// marks of `without` are judged and marked, and do not go into the map; a `Connection` that names fields does.
    pub(super) fn parse(
        raw: &Bytes,
        start: usize,
        ends: &[u32],
        without: Marks,
    ) -> Result<Self, HeadErrorKind> {
        let count = ends.len().saturating_sub(1);
        let mut section = Self { headers: maps::take(), ..Self::default() };
        // With room for what those add who pass it on: a map that grows is hashed anew.
        section.headers.try_reserve(count.max(SPARE) + SPARE).map_err(|_| HeadErrorKind::TooManyFields)?;
        let mut start = start;
        for end in ends.iter().take(count) {
            let end = *end as usize;
            section.line(raw, start, end, without)?;
            start = end;
        }
        Ok(section)
    }

    fn line(&mut self, raw: &Bytes, start: usize, end: usize, without: Marks) -> Result<(), HeadErrorKind> {
        let line = content(raw.get(start..end).unwrap_or_default());
        let (spelled, rest) = split_at_colon(line).ok_or_else(|| name_error(line))?;
        let known = names::find_spelled(spelled);
        // Optional whitespace around a value is blanks and tabs (RFC 9110 5.6.3).
        let value = trim(rest, |byte| byte == b' ' || byte == b'\t');
        let mut left_out = false;
        if let Some((known, usual)) = known {
            if !usual {
                self.marks |= Marks::SPELLED;
            }
            if !known.mark.is_empty() {
                self.note(known.mark, value, rest);
                let names = known.mark == Marks::CONNECTION && self.marks.contains(Marks::NOMINATED);
                left_out = without.any(known.mark) && !names;
            }
        }
        if left_out {
            return if is_value(value) { Ok(()) } else { Err(HeadErrorKind::FieldValue) };
        }
        let name = match known {
            Some((known, _)) => known.name.clone(),
            None => {
                self.marks |= spelling(spelled);
                HeaderName::from_bytes(spelled).map_err(|_| name_error(line))?
            }
        };
        // Refuses controls other than tab: NUL, and a CR that is not of the line's end.
        let value = HeaderValue::from_maybe_shared(raw.slice_ref(value));
        let value = value.map_err(|_| HeadErrorKind::FieldValue)?;
        self.headers.try_append(name, value).map_err(|_| HeadErrorKind::TooManyFields)?;
        Ok(())
    }

    /// `rest` is what stands behind the colon. There may be a tab around the value, but not every reader takes it for whitespace, nginx
    /// does not: one that overlooks `Transfer-Encoding:\tchunked` finds another end of the message. So nothing that frames may have one.
    fn note(&mut self, mark: Marks, value: &[u8], rest: &[u8]) {
        let repeated = self.marks.contains(mark);
        let doubt = || repeated || trim(rest, |byte| byte == b' ').len() > value.len();
        self.marks |= mark;
        match mark {
            Marks::HOST if repeated => self.marks |= Marks::HOST_REPEATED,
            Marks::CONNECTION => self.options(value),
            Marks::CONTENT_LENGTH => {
                let length = if doubt() { None } else { content_length(value) };
                self.length = Some(length.ok_or(HeadErrorKind::ContentLength));
            }
            Marks::TRANSFER_ENCODING => {
                self.encoding =
                    Some(if doubt() { Err(HeadErrorKind::TransferEncoding) } else { only_chunked(value) });
            }
            Marks::EXPECT if !value.eq_ignore_ascii_case(b"100-continue") => {
                self.marks |= Marks::EXPECT_UNKNOWN;
            }
            _ => {}
        }
    }

    fn options(&mut self, value: &[u8]) {
        match value {
            b"keep-alive" => self.connection.keep_alive = true,
            b"close" => self.connection.close = true,
            _ => self.options_of_list(value),
        }
    }

    fn options_of_list(&mut self, value: &[u8]) {
        for option in value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
            let is = |name: &str| option.eq_ignore_ascii_case(name.as_bytes());
            if is("close") {
                self.connection.close = true;
            } else if is("keep-alive") {
                self.connection.keep_alive = true;
            } else if is("upgrade") {
                self.connection.upgrade = true;
            } else if !option.is_empty() && !is("te") {
                self.marks |= Marks::NOMINATED;
            }
        }
    }

    /// `Content-Length`, if it is valid and alone.
    pub(super) fn content_length(&self) -> Result<Option<u64>, HeadErrorKind> {
        self.length.transpose()
    }

    /// Whether the body is chunked; the framing is judged here (RFC 9112 6.3).
    pub(super) fn chunked(&self) -> Result<bool, HeadErrorKind> {
        let Some(encoding) = self.encoding else { return Ok(false) };
        if self.length.is_some() {
            return Err(HeadErrorKind::LengthAndEncoding);
        }
        encoding.map(|()| true)
    }

    /// Whether the client waits for 100: HTTP/1.0 ignores the field (RFC 9110 10.1.1).
    pub(super) fn expects_continue(&self, version: Version) -> bool {
        version >= Version::HTTP_11
            && self.marks.contains(Marks::EXPECT)
            && !self.marks.contains(Marks::EXPECT_UNKNOWN)
    }
}

/// How many fields are added to a head on its way, as a rule.
const SPARE: usize = 3;

/// What stands before the first colon, and what behind it.
#[inline]
fn split_at_colon(line: &[u8]) -> Option<(&[u8], &[u8])> {
    match line.split_at_checked(position(line, b':')?)? {
        (name, [_, rest @ ..]) => Some((name, rest)),
        _ => None,
    }
}

/// Without the blanks around it.
#[inline]
fn trim(mut text: &[u8], is_blank: impl Fn(u8) -> bool) -> &[u8] {
    while let [first, rest @ ..] = text
        && is_blank(*first)
    {
        text = rest;
    }
    while let [rest @ .., last] = text
        && is_blank(*last)
    {
        text = rest;
    }
    text
}

/// Whether it would be a `HeaderValue`: without controls other than tab.
#[inline]
fn is_value(value: &[u8]) -> bool {
    let (words, _) = value.as_chunks::<8>();
    if let Some(last) = value.last_chunk::<8>()
        && !words.iter().chain([last]).any(|word| has_control(*word))
    {
        return true;
    }
    value.iter().all(|byte| (*byte >= b' ' && *byte != 0x7F) || *byte == b'\t')
}

/// How a name that is no usual one is spelled.
fn spelling(name: &[u8]) -> Marks {
    let mut marks = if names::is_title(name) { Marks::NONE } else { Marks::SPELLED };
    for byte in name {
        if *byte == b'_' {
            marks |= Marks::UNDERSCORE;
        } else if !byte.is_ascii_alphanumeric() && *byte != b'-' {
            marks |= Marks::UNUSUAL_NAME;
        }
    }
    marks
}

fn name_error(line: &[u8]) -> HeadErrorKind {
    match line.first() {
        Some(b' ' | b'\t') => HeadErrorKind::ObsFold,
        _ => HeadErrorKind::FieldName,
    }
}

/// Digits alone, at most 2^63-1 (what nginx and files can count).
pub(super) fn content_length(value: &[u8]) -> Option<u64> {
    if value.is_empty() {
        return None;
    }
    let mut length = 0u64;
    for byte in value {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        length = length.checked_mul(10)?.checked_add(digit)?;
    }
    (length <= i64::MAX.unsigned_abs()).then_some(length)
}

/// `chunked` and nothing else is understood. A list whose last coding is not chunked, or that has it twice, has no
/// certain end: 400; any other coding is one we do not know: 501 (RFC 9112 6.1).
fn only_chunked(value: &[u8]) -> Result<(), HeadErrorKind> {
    if value.eq_ignore_ascii_case(b"chunked") {
        return Ok(());
    }
    let is_chunked = |coding: &[u8]| coding.eq_ignore_ascii_case(b"chunked");
    let mut codings = value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
    let last = codings.next_back().unwrap_or_default();
    let mut earlier = codings.clone();
    let is_token = |coding: &[u8]| coding.first().is_some_and(|byte| super::is_token_byte(*byte));
    if !is_token(last) || earlier.any(|coding| is_chunked(coding) || !is_token(coding)) {
        return Err(HeadErrorKind::TransferEncoding);
    }
    Err(HeadErrorKind::CodingUnsupported)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::is_value;

    fn byte() -> impl Strategy<Value = u8> {
        prop_oneof![9 => b' '..=b'~', 1 => any::<u8>(), 1 => Just(b'\t'), 1 => Just(0x7F)]
    }

    proptest! {
        #[test]
        fn what_is_left_out_is_judged_as_what_is_not(value in prop::collection::vec(byte(), 0..40)) {
            prop_assert_eq!(is_value(&value), HeaderValue::from_bytes(&value).is_ok());
        }
    }
}
