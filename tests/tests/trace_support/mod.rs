//! Spans as a collector has got them.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    dead_code,
    reason = "a test; each of them uses a part of this"
)]

use std::net::SocketAddr;

use propylon_tests::{Collector, LIMIT, Origin, Process, RawResponse, raw_request, until};
use serde_json::Value;

pub(crate) const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
pub(crate) const SPAN: &str = "b9c7c989f97918e1";

/// A parent that has decided.
pub(crate) fn parent(sampled: bool) -> String {
    format!("traceparent: 00-{TRACE}-{SPAN}-0{}\r\n", u8::from(sampled))
}

/// Where spans go: soon, so that a test need not wait for others of a batch.
pub(crate) fn exporter(collector: &Collector) -> String {
    format!("[trace_exporter]\nendpoint = \"http://{}\"\ninterval = \"20ms\"\n", collector.address())
}

/// What the collector has got, once there are so many spans; no more come, as far as can be told.
pub(crate) fn spans(collector: &Process, count: usize) -> Vec<Value> {
    let all = || -> Vec<Value> {
        batches(collector).iter().flat_map(|batch| batch["spans"].as_array().unwrap().clone()).collect()
    };
    let found = until(&format!("{count} spans"), LIMIT, || Some(all()).filter(|spans| spans.len() >= count));
    assert_eq!(found.len(), count, "{found:#?}");
    found
}

pub(crate) fn batches(collector: &Process) -> Vec<Value> {
    collector.lines_now("batches").iter().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The one span of this kind whose path is this; of clients those inside of it.
pub(crate) fn server<'s>(spans: &'s [Value], path: &str) -> &'s Value {
    let mut found =
        spans.iter().filter(|span| span["kind"] == "server" && span["attributes"]["url.path"] == path);
    let first = found.next().unwrap_or_else(|| panic!("no span for {path}: {spans:#?}"));
    assert!(found.next().is_none(), "{path} has two spans: {spans:#?}");
    first
}

pub(crate) fn tries<'s>(spans: &'s [Value], server: &Value) -> Vec<&'s Value> {
    let mut tries: Vec<_> =
        spans.iter().filter(|span| span["kind"] == "client" && span["parent"] == server["id"]).collect();
    tries.sort_by_key(|span| span["attributes"]["http.request.resend_count"].as_u64());
    tries
}

pub(crate) fn get(at: SocketAddr, path: &str, fields: &str) -> RawResponse {
    raw_request(at, format!("GET {path} HTTP/1.1\r\nHost: a.test\r\n{fields}\r\n").as_bytes()).unwrap()
}

/// The field as the upstream got it the last time.
pub(crate) fn seen(origin: &Origin, name: &str) -> Option<String> {
    let all = origin.take();
    all.last().unwrap_or_else(|| panic!("nobody has asked")).head.field(name)
}
