//! What a seam costs: the same eight layers as one static group, and with a seam after each.
#![allow(missing_docs)]

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::hint::black_box;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use criterion::{Criterion, criterion_group, criterion_main};
use http::{Request, Response};
use propylon_stack::{Body, Route};
use tower::{Layer, Service};

#[derive(Clone)]
struct Leaf;

impl Service<Request<Body>> for Leaf {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        ready(Ok(Response::new(request.into_body())))
    }
}

/// A layer with one worker-local refcount, as Propylon's layers have.
#[derive(Clone)]
struct Pass<S>(S, Arc<u32>);

impl<S: Service<Request<Body>>> Service<Request<Body>> for Pass<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> S::Future {
        black_box(&self.1);
        self.0.call(request)
    }
}

struct PassLayer;

impl<S> Layer<S> for PassLayer {
    type Service = Pass<S>;

    fn layer(&self, inner: S) -> Pass<S> {
        Pass(inner, Arc::new(0))
    }
}

fn call(route: &Route) {
    let mut future = route.call(Request::new(Body::empty()));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(Pin::new(&mut future).poll(&mut cx).is_ready());
}

fn seam(c: &mut Criterion) {
    let mut leaf = Leaf;
    c.bench_function("leaf alone", |b| {
        b.iter(|| {
            let mut future = leaf.call(Request::new(Body::empty()));
            let mut cx = Context::from_waker(Waker::noop());
            assert!(Pin::new(&mut future).poll(&mut cx).is_ready());
        });
    });

    let one = Route::new(Leaf);
    c.bench_function("one seam", |b| b.iter(|| call(&one)));

    let l = PassLayer;
    let group = l.layer(l.layer(l.layer(l.layer(l.layer(l.layer(l.layer(l.layer(Leaf))))))));
    let group = Route::new(group);
    c.bench_function("eight layers, one seam", |b| b.iter(|| call(&group)));

    let seams = (0..8).fold(Route::new(Leaf), |route, _| route.layer(PassLayer));
    c.bench_function("eight layers, nine seams", |b| b.iter(|| call(&seams)));
}

criterion_group!(benches, seam);
criterion_main!(benches);
