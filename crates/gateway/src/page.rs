//! The gateway's own pages: plain and small.

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, SERVER};
use http::{HeaderValue, Response, StatusCode};
use propylon_stack::Body;

/// The default page for an error or a redirect.
pub(crate) fn error(status: StatusCode, token: &HeaderValue) -> Response<Body> {
    let mut response = Response::new(Body::from(text(status, None, token)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
    response
}

/// The same for a request that never had a head: the connection closes after it.
pub(crate) fn closing(status: StatusCode, why: Option<&str>, token: &HeaderValue) -> Response<Bytes> {
    let body = text(status, why, token);
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(SERVER, token.clone());
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
    headers.insert(CONTENT_LENGTH, body.len().into());
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    response.map(|_| body)
}

/// Whether a response with this status ends the connection: what the client sent may not be in step any more.
pub(crate) fn closes(status: StatusCode) -> bool {
    matches!(status.as_u16(), 400 | 408 | 413 | 414 | 501)
}

fn text(status: StatusCode, why: Option<&str>, token: &HeaderValue) -> Bytes {
    let (code, reason) = (status.as_u16(), reason(status));
    let token = token.to_str().unwrap_or_default();
    let why = why.map(|why| format!("<center>{why}</center>\r\n")).unwrap_or_default();
    Bytes::from(format!(
        "<html>\r\n<head><title>{code} {reason}</title></head>\r\n<body>\r\n\
         <center><h1>{code} {reason}</h1></center>\r\n{why}<hr><center>{token}</center>\r\n</body>\r\n</html>\r\n"
    ))
}

fn reason(status: StatusCode) -> &'static str {
    status.canonical_reason().unwrap_or("Unknown")
}
