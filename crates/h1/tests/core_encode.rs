//! What the encoders write, and what they decide. RFC 9112 4, 6, 7, 9; RFC 9110 8.6, 15.
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
use propylon_h1::proto::{
    CONTINUE, Encoder, RequestToSend, ResponseToSend, encode_interim, encode_request, encode_response,
};
use propylon_h1::{BodySize, EncodeError, FieldOrder, HeaderCase, Names, Reason, Spelling};
use support::{head, response_head};

const EMPTY: BodySize = BodySize::Known(0);
const UNKNOWN: BodySize = BodySize::Unknown;

/// `name:value` each.
fn map(fields: &[&str]) -> HeaderMap {
    let pair = |field: &&str| {
        let (name, value) = field.split_once(':').unwrap();
        (HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap())
    };
    fields.iter().map(pair).fold(HeaderMap::new(), |mut map, (name, value)| {
        map.append(name, value);
        map
    })
}

/// The head without the line ends, `|` between lines; then how the body is framed and whether the connection stays.
fn check_response(request: &str, status: u16, fields: &[&str], body: BodySize, want: &str) {
    let (method, version) = request.split_once(' ').unwrap();
    let mut wire = BytesMut::new();
    let sent = encode_response(
        &ResponseToSend {
            status: StatusCode::from_u16(status).unwrap(),
            headers: &map(fields),
            extensions: &Extensions::new(),
            body,
            method: &method.parse().unwrap(),
            version: if version == "1.0" { Version::HTTP_10 } else { Version::HTTP_11 },
            keep_alive: !version.ends_with('c'),
            date: None,
        },
        &mut wire,
    );
    let got = format!("{} {} {}", lines(&wire), framing(sent.encoder), kept(sent.keep_alive));
    assert_eq!(got, want, "{request} {status} {fields:?} {body:?}");
}

fn check_request(line: &str, fields: &[&str], body: BodySize, want: &str) {
    let [method, target, version] = line.split(' ').collect::<Vec<_>>().try_into().unwrap();
    let mut wire = BytesMut::from("before");
    let sent = encode_request(
        &RequestToSend {
            method: &method.parse().unwrap(),
            target: target.as_bytes(),
            version: if version == "1.0" { Version::HTTP_10 } else { Version::HTTP_11 },
            headers: &map(fields),
            extensions: &Extensions::new(),
            body,
            keep_alive: version != "1.1c",
        },
        &mut wire,
    );
    let got = match sent {
        Ok(sent) => {
            format!("{} {} {}", lines(&wire[6..]), framing(sent.encoder), kept(sent.keep_alive))
        }
        Err(error) => {
            assert_eq!(wire, "before", "an error leaves nothing behind");
            format!("{error:?}")
        }
    };
    assert_eq!(got, want, "{line} {fields:?} {body:?}");
}

fn lines(wire: &[u8]) -> String {
    let text = std::str::from_utf8(wire).unwrap();
    text.strip_suffix("\r\n\r\n").expect("an empty line at the end").replace("\r\n", "|")
}

fn framing(encoder: Encoder) -> String {
    match encoder.remaining() {
        Some(length) => length.to_string(),
        None if encoder.is_chunked() => "chunked".to_owned(),
        None if encoder.takes_data() => "until-close".to_owned(),
        None => "none".to_owned(),
    }
}

fn kept(keep: bool) -> &'static str {
    if keep { "keep" } else { "close" }
}

