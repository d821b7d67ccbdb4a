//! What a line costs a request: `cargo bench -p propylon-access-log`.
#![expect(clippy::unwrap_used, reason = "a benchmark")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Version};
use propylon_access_log::{AccessLog, Buffering, COMBINED, Escape, Format, JSON, Sink, Sinks, Target};
use propylon_exchange::{Address, Connection, End, Exchange, Head};
use propylon_vars::{Context, Definitions};
use tokio::time::Instant;

const LINE: &[u8; 150] =
    b"127.0.0.1 - - [22/Nov/2026:13:00:00 +0000] \"GET /some/path?with=arguments HTTP/1.1\" \
    200 1024 \"-\" \"Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101\".....";

fn exchange() -> Exchange {
    let connection = Connection::new(1, Address::ip([127, 0, 0, 1].into(), Some(4711)), Address::unix());
    let mut headers = HeaderMap::new();
    headers.insert("user-agent", HeaderValue::from_static("Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101"));
    let head = Head {
        method: Method::GET,
        target: "/some/path?with=arguments".into(),
        version: Version::HTTP_11,
        headers: headers.into(),
        bytes: 200,
    };
    let exchange = Exchange::new(Arc::new(connection), 1, Instant::now(), head);
    exchange.responded(StatusCode::OK, &HeaderMap::new());
    exchange.body_sent(1024);
    exchange.ended(End::Complete);
    exchange
}

fn log(sink: &Arc<Sink>, format: &str, escape: Escape) -> AccessLog {
    let template = Definitions::default().template(format, Context::Log).unwrap();
    AccessLog::new(Format::new(template, escape), sink.clone())
}

/// How long `times` calls take, in portions for which there is room: a line that is dropped costs less.
fn timed(sinks: &Sinks, times: u64, mut write: impl FnMut()) -> Duration {
    const PORTION: u64 = 1000;
    let mut total = Duration::ZERO;
    let mut left = times;
    while left > 0 {
        let portion = left.min(PORTION);
        let start = Instant::now();
        for _ in 0..portion {
            write();
        }
        total += start.elapsed();
        left -= portion;
        sinks.flush_all(Duration::from_secs(10)).unwrap();
    }
    total
}

fn write(criterion: &mut Criterion) {
    let sinks = Sinks::spawn(|_| ()).unwrap();
    let buffering = Buffering::Buffered { size: 1 << 20, flush: None };
    let sink = sinks.open(&Target::File("/dev/null".into()), buffering).unwrap();
    let exchange = exchange();
    let mut group = criterion.benchmark_group("write");
    group.throughput(Throughput::Elements(1));
    for (name, format, escape) in [("combined", COMBINED, Escape::Default), ("json", JSON, Escape::Json)] {
        let log = log(&sink, format, escape);
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|times| timed(&sinks, times, || log.write(black_box(&exchange))));
        });
    }
    group.bench_function("150 bytes, already formatted", |bencher| {
        bencher.iter_custom(|times| timed(&sinks, times, || assert!(sink.write_line(black_box(LINE)))));
    });
    group.finish();
    assert_eq!(sink.dropped(), 0);
}

criterion_group!(benches, write);
criterion_main!(benches);
