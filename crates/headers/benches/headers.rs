//! One typical request and response through the layers: `cargo bench -p propylon-headers --bench headers`.

use std::hint::black_box;
use std::task::{Context, Poll, Waker};

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use http::header::{HOST, HeaderName, HeaderValue};
use http::{Request, Response};
use propylon_headers::{
    ClientAddr, Forwarding, RequestField, RequestHeadersLayer, ResponseField, ResponseHeadersLayer,
    SanitizeLayer, X_FORWARDED_PROTO, X_REAL_IP, append_x_forwarded_for,
};
use tower::{Layer, Service, service_fn};

const REQUEST: [(&str, &str); 10] = [
    ("host", "www.example.com"),
    ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"),
    ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    ("accept-language", "en-US,en;q=0.5"),
    ("accept-encoding", "gzip, deflate, br, zstd"),
    ("referer", "https://www.example.com/index.html"),
    ("cookie", "session=0123456789abcdef; theme=dark"),
    ("upgrade-insecure-requests", "1"),
    ("sec-fetch-site", "same-origin"),
    ("connection", "keep-alive"),
];

const RESPONSE: [(&str, &str); 8] = [
    ("date", "Sun, 06 Nov 1994 08:49:37 GMT"),
    ("server", "upstream/1.0"),
    ("content-type", "text/html; charset=utf-8"),
    ("content-length", "1024"),
    ("cache-control", "max-age=60"),
    ("etag", "\"abc\""),
    ("vary", "accept-encoding"),
    ("set-cookie", "session=0123456789abcdef; Path=/; HttpOnly"),
];

fn request(fields: &[(&'static str, &'static str)]) -> Request<()> {
    let mut request = Request::new(());
    for (name, value) in fields {
        request.headers_mut().append(*name, HeaderValue::from_static(value));
    }
    request.headers_mut().reserve(8); // a server's map has room
    request.extensions_mut().insert(ClientAddr::ip([192, 0, 2, 1].into(), Some(4711)));
    request
}

fn response() -> Response<()> {
    let mut response = Response::new(());
    for (name, value) in RESPONSE {
        response.headers_mut().append(name, HeaderValue::from_static(value));
    }
    response.headers_mut().reserve(4);
    response
}

/// What is measured besides the layer: moving the request into a service and out of its future.
fn through<S>(service: &mut S, request: Request<()>) -> S::Response
where
    S: Service<Request<()>>,
    S::Error: std::fmt::Debug,
{
    let mut future = std::pin::pin!(service.call(request));
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Ok(response)) => response,
        _ => unreachable!("the service is ready at once"),
    }
}

fn four_rules() -> RequestHeadersLayer {
    RequestHeadersLayer::new()
        .set(RequestField::fixed(HOST, HeaderValue::from_static("origin.internal")))
        .set(RequestField::computed(X_REAL_IP, |parts| parts.extensions.get().map(ClientAddr::to_value)))
        .set(RequestField::computed(HeaderName::from_static("x-forwarded-for"), |parts| {
            parts.extensions.get().map(|client| append_x_forwarded_for(&parts.headers, client))
        }))
        .set(RequestField::fixed(X_FORWARDED_PROTO, HeaderValue::from_static("https")))
}

fn benches(c: &mut Criterion) {
    let echo = || service_fn(|request: Request<()>| std::future::ready(Ok::<_, ()>(request)));
    let answer =
        || service_fn(|request: Request<Response<()>>| std::future::ready(Ok::<_, ()>(request.into_body())));
    let mut measure = |name: &str, layer: RequestHeadersLayer, fields: &[(&'static str, &'static str)]| {
        let mut service = layer.layer(echo());
        c.bench_function(name, |b| {
            b.iter_batched(
                || request(fields),
                |request| black_box(through(&mut service, request)),
                BatchSize::SmallInput,
            );
        });
    };
    let quiet: Vec<_> = REQUEST.into_iter().filter(|(name, _)| *name != "connection").collect();
    measure("request, nothing to do", RequestHeadersLayer::new(), &quiet);
    measure("request, Connection: keep-alive", RequestHeadersLayer::new(), &REQUEST);
    measure("request, four rules", four_rules(), &REQUEST);
    measure(
        "request, five forwarding fields",
        RequestHeadersLayer::new().set_all(Forwarding::append().fields()),
        &REQUEST,
    );

    let mut service = echo();
    c.bench_function("no layer", |b| {
        b.iter_batched(
            || request(&REQUEST),
            |request| black_box(through(&mut service, request)),
            BatchSize::SmallInput,
        );
    });
    let mut service = SanitizeLayer::new().layer(echo());
    c.bench_function("sanitize", |b| {
        b.iter_batched(
            || request(&REQUEST),
            |request| black_box(through(&mut service, request)),
            BatchSize::SmallInput,
        );
    });

    let added =
        ResponseField::fixed(HeaderName::from_static("x-served-by"), HeaderValue::from_static("edge-1"));
    let mut service = ResponseHeadersLayer::new().add(added).layer(answer());
    c.bench_function("response, two hidden, one added", |b| {
        b.iter_batched(
            || Request::new(response()),
            |request| {
                let mut future = std::pin::pin!(service.call(request));
                black_box(future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready())
            },
            BatchSize::SmallInput,
        );
    });
}

criterion_group!(headers, benches);
criterion_main!(headers);
