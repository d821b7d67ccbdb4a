//! Tokens that requests show.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};

/// Whether a request shows this token (`Authorization: Bearer`). How long that takes tells nothing of where they differ.
///
/// ```
/// let mut headers = http::HeaderMap::new();
/// headers.insert("authorization", http::HeaderValue::from_static("bearer secret"));
/// assert!(propylon_gateway::shows(&headers, b"secret"));
/// assert!(!propylon_gateway::shows(&headers, b"secreT"));
/// ```
#[must_use]
pub fn shows(headers: &HeaderMap, token: &[u8]) -> bool {
    let shown = headers.get(AUTHORIZATION).map(HeaderValue::as_bytes);
    let shown = shown.and_then(|shown| {
        let (scheme, shown) = shown.split_at_checked("Bearer ".len())?;
        scheme.eq_ignore_ascii_case(b"Bearer ").then_some(shown)
    });
    shown.is_some_and(|shown| verify_slices_are_equal(shown, token).is_ok())
}
