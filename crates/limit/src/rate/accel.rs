//! `X-Accel-Limit-Rate`: a service's word on how fast its response may go.

use std::num::NonZeroU64;

use http::{HeaderMap, HeaderName};

use crate::Rate;

pub(crate) const X_ACCEL_LIMIT_RATE: HeaderName = HeaderName::from_static("x-accel-limit-rate");

/// What `X-Accel-Limit-Rate` says, if it is there and says something: a rate, or none (0).
///
/// ```
/// let mut fields = http::HeaderMap::new();
/// fields.insert("x-accel-limit-rate", "1024".parse().unwrap());
/// assert_eq!(propylon_limit::accel(&fields).unwrap().unwrap().per_second().get(), 1024);
/// fields.insert("x-accel-limit-rate", "0".parse().unwrap());
/// assert_eq!(propylon_limit::accel(&fields), Some(None));
/// fields.insert("x-accel-limit-rate", "1k".parse().unwrap());
/// assert_eq!(propylon_limit::accel(&fields), None);
/// ```
#[must_use]
pub fn accel(headers: &HeaderMap) -> Option<Option<Rate>> {
    let text = headers.get(X_ACCEL_LIMIT_RATE)?.to_str().ok()?;
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    // As in nginx: bytes, without a unit; what is larger than any rate is none that can be read.
    let rate = text.parse::<u64>().ok().filter(|rate| digits && i64::try_from(*rate).is_ok())?;
    Some(NonZeroU64::new(rate).map(Rate::new))
}
