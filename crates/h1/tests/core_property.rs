//! What holds for every input.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test"
)]

mod support;

use bytes::{Bytes, BytesMut};
use http::header::HeaderName;
use http::{Extensions, HeaderMap, HeaderValue, Method, StatusCode, Version};
use proptest::prelude::*;
use propylon_h1::proto::{
    Decoder, Encoder, Event, RequestParser, RequestToSend, ResponseParser, ResponseToSend, encode_request,
    encode_response,
};
use propylon_h1::{BodyKind, BodySize, Limits};
use support::{request, response};

/// Small, so that generated messages reach them.
fn limits() -> Limits {
    let mut limits = Limits::default();
    (limits.first_line, limits.header_line, limits.head, limits.fields) = (48, 40, 160, 6);
    (limits.chunk_extensions, limits.trailers, limits.trailer_fields) = (8, 40, 3);
    limits
}

/// Pieces of messages, right and wrong, in any order: what plain random bytes would never come close to.
fn soup(first: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    const PIECES: &[&str] = &[
        "\r\n",
        "\n",
        "\r",
        " ",
        "\t",
        ":",
        "\0",
        "A: b",
        "A : b",
        "Host: x",
        "Content-Length: 3",
        "Content-Length: ",
        "Transfer-Encoding: chunked",
        "Transfer-Encoding: gzip, chunked",
        "Connection: close",
        "Connection: keep-alive",
        "Expect: 100-continue",
        "abc",
        "3\r\nabc\r\n",
        "3;x=y\r\nabc\r\n",
        "0\r\n",
        "0\r\n\r\n",
        "fff",
        "X_Y: z",
        "\u{7f}",
        "\r\n\r\n",
        "a-long-header-name-that-goes-on: and a long value",
    ];
    let first = proptest::sample::select(first).prop_map(|piece: &str| piece.as_bytes().to_vec());
    let rest = prop_oneof![
        8 => proptest::sample::select(PIECES).prop_map(|piece: &str| piece.as_bytes().to_vec()),
        1 => proptest::collection::vec(any::<u8>(), 1..6),
    ];
    (first, proptest::collection::vec(rest, 0..14)).prop_map(|(first, rest)| [first, rest.concat()].concat())
}

const REQUESTS: &[&str] = &[
    "GET / HTTP/1.1\r\n",
    "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
    "PUT /b HTTP/1.0\r\nContent-Length: 5\r\n\r\n",
    "\r\nGET /a?b HTTP/1.1\r\n",
    "GET http://x/a HTTP/1.1\n",
    "GE",
    "",
];

const RESPONSES: &[&str] = &[
    "HTTP/1.1 200 OK\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n",
    "HTTP/1.1 101 X\r\n",
    "HTTP/1.1 ",
    "",
];

fn cuts() -> impl Strategy<Value = Vec<proptest::sample::Index>> {
    proptest::collection::vec(any::<proptest::sample::Index>(), 0..6)
}

fn places(cuts: &[proptest::sample::Index], len: usize) -> Vec<usize> {
    let mut places: Vec<_> = cuts.iter().map(|cut| cut.index(len + 1)).collect();
    places.sort_unstable();
    places
}

fn name() -> impl Strategy<Value = HeaderName> {
    let own =
        |name: &HeaderName| !["content-length", "connection", "transfer-encoding"].contains(&name.as_str());
    "[a-z!#$%&'*+.^_`|~0-9-]{1,20}"
        .prop_map(|name| HeaderName::from_bytes(name.as_bytes()).unwrap())
        .prop_filter("own", own)
}

/// Without blanks at its ends, which no wire keeps.
fn value() -> impl Strategy<Value = HeaderValue> {
    let inside = prop_oneof![9 => 0x21..=0x7Eu8, 1 => 0x80..=0xFFu8, 1 => Just(b' '), 1 => Just(b'\t')];
    proptest::collection::vec(inside, 0..30)
        .prop_map(|bytes| HeaderValue::from_bytes(bytes.trim_ascii()).unwrap())
}