#[test]
fn responses() {
    let known = BodySize::Known;
    let check = check_response;
    check(
        "GET 1.1",
        200,
        &["content-type:a/b"],
        known(5),
        "HTTP/1.1 200 OK|Content-Type: a/b|Content-Length: 5 5 keep",
    );
    check("GET 1.1", 200, &[], EMPTY, "HTTP/1.1 200 OK|Content-Length: 0 0 keep");
    check("GET 1.1", 200, &[], UNKNOWN, "HTTP/1.1 200 OK|Transfer-Encoding: chunked chunked keep");
    check("GET 1.1c", 200, &[], known(5), "HTTP/1.1 200 OK|Content-Length: 5|Connection: close 5 close");
    // A size that is known wins over the caller's field, which counts where it is not.
    check("GET 1.1", 200, &["content-length:7"], known(5), "HTTP/1.1 200 OK|Content-Length: 5 5 keep");
    check("GET 1.1", 200, &["content-length:7"], UNKNOWN, "HTTP/1.1 200 OK|Content-Length: 7 7 keep");
    check(
        "GET 1.1",
        200,
        &["content-length:x"],
        UNKNOWN,
        "HTTP/1.1 200 OK|Transfer-Encoding: chunked chunked keep",
    );
    check(
        "GET 1.1",
        200,
        &["content-length:7", "content-length:8"],
        UNKNOWN,
        "HTTP/1.1 200 OK|Transfer-Encoding: chunked chunked keep",
    );
    check("GET 1.1", 200, &["transfer-encoding:gzip"], known(5), "HTTP/1.1 200 OK|Content-Length: 5 5 keep");
    // `close` is obeyed, everything else of `Connection` is the engine's.
    check(
        "GET 1.1",
        200,
        &["connection:x, Close"],
        EMPTY,
        "HTTP/1.1 200 OK|Content-Length: 0|Connection: close 0 close",
    );
    check("GET 1.1", 200, &["connection:x"], EMPTY, "HTTP/1.1 200 OK|Content-Length: 0 0 keep");
    check(
        "GET 1.1",
        426,
        &["upgrade:h2c"],
        EMPTY,
        "HTTP/1.1 426 Upgrade Required|Upgrade: h2c|Content-Length: 0|Connection: upgrade 0 keep",
    );
    // HTTP/1.0: no chunks; staying is said.
    check("GET 1.0", 200, &[], known(5), "HTTP/1.1 200 OK|Content-Length: 5|Connection: keep-alive 5 keep");
    check("GET 1.0", 200, &[], UNKNOWN, "HTTP/1.1 200 OK|Connection: close until-close close");
    // HEAD and 304 tell of a body that does not follow, 204 and 1xx of none.
    check("HEAD 1.1", 200, &["content-length:7"], EMPTY, "HTTP/1.1 200 OK|Content-Length: 7 none keep");
    check("HEAD 1.1", 200, &[], known(5), "HTTP/1.1 200 OK|Content-Length: 5 none keep");
    check("HEAD 1.1", 200, &[], EMPTY, "HTTP/1.1 200 OK none keep");
    check("HEAD 1.1", 200, &["transfer-encoding:chunked"], UNKNOWN, "HTTP/1.1 200 OK none keep");
    check(
        "GET 1.1",
        304,
        &["content-length:7"],
        EMPTY,
        "HTTP/1.1 304 Not Modified|Content-Length: 7 none keep",
    );
    check("GET 1.1", 204, &["content-length:7"], known(5), "HTTP/1.1 204 No Content none keep");
    check(
        "GET 1.1",
        101,
        &["upgrade:x", "connection:upgrade", "content-length:3"],
        UNKNOWN,
        "HTTP/1.1 101 Switching Protocols|Upgrade: x|Connection: upgrade none close",
    );
    check(
        "CONNECT 1.1",
        200,
        &["content-length:3", "transfer-encoding:chunked"],
        UNKNOWN,
        "HTTP/1.1 200 OK none close",
    );
    check("CONNECT 1.1", 403, &[], known(3), "HTTP/1.1 403 Forbidden|Content-Length: 3 3 keep");
    // A status without a phrase of its own.
    check("GET 1.1", 599, &[], EMPTY, "HTTP/1.1 599 |Content-Length: 0 0 keep");
}

#[test]
fn requests() {
    let known = BodySize::Known;
    let check = check_request;
    check("GET / 1.1", &["a:b", "host:x"], EMPTY, "GET / HTTP/1.1|Host: x|A: b 0 keep");
    check("GET /?<\u{E9}> 1.1", &[], EMPTY, "GET /?<\u{E9}> HTTP/1.1 0 keep");
    check("GET / 1.1c", &[], EMPTY, "GET / HTTP/1.1|Connection: close 0 close");
    check("GET / 1.0", &[], EMPTY, "GET / HTTP/1.0|Connection: keep-alive 0 keep");
    check("POST / 1.1", &[], EMPTY, "POST / HTTP/1.1 0 keep");
    check("POST / 1.1", &["content-length:0"], EMPTY, "POST / HTTP/1.1|Content-Length: 0 0 keep");
    check("DELETE / 1.1", &["content-length:0"], EMPTY, "DELETE / HTTP/1.1|Content-Length: 0 0 keep");
    check("PUT / 1.1", &["content-length:9"], known(5), "PUT / HTTP/1.1|Content-Length: 5 5 keep");
    check("PUT / 1.1", &["content-length:9"], UNKNOWN, "PUT / HTTP/1.1|Content-Length: 9 9 keep");
    check(
        "PUT / 1.1",
        &["transfer-encoding:x"],
        UNKNOWN,
        "PUT / HTTP/1.1|Transfer-Encoding: chunked chunked keep",
    );
    check("PUT / 1.0", &[], UNKNOWN, "LengthRequired");
    check("GET / 1.1", &["connection:close"], EMPTY, "GET / HTTP/1.1|Connection: close 0 close");
    check(
        "GET / 1.1",
        &["upgrade:x", "te:trailers", "connection:foo"],
        EMPTY,
        "GET / HTTP/1.1|Upgrade: x|TE: trailers|Connection: upgrade, te 0 keep",
    );
    check("CONNECT x:1 1.1", &["host:x:1"], UNKNOWN, "CONNECT x:1 HTTP/1.1|Host: x:1 none keep");
    check("GET /\r\nA:b 1.1", &[], EMPTY, "Target");
    check("GET /\u{7F} 1.1", &[], EMPTY, "Target");
    check("GET  1.1", &[], EMPTY, "Target");
}

