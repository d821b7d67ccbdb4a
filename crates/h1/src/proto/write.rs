use bytes::BytesMut;
use http::{Extensions, HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use super::section::content_length;
use crate::names::{Known, classify};
use crate::{FieldOrder, HeaderCase, Marks, Reason, Spelling, names};

/// What the caller's fields say that concerns the engine; those of [`OWN`] are not written but replaced.
#[derive(Debug, Default)]
pub(super) struct Given {
    pub(super) marks: Marks,
    /// Of a `Content-Length` that is valid and alone.
    pub(super) length: Option<u64>,
    pub(super) close: bool,
}

/// Fields that the engine writes itself.
const OWN: Marks = Marks::CONTENT_LENGTH.and(Marks::TRANSFER_ENCODING).and(Marks::CONNECTION);

impl Given {
    pub(super) fn note(&mut self, mark: Marks, value: &HeaderValue) {
        if mark == Marks::CONTENT_LENGTH {
            let alone = !self.marks.contains(mark);
            self.length = if alone { content_length(value.as_bytes()) } else { None };
        } else if mark == Marks::CONNECTION {
            let mut options = value.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
            self.close |= options.any(|option| option.eq_ignore_ascii_case(b"close"));
        }
        self.marks |= mark;
    }
}

/// The engine's own fields.
#[derive(Debug, Default)]
pub(super) struct Own<'a> {
    pub(super) length: Option<u64>,
    pub(super) chunked: bool,
    /// The options, in the order in which they are written.
    pub(super) close: bool,
    pub(super) keep_alive: bool,
    pub(super) upgrade: bool,
    pub(super) te: bool,
    pub(super) date: Option<&'a [u8]>,
}

/// How the lines of [`Own`] begin, in its order.
struct Lines {
    date: &'static [u8],
    length: &'static [u8],
    encoding: &'static [u8],
    connection: &'static [u8],
}

static TITLE: Lines = Lines {
    date: b"\r\nDate: ",
    length: b"\r\nContent-Length: ",
    encoding: b"\r\nTransfer-Encoding: ",
    connection: b"\r\nConnection: ",
};

static LOWER: Lines = Lines {
    date: b"\r\ndate: ",
    length: b"\r\ncontent-length: ",
    encoding: b"\r\ntransfer-encoding: ",
    connection: b"\r\nconnection: ",
};

impl Own<'_> {
    fn write(&self, case: HeaderCase, dst: &mut BytesMut) {
        let lines = match case {
            HeaderCase::Title => &TITLE,
            HeaderCase::Lower => &LOWER,
        };
        if let Some(date) = self.date {
            put(lines.date, dst);
            put(date, dst);
        }
        if let Some(length) = self.length {
            put(lines.length, dst);
            put_length(length, dst);
        }
        if self.chunked {
            put(lines.encoding, dst);
            put(b"chunked", dst);
        }
        if self.has_options() {
            put(lines.connection, dst);
            self.put_options(dst);
        }
    }

    fn put(&self, name: &HeaderName, case: HeaderCase, dst: &mut BytesMut) {
        put_name(name, names::find(name), case, dst);
        self.put_value(name, dst);
    }

    const NAMES: [&'static HeaderName; 4] =
        [&header::DATE, &header::CONTENT_LENGTH, &header::TRANSFER_ENCODING, &header::CONNECTION];

    fn has_options(&self) -> bool {
        self.close || self.keep_alive || self.upgrade || self.te
    }

    fn has(&self, name: &HeaderName) -> bool {
        match *name {
            header::DATE => self.date.is_some(),
            header::CONTENT_LENGTH => self.length.is_some(),
            header::TRANSFER_ENCODING => self.chunked,
            header::CONNECTION => self.has_options(),
            _ => false,
        }
    }

    fn put_value(&self, name: &HeaderName, dst: &mut BytesMut) {
        match *name {
            header::DATE => put(self.date.unwrap_or_default(), dst),
            header::CONTENT_LENGTH => put_length(self.length.unwrap_or_default(), dst),
            header::TRANSFER_ENCODING => put(b"chunked", dst),
            _ => self.put_options(dst),
        }
    }

    fn put_options(&self, dst: &mut BytesMut) {
        let options = [
            (self.close, "close"),
            (self.keep_alive, "keep-alive"),
            (self.upgrade, "upgrade"),
            (self.te, "te"),
        ];
        let mut first = true;
        for (_, option) in options.iter().filter(|(on, _)| *on) {
            put(if first { b"" } else { b", " }, dst);
            put(option.as_bytes(), dst);
            first = false;
        }
    }
}

/// What ends a head: each line begins with the end of the one before.
pub(super) const END: &[u8] = b"\r\n\r\n";

/// Appends `text`. It is all over the place where heads are written, so it is one function: code has to be fetched.
#[inline(never)]
pub(super) fn put(text: &[u8], dst: &mut BytesMut) {
    dst.extend_from_slice(text);
}

/// The fields of a head, written but for what the engine adds.
pub(super) struct Fields<'a> {
    headers: &'a HeaderMap,
    case: HeaderCase,
    /// Where there is one, nothing is written yet.
    order: Option<&'a FieldOrder>,
    pub(super) given: Given,
}

