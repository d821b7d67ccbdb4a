//! The laws that a wrapper of bodies obeys, as functions that panic with the name of the law that is broken.
//!
//! A wrapper that changes data on purpose (a compressor, a buffer) picks the laws that hold for it; one that passes frames
//! through takes [`check_all`]. The wrapper is polled by hand, outside of any task; a wrapper that arms a timer while it
//! waits needs the test to run inside a tokio runtime.

use std::{
    error::Error,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use http_body::{Body, Frame};

use crate::{body::Script, gate::Gate};

type BoxError = Box<dyn Error + Send + Sync>;

/// Checks every law of this module.
///
/// # Panics
///
/// If a law is broken; the message names it.
pub fn check_all<B>(wrap: impl Fn(Script) -> B)
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    frames_pass_in_order(&wrap);
    trailers_survive(&wrap);
    exact_size_stays_exact(&wrap);
    unknown_size_is_not_invented(&wrap);
    end_is_told_truly(&wrap);
    errors_surface(&wrap);
    idle_passes_and_wakes(&wrap);
    drop_midway_drops_inner(&wrap);
    end_can_be_polled_again(&wrap);
}

/// Frames come out unchanged, one for one and in order.
///
/// # Panics
///
/// If the law is broken.
pub fn frames_pass_in_order<B>(wrap: impl Fn(Script) -> B)
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    for script in [abc(), abc().exact(), abc().end_unannounced()] {
        let mut body = Subject::new("frames pass in order", wrap(script));
        for expected in ["a", "bb", "ccc"] {
            body.expect_data(expected);
        }
        body.expect_end();
    }
}

/// Trailers come out after the data, and alone.
///
/// # Panics
///
/// If the law is broken.
pub fn trailers_survive<B>(wrap: impl Fn(Script) -> B)
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    for (script, data) in [(Script::new().data("a"), Some("a")), (Script::new(), None)] {
        let mut body = Subject::new("trailers survive", wrap(script.trailers(trailers())));
        body.check(!body.inner.is_end_stream(), "is_end_stream before the trailers");
        if let Some(data) = data {
            body.expect_data(data);
            body.check(!body.inner.is_end_stream(), "is_end_stream before the trailers");
        }
        let frame = body.expect_frame();
        body.check(frame.trailers_ref() == Some(&trailers()), "other trailers, or none");
        body.expect_end();
    }
}

/// An exact `size_hint` is exact before, between and after the frames.
///
/// # Panics
///
/// If the law is broken.
pub fn exact_size_stays_exact<B>(wrap: impl Fn(Script) -> B)
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    let mut body = Subject::new("exact size stays exact", wrap(abc().exact()));
    for (data, left) in [("a", 6), ("bb", 5), ("ccc", 3)] {
        body.expect_exact(left);
        body.expect_data(data);
    }
    body.expect_exact(0);
    body.expect_end();
    body.expect_exact(0);

    let empty = Subject::new("exact size stays exact", wrap(Script::new().exact()));
    empty.expect_exact(0);
}

/// A body of unknown size is not given one, and the bounds that are told hold.
///
/// # Panics
///
/// If the law is broken.
pub fn unknown_size_is_not_invented<B>(wrap: impl Fn(Script) -> B)
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    let mut body = Subject::new("unknown size is not invented", wrap(abc()));
    for (data, left) in [("a", 6), ("bb", 5), ("ccc", 3)] {
        let hint = body.inner.size_hint();
        body.check(hint.lower() <= left, "the lower bound is more than the bytes to come");
        body.check(hint.upper().is_none(), "an upper bound that nobody knows");
        body.expect_data(data);
    }
}

/// `is_end_stream` is true for an empty body and after the end, never before the last frame.
///
/// # Panics
///
/// If the law is broken.
pub fn end_is_told_truly<B>(wrap: impl Fn(Script) -> B)
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    let law = "end is told truly";
    let mut empty = Subject::new(law, wrap(Script::new()));
    empty.check(empty.inner.is_end_stream(), "an empty body must say that it is at its end");
    empty.expect_end();

    let mut body = Subject::new(law, wrap(abc()));
    for data in ["a", "bb", "ccc"] {
        body.check(!body.inner.is_end_stream(), "is_end_stream before the last frame");
        body.expect_data(data);
    }
    body.check(body.inner.is_end_stream(), "the inner body told its end, the wrapper did not");
    body.expect_end();
    body.check(body.inner.is_end_stream(), "is_end_stream is false after the end");

    let gate = Gate::new();
    let mut body = Subject::new(law, wrap(Script::new().data("a").wait(&gate)));
    body.expect_data("a");
    body.check(!body.inner.is_end_stream(), "is_end_stream while the inner body does not know its end");
}

/// An error comes out as an error that carries the inner one, after the frames before it.
///
/// # Panics
///
/// If the law is broken.
pub fn errors_surface<B>(wrap: impl Fn(Script) -> B)
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    let mut body = Subject::new("errors surface", wrap(Script::new().data("a").error("scripted fault")));
    body.expect_data("a");
    match body.poll() {
        Poll::Ready(Some(Err(error))) => {
            let error: BoxError = error.into();
            body.check(mentions(&*error, "scripted fault"), "another error came, without its source");
        }
        Poll::Ready(Some(Ok(_))) => body.fail("a frame instead of the error"),
        Poll::Ready(None) => body.fail("the end instead of the error: the message looks complete"),
        Poll::Pending => body.fail("Pending instead of the error"),
    }
}

