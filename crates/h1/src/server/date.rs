//! The time for `Date`, made once a second by each thread.

use std::cell::Cell;
use std::time::{SystemTime, UNIX_EPOCH};

use http::HeaderValue;

/// As RFC 9110 5.6.7 has it: always so many letters.
pub(super) type Text = [u8; 29];

thread_local! {
    static LAST: Cell<(u64, Text)> = const { Cell::new((u64::MAX, [b' '; 29])) };
}

/// The value of `Date` (RFC 9110 6.6.1).
#[must_use]
pub fn now() -> HeaderValue {
    HeaderValue::from_bytes(&text()).unwrap_or(HeaderValue::from_static(""))
}

/// The same, which is no handle that would have to be counted.
pub(super) fn text() -> Text {
    #[expect(
        clippy::disallowed_methods,
        reason = "Date tells the time of day, which a paused clock does not have"
    )]
    let time = SystemTime::now();
    let second = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let (of, text) = LAST.get();
    if of == second { text } else { renew(time, second) }
}

#[cold]
fn renew(time: SystemTime, second: u64) -> Text {
    let text = httpdate::fmt_http_date(time).into_bytes().try_into().unwrap_or([b' '; 29]);
    LAST.set((second, text));
    text
}
