//! How long a response may be kept: `Expires` and `Cache-Control`. No tower, no clock.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::header::HeaderValue;

/// How long a response may be kept, for [`ResponseHeadersLayer::expires`](crate::ResponseHeadersLayer::expires).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expires {
    /// It is old already, and is not to be kept.
    Epoch,
    /// For ten years.
    Max,
    /// So many seconds after it was sent; less than none: it is not to be kept.
    Access(i64),
    /// So many seconds after its `Last-Modified`; after it was sent if it has none.
    Modified(i64),
    /// Until then.
    Until(SystemTime),
}

impl Expires {
    /// The values of `Expires` and `Cache-Control`.
    pub(super) fn values(self, now: SystemTime, modified: Option<SystemTime>) -> Option<[HeaderValue; 2]> {
        let (until, age) = match self {
            Self::Epoch => return Some(EPOCH.map(HeaderValue::from_static)),
            Self::Max => return Some(MAX.map(HeaderValue::from_static)),
            Self::Access(0) | Self::Modified(0) => (seconds(now), 0),
            Self::Access(after) => (seconds(now).saturating_add(after), after),
            Self::Modified(after) => {
                let until = seconds(modified.unwrap_or(now)).saturating_add(after);
                (until, if after < 0 { after } else { until - seconds(now) })
            }
            Self::Until(until) => (seconds(until), seconds(until) - seconds(now)),
        };
        let until = UNIX_EPOCH + Duration::from_secs(u64::try_from(until).unwrap_or(0).min(LATEST));
        let until = HeaderValue::try_from(httpdate::fmt_http_date(until)).ok()?;
        let control = match u64::try_from(age) {
            Ok(age) => HeaderValue::try_from(format!("max-age={age}")).ok()?,
            Err(_) => HeaderValue::from_static("no-cache"),
        };
        Some([until, control])
    }
}

const EPOCH: [&str; 2] = ["Thu, 01 Jan 1970 00:00:01 GMT", "no-cache"];
const MAX: [&str; 2] = ["Thu, 31 Dec 2037 23:55:55 GMT", "max-age=315360000"];

/// The last second of the year 9999: what comes after it has no text.
const LATEST: u64 = 253_402_300_799;

fn seconds(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    i64::try_from(since).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(expires: Expires, modified: Option<u64>, until: &str, control: &str) {
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        let values = expires.values(at(1_000_000_000), modified.map(at)).unwrap();
        assert_eq!(values, [until, control]);
    }

    #[test]
    fn as_nginx_writes_them() {
        check(Expires::Epoch, None, "Thu, 01 Jan 1970 00:00:01 GMT", "no-cache");
        check(Expires::Max, None, "Thu, 31 Dec 2037 23:55:55 GMT", "max-age=315360000");
        check(Expires::Access(0), None, "Sun, 09 Sep 2001 01:46:40 GMT", "max-age=0");
        check(Expires::Access(60), Some(5), "Sun, 09 Sep 2001 01:47:40 GMT", "max-age=60");
        check(Expires::Access(-60), None, "Sun, 09 Sep 2001 01:45:40 GMT", "no-cache");
        check(Expires::Modified(0), Some(5), "Sun, 09 Sep 2001 01:46:40 GMT", "max-age=0");
        check(Expires::Modified(60), None, "Sun, 09 Sep 2001 01:47:40 GMT", "max-age=60");
        check(Expires::Modified(60), Some(999_999_990), "Sun, 09 Sep 2001 01:47:30 GMT", "max-age=50");
        check(Expires::Modified(60), Some(999_999_900), "Sun, 09 Sep 2001 01:46:00 GMT", "no-cache");
        check(Expires::Modified(-60), Some(1_000_000_100), "Sun, 09 Sep 2001 01:47:20 GMT", "no-cache");
        let until = Expires::Until(UNIX_EPOCH + Duration::from_secs(1_000_003_600));
        check(until, None, "Sun, 09 Sep 2001 02:46:40 GMT", "max-age=3600");
        check(Expires::Access(i64::MIN), None, "Thu, 01 Jan 1970 00:00:00 GMT", "no-cache");
        check(
            Expires::Access(i64::MAX),
            None,
            "Fri, 31 Dec 9999 23:59:59 GMT",
            "max-age=9223372036854775807",
        );
    }
}
