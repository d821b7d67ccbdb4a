//! Raw messages and what the core makes of them, however they are cut; beside it what nginx makes of them, and why. A
//! difference from nginx is always to the strict side: `tests/tests/differential_messages.rs` asks a live one.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test"
)]

mod messages;
mod support;

use http::Method;
use messages::Row;
use propylon_h1::Limits;
use support::{cuts, request, response};

fn requests(rows: &[Row]) {
    for row in rows {
        let raw = row.bytes();
        for cut in cuts(raw.len()) {
            let got = request(&raw, &cut, &Limits::default());
            assert_eq!(got, row.ours, "{:?} cut at {cut:?}: {}", row.raw, row.why);
        }
    }
}

fn responses(method: &Method, rows: &[Row]) {
    for row in rows {
        let raw = row.bytes();
        for cut in cuts(raw.len()) {
            let got = response(&raw, &cut, method, &Limits::default());
            assert_eq!(got, row.ours, "{:?} cut at {cut:?}: {}", row.raw, row.why);
        }
    }
}

#[test]
fn request_lines() {
    requests(messages::request_line::ROWS);
}

#[test]
fn request_fields() {
    requests(messages::request_fields::ROWS);
}

#[test]
fn request_framing() {
    requests(messages::request_framing::ROWS);
}

#[test]
fn chunked_bodies() {
    requests(messages::chunked::ROWS);
}

#[test]
fn responses_to_get() {
    responses(&Method::GET, messages::response::ROWS);
}

#[test]
fn responses_to_head_and_connect() {
    responses(&Method::HEAD, messages::response::TO_HEAD);
    responses(&Method::CONNECT, messages::response::TO_CONNECT);
}

/// A verdict that differs from nginx's says so, is never laxer, and every row has its reason.
#[test]
fn no_row_is_laxer_than_nginx() {
    for row in messages::requests() {
        assert!(!row.why.is_empty(), "{:?}", row.raw);
        let refused = |verdict: &str| verdict.starts_with(['4', '5']);
        let body_refused = row.ours.contains('!') || refused(row.ours);
        if refused(row.nginx) && !row.why.contains("the gateway") {
            assert!(body_refused, "{:?}: nginx {}, we {}", row.raw, row.nginx, row.ours);
        }
    }
    assert!(messages::requests().count() + messages::responses().count() >= 370, "the table is to grow");
}
