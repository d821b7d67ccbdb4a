//! Drives the core with raw messages, whole or in pieces, and says in one line what came of them.
#![allow(dead_code, reason = "every test file takes what it needs")]

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method};
use propylon_h1::proto::{Decoder, Event, RequestParser, ResponseParser};
use propylon_h1::{BodyKind, HeadError, Limits, RequestHead, ResponseHead};

/// `raw` stands for its bytes; in it `\u{80}` to `\u{FF}` stand for the single bytes.
fn bytes(raw: &str) -> Vec<u8> {
    raw.chars().map(|char| u8::try_from(u32::from(char)).expect("bytes up to FF")).collect()
}

/// Ways to cut a message: whole, byte by byte, and once at every place.
pub(crate) fn cuts(len: usize) -> impl Iterator<Item = Vec<usize>> {
    let every = if len <= 600 { 1 } else { len / 97 };
    [vec![], (1..len).collect()].into_iter().chain((1..len).step_by(every).map(|at| vec![at]))
}

fn pieces<'a>(raw: &'a [u8], cuts: &'a [usize]) -> impl Iterator<Item = &'a [u8]> {
    let starts = std::iter::once(0).chain(cuts.iter().copied());
    let ends = cuts.iter().copied().chain(std::iter::once(raw.len()));
    starts.zip(ends).map(|(start, end)| &raw[start..end])
}

/// `GET /a 1.1 keep Empty`, `400 Method`, `closed`; then the body: ` body=abc`, ` trailers=a:b`, ` !Truncated`; then
/// ` rest=` and what is left in the buffer.
pub(crate) fn request(raw: &[u8], cuts: &[usize], limits: &Limits) -> String {
    let mut parser = RequestParser::new();
    let mut buf = BytesMut::new();
    let mut pieces = pieces(raw, cuts);
    loop {
        match parser.parse(&mut buf, limits) {
            Ok(Some(head)) => return summary(&head) + &body(head.body, &mut buf, &mut pieces, limits),
            Err(error) => return refused(&error),
            Ok(None) => {}
        }
        match pieces.next() {
            Some(piece) => buf.extend_from_slice(piece),
            None => return parser.eof(&buf).map_or("closed".to_owned(), |error| refused(&error)),
        }
    }
}

/// As [`request`], of a response to a request of `method`.
pub(crate) fn response(raw: &[u8], cuts: &[usize], method: &Method, limits: &Limits) -> String {
    let mut parser = ResponseParser::new();
    let mut buf = BytesMut::new();
    let mut pieces = pieces(raw, cuts);
    loop {
        match parser.parse(&mut buf, method, limits) {
            Ok(Some(head)) => {
                return response_summary(&head) + &body(head.body, &mut buf, &mut pieces, limits);
            }
            Err(error) => return format!("{:?}", error.kind()),
            Ok(None) => {}
        }
        match pieces.next() {
            Some(piece) => buf.extend_from_slice(piece),
            None => return format!("{:?}", parser.eof(&buf).kind()),
        }
    }
}

fn refused(error: &HeadError) -> String {
    format!("{} {:?}", error.status().as_u16(), error.kind())
}

fn summary(head: &RequestHead) -> String {
    let target = head.target.as_bytes().escape_ascii();
    let keep = if head.keep_alive { "keep" } else { "close" };
    let expects = if head.expect_continue { " 100" } else { "" };
    let version = format!("{:?}", head.version);
    format!("{} {target} {} {keep} {:?}{expects}", head.method, &version[5..], head.body)
}

fn response_summary(head: &ResponseHead) -> String {
    let keep = if head.keep_alive { "keep" } else { "close" };
    let version = format!("{:?}", head.version);
    format!("{} {} {keep} {:?}", head.status.as_u16(), &version[5..], head.body)
}

fn body<'a>(
    kind: BodyKind,
    buf: &mut BytesMut,
    pieces: &mut impl Iterator<Item = &'a [u8]>,
    limits: &Limits,
) -> String {
    let mut decoder = Decoder::new(kind);
    let (mut data, mut trailers, mut end) = (Vec::new(), None, String::new());
    loop {
        match decoder.decode(buf, limits) {
            Ok(Event::Data(bytes)) => {
                assert!(!bytes.is_empty(), "data is never empty");
                data.extend_from_slice(&bytes);
            }
            Ok(Event::Trailers(map)) => assert!(trailers.replace(map).is_none(), "once"),
            Ok(Event::End) => break,
            Ok(Event::NeedMore) => match pieces.next() {
                Some(piece) => buf.extend_from_slice(piece),
                None => {
                    if let Err(error) = decoder.eof() {
                        end = format!(" !{error:?}");
                        break;
                    }
                }
            },
            Err(error) => {
                end = format!(" !{error:?}");
                break;
            }
        }
    }
    let mut text = String::new();
    if !data.is_empty() {
        text += &format!(" body={}", data.escape_ascii());
    }
    text += &trailers.map_or_else(String::new, |map| format!(" trailers={}", list(&map)));
    if end.is_empty() {
        pieces.for_each(|piece| buf.extend_from_slice(piece));
        if !buf.is_empty() {
            end = format!(" rest={}", buf.escape_ascii());
        }
    }
    text + &end
}

/// `name:value,name:value`
pub(crate) fn list(map: &HeaderMap) -> String {
    let fields: Vec<_> =
        map.iter().map(|(name, value)| format!("{name}:{}", value.as_bytes().escape_ascii())).collect();
    fields.join(",")
}

/// The head of a raw request, which must be one.
pub(crate) fn head(raw: &str) -> RequestHead {
    let mut buf = BytesMut::from(bytes(raw).as_slice());
    RequestParser::new().parse(&mut buf, &Limits::default()).expect("valid").expect("complete")
}

/// The head of a raw response, which must be one.
pub(crate) fn response_head(raw: &str) -> ResponseHead {
    let mut buf = BytesMut::from(bytes(raw).as_slice());
    ResponseParser::new().parse(&mut buf, &Method::GET, &Limits::default()).expect("valid").expect("complete")
}

/// As `Bytes`.
pub(crate) fn shared(raw: &str) -> Bytes {
    bytes(raw).into()
}