impl<'a> Fields<'a> {
    /// Writes the fields of a head, `Host` before all others if it shall be; unless there is an order, which has to know what the engine
    /// adds.
    #[inline(never)] // one for requests and responses
    pub(super) fn write(
        headers: &'a HeaderMap,
        extensions: &'a Extensions,
        host_first: bool,
        dst: &mut BytesMut,
    ) -> Self {
        dst.reserve(48 * headers.len() + 128);
        let mut given = Given::default();
        let spelling = extensions.get::<Spelling>();
        let case = spelling.map_or(HeaderCase::Title, |spelling| spelling.case);
        let order = spelling.and_then(|spelling| spelling.order.as_ref());
        if order.is_some() {
            for (name, value) in headers {
                given.note(classify(name), value);
            }
            return Self { headers, case, order, given };
        }
        let mut speller = spelling.map(Spelling::speller);
        let mut moved = false;
        for (at, (name, value)) in headers.iter().enumerate() {
            let known = names::find(name);
            let mark = known.map_or(Marks::NONE, |known| known.mark);
            // Nearly always it is the first anyway.
            if at == 0 && host_first && mark != Marks::HOST {
                put_hosts(headers, case, dst);
                moved = true;
            }
            if !mark.is_empty() {
                given.note(mark, value);
                if OWN.any(mark) || (moved && mark == Marks::HOST) {
                    continue;
                }
            }
            match speller.as_mut().filter(|_| mark.is_empty()).and_then(|speller| speller.find(name)) {
                Some(spelled) => put_name_as(spelled, dst),
                None => put_name(name, known, case, dst),
            }
            put(value.as_bytes(), dst);
        }
        Self { headers, case, order, given }
    }

    /// Writes what the engine adds, and the end of the head.
    #[inline(never)]
    pub(super) fn end(&self, own: &Own<'_>, dst: &mut BytesMut) {
        match self.order {
            Some(order) => ordered(self.headers, order, self.case, own, dst),
            None => own.write(self.case, dst),
        }
        put(END, dst);
    }
}

/// The nth entry of a name stands for its nth value; what has no entry follows.
#[cold]
fn ordered(headers: &HeaderMap, order: &FieldOrder, case: HeaderCase, own: &Own<'_>, dst: &mut BytesMut) {
    for (at, (name, written)) in order.entries.iter().enumerate() {
        let earlier = order.entries.iter().take(at).filter(|(other, _)| other == name).count();
        if own.has(name) {
            if earlier == 0 {
                put_name_as(written, dst);
                own.put_value(name, dst);
            }
        } else if !OWN.any(classify(name))
            && let Some(value) = headers.get_all(name).iter().nth(earlier)
        {
            put_name_as(written, dst);
            put(value.as_bytes(), dst);
        }
    }
    let listed = |name: &HeaderName| order.entries.iter().filter(|(other, _)| other == name).count();
    for name in headers.keys().filter(|name| !OWN.any(classify(name))) {
        for value in headers.get_all(name).iter().skip(listed(name)) {
            put_field(name, case, value, dst);
        }
    }
    for name in Own::NAMES {
        if own.has(name) && listed(name) == 0 {
            own.put(name, case, dst);
        }
    }
}

#[cold]
fn put_hosts(headers: &HeaderMap, case: HeaderCase, dst: &mut BytesMut) {
    headers.get_all(header::HOST).iter().for_each(|value| put_field(&header::HOST, case, value, dst));
}

pub(super) fn put_field(name: &HeaderName, case: HeaderCase, value: &HeaderValue, dst: &mut BytesMut) {
    put_name(name, names::find(name), case, dst);
    put(value.as_bytes(), dst);
}

fn put_length(length: u64, dst: &mut BytesMut) {
    put(itoa::Buffer::new().format(length).as_bytes(), dst);
}

/// The end of the line before, the name, its colon and a blank.
#[inline]
fn put_name(name: &HeaderName, known: Option<&Known>, case: HeaderCase, dst: &mut BytesMut) {
    match known {
        Some(known) if case == HeaderCase::Title => put(known.line.as_bytes(), dst),
        _ => put_name_in(case, name, dst),
    }
}

/// The same of a name that is spelled in its own way.
#[cold]
fn put_name_as(spelled: &[u8], dst: &mut BytesMut) {
    put(b"\r\n", dst);
    put(spelled, dst);
    put(b": ", dst);
}

#[inline(never)]
fn put_name_in(case: HeaderCase, name: &HeaderName, dst: &mut BytesMut) {
    put(b"\r\n", dst);
    let start = dst.len();
    put(name.as_str().as_bytes(), dst);
    if case == HeaderCase::Title {
        let mut upper = true;
        for byte in dst.iter_mut().skip(start) {
            if upper {
                byte.make_ascii_uppercase();
            }
            upper = *byte == b'-';
        }
    }
    put(b": ", dst);
}

/// Without its end.
pub(super) fn status_line(status: StatusCode, extensions: &Extensions, dst: &mut BytesMut) {
    let reason = extensions.get::<Reason>();
    if status == StatusCode::OK && reason.is_none() {
        return put(b"HTTP/1.1 200 OK", dst);
    }
    put(b"HTTP/1.1 ", dst);
    put(status.as_str().as_bytes(), dst);
    put(b" ", dst);
    let usual = || status.canonical_reason().unwrap_or_default().as_bytes();
    put(reason.map_or_else(usual, Reason::as_bytes), dst);
}
