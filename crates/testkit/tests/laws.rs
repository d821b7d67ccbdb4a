//! The laws hold for a wrapper that does nothing, and each of them catches the wrapper that breaks it.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use propylon_testkit::{body::Script, laws};

type Polled = Poll<Option<Result<Frame<Bytes>, std::io::Error>>>;

/// How a wrapper may be wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    Uppercase,
    LosesTrailers,
    ForgetsSize,
    InventsSize,
    NeverTellsEnd,
    TellsEndEarly,
    HidesErrors,
    ForgetsWaker,
    Leaks,
    PanicsAfterEnd,
}

struct Faulty {
    inner: Option<Box<Script>>,
    fault: Fault,
    ended: bool,
}

impl Body for Faulty {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Polled {
        assert!(!(self.ended && self.fault == Fault::PanicsAfterEnd), "polled after the end");
        let fault = self.fault;
        let mut noop = Context::from_waker(std::task::Waker::noop());
        let cx = if fault == Fault::ForgetsWaker { &mut noop } else { cx };
        let polled = Pin::new(&mut **self.inner.as_mut().unwrap()).poll_frame(cx);
        match polled {
            Poll::Ready(Some(Ok(frame))) if fault == Fault::Uppercase => {
                Poll::Ready(Some(Ok(frame.map_data(|data| data.to_ascii_uppercase().into()))))
            }
            Poll::Ready(Some(Ok(frame))) if fault == Fault::LosesTrailers && frame.is_trailers() => {
                Poll::Ready(None)
            }
            Poll::Ready(Some(Err(_))) if fault == Fault::HidesErrors => Poll::Ready(None),
            Poll::Ready(None) => {
                self.ended = true;
                Poll::Ready(None)
            }
            polled => polled,
        }
    }

    fn is_end_stream(&self) -> bool {
        match self.fault {
            Fault::NeverTellsEnd => false,
            Fault::TellsEndEarly => true,
            _ => self.inner.as_ref().unwrap().is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self.fault {
            Fault::ForgetsSize => SizeHint::default(),
            Fault::InventsSize => SizeHint::with_exact(6),
            _ => self.inner.as_ref().unwrap().size_hint(),
        }
    }
}

impl Drop for Faulty {
    fn drop(&mut self) {
        if self.fault == Fault::Leaks {
            std::mem::forget(self.inner.take());
        }
    }
}

#[test]
fn the_identity_obeys_all() {
    laws::check_all(|script| script);
}

#[test]
fn every_fault_breaks_the_law_that_names_it() {
    let check = |fault: Fault, law: fn(&dyn Fn(Script) -> Faulty)| {
        let wrap = move |script| Faulty { inner: Some(Box::new(script)), fault, ended: false };
        let caught = catch_unwind(AssertUnwindSafe(|| law(&wrap))).expect_err(&format!("{fault:?} passed"));
        let message = caught.downcast_ref::<String>().map_or("", String::as_str);
        let named = message.starts_with("law `") || fault == Fault::PanicsAfterEnd;
        assert!(named, "{fault:?} failed with {message:?}, which names no law");
    };
    check(Fault::Uppercase, |wrap| laws::frames_pass_in_order(wrap));
    check(Fault::LosesTrailers, |wrap| laws::trailers_survive(wrap));
    check(Fault::ForgetsSize, |wrap| laws::exact_size_stays_exact(wrap));
    check(Fault::InventsSize, |wrap| laws::unknown_size_is_not_invented(wrap));
    check(Fault::NeverTellsEnd, |wrap| laws::end_is_told_truly(wrap));
    check(Fault::TellsEndEarly, |wrap| laws::end_is_told_truly(wrap));
    check(Fault::HidesErrors, |wrap| laws::errors_surface(wrap));
    check(Fault::ForgetsWaker, |wrap| laws::idle_passes_and_wakes(wrap));
    check(Fault::Leaks, |wrap| laws::drop_midway_drops_inner(wrap));
    check(Fault::PanicsAfterEnd, |wrap| laws::end_can_be_polled_again(wrap));
}
