//! What a hit from memory costs, and what a request that the cache has nothing to do with.
#![expect(clippy::expect_used, reason = "a benchmark")]

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::hint::black_box;
use std::task::{Context, Waker};

use bytes::Bytes;
use criterion::{Criterion, criterion_group, criterion_main};
use http::{HeaderValue, Method, Request, Response, header};
use http_body_util::Full;
use propylon_cache::store::{Limits, Zone};
use propylon_cache::{ByUri, CacheLayer};
use tower::{Layer, Service, service_fn};

type Answer = Ready<Result<Response<Full<Bytes>>, Infallible>>;

/// What an origin of a web site sends.
fn origin(_: Request<Full<Bytes>>) -> Answer {
    let mut response = Response::new(Full::from(Bytes::from_static(&[b'x'; 1024])));
    for (name, value) in [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "max-age=3600"),
        (header::ETAG, "\"5f3e-1c8a\""),
        (header::LAST_MODIFIED, "Mon, 01 Jan 2018 00:00:00 GMT"),
        (header::CONTENT_LENGTH, "1024"),
        (header::SERVER, "origin"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    ready(Ok(response))
}

/// What a browser sends, as far as it matters.
fn request(method: Method) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::default());
    *request.method_mut() = method;
    *request.uri_mut() = "/some/page.html?query=1".parse().expect("it is one");
    for (name, value) in [
        (header::HOST, "www.example.com"),
        (header::USER_AGENT, "Mozilla/5.0"),
        (header::ACCEPT, "*/*"),
        (header::ACCEPT_ENCODING, "gzip, br"),
        (header::ACCEPT_LANGUAGE, "en"),
        (header::COOKIE, "session=1"),
    ] {
        request.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    request
}

fn answered<S: Service<Request<Full<Bytes>>>>(service: &mut S, request: Request<Full<Bytes>>) -> S::Response {
    let mut cx = Context::from_waker(Waker::noop());
    assert!(service.poll_ready(&mut cx).is_ready(), "it is always ready");
    let mut future = Box::pin(service.call(request));
    match future.as_mut().poll(&mut cx) {
        std::task::Poll::Ready(Ok(response)) => response,
        _ => unreachable!("it is answered at once"),
    }
}

fn cost(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let _inside = runtime.enter();
    for (what, name) in [("", None), (" with Cache-Status", Some("bench"))] {
        let zone = Zone::memory(Limits::default());
        let mut service = CacheLayer::new(ByUri::new(zone)).name(name).layer(service_fn(origin));
        runtime.block_on(async {
            let mut body = Box::pin(answered(&mut service, request(Method::GET)).into_body());
            while std::future::poll_fn(|cx| http_body::Body::poll_frame(body.as_mut(), cx)).await.is_some() {}
        });
        for (case, method) in [("hit", Method::GET), ("past", Method::OPTIONS)] {
            criterion.bench_function(&format!("{case}{what}"), |bench| {
                bench.iter_batched(
                    || request(method.clone()),
                    |request| black_box(answered(&mut service, request)),
                    criterion::BatchSize::SmallInput,
                );
            });
        }
    }
}

criterion_group!(benches, cost);
criterion_main!(benches);
