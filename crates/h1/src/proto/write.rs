use bytes::{BufMut, BytesMut};
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
pub(super) struct Own {
    pub(super) length: Option<u64>,
    pub(super) chunked: bool,
    /// The options, in the order in which they are written.
    pub(super) close: bool,
    pub(super) keep_alive: bool,
    pub(super) upgrade: bool,
    pub(super) te: bool,
    pub(super) date: Option<HeaderValue>,
}

/// How the lines of [`Own`] begin, in its order.
struct Lines {
    date: &'static [u8],
    length: &'static [u8],
    encoding: &'static [u8],
    connection: &'static [u8],
}

const TITLE: Lines = Lines {
    date: b"\r\nDate: ",
    length: b"\r\nContent-Length: ",
    encoding: b"\r\nTransfer-Encoding: ",
    connection: b"\r\nConnection: ",
};

const LOWER: Lines = Lines {
    date: b"\r\ndate: ",
    length: b"\r\ncontent-length: ",
    encoding: b"\r\ntransfer-encoding: ",
    connection: b"\r\nconnection: ",
};

impl Own {
    #[inline]
    fn write(&self, case: HeaderCase, dst: &mut BytesMut) {
        match case {
            HeaderCase::Title => self.write_lines(&TITLE, dst),
            HeaderCase::Lower => self.write_lines(&LOWER, dst),
        }
    }

    #[inline]
    fn write_lines(&self, lines: &Lines, dst: &mut BytesMut) {
        if let Some(date) = &self.date {
            dst.put_slice(lines.date);
            dst.put_slice(date.as_bytes());
        }
        if let Some(length) = self.length {
            dst.put_slice(lines.length);
            put_length(length, dst);
        }
        if self.chunked {
            dst.put_slice(lines.encoding);
            dst.put_slice(b"chunked");
        }
        if self.has_options() {
            dst.put_slice(lines.connection);
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
            header::DATE => dst.put_slice(self.date.as_ref().map_or(b"", HeaderValue::as_bytes)),
            header::CONTENT_LENGTH => put_length(self.length.unwrap_or_default(), dst),
            header::TRANSFER_ENCODING => dst.put_slice(b"chunked"),
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
            dst.put_slice(if first { b"" } else { b", " });
            dst.put_slice(option.as_bytes());
            first = false;
        }
    }
}

/// What ends a head: each line begins with the end of the one before.
pub(super) const END: &[u8] = b"\r\n\r\n";

/// Writes the fields of a head, and its end: `first` before all others, unless there is an order; `decide` says
/// what of its own the engine adds.
pub(super) fn fields<R>(
    headers: &HeaderMap,
    extensions: &Extensions,
    first: Marks,
    dst: &mut BytesMut,
    decide: impl FnOnce(&Given) -> (Own, R),
) -> R {
    let case = extensions.get::<HeaderCase>().copied().unwrap_or_default();
    dst.reserve(48 * headers.len() + 128);
    let mut given = Given::default();
    let result = if let Some(order) = extensions.get::<FieldOrder>() {
        for (name, value) in headers {
            given.note(classify(name), value);
        }
        let (own, result) = decide(&given);
        ordered(headers, order, case, &own, dst);
        result
    } else {
        // Nearly always it is the first anyway.
        let moved = if headers.keys().next() == Some(&header::HOST) { Marks::NONE } else { first };
        if moved == Marks::HOST {
            headers.get_all(header::HOST).iter().for_each(|value| put_field(&header::HOST, case, value, dst));
        }
        let mut speller = extensions.get::<Spelling>().map(Spelling::speller);
        for (name, value) in headers {
            let known = names::find(name);
            let mark = known.map_or(Marks::NONE, |known| known.mark);
            if !mark.is_empty() {
                given.note(mark, value);
                if OWN.any(mark) || mark == moved {
                    continue;
                }
            }
            match speller.as_mut().filter(|_| mark.is_empty()).and_then(|speller| speller.find(name)) {
                Some(spelled) => put_name_as(spelled, dst),
                None => put_name(name, known, case, dst),
            }
            dst.put_slice(value.as_bytes());
        }
        let (own, result) = decide(&given);
        own.write(case, dst);
        result
    };
    dst.put_slice(END);
    result
}

/// The nth entry of a name stands for its nth value; what has no entry follows.
fn ordered(headers: &HeaderMap, order: &FieldOrder, case: HeaderCase, own: &Own, dst: &mut BytesMut) {
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
            dst.put_slice(value.as_bytes());
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

pub(super) fn put_field(name: &HeaderName, case: HeaderCase, value: &HeaderValue, dst: &mut BytesMut) {
    put_name(name, names::find(name), case, dst);
    dst.put_slice(value.as_bytes());
}

fn put_length(length: u64, dst: &mut BytesMut) {
    dst.put_slice(itoa::Buffer::new().format(length).as_bytes());
}

/// The end of the line before, the name, its colon and a blank.
#[inline]
fn put_name(name: &HeaderName, known: Option<&Known>, case: HeaderCase, dst: &mut BytesMut) {
    match known {
        Some(known) if case == HeaderCase::Title => dst.put_slice(known.line.as_bytes()),
        _ => put_name_in(case, name, dst),
    }
}

/// The same of a name that is spelled in its own way.
fn put_name_as(spelled: &[u8], dst: &mut BytesMut) {
    dst.put_slice(b"\r\n");
    dst.put_slice(spelled);
    dst.put_slice(b": ");
}

fn put_name_in(case: HeaderCase, name: &HeaderName, dst: &mut BytesMut) {
    dst.put_slice(b"\r\n");
    let start = dst.len();
    dst.put_slice(name.as_str().as_bytes());
    if case == HeaderCase::Title {
        let mut upper = true;
        for byte in dst.iter_mut().skip(start) {
            if upper {
                byte.make_ascii_uppercase();
            }
            upper = *byte == b'-';
        }
    }
    dst.put_slice(b": ");
}

/// Without its end.
pub(super) fn status_line(status: StatusCode, extensions: &Extensions, dst: &mut BytesMut) {
    let reason = extensions.get::<Reason>();
    if status == StatusCode::OK && reason.is_none() {
        return dst.put_slice(b"HTTP/1.1 200 OK");
    }
    dst.put_slice(b"HTTP/1.1 ");
    dst.put_slice(status.as_str().as_bytes());
    dst.put_u8(b' ');
    match reason {
        Some(reason) => dst.put_slice(reason.as_bytes()),
        None => dst.put_slice(status.canonical_reason().unwrap_or_default().as_bytes()),
    }
}
