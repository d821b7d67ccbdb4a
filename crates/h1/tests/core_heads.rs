//! What is in a head besides its verdict: marks, raw bytes, the target and its other forms.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test"
)]

mod support;

use bytes::BytesMut;
use http::{HeaderName, Method, Version};
use propylon_h1::proto::{Decoder, Event, RawFields, RequestParser, ResponseParser};
use propylon_h1::{
    BodyKind, HeadErrorKind, Limits, Marks, Reason, ReceivedRequest, ReceivedResponse, Target, TargetForm,
    Unwanted,
};
use support::{head, response_head, shared};

#[test]
fn marks() {
    let check = |fields: &str, want: Marks| {
        let got = head(&format!("POST / HTTP/1.1\r\n{fields}\r\n")).marks;
        assert_eq!(got, want, "{fields:?}");
    };
    check("", Marks::NONE);
    check("Accept: a\r\nCookie: b\r\nX-Forwarded-For: c\r\n", Marks::NONE);
    check("Host: a\r\n", Marks::HOST);
    check("Host: a\r\nhOST: a\r\n", Marks::HOST | Marks::HOST_REPEATED | Marks::SPELLED);
    check("Connection: close\r\n", Marks::CONNECTION);
    check("Connection: close, Keep-Alive, , upgrade, TE\r\n", Marks::CONNECTION);
    check("Connection: close, X-A\r\n", Marks::CONNECTION | Marks::NOMINATED);
    check("Connection: x-a\r\nConnection: close\r\n", Marks::CONNECTION | Marks::NOMINATED);
    check("Keep-Alive: a\r\n", Marks::KEEP_ALIVE);
    check("Proxy-Connection: a\r\n", Marks::PROXY_CONNECTION);
    check("TE: a\r\nTrailer: b\r\n", Marks::TE | Marks::TRAILER);
    check("Transfer-Encoding: chunked\r\n", Marks::TRANSFER_ENCODING);
    check("Content-Length: 1\r\n", Marks::CONTENT_LENGTH);
    check("Upgrade: a\r\nHTTP2-Settings: b\r\n", Marks::UPGRADE | Marks::HTTP2_SETTINGS);
    check("Expect: 100-continue\r\n", Marks::EXPECT);
    check("Expect: 100-continue, x\r\n", Marks::EXPECT | Marks::EXPECT_UNKNOWN);
    check("Proxy-Authorization: a\r\n", Marks::PROXY_AUTH);
    check("Date: a\r\n", Marks::DATE);
    check("X_A: a\r\n", Marks::UNDERSCORE | Marks::SPELLED);
    check("X.A: a\r\nX.a: a\r\n", Marks::UNUSUAL_NAME | Marks::SPELLED);
    check("X.a: a\r\n", Marks::UNUSUAL_NAME);
    check("X*_: a\r\n", Marks::UNUSUAL_NAME | Marks::UNDERSCORE);
    assert_eq!(format!("{:?}", Marks::TE | Marks::HOST), "{TE, HOST}");
    assert!(!Marks::HOP_BY_HOP.any(Marks::HOST | Marks::CONTENT_LENGTH | Marks::EXPECT));
}

#[test]
fn raw_bytes_keep_order_and_spelling() {
    let raw = "GET / HTTP/1.1\r\nhOST: x\r\nB:\t1 \r\na:2\nB: \r\n\r\n";
    let mut buffer = BytesMut::from(format!("\r\n\n{raw}next").as_str());
    let head = RequestParser::new().parse(&mut buffer, &Limits::default()).unwrap().unwrap();
    assert_eq!(head.raw, raw);
    assert_eq!(head.head_len, raw.len() + 3, "the empty lines before it count");
    assert_eq!(buffer, "next");
    let fields: Vec<_> = RawFields::new(&head.raw).collect();
    let want: [(&[u8], &[u8]); 4] = [(b"hOST", b"x"), (b"B", b"1"), (b"a", b"2"), (b"B", b"")];
    assert_eq!(fields, want);
    assert_eq!(head.headers.get_all("b").iter().collect::<Vec<_>>(), ["1", ""]);
}

