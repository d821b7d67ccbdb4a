//! Waiting for what can be observed, with a bound.

use std::thread;
use std::time::{Duration, Instant};

/// How long a test waits for anything before it fails: far above what a busy machine needs.
pub const LIMIT: Duration = Duration::from_secs(30);

/// The wall clock: processes and sockets of other programs know no other.
#[expect(clippy::disallowed_methods, reason = "real processes and sockets live by the wall clock")]
pub fn now() -> Instant {
    Instant::now()
}

/// Asks `probe` again and again until it gives something, and fails the test after `limit`.
pub fn until<T>(what: &str, limit: Duration, mut probe: impl FnMut() -> Option<T>) -> T {
    let start = now();
    loop {
        if let Some(found) = probe() {
            return found;
        }
        assert!(now().duration_since(start) < limit, "waited {limit:?} in vain for: {what}");
        thread::sleep(Duration::from_millis(3));
    }
}
