//! Every limit: what is at it passes, one byte or line more does not, however the bytes are cut.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test"
)]

mod support;

use propylon_h1::Limits;
use support::{cuts, request};

/// `raw` within the limits, and with `more` of something beyond them.
fn check(limits: &Limits, raw: &str, more: &str, want: &str) {
    for cut in cuts(raw.len()) {
        let got = request(raw.as_bytes(), &cut, limits);
        assert!(!got.starts_with('4') && !got.contains('!'), "{raw:?} is within, got {got}");
    }
    for cut in cuts(more.len()) {
        assert_eq!(request(more.as_bytes(), &cut, limits), want, "{more:?} cut at {cut:?}");
    }
}

fn with(change: impl FnOnce(&mut Limits)) -> Limits {
    let mut limits = Limits::default();
    change(&mut limits);
    limits
}

#[test]
fn first_line() {
    let limits = with(|limits| limits.first_line = 20);
    let rest = "Host: x\r\n\r\n";
    check(
        &limits,
        &format!("GET /2345 HTTP/1.1\r\n{rest}"),
        &format!("GET /23456 HTTP/1.1\r\n{rest}"),
        "414 FirstLineTooLong",
    );
    // Without an end, and without a blank.
    check(
        &limits,
        &format!("GET /234 HTTP/1.1\n{rest}"),
        &format!("GET /{}", "a".repeat(30)),
        "414 FirstLineTooLong",
    );
    check(&limits, &format!("GET / HTTP/1.1\n{rest}"), &"A".repeat(30), "414 FirstLineTooLong");
    // What is wrong before the limit is said before it.
    check(&limits, &format!("GET / HTTP/1.1\n{rest}"), &format!("GET({}", "A".repeat(30)), "400 Method");
}

#[test]
fn header_line() {
    let limits = with(|limits| limits.header_line = 10);
    check(
        &limits,
        "GET / HTTP/1.1\r\nA: 45678\r\n\r\n",
        "GET / HTTP/1.1\r\nA: 456789\r\n\r\n",
        "400 HeaderLineTooLong",
    );
    check(
        &limits,
        "GET / HTTP/1.1\r\nA: 45678\r\nB: 45678\r\n\r\n",
        "GET / HTTP/1.1\r\nA: 4567\r\nB: 45678901234",
        "400 HeaderLineTooLong",
    );
}

#[test]
fn head() {
    let limits = with(|limits| limits.head = 34);
    check(
        &limits,
        "GET / HTTP/1.1\r\nA: 45678\r\nB: 4\r\n\r\n",
        "GET / HTTP/1.1\r\nA: 45678\r\nB: 45\r\n\r\n",
        "400 HeadTooLarge",
    );
    check(
        &limits,
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nA: 456789012345678901234567",
        "400 HeadTooLarge",
    );
}

#[test]
fn fields() {
    let limits = with(|limits| limits.fields = 2);
    check(
        &limits,
        "GET / HTTP/1.1\r\nA: b\r\nA: c\r\n\r\n",
        "GET / HTTP/1.1\r\nA: b\r\nA: c\r\nA: d\r\n\r\n",
        "400 TooManyFields",
    );
}

#[test]
fn chunk_extensions() {
    let limits = with(|limits| limits.chunk_extensions = 6);
    let head = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
    check(
        &limits,
        &format!("{head}1;ab\r\nx\r\n1;a\r\nx\r\n0;\r\n\r\n"),
        &format!("{head}1;ab\r\nx\r\n1;a\r\nx\r\n0;z\r\n\r\n"),
        "POST / 1.1 keep Chunked body=xx !ExtensionsTooLarge",
    );
}

#[test]
fn trailers() {
    let limits = with(|limits| {
        limits.trailers = 14;
        limits.trailer_fields = 2;
    });
    let head = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n";
    let want = "POST / 1.1 keep Chunked !TrailersTooLarge";
    check(&limits, &format!("{head}A: b\r\nC: d\r\n\r\n"), &format!("{head}A: b\r\nC: de\r\n\r\n"), want);
    check(&limits, &format!("{head}\r\n"), &format!("{head}A: bcdefghijklmnop"), want);
    check(&limits, &format!("{head}A:b\r\n\r\n"), &format!("{head}A:\r\nB:\r\nC:\r\n\r\n"), want);
}

#[test]
fn defaults_are_nginx_s() {
    let target = |len: usize| format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(len));
    check(&Limits::default(), &target(8192 - 16), &target(8192 - 15), "414 FirstLineTooLong");
    let value = |len: usize| format!("GET / HTTP/1.1\r\nA: {}\r\n\r\n", "a".repeat(len));
    check(&Limits::default(), &value(8192 - 5), &value(8192 - 4), "400 HeaderLineTooLong");
    let fields = |count: usize| format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(count));
    check(&Limits::default(), &fields(1000), &fields(1001), "400 TooManyFields");
}
