//! The wall clock, which certificates and authorities go by.

use std::time::SystemTime;

/// What time it is.
#[expect(clippy::disallowed_methods, reason = "certificates end by the wall clock")]
pub(crate) fn now() -> SystemTime {
    SystemTime::now()
}
