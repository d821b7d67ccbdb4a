//! What evaluation costs: a log line, and the fields that a proxy sets.

use std::hint::black_box;
use std::net::SocketAddr;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Version};
use propylon_exchange::{Connection, Exchange, Head, Place};
use propylon_vars::{Context, Definitions, Map, Template, set_uri};
use tokio::time::Instant;

const COMBINED: &str = "$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent \
                        \"$http_referer\" \"$http_user_agent\"";
const DETAILED: &str = "$remote_addr [$time_local] \"$request\" $status $body_bytes_sent rt=$request_time \
                        uct=\"$upstream_connect_time\" uht=\"$upstream_header_time\" urt=\"$upstream_response_time\" \
                        upstream=$upstream_addr us=$upstream_status ul=$upstream_response_length";

fn exchange() -> Exchange {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("host", "www.example.com"),
        ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
        ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
        ("accept-encoding", "gzip, deflate, br"),
        ("x-forwarded-for", "203.0.113.7"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let head = Head {
        method: Method::GET,
        target: "/products/view?id=1234&lang=en".into(),
        version: Version::HTTP_11,
        headers: headers.into(),
        bytes: 420,
    };
    let peer = SocketAddr::from(([192, 0, 2, 1], 50_000));
    let local = SocketAddr::from(([198, 51, 100, 9], 80));
    let connection = Arc::new(Connection::new(1234, peer.into(), local.into()));
    let place = Place { host: Some("www.example.com".into()), ..Default::default() };
    let exchange = Exchange::placed(place, connection, 7, Instant::now(), head);
    set_uri(&exchange, "/products/view".into(), Some("id=1234&lang=en".into()));
    let attempt = exchange.open_try("10.0.0.1:8080".into());
    attempt.connected();
    attempt.head_received(StatusCode::OK);
    drop(attempt);
    exchange.responded(StatusCode::OK, &HeaderMap::new());
    exchange.body_sent(1024);
    exchange
}

/// An escape like the one of log lines: looks at each byte, finds nothing to do.
fn escape(value: &[u8], out: &mut Vec<u8>) {
    match value.iter().position(|b| matches!(b, b'"' | b'\\' | 0..=0x1f | 0x7f..)) {
        None => out.extend_from_slice(value),
        Some(_) => out.extend(value.escape_ascii()),
    }
}

fn templates(c: &mut Criterion) {
    let definitions = Definitions::builder()
        .map(Map::new("pool", "$host").hostnames().value("*.example.com", "examples").value("~^x", "x"))
        .build()
        .unwrap_or_default();
    let compile = |text: &str| {
        definitions.template(text, Context::Request).unwrap_or_else(|_| Template::literal("wrong"))
    };
    let exchange = exchange();
    let mut line = Vec::with_capacity(1024);
    for (name, text) in [("combined", COMBINED), ("detailed", DETAILED)] {
        let format = compile(text);
        c.bench_function(&format!("log line, {name}"), |b| {
            b.iter(|| {
                line.clear();
                format.write_with(black_box(&exchange), &mut line, b"-", escape);
                line.len()
            });
        });
    }
    let fields = ["$host", "$proxy_add_x_forwarded_for", "$scheme"].map(compile);
    c.bench_function("three fields", |b| {
        b.iter(|| fields.each_ref().map(|field| field.eval(black_box(&exchange))));
    });
    let pool = compile("$pool");
    c.bench_function("a map, remembered", |b| b.iter(|| pool.eval(black_box(&exchange))));
    let volatile = Definitions::builder()
        .map(Map::new("pool", "$host").hostnames().value("*.example.com", "examples").volatile())
        .build();
    if let Some(pool) = volatile.ok().and_then(|all| all.template("$pool", Context::Request).ok()) {
        c.bench_function("a map, looked up", |b| b.iter(|| pool.eval(black_box(&exchange))));
    }
}

criterion_group!(benches, templates);
criterion_main!(benches);
