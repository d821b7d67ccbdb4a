//! The time for `Date`, made once a second by each thread.

use std::cell::Cell;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::HeaderValue;

/// As RFC 9110 5.6.7 has it: always so many letters.
pub(super) type Text = [u8; 29];

thread_local! {
    static LAST: Cell<(u64, Text)> = const { Cell::new((u64::MAX, [b' '; 29])) };
}

/// The value of `Date` (RFC 9110 6.6.1).
#[must_use]
pub fn now() -> HeaderValue {
    HeaderValue::from_bytes(&text(second())).unwrap_or(HeaderValue::from_static(""))
}

/// The second that it is, since 1970.
pub(super) fn second() -> u64 {
    #[expect(
        clippy::disallowed_methods,
        reason = "Date tells the time of day, which a paused clock does not have"
    )]
    let time = SystemTime::now();
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// The value for a second, which is no handle that would have to be counted.
#[inline]
pub(super) fn text(second: u64) -> Text {
    let (of, text) = LAST.get();
    if of == second { text } else { renew(second) }
}

#[cold]
fn renew(second: u64) -> Text {
    let time = UNIX_EPOCH + Duration::from_secs(second);
    let text = httpdate::fmt_http_date(time).into_bytes().try_into().unwrap_or([b' '; 29]);
    LAST.set((second, text));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_second_has_its_text() {
        for (second, expected) in [
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
        ] {
            assert_eq!(text(second).as_slice(), expected.as_bytes());
        }
        assert!(now().to_str().is_ok_and(|now| now.ends_with(" GMT")));
    }
}
