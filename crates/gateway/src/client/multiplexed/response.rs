//! A response's head on its way into HTTP/2 or HTTP/3.

use http::header::{CONNECTION, CONTENT_LENGTH, DATE, TE, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderName, Method, Response, StatusCode};
use http_body::Body;
use propylon_h1::server::{InterimRefused, date};

/// How many interim responses a request may have.
const MOST_INTERIM: u8 = 8;

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");

/// Fields that are of a connection: no message has them here (RFC 9113 8.2.2, RFC 9114 4.2).
pub(in crate::client) fn remove_hop_by_hop(headers: &mut HeaderMap) {
    for name in [CONNECTION, KEEP_ALIVE, PROXY_CONNECTION, TRANSFER_ENCODING, UPGRADE, TE] {
        headers.remove(name);
    }
}

/// What an interim response says, after so many others.
pub(in crate::client) fn interim(
    status: StatusCode,
    headers: &HeaderMap,
    count: u8,
) -> Result<HeaderMap, InterimRefused> {
    if !status.is_informational() || status == StatusCode::SWITCHING_PROTOCOLS {
        return Err(InterimRefused::Status);
    }
    if count >= MOST_INTERIM {
        return Err(InterimRefused::TooMany);
    }
    let mut headers = headers.clone();
    remove_hop_by_hop(&mut headers);
    Ok(headers)
}

/// Makes a head one of HTTP/2 or HTTP/3.
pub(in crate::client) fn finish<B: Body>(response: &mut Response<B>, method: &Method) {
    let status = response.status();
    // No body is no size: only one that is there tells of the representation.
    let length = response.body().size_hint().exact().filter(|length| *length > 0);
    let headers = response.headers_mut();
    remove_hop_by_hop(headers);
    if let Some(length) = length.filter(|_| is_bodiless(method, status)) {
        headers.entry(CONTENT_LENGTH).or_insert_with(|| length.into());
    }
    if status == StatusCode::NO_CONTENT {
        headers.remove(CONTENT_LENGTH); // RFC 9110 8.6
    }
    headers.entry(DATE).or_insert_with(date);
}

/// Whether a response has no body, whatever its head says of one.
pub(in crate::client) fn is_bodiless(method: &Method, status: StatusCode) -> bool {
    method == Method::HEAD || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
}
