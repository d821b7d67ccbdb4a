//! The time for `Date`, made once a second by each thread.

use std::cell::RefCell;
use std::time::{SystemTime, UNIX_EPOCH};

use http::HeaderValue;

thread_local! {
    static LAST: RefCell<(u64, HeaderValue)> = const { RefCell::new((u64::MAX, HeaderValue::from_static(""))) };
}

/// The value of `Date` (RFC 9110 6.6.1).
#[must_use]
pub fn now() -> HeaderValue {
    #[expect(
        clippy::disallowed_methods,
        reason = "Date tells the time of day, which a paused clock does not have"
    )]
    let time = SystemTime::now();
    let second = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    LAST.with_borrow_mut(|(of, value)| {
        if *of != second {
            *of = second;
            let text = httpdate::fmt_http_date(time);
            *value = HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""));
        }
        value.clone()
    })
}