#[test]
fn date_is_written_unless_there_is_one() {
    let date = HeaderValue::from_static("now");
    let write = |fields: &[&str]| {
        let mut wire = BytesMut::new();
        let headers = map(fields);
        let head = ResponseToSend {
            status: StatusCode::OK,
            headers: &headers,
            extensions: &Extensions::new(),
            body: EMPTY,
            method: &Method::GET,
            version: Version::HTTP_11,
            keep_alive: true,
            date: Some(&date),
        };
        encode_response(&head, &mut wire);
        lines(&wire)
    };
    assert_eq!(write(&[]), "HTTP/1.1 200 OK|Date: now|Content-Length: 0");
    assert_eq!(write(&["date:then"]), "HTTP/1.1 200 OK|Date: then|Content-Length: 0");
}

fn with_extensions(fields: &[&str], extensions: &Extensions) -> String {
    let mut wire = BytesMut::new();
    let headers = map(fields);
    let head = ResponseToSend {
        status: StatusCode::OK,
        headers: &headers,
        extensions,
        body: BodySize::Known(3),
        method: &Method::GET,
        version: Version::HTTP_11,
        keep_alive: false,
        date: None,
    };
    encode_response(&head, &mut wire);
    lines(&wire)
}

#[test]
fn reason_case_and_order() {
    let mut extensions = Extensions::new();
    extensions.insert(Reason::new("Fine \u{E9}").unwrap());
    extensions.insert(Spelling::default().in_case(HeaderCase::Lower));
    assert_eq!(
        with_extensions(&["x-a:b"], &extensions),
        "HTTP/1.1 200 Fine \u{E9}|x-a: b|content-length: 3|connection: close"
    );

    let mut extensions = Extensions::new();
    let order = FieldOrder::new()
        .then("CONTENT-length")
        .then("b")
        .then("Gone")
        .then("A")
        .then("B")
        .then("not a token\r\n");
    extensions.insert(Spelling::default().in_order(order));
    assert_eq!(
        with_extensions(&["a:1", "b:2", "b:3", "b:4", "c:5", "transfer-encoding:x"], &extensions),
        "HTTP/1.1 200 OK|CONTENT-length: 3|b: 2|A: 1|B: 3|B: 4|C: 5|Connection: close"
    );
}

#[test]
fn order_of_a_received_head_is_written_again() {
    let raw = "GET /a HTTP/1.1\r\nhOST: x\r\nX-b: 1\r\na: 2\r\nX-B: 3\r\nCONTENT-LENGTH: 4\r\n\r\n";
    let received = head(raw);
    let mut extensions = Extensions::new();
    extensions.insert(Spelling::default().in_order(FieldOrder::of(&received.raw)));
    let mut wire = BytesMut::new();
    let again = RequestToSend {
        method: &received.method,
        target: received.target.as_bytes(),
        version: received.version,
        headers: &received.headers,
        extensions: &extensions,
        body: BodySize::Known(4),
        keep_alive: true,
    };
    encode_request(&again, &mut wire).unwrap();
    assert_eq!(wire, raw);
}

