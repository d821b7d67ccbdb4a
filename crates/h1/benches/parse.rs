//! A typical request of ten fields read, a typical response written.
#![allow(missing_docs, clippy::unwrap_used, reason = "a bench")]

use std::hint::black_box;

use bytes::BytesMut;
use criterion::{Criterion, criterion_group, criterion_main};
use http::{Extensions, HeaderMap, HeaderValue, Method, StatusCode, Version};
use propylon_h1::proto::{RequestParser, ResponseParser, ResponseToSend, encode_response};
use propylon_h1::{BodySize, Limits};

const REQUEST: &[u8] = b"GET /static/css/site.css?v=42 HTTP/1.1\r\n\
Host: www.example.com\r\n\
User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n\
Accept: text/css,*/*;q=0.1\r\n\
Accept-Language: en-US,en;q=0.5\r\n\
Accept-Encoding: gzip, deflate, br\r\n\
Connection: keep-alive\r\n\
Referer: http://www.example.com/\r\n\
Cookie: session=0123456789abcdef; theme=dark\r\n\
If-None-Match: \"5e1f-61a0\"\r\n\
Cache-Control: max-age=0\r\n\r\n";

const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\n\
Server: origin\r\n\
Date: Sun, 22 Nov 2026 12:00:00 GMT\r\n\
Content-Type: text/css\r\n\
Content-Length: 1024\r\n\
Last-Modified: Sat, 21 Nov 2026 12:00:00 GMT\r\n\
Connection: keep-alive\r\n\
ETag: \"5e1f-61a0\"\r\n\
Accept-Ranges: bytes\r\n\r\n";

fn parse(criterion: &mut Criterion) {
    let limits = Limits::default();
    criterion.bench_function("request of ten fields, parsed", |bencher| {
        // As a connection does: the buffer is taken back once the head has been dropped.
        let mut buffer = BytesMut::with_capacity(8192);
        bencher.iter(|| {
            buffer.reserve(4096);
            buffer.extend_from_slice(black_box(REQUEST));
            drop(RequestParser::new().parse(&mut buffer, &limits).unwrap().unwrap());
        });
    });
    criterion.bench_function("the same, split by httparse alone", |bencher| {
        bencher.iter(|| {
            let mut fields = [httparse::EMPTY_HEADER; 32];
            httparse::Request::new(&mut fields).parse(black_box(REQUEST)).unwrap()
        });
    });
    criterion.bench_function("response of eight fields, parsed", |bencher| {
        let mut buffer = BytesMut::with_capacity(8192);
        bencher.iter(|| {
            buffer.reserve(4096);
            buffer.extend_from_slice(black_box(RESPONSE));
            drop(ResponseParser::new().parse(&mut buffer, &Method::GET, &limits).unwrap().unwrap());
        });
    });
}

fn encode(criterion: &mut Criterion) {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("server", "origin"),
        ("content-type", "text/css"),
        ("last-modified", "Sat, 21 Nov 2026 12:00:00 GMT"),
        ("etag", "\"5e1f-61a0\""),
        ("accept-ranges", "bytes"),
        ("cache-control", "max-age=3600"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let date = HeaderValue::from_static("Sun, 22 Nov 2026 12:00:00 GMT");
    let extensions = Extensions::new();
    let head = ResponseToSend {
        status: StatusCode::OK,
        headers: &headers,
        extensions: &extensions,
        body: BodySize::Known(1024),
        method: &Method::GET,
        version: Version::HTTP_11,
        keep_alive: true,
        date: Some(&date),
    };
    let mut wire = BytesMut::with_capacity(4096);
    criterion.bench_function("response of eight fields, encoded", |bencher| {
        bencher.iter(|| {
            wire.clear();
            encode_response(black_box(&head), &mut wire)
        });
    });
}

criterion_group!(benches, parse, encode);
criterion_main!(benches);
