//! What the layer adds to an exchange whose response is ready at once, and to one that waits once for the head.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    hint::black_box,
    pin::Pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use criterion::{Criterion, criterion_group, criterion_main};
use http::{Request, Response};
use http_body_util::{Empty, Full};
use propylon_timeout::{Limits, Timeout, TimeoutLayer};
use tower::{Layer, Service};

const MINUTE: Duration = Duration::from_secs(60);

type Answer = Result<Response<Full<Bytes>>, Infallible>;

/// Answers at once, or at the second poll.
#[derive(Clone)]
struct Leaf {
    waits: bool,
}

struct Answering {
    waits: bool,
    answer: Ready<Answer>,
}

impl<B> Service<Request<B>> for Leaf {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Answering;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<B>) -> Answering {
        let answer = ready(Ok(Response::new(Full::new(Bytes::from_static(b"hello")))));
        Answering { waits: self.waits, answer }
    }
}

impl Future for Answering {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Answer> {
        if std::mem::take(&mut self.waits) {
            return Poll::Pending;
        }
        Pin::new(&mut self.answer).poll(cx)
    }
}

/// One exchange, polled until its head is there.
fn exchange<S: Service<Request<Empty<Bytes>>>>(service: &mut S) {
    let mut cx = Context::from_waker(Waker::noop());
    let mut future = std::pin::pin!(service.call(Request::new(Empty::new())));
    while future.as_mut().poll(&mut cx).is_pending() {}
}

fn layered(waits: bool, limits: Limits) -> Timeout<Leaf> {
    TimeoutLayer::new().limits(limits).layer(Leaf { waits })
}

fn benches(c: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let Ok(runtime) = runtime else { return };
    let _inside = runtime.enter();
    let limits = Limits::new().send(MINUTE).read(MINUTE);
    for (waits, name) in [(false, "ready"), (true, "waits once")] {
        let mut group = c.benchmark_group(name);
        let mut bare = Leaf { waits };
        group.bench_function("bare", |b| b.iter(|| exchange(black_box(&mut bare))));
        let mut off = layered(waits, Limits::new());
        group.bench_function("no limit", |b| b.iter(|| exchange(black_box(&mut off))));
        let mut on = layered(waits, limits);
        group.bench_function("limits", |b| b.iter(|| exchange(black_box(&mut on))));
        group.finish();
    }
}

criterion_group!(exchanges, benches);
criterion_main!(exchanges);
