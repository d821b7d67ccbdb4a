use bytes::Bytes;
use http::{HeaderMap, HeaderName, Version};

use super::lines::{Line, Lines};
use super::trusted;
use crate::{ConnectionOptions, HeadErrorKind, Marks, Unwanted, names};

/// What of a header section concerns framing and the connection. Its fields are elsewhere.
#[derive(Debug)]
pub(super) struct Section {
    pub(super) marks: Marks,
    pub(super) connection: ConnectionOptions,
    length: Option<Result<u64, HeadErrorKind>>,
    encoding: Option<Result<(), HeadErrorKind>>,
}

impl Section {
    /// Reads the lines of `raw` from `start` to the empty one, with which it ends, into `headers`. `lines` are those that are known already,
    /// from `start` on, if any. Those of `without` are judged and marked, and do not go into the map; a `Connection` that names fields does.
    #[inline(never)] // one for requests and responses
    pub(super) fn parse(
        raw: &Bytes,
        mut start: usize,
        lines: &mut Lines,
        without: &Unwanted,
        headers: &mut HeaderMap,
    ) -> Result<Self, HeadErrorKind> {
        let mut section = Self {
            marks: Marks::NONE,
            connection: ConnectionOptions::default(),
            length: None,
            encoding: None,
        };
        loop {
            for line in lines.found() {
                // Those before `start` are none of the section: the first line of the head.
                if line.end() >= start {
                    section.line(raw, start, *line, without, headers)?;
                    start = line.end() + 1;
                }
            }
            if lines.are_all() {
                return Ok(section);
            }
            lines.find(raw, start);
            if lines.count() == 0 {
                return if lines.are_all() { Ok(section) } else { Err(HeadErrorKind::HeadTooLarge) };
            }
        }
    }

    /// Reads one line of `raw`, which begins at `start`.
    #[inline]
    fn line(
        &mut self,
        raw: &Bytes,
        start: usize,
        line: Line,
        without: &Unwanted,
        headers: &mut HeaderMap,
    ) -> Result<(), HeadErrorKind> {
        let text = raw.get(start..line.end()).unwrap_or_default();
        let (spelled, content) = line
            .colon()
            .checked_sub(start)
            .and_then(|colon| split_around(text, colon))
            .ok_or_else(|| name_error(text))?;
        let content = content.strip_suffix(b"\r").unwrap_or(content);
        if without.has_name(spelled) {
            return judge(content);
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
                (Err(HeaderName::from_bytes(spelled).map_err(|_| name_error(text))?), Marks::NONE)
            }
        };
        let value = trim(content);
        if !mark.is_empty() {
            self.note(mark, value, content);
            let names = mark == Marks::CONNECTION && self.marks.contains(Marks::NOMINATED);
            if without.marks.any(mark) && !names {
                return judge(value);
            }
        }
        // Refuses controls other than tab: NUL, and a CR that is not of the line's end.
        let value = trusted::value(raw.slice_ref(value)).map_err(|_| HeadErrorKind::FieldValue)?;
        let name = name.cloned().unwrap_or_else(|unknown| unknown);
        headers.try_append(name, value).map_err(|_| HeadErrorKind::TooManyFields)?;
        Ok(())
    }

    /// `content` is what stands behind the colon. There may be a tab around the value, but not every reader takes it for whitespace, nginx
    /// does not: one that overlooks `Transfer-Encoding:\tchunked` finds another end of the message. So nothing that frames may have one.
    fn note(&mut self, mark: Marks, value: &[u8], content: &[u8]) {
        let repeated = self.marks.contains(mark);
        let doubt = || repeated || trim_of(content, |byte| byte == b' ').len() > value.len();
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

/// What is judged alone: refuses controls other than tab.
#[inline]
fn judge(value: &[u8]) -> Result<(), HeadErrorKind> {
    if trusted::is_value(value) { Ok(()) } else { Err(HeadErrorKind::FieldValue) }
}

/// What stands before the colon, and what behind it.
#[inline]
fn split_around(line: &[u8], colon: usize) -> Option<(&[u8], &[u8])> {
    let (name, [_, rest @ ..]) = line.split_at_checked(colon)? else { return None };
    Some((name, rest))
}

/// Without the whitespace around it, which is blanks and tabs (RFC 9110 5.6.3): as a rule there is one blank before it.
#[inline]
fn trim(content: &[u8]) -> &[u8] {
    let text = content.strip_prefix(b" ").unwrap_or(content);
    match text {
        [first, .., last] if *first > b' ' && *last > b' ' => text,
        _ => trim_of(text, |byte| byte == b' ' || byte == b'\t'),
    }
}

/// Without what is a blank around it.
fn trim_of(mut text: &[u8], is_blank: impl Fn(u8) -> bool) -> &[u8] {
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

/// How a name that is no usual one is spelled. Sixteen letters at a time, which the compiler looks at all at once.
fn spelling(name: &[u8]) -> Marks {
    let (mut usual, mut underscore, mut unusual) = (true, false, false);
    // What is behind the name is as a digit is: nothing to any of the three.
    let (mut block, mut before) = ([b'0'; 16], [b'-'; 16]);
    for letters in name.chunks(block.len()) {
        block = [b'0'; 16];
        block.iter_mut().zip(letters).for_each(|(place, letter)| *place = *letter);
        before.iter_mut().skip(1).zip(&block).for_each(|(place, letter)| *place = *letter);
        for (letter, before) in block.iter().zip(&before) {
            usual &= names::is_title_letter(*before, *letter);
            underscore |= *letter == b'_';
            unusual |= !letter.is_ascii_alphanumeric() & (*letter != b'-') & (*letter != b'_');
        }
        let [.., last] = block;
        before = [last; 16];
    }
    let mark = |is, mark| if is { mark } else { Marks::NONE };
    mark(!usual, Marks::SPELLED) | mark(underscore, Marks::UNDERSCORE) | mark(unusual, Marks::UNUSUAL_NAME)
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