/// `Pending` passes through, the waker reaches the inner body, and the frames come once it has woken.
///
/// # Panics
///
/// If the law is broken.
pub fn idle_passes_and_wakes<B>(wrap: impl Fn(Script) -> B)
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    let (first, second) = (Gate::new(), Gate::new());
    let script = Script::new().wait(&first).data("a").wait(&second).data("b");
    let mut body = Subject::new("idle passes and wakes", wrap(script));
    for (gate, data) in [(&first, "a"), (&second, "b")] {
        body.expect_pending();
        body.expect_pending();
        let before = body.wakes.0.load(Ordering::Acquire);
        gate.open();
        body.check(
            body.wakes.0.load(Ordering::Acquire) > before,
            "the inner body woke nobody: its waker was not registered",
        );
        body.expect_data(data);
    }
    body.expect_end();
}

/// Dropping the wrapper midway drops the inner body at once.
///
/// # Panics
///
/// If the law is broken.
pub fn drop_midway_drops_inner<B>(wrap: impl Fn(Script) -> B)
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    let law = "drop midway drops the inner body";
    let script = abc();
    let watch = script.watch();
    let mut body = Subject::new(law, wrap(script));
    body.expect_data("a");
    body.check(!watch.dropped(), "the inner body was dropped before its end");
    drop(body);
    assert!(watch.dropped_early(), "law `{law}`: the inner body outlives the wrapper");

    let gate = Gate::new();
    let script = Script::new().wait(&gate).data("a");
    let watch = script.watch();
    let mut body = Subject::new(law, wrap(script));
    body.expect_pending();
    drop(body);
    assert!(watch.dropped_early(), "law `{law}`: the inner body outlives the wrapper that was waiting");
}

/// Polling after the end, and after an error, neither panics nor gives a frame.
///
/// # Panics
///
/// If the law is broken.
pub fn end_can_be_polled_again<B>(wrap: impl Fn(Script) -> B)
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    let law = "the end can be polled again";
    for script in [Script::new(), Script::new().data("a"), Script::new().data("a").end_unannounced()] {
        let mut body = Subject::new(law, wrap(script));
        while let Poll::Ready(Some(_)) = body.poll() {}
        body.expect_end();
        body.expect_end();
    }
    let mut failed = Subject::new(law, wrap(Script::new().error("scripted fault").data("never")));
    drop(failed.poll());
    let frame = matches!(failed.poll(), Poll::Ready(Some(Ok(_))));
    failed.check(!frame, "a frame after the error");
}

fn abc() -> Script {
    Script::new().data("a").data("bb").data("ccc")
}

fn trailers() -> HeaderMap {
    let mut map = HeaderMap::new();
    map.insert("x-checksum", HeaderValue::from_static("1234"));
    map.append("x-checksum", HeaderValue::from_static("5678"));
    map
}

fn mentions(error: &(dyn Error + 'static), text: &str) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.to_string().contains(text) {
            return true;
        }
        next = error.source();
    }
    false
}

/// The wrapper under test, polled by hand.
struct Subject<B> {
    law: &'static str,
    inner: Pin<Box<B>>,
    wakes: Arc<Wakes>,
}

struct Wakes(AtomicUsize);

impl<B> Subject<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    fn new(law: &'static str, body: B) -> Self {
        Self { law, inner: Box::pin(body), wakes: Arc::new(Wakes(AtomicUsize::new(0))) }
    }

    fn poll(&mut self) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let waker = Waker::from(self.wakes.clone());
        self.inner.as_mut().poll_frame(&mut Context::from_waker(&waker))
    }

    fn expect_frame(&mut self) -> Frame<Bytes> {
        match self.poll() {
            Poll::Ready(Some(Ok(frame))) => frame,
            Poll::Ready(Some(Err(error))) => {
                self.fail(&format!("error `{}` instead of a frame", error.into()))
            }
            Poll::Ready(None) => self.fail("the end instead of a frame"),
            Poll::Pending => self.fail("Pending although the inner body has a frame"),
        }
    }

    fn expect_data(&mut self, expected: &str) {
        match self.expect_frame().into_data() {
            Ok(data) if data == expected.as_bytes() => {}
            Ok(data) => self.fail(&format!("data {data:?} instead of {expected:?}")),
            Err(_) => self.fail(&format!("trailers instead of the data {expected:?}")),
        }
    }

    fn expect_end(&mut self) {
        match self.poll() {
            Poll::Ready(None) => {}
            Poll::Ready(Some(Ok(_))) => self.fail("a frame instead of the end"),
            Poll::Ready(Some(Err(error))) => {
                self.fail(&format!("error `{}` instead of the end", error.into()))
            }
            Poll::Pending => self.fail("Pending instead of the end"),
        }
    }

    fn expect_pending(&mut self) {
        let idle = self.poll().is_pending();
        self.check(idle, "the inner body waits, the wrapper did not");
    }

    fn expect_exact(&self, left: u64) {
        let hint = self.inner.size_hint();
        let told = hint.exact();
        self.check(told == Some(left), &format!("size_hint {hint:?} with {left} bytes to come"));
    }

    fn check(&self, holds: bool, otherwise: &str) {
        if !holds {
            self.fail(otherwise);
        }
    }

    fn fail(&self, what: &str) -> ! {
        panic!("law `{}`: {what}", self.law)
    }
}

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }
}
