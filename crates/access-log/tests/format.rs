//! What lines say.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "test code: a panic is how a failed check reports"
)]

mod support;

use http::{HeaderMap, StatusCode};
use propylon_access_log::{COMBINED, Escape, Format, JSON};
use propylon_exchange::{End, Exchange, Keep};
use support::{exchange, template};

fn line(format: &str, escape: Escape, exchange: &Exchange) -> String {
    let mut line = Vec::new();
    Format::new(template(format), escape).append(exchange, &mut line);
    String::from_utf8(line).unwrap()
}

/// The lines that nginx 1.22.1 wrote for the same request and formats.
#[test]
fn values_are_escaped_as_by_nginx() {
    let request = exchange("/", &[("x-odd", b"q\"b\\t\tu\xc3\xa4~\x7e/"), ("x-empty", b"")]);
    for (escape, expected) in [
        (Escape::Default, "\"[q\\x22b\\x5Ct\\x09u\\xC3\\xA4~~/] [] [-]"),
        (Escape::Json, "\"[q\\\"b\\\\t\\tuä~~/] [] []"),
        (Escape::None, "\"[q\"b\\t\tuä~~/] [] []"),
    ] {
        let format = "\"[$http_x_odd] [$http_x_empty] [$http_x_missing]";
        assert_eq!(line(format, escape, &request), expected, "{escape:?}");
    }
}

#[test]
fn combined_is_that_of_nginx() {
    let request = exchange("/a?b", &[("user-agent", b"curl \"8\"")]);
    request.responded(StatusCode::OK, &HeaderMap::new());
    request.body_sent(5);
    request.ended(End::Complete);
    let line = line(COMBINED, Escape::Default, &request);
    let (before, rest) = line.split_once('[').unwrap();
    let (time, after) = rest.split_once(']').unwrap();
    assert_eq!(before, "127.0.0.1 - - ");
    assert_eq!(time.len(), "28/Sep/1970:12:00:00 +0600".len());
    assert_eq!(after, " \"GET /a?b HTTP/1.1\" 200 5 \"-\" \"curl \\x228\\x22\"");
}

#[test]
fn json_is_an_object_whatever_the_exchange() {
    let odd = exchange("/\"\\", &[("user-agent", b"a\"b\\\tc"), ("referer", b"\"")]);
    odd.responded(StatusCode::NOT_FOUND, &HeaderMap::new());
    let nothing_known = exchange("/", &[]);
    for exchange in [odd, nothing_known] {
        let line = line(JSON, Escape::Json, &exchange);
        assert_eq!(count_json_strings(&line), 25, "{line}");
    }
}

/// Counts the strings of a flat JSON object, and panics where it is not one.
fn count_json_strings(text: &str) -> usize {
    let inner = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')).unwrap();
    let (mut strings, mut inside, mut escaped) = (0, false, false);
    let mut outside = String::new();
    for char in inner.chars() {
        match (inside, escaped, char) {
            (true, true, _) => escaped = false,
            (true, false, '\\') => escaped = true,
            (true, false, '"') => inside = false,
            (true, false, _) => assert!(char >= ' ', "a control character in {text}"),
            (false, _, '"') => (inside, strings) = (true, strings + 1),
            (false, ..) => outside.push(char),
        }
    }
    assert!(!inside && outside.chars().all(|c| ":,.0123456789".contains(c)), "{outside} in {text}");
    strings
}

#[test]
fn needs_are_those_of_the_template() {
    let needs = |text| Format::new(template(text), Escape::Default).needs();
    assert_eq!(needs("$status"), Keep::default());
    assert!(needs("$sent_http_etag").has(Keep::SENT_HEAD));
    assert!(needs("$upstream_http_etag").has(Keep::UPSTREAM_HEAD));
}
