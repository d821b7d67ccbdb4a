//! The gateway's own pages: plain and small.

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, SERVER};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use propylon_stack::Body;

/// A whole answer, for a connection whose HTTP engine has given up.
#[derive(Default)]
pub(crate) struct Raw {
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: Vec<u8>,
    pub(crate) body_len: u64,
}

/// The default page for an error or a redirect.
pub(crate) fn error(status: StatusCode, token: &HeaderValue) -> Response<Body> {
    let mut response = Response::new(Body::from(text(status, token)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
    response
}

/// The same as bytes; it closes the connection.
pub(crate) fn raw(status: StatusCode, token: &HeaderValue) -> Raw {
    let body = text(status, token);
    let mut headers = HeaderMap::with_capacity(4);
    headers.insert(SERVER, token.clone());
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
    headers.insert(CONTENT_LENGTH, body.len().into());
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    let mut bytes = format!("HTTP/1.1 {} {}\r\n", status.as_u16(), reason(status)).into_bytes();
    for (name, value) in &headers {
        bytes.extend_from_slice(name.as_str().as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(&body);
    Raw { headers, bytes, body_len: body.len() as u64 }
}

/// Whether a response with this status ends the connection: what the client sent may not be in step any more.
pub(crate) fn closes(status: StatusCode) -> bool {
    matches!(status.as_u16(), 400 | 408 | 413 | 414 | 501)
}

fn text(status: StatusCode, token: &HeaderValue) -> Bytes {
    let (code, reason) = (status.as_u16(), reason(status));
    let token = token.to_str().unwrap_or_default();
    Bytes::from(format!(
        "<html>\r\n<head><title>{code} {reason}</title></head>\r\n<body>\r\n\
         <center><h1>{code} {reason}</h1></center>\r\n<hr><center>{token}</center>\r\n</body>\r\n</html>\r\n"
    ))
}

fn reason(status: StatusCode) -> &'static str {
    status.canonical_reason().unwrap_or("Unknown")
}