#[test]
fn names_are_spelled_as_their_rfc_does_or_as_they_came() {
    let fields = ["etag:1", "www-authenticate:2", "x-lower:3", "x-upper:4", "x-added:5"];
    let plain = Extensions::new();
    assert_eq!(
        with_extensions(&fields, &plain),
        "HTTP/1.1 200 OK|ETag: 1|WWW-Authenticate: 2|X-Lower: 3|X-Upper: 4|X-Added: 5|Content-Length: 3|Connection: close"
    );
    let raw =
        "GET / HTTP/1.1\r\nX-UPPER: 0\r\nhost: a\r\nx-lower: 0\r\nX-added: 0\r\nEtag: 0\r\nx-gone: 0\r\n\r\n";
    let spelling = head(raw).into_request(()).extensions().get::<Spelling>().cloned().unwrap();
    let names = Names::new(["X-ADDED", "X-Usual", "ETag"]).unwrap();
    assert_eq!(Names::new(["X-Usual", "ETag", "not a token"]), None);
    let mut extensions = Extensions::new();
    extensions.insert(spelling.with_names(names));
    assert_eq!(
        with_extensions(&fields, &extensions),
        "HTTP/1.1 200 OK|Etag: 1|WWW-Authenticate: 2|x-lower: 3|X-UPPER: 4|X-ADDED: 5|Content-Length: 3|Connection: close"
    );
    for usual in
        ["GET / HTTP/1.1\r\nHost: a\r\nX-Usual: 0\r\nX-1a: 0\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\n\r\n"]
    {
        assert!(head(usual).into_request(()).extensions().get::<Spelling>().is_none(), "{usual}");
    }
}

#[test]
fn reasons_are_checked() {
    assert!(Reason::new("a\r\nb").is_err());
    assert!(Reason::new("a\nb").is_err());
    assert!(Reason::new(Bytes::from_static(b"\0")).is_err());
    assert!(Reason::new(Bytes::from_static(b"\x7F")).is_err());
    assert_eq!(Reason::new("A b\tc").unwrap().as_bytes(), b"A b\tc");
    assert!(response_head("HTTP/1.1 200 OK\r\n\r\n").reason.is_none(), "the usual one");
    assert_eq!(response_head("HTTP/1.1 200 Fine\r\n\r\n").reason.unwrap().as_bytes(), b"Fine");
    assert_eq!(response_head("HTTP/1.1 200 \r\n\r\n").reason.unwrap().as_bytes(), b"");
}

#[test]
fn interim() {
    let write = |status: u16, fields: &[&str]| {
        let mut wire = BytesMut::new();
        let status = StatusCode::from_u16(status).unwrap();
        encode_interim(status, &map(fields), &Extensions::new(), &mut wire).map(|()| wire)
    };
    assert_eq!(write(100, &[]).unwrap(), CONTINUE);
    let hints =
        write(103, &["link:a", "content-length:5", "connection:x", "link:b", "transfer-encoding:chunked"]);
    assert_eq!(lines(&hints.unwrap()), "HTTP/1.1 103 Early Hints|Link: a|Link: b");
    assert_eq!(write(101, &[]), Err(EncodeError::NotInterim), "it ends the exchange");
    assert_eq!(write(200, &[]), Err(EncodeError::NotInterim));
}

#[test]
fn bodies() {
    let mut wire = BytesMut::new();
    let mut chunked = Encoder::chunked();
    for len in [1, 0x0F, 0x10, 0xFF, 0x100, 0xFFFF, 0x10_0000, usize::MAX, 0] {
        chunked.begin(len, &mut wire).unwrap();
    }
    assert_eq!(
        wire, "1\r\nf\r\n10\r\nff\r\n100\r\nffff\r\n100000\r\nffffffffffffffff\r\n",
        "nothing for none"
    );

    let mut wire = BytesMut::new();
    chunked.end(&mut wire);
    let trailers = map(&["a:b", "content-length:5", "host:x", "a:c"]);
    chunked.finish(Some(&trailers), &mut wire).unwrap();
    assert_eq!(wire, "\r\n0\r\nA: b\r\nA: c\r\n\r\n", "what frames and routes is no trailer");

    let mut wire = BytesMut::new();
    let mut length = Encoder::length(5);
    length.begin(3, &mut wire).unwrap();
    length.end(&mut wire);
    assert_eq!(length.finish(None, &mut wire), Err(EncodeError::BodyTooShort));
    assert_eq!(length.begin(3, &mut wire), Err(EncodeError::BodyTooLong));
    length.begin(2, &mut wire).unwrap();
    length.finish(Some(&trailers), &mut wire).unwrap();
    assert!(wire.is_empty(), "a length needs nothing around it");

    assert_eq!(Encoder::until_close().finish(None, &mut wire), Ok(()));
    assert!(wire.is_empty() && !Encoder::empty().takes_data());
}
