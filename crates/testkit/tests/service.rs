//! The checked service counts calls and insists on readiness.

use std::{
    future::{pending, ready},
    panic::{AssertUnwindSafe, catch_unwind},
    task::{Context, Waker},
};

use propylon_testkit::service::{Checked, Tracked};
use tower_service::Service;

#[test]
fn a_call_without_readiness_panics() {
    let mut service = Checked::new(|n: u8| ready(Ok::<_, ()>(n)));
    assert!(service.poll_ready(&mut Context::from_waker(Waker::noop())).is_ready());
    drop(service.call(1));
    assert!(catch_unwind(AssertUnwindSafe(|| service.call(2))).is_err());

    assert!(service.poll_ready(&mut Context::from_waker(Waker::noop())).is_ready());
    assert!(catch_unwind(AssertUnwindSafe(|| service.clone().call(3))).is_err());
    assert_eq!(service.calls(), 1);
}

#[test]
fn a_tracked_future_tells_its_drop() {
    let (future, fate) = Tracked::new(pending::<()>());
    assert!(!fate.dropped());
    drop(future);
    assert!(fate.dropped());
}