fn headers() -> impl Strategy<Value = HeaderMap> {
    proptest::collection::vec((name(), value()), 0..12).prop_map(|fields| {
        fields.into_iter().fold(HeaderMap::new(), |mut map, (name, value)| {
            map.append(name, value);
            map
        })
    })
}

fn chunks() -> impl Strategy<Value = Vec<Vec<u8>>> {
    proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..80), 0..6)
}

/// Writes a body in the framing that was decided, as a driver does.
fn write_body(encoder: &mut Encoder, chunks: &[Vec<u8>], trailers: Option<&HeaderMap>, wire: &mut BytesMut) {
    for chunk in chunks {
        encoder.begin(chunk.len(), wire).unwrap();
        wire.extend_from_slice(chunk);
        encoder.end(wire);
    }
    encoder.finish(trailers, wire).unwrap();
}

fn read_body(kind: BodyKind, wire: &mut BytesMut) -> (Vec<u8>, HeaderMap) {
    let (mut decoder, mut data, mut trailers) = (Decoder::new(kind), Vec::new(), HeaderMap::new());
    loop {
        match decoder.decode(wire, &Limits::default()).unwrap() {
            Event::Data(bytes) => data.extend_from_slice(&bytes),
            Event::Trailers(map) => trailers = map,
            Event::End => return (data, trailers),
            Event::NeedMore => decoder.eof().unwrap(),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    /// Neither panics nor depends on how the bytes came.
    #[test]
    fn any_split_of_a_request_gives_the_same(raw in soup(REQUESTS), cuts in cuts()) {
        let whole = request(&raw, &[], &limits());
        prop_assert_eq!(request(&raw, &places(&cuts, raw.len()), &limits()), whole.as_str());
        let every: Vec<_> = (1..raw.len()).collect();
        prop_assert_eq!(request(&raw, &every, &limits()), whole);
    }

    #[test]
    fn any_split_of_a_response_gives_the_same(raw in soup(RESPONSES), cuts in cuts()) {
        let whole = response(&raw, &[], &Method::GET, &limits());
        prop_assert_eq!(response(&raw, &places(&cuts, raw.len()), &Method::GET, &limits()), whole.as_str());
        let every: Vec<_> = (1..raw.len()).collect();
        prop_assert_eq!(response(&raw, &every, &Method::GET, &limits()), whole);
    }

    #[test]
    fn random_bytes_do_no_harm(raw in proptest::collection::vec(any::<u8>(), 0..400), cuts in cuts()) {
        request(&raw, &places(&cuts, raw.len()), &limits());
        response(&raw, &places(&cuts, raw.len()), &Method::GET, &limits());
        for kind in [BodyKind::Chunked, BodyKind::Length(7), BodyKind::UntilClose] {
            let mut buffer = BytesMut::from(raw.as_slice());
            let mut decoder = Decoder::new(kind);
            while let Ok(Event::Data(_) | Event::Trailers(_)) = decoder.decode(&mut buffer, &limits()) {}
        }
    }

    /// Whatever we take, httparse takes too, and understands it in the same way.
    #[test]
    fn httparse_agrees(raw in soup(REQUESTS)) {
        let mut buffer = BytesMut::from(raw.as_slice());
        if let Ok(Some(head)) = RequestParser::new().parse(&mut buffer, &Limits::default()) {
            let mut fields = [httparse::EMPTY_HEADER; 64];
            let mut theirs = httparse::Request::new(&mut fields);
            let parsed = theirs.parse(&raw);
            prop_assert_eq!(parsed, Ok(httparse::Status::Complete(head.head_len)));
            prop_assert_eq!(theirs.path.unwrap().as_bytes(), head.target.as_bytes());
            prop_assert_eq!(theirs.headers.len(), head.headers.len());
            for field in theirs.headers.iter() {
                let ours = head.headers.get_all(field.name);
                prop_assert!(ours.iter().any(|value| value.as_bytes() == field.value), "{}", field.name);
            }
        }
    }

    #[test]
    fn requests_come_back(
        method in "[A-Z][A-Z_-]{0,8}",
        target in proptest::collection::vec(prop_oneof![0x21..=0x7Eu8, 0x80..=0xFFu8], 0..40),
        headers in headers(),
        chunks in chunks(),
        known in any::<bool>(),
        trailers in headers(),
    ) {
        prop_assume!(method != "CONNECT");
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let target = [b"/", target.as_slice()].concat();
        let body = chunks.concat();
        let size = if known { BodySize::Known(body.len() as u64) } else { BodySize::Unknown };
        let mut wire = BytesMut::new();
        let sent = encode_request(&RequestToSend {
            method: &method, target: &target, version: Version::HTTP_11, headers: &headers,
            extensions: &Extensions::new(), body: size, keep_alive: true,
        }, &mut wire);
        let mut encoder = sent.unwrap().encoder;
        write_body(&mut encoder, &chunks, Some(&trailers), &mut wire);

        let head = RequestParser::new().parse(&mut wire, &Limits::default()).unwrap().unwrap();
        prop_assert_eq!(head.method, method);
        prop_assert_eq!(head.target.as_bytes().as_ref(), target);
        prop_assert!(head.keep_alive);
        let mut got = head.headers;
        for own in ["content-length", "transfer-encoding", "connection"] {
            got.remove(own);
        }
        prop_assert_eq!(got, headers);
        let (data, got) = read_body(head.body, &mut wire);
        prop_assert_eq!(data, body);
        prop_assert_eq!(got, if known { HeaderMap::new() } else { fit(trailers) });
        prop_assert!(wire.is_empty());
    }

    #[test]
    fn responses_come_back(
        status in 200..=999u16,
        headers in headers(),
        chunks in chunks(),
        known in any::<bool>(),
        old in any::<bool>(),
        keep_alive in any::<bool>(),
    ) {
        prop_assume!(status != 204 && status != 304);
        let status = StatusCode::from_u16(status).unwrap();
        let body = chunks.concat();
        let size = if known { BodySize::Known(body.len() as u64) } else { BodySize::Unknown };
        let version = if old { Version::HTTP_10 } else { Version::HTTP_11 };
        let mut wire = BytesMut::new();
        let mut sent = encode_response(&ResponseToSend {
            status, headers: &headers, extensions: &Extensions::new(), body: size, method: &Method::GET, version,
            keep_alive, date: None,
        }, &mut wire);
        write_body(&mut sent.encoder, &chunks, None, &mut wire);

        let head = ResponseParser::new().parse(&mut wire, &Method::GET, &Limits::default()).unwrap().unwrap();
        prop_assert_eq!(head.status, status);
        prop_assert_eq!(head.keep_alive, sent.keep_alive);
        let mut got = head.headers;
        for own in ["content-length", "transfer-encoding", "connection"] {
            got.remove(own);
        }
        prop_assert_eq!(got, headers);
        prop_assert_eq!(read_body(head.body, &mut wire).0, body);
        prop_assert!(wire.is_empty());
    }
}

/// Without what must not be a trailer.
fn fit(mut trailers: HeaderMap) -> HeaderMap {
    for name in ["te", "host", "expect", "trailer", "upgrade"] {
        trailers.remove(name);
    }
    trailers
}

/// Not by chance: data is split off the buffer, not copied.
#[test]
fn data_is_not_copied() {
    let mut wire = BytesMut::from("6\r\nabcdef\r\n0\r\n\r\n");
    let place = wire.as_ptr() as usize + 3;
    let event = Decoder::new(BodyKind::Chunked).decode(&mut wire, &Limits::default());
    let Ok(Event::Data(data)) = event else { panic!("data") };
    assert_eq!((data.as_ptr() as usize, &data), (place, &Bytes::from_static(b"abcdef")));
}
