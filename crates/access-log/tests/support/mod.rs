//! What several of the tests need.
#![allow(dead_code, reason = "each test takes what it needs")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "test code: a panic is how a failed check reports"
)]

pub(crate) mod pipe;

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Method, Version};
use propylon_access_log::{AccessLog, Escape, Format, Sink, Sinks};
use propylon_exchange::{Address, Connection, Exchange, Head};
use propylon_vars::{Context, Definitions, Template};
use tokio::time::Instant;

/// How long a test waits for what must happen. Only a failure takes so long.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

/// Sinks whose trouble is of no interest.
pub(crate) fn sinks() -> Sinks {
    Sinks::spawn(|_| ()).unwrap()
}

pub(crate) fn template(text: &str) -> Template {
    Definitions::default().template(text, Context::Log).unwrap()
}

pub(crate) fn log(format: &str, sink: &Arc<Sink>) -> AccessLog {
    AccessLog::new(Format::new(template(format), Escape::Default), sink.clone())
}

/// An exchange for `target` with these fields.
pub(crate) fn exchange(target: &str, fields: &[(&'static str, &[u8])]) -> Exchange {
    let connection =
        Connection::new(1, Address::ip("127.0.0.1".parse().unwrap(), Some(4711)), Address::unix());
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(*name, http::HeaderValue::from_bytes(value).unwrap());
    }
    let head = Head {
        method: Method::GET,
        target: target.to_owned().into(),
        version: Version::HTTP_11,
        headers: headers.into(),
        bytes: 100,
    };
    Exchange::new(Arc::new(connection), 1, Instant::now(), head)
}