/// What HTTP/1.1 clients send without waiting comes out one by one.
#[test]
fn pipelined_requests() {
    let mut buffer = BytesMut::from(
        "GET /1 HTTP/1.1\r\n\r\nPOST /2 HTTP/1.1\r\nContent-Length: 2\r\n\r\nabPOST /3 HTTP/1.1\r\nTransfer-Encoding: \
         chunked\r\n\r\n1\r\na\r\n0\r\n\r\n\r\nGET /4 HTTP/1.0\r\n\r\n",
    );
    let (mut parser, limits, mut seen) = (RequestParser::new(), Limits::default(), String::new());
    while let Some(head) = parser.parse(&mut buffer, &limits).unwrap() {
        let mut decoder = Decoder::new(head.body);
        let mut length = 0;
        while let Event::Data(data) = decoder.decode(&mut buffer, &limits).unwrap() {
            length += data.len();
        }
        assert!(decoder.is_end());
        seen += &format!("{:?}+{length} ", head.target.as_bytes());
    }
    assert_eq!(seen, "b\"/1\"+0 b\"/2\"+2 b\"/3\"+1 b\"/4\"+0 ");
    assert!(parser.is_idle(&buffer) && parser.eof(&buffer).is_none() && parser.timed_out(&buffer).is_none());
}

#[test]
fn errors_tell_what_had_come_of_the_line() {
    let line = |raw: &str| {
        let mut buffer = BytesMut::from(raw);
        let mut parser = RequestParser::new();
        let error = match parser.parse(&mut buffer, &Limits::default()) {
            Err(error) => error,
            Ok(Some(_)) => panic!("{raw:?} is refused"),
            Ok(None) => parser.timed_out(&buffer).expect("it had begun"),
        };
        (error.status().as_u16(), error.first_line().clone())
    };
    assert_eq!(line("GET /a"), (408, "GET /a".into()));
    assert_eq!(line("\r\nGET /a HTTP/1.1\r\nHo"), (408, "GET /a HTTP/1.1".into()));
    assert_eq!(line("get /a HTTP/1.1\r\nHost: x\r\n\r\n"), (400, "get /a HTTP/1.1".into()));
    assert_eq!(line("GET /a HTTP/1.1\nA : b\n\n"), (400, "GET /a HTTP/1.1".into()));
    assert_eq!(line("GET /a HTTP/3.0\r\n"), (505, "GET /a HTTP/3.0".into()));
    let (status, long) = line(&format!("GET /{}", "a".repeat(10_000)));
    assert_eq!((status, long.len()), (414, 8192), "no more than the limit is kept");
}

#[test]
fn idle_is_when_nothing_has_come() {
    let parser = RequestParser::new();
    for (buffer, idle) in [("", true), ("\r", true), ("\r\n", true), ("G", false), ("\r\nG", false)] {
        assert_eq!(parser.is_idle(&BytesMut::from(buffer)), idle, "{buffer:?}");
    }
    let mut buffer = BytesMut::from("GET / HTTP/1.1\r\n");
    let mut parser = RequestParser::new();
    assert!(parser.parse(&mut buffer, &Limits::default()).unwrap().is_none());
    assert!(!parser.is_idle(&buffer));
}

