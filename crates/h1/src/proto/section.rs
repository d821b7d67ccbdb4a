use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Version};

use super::scan::{control, position};
use crate::{ConnectionOptions, HeadErrorKind, Marks, Unwanted, maps, names};

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
    /// Reads the lines of `raw` from `start` to the empty one, with which it ends. Those of `without` are judged and
    /// marked, and do not go into the map; a `Connection` that names fields does.
    pub(super) fn parse(raw: &Bytes, start: usize, without: &Unwanted) -> Result<Self, HeadErrorKind> {
        let mut section = Self { headers: maps::take(), ..Self::default() };
        // With room for what those add who pass it on: a map that grows is hashed anew.
        section.headers.try_reserve(USUAL).map_err(|_| HeadErrorKind::TooManyFields)?;
        let mut lines = raw.get(start..).unwrap_or_default();
        while !matches!(lines, b"\r\n" | b"\n" | b"") {
            lines = section.line(raw, lines, without)?;
        }
        Ok(section)
    }

    /// Reads the first of `lines`: the others.
    #[inline]
    fn line<'a>(
        &mut self,
        raw: &Bytes,
        lines: &'a [u8],
        without: &Unwanted,
    ) -> Result<&'a [u8], HeadErrorKind> {
        // A colon of a later line makes no name: there is a line end in it.
        let (spelled, rest) = split_at_colon(lines).ok_or_else(|| name_error(lines))?;
        if without.has_name(spelled) {
            return split_at_end(rest).map(|(_, others)| others).ok_or(HeadErrorKind::FieldValue);
        }
        let (name, mark) = match names::find_spelled(spelled) {
            Some((known, usual)) => {
                if !usual {
                    self.marks |= Marks::SPELLED;
                }
                (Ok(&known.name), known.mark)
            }
            None => {
                self.marks |= spelling(spelled);
                (Err(HeaderName::from_bytes(spelled).map_err(|_| name_error(lines))?), Marks::NONE)
            }
        };
        // Refuses controls other than tab: NUL, and a CR that is not of the line's end.
        let (content, others) = split_at_end(rest).ok_or(HeadErrorKind::FieldValue)?;
        // Optional whitespace around a value is blanks and tabs (RFC 9110 5.6.3).
        let value = trim(content, |byte| byte == b' ' || byte == b'\t');
        if !mark.is_empty() {
            self.note(mark, value, content);
            let names = mark == Marks::CONNECTION && self.marks.contains(Marks::NOMINATED);
            if without.marks.any(mark) && !names {
                return Ok(others);
            }
        }
        let value = HeaderValue::from_maybe_shared(raw.slice_ref(value));
        let value = value.map_err(|_| HeadErrorKind::FieldValue)?;
        let name = name.cloned().unwrap_or_else(|unknown| unknown);
        self.headers.try_append(name, value).map_err(|_| HeadErrorKind::TooManyFields)?;
        Ok(others)
    }

    /// `content` is what stands behind the colon. There may be a tab around the value, but not every reader takes it for whitespace, nginx
    /// does not: one that overlooks `Transfer-Encoding:\tchunked` finds another end of the message. So nothing that frames may have one.
    fn note(&mut self, mark: Marks, value: &[u8], content: &[u8]) {
        let repeated = self.marks.contains(mark);
        let doubt = || repeated || trim(content, |byte| byte == b' ').len() > value.len();
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

/// How many fields a head has, and is given on its way, as a rule.
const USUAL: usize = 12;

/// What stands before the first colon, and what behind it.
#[inline]
fn split_at_colon(line: &[u8]) -> Option<(&[u8], &[u8])> {
    match line.split_at_checked(position(line, b':')?)? {
        (name, [_, rest @ ..]) => Some((name, rest)),
        _ => None,
    }
}

/// What stands before the end of the line, if there is no other control before it, and what behind.
#[inline]
fn split_at_end(rest: &[u8]) -> Option<(&[u8], &[u8])> {
    match rest.split_at_checked(control(rest)?)? {
        (content, [b'\r', b'\n', others @ ..] | [b'\n', others @ ..]) => Some((content, others)),
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