#[test]
fn targets() {
    let check = |method: Method, raw: &str, form, authority: Option<&str>, path: &str, uri: &str| {
        let target = Target::new(&method, shared(raw)).unwrap_or_else(|| panic!("{raw:?} is a target"));
        assert_eq!(target.form(), form, "{raw:?}");
        assert_eq!(target.authority().as_deref(), authority.map(str::as_bytes), "{raw:?}");
        assert_eq!(target.path_and_query(), shared(path), "{raw:?}");
        assert_eq!(target.uri().to_string(), uri, "{raw:?}");
        assert_eq!(*target.as_bytes(), shared(raw), "exact");
    };
    use TargetForm::{Absolute, Asterisk, Authority, Origin};
    check(Method::GET, "/a?b", Origin, None, "/a?b", "/a?b");
    check(Method::GET, "//a", Origin, None, "//a", "//a");
    check(Method::GET, "/%zz%00", Origin, None, "/%zz%00", "/%zz%00");
    check(Method::GET, "/<a>`", Origin, None, "/<a>`", "/%3Ca%3E%60");
    check(Method::GET, "/?\"<", Origin, None, "/?\"<", "/?%22%3C");
    check(Method::GET, "/a#b?c", Origin, None, "/a#b?c", "/a%23b?c");
    check(Method::GET, "/\u{E9}\u{FF}", Origin, None, "/\u{E9}\u{FF}", "/%E9%FF");
    check(Method::GET, "http://x:1/a?b", Absolute, Some("x:1"), "/a?b", "http://x:1/a?b");
    check(Method::GET, "http://x", Absolute, Some("x"), "/", "http://x/");
    check(Method::GET, "http://x?b", Absolute, Some("x"), "/?b", "http://x/?b");
    check(Method::GET, "http://x/<", Absolute, Some("x"), "/<", "http://x/%3C");
    check(Method::GET, "http://[::1]:8/a", Absolute, Some("[::1]:8"), "/a", "http://[::1]:8/a");
    check(Method::OPTIONS, "*", Asterisk, None, "*", "*");
    check(Method::CONNECT, "x:443", Authority, Some("x:443"), "", "x:443");
    let long = format!("/{}", "a".repeat(70_000));
    assert_eq!(Target::new(&Method::GET, shared(&long)).unwrap().uri(), "/", "Uri cannot hold it");
    for refused in ["", "a", "/ ", "/\t", "/\n", "/\u{7F}", "*", "x:443", "http://", "://x"] {
        assert!(Target::new(&Method::GET, shared(refused)).is_none(), "{refused:?}");
    }
}

#[test]
fn requests_for_services() {
    let request = head("GET /<a> HTTP/1.0\r\nHost: x\r\n\r\n").into_request("body");
    assert_eq!((request.method(), request.version()), (&Method::GET, Version::HTTP_10));
    assert_eq!(request.uri(), "/%3Ca%3E");
    assert_eq!(request.headers()["host"], "x");
    let received = request.extensions().get::<ReceivedRequest>().unwrap();
    assert_eq!(received.target.as_bytes().as_ref(), b"/<a>");
    assert_eq!((received.marks, received.raw.len()), (Marks::HOST, 30));
    assert_eq!(request.into_body(), "body");
}

#[test]
fn responses_for_callers() {
    let head = response_head("HTTP/1.1 304 Same\r\nContent-Length: 7\r\n\r\n");
    assert_eq!((head.body, head.content_length), (BodyKind::Empty, Some(7)));
    let response = head.into_response(());
    assert_eq!(response.status(), 304);
    assert_eq!(response.extensions().get::<Reason>().unwrap().as_bytes(), b"Same");
    assert_eq!(response.extensions().get::<ReceivedResponse>().unwrap().content_length, Some(7));
    let usual = response_head("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n").into_response(());
    assert!(usual.extensions().get::<Reason>().is_none());
}

#[test]
fn interim_responses_are_told_apart() {
    let mut buffer = BytesMut::from(
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    );
    let mut parser = ResponseParser::new();
    let mut next = || parser.parse(&mut buffer, &Method::POST, &Limits::default()).unwrap().unwrap();
    let heads = [next(), next(), next()].map(|head| (head.status.as_u16(), head.is_interim()));
    assert_eq!(heads, [(100, true), (103, true), (200, false)]);
    assert!(
        !response_head("HTTP/1.1 101 Switching Protocols\r\n\r\n").is_interim(),
        "it is the last of its connection"
    );
}

#[test]
fn size_hints() {
    let limits = Limits::default();
    let mut decoder = Decoder::new(BodyKind::Length(5));
    assert_eq!(decoder.size_hint().exact(), Some(5));
    assert!(matches!(decoder.decode(&mut BytesMut::from("ab"), &limits), Ok(Event::Data(_))));
    assert_eq!(decoder.size_hint().exact(), Some(3));
    let mut decoder = Decoder::new(BodyKind::Chunked);
    assert!(matches!(decoder.decode(&mut BytesMut::from("5\r\nab"), &limits), Ok(Event::Data(_))));
    assert_eq!((decoder.size_hint().lower(), decoder.size_hint().upper()), (3, None));
    assert_eq!(Decoder::new(BodyKind::UntilClose).size_hint().upper(), None);
    assert_eq!(Decoder::new(BodyKind::Empty).size_hint().exact(), Some(0));
}

/// An error stays one, and the end stays the end.
#[test]
fn decoders_are_final() {
    let limits = Limits::default();
    let mut decoder = Decoder::new(BodyKind::Chunked);
    let error = decoder.decode(&mut BytesMut::from("x"), &limits).unwrap_err();
    assert_eq!(decoder.decode(&mut BytesMut::from("0\r\n\r\n"), &limits), Err(error));
    assert_eq!(decoder.eof(), Err(error));
    let mut decoder = Decoder::new(BodyKind::UntilClose);
    assert_eq!(decoder.eof(), Ok(()));
    assert_eq!(decoder.decode(&mut BytesMut::from("x"), &limits), Ok(Event::End));
}

#[test]
fn what_nobody_wants_is_judged_and_left_out() {
    let unwanted = Unwanted::from(Marks::DATE | Marks::SERVER | Marks::CONNECTION | Marks::KEEP_ALIVE)
        .names(["via", "x-internal", "content-length"].map(HeaderName::from_static));
    let names = |fields: &str| {
        let raw = format!("HTTP/1.1 {fields}\r\n\r\n");
        let parsed = ResponseParser::new().parse_without(
            &mut BytesMut::from(raw.as_str()),
            &Method::GET,
            &Limits::default(),
            &unwanted,
        );
        let head = parsed.unwrap().unwrap();
        let names = head.headers.keys().map(|name| name.as_str().to_owned()).collect::<Vec<_>>().join(" ");
        (names, head.keep_alive, head.marks.contains(Marks::DATE))
    };
    let end = "Content-Length: 0";
    for (fields, listed, keep_alive, date) in [
        (format!("200 OK\r\nServer: s\r\nDate: d\r\nX-A: 1\r\n{end}"), "x-a content-length", true, true),
        (format!("200 OK\r\nConnection: close\r\nKeep-Alive: x\r\n{end}"), "content-length", false, false),
        (
            format!("200 OK\r\nConnection: x-a, close\r\nX-A: 1\r\n{end}"),
            "connection x-a content-length",
            false,
            false,
        ),
        (
            format!("200 OK\r\nConnection: x-a\r\nConnection: close\r\n{end}"),
            "connection content-length",
            false,
            false,
        ),
        (
            format!("200 OK\r\nX-INTERNAL: 1\r\nvia: 1\r\nX-A: 1\r\nVia:2\r\n{end}"),
            "x-a content-length",
            true,
            false,
        ),
        (
            "101 Go\r\nServer: s\r\nConnection: upgrade\r\nVia: 1\r\nUpgrade: x".to_owned(),
            "server connection via upgrade",
            false,
            false,
        ),
    ] {
        assert_eq!(names(&fields), (listed.to_owned(), keep_alive, date), "{fields}");
    }
    for bad in ["Date: \0", "Via: \0", "X-Internal: a\rb", "Via : a"] {
        let bad = format!("HTTP/1.1 200 OK\r\n{bad}\r\n\r\n");
        let mut buf = BytesMut::from(bad.as_str());
        let parsed =
            ResponseParser::new().parse_without(&mut buf, &Method::GET, &Limits::default(), &unwanted);
        let expected = if bad.contains(" :") { HeadErrorKind::FieldName } else { HeadErrorKind::FieldValue };
        assert_eq!(parsed.unwrap_err().kind(), expected, "{bad:?}");
    }
}
