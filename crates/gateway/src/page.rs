//! The gateway's own pages: plain and small.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, SERVER};
use http::{HeaderValue, Response, StatusCode};
use propylon_config::{PageStyle, Settings};
use propylon_stack::Body;

mod nginx;

/// How the gateway's own pages look, and how it calls itself.
#[derive(Clone, Debug)]
pub(crate) struct Face {
    /// The field `Server`.
    pub(crate) token: HeaderValue,
    /// What it calls itself in `Proxy-Status`, if that is sent.
    pub(crate) proxy_status: Option<Arc<str>>,
    style: PageStyle,
}

/// The mark of a response that is the gateway's own error or redirect: an error page may stand in its place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Own;

impl Face {
    pub(crate) fn new(settings: &Settings) -> Self {
        let style = settings.error_page.style;
        let token = match (style, settings.server_tokens) {
            (PageStyle::Propylon, true) => concat!("propylon/", env!("CARGO_PKG_VERSION")),
            (PageStyle::Propylon, false) => "propylon",
            (PageStyle::Nginx, true) => nginx::TOKEN,
            (PageStyle::Nginx, false) => "nginx",
        };
        let proxy_status = settings.headers.proxy_status.as_deref().map(Arc::from);
        Self { token: HeaderValue::from_static(token), proxy_status, style }
    }
}

/// The default page for an error or a redirect.
pub(crate) fn error(status: StatusCode, face: &Face) -> Response<Body> {
    let body = text(status, face);
    let mut response = Response::new(Body::from(body.clone()));
    *response.status_mut() = status;
    response.extensions_mut().insert(Own);
    if !body.is_empty() {
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
    }
    response
}

/// The same for a request that never had a head: the connection closes after it.
pub(crate) fn closing(status: StatusCode, face: &Face) -> Response<Bytes> {
    let body = text(status, face);
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = shown(status);
    let headers = response.headers_mut();
    headers.insert(SERVER, face.token.clone());
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
    headers.insert(CONTENT_LENGTH, body.len().into());
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    response.map(|_| body)
}

/// The status that clients see: 494 to 497 are for error pages alone (nginx).
pub(crate) fn shown(status: StatusCode) -> StatusCode {
    if matches!(status.as_u16(), 494..=497) { StatusCode::BAD_REQUEST } else { status }
}

/// Whether an error ends the connection: what the client sent may not be in step any more.
pub(crate) fn closes(status: StatusCode) -> bool {
    matches!(status.as_u16(), 400 | 408 | 413 | 414 | 494..=497 | 501)
}

fn text(status: StatusCode, face: &Face) -> Bytes {
    let title = match face.style {
        PageStyle::Nginx => nginx::title(status),
        PageStyle::Propylon => {
            let shown = shown(status);
            Some(format!("{} {}", shown.as_u16(), shown.canonical_reason().unwrap_or("Unknown")))
        }
    };
    let Some(title) = title else { return Bytes::new() };
    let heading = if face.style == PageStyle::Nginx { nginx::heading(status, &title) } else { &title };
    let token = face.token.to_str().unwrap_or_default();
    let why = why(status).map(|why| format!("<center>{why}</center>\r\n")).unwrap_or_default();
    Bytes::from(format!(
        "<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n\
         <center><h1>{heading}</h1></center>\r\n{why}<hr><center>{token}</center>\r\n</body>\r\n</html>\r\n"
    ))
}

fn why(status: StatusCode) -> Option<&'static str> {
    match status.as_u16() {
        494 => Some("Request Header Or Cookie Too Large"),
        495 => Some("The SSL certificate error"),
        496 => Some("No required SSL certificate was sent"),
        497 => Some("The plain HTTP request was sent to HTTPS port"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn face(style: PageStyle) -> Face {
        Face { token: HeaderValue::from_static("name"), proxy_status: None, style }
    }

    #[test]
    fn pages_in_both_styles() {
        fn check(status: u16, style: PageStyle, expected: &str) {
            let text = text(StatusCode::from_u16(status).unwrap_or_default(), &face(style));
            let text = String::from_utf8_lossy(&text).replace("\r\n", "");
            let page = text.split("<body>").nth(1).and_then(|rest| rest.split("<hr>").next());
            assert_eq!(page.unwrap_or_default(), expected, "{status} {style:?}");
        }
        let own = PageStyle::Propylon;
        check(413, own, "<center><h1>413 Payload Too Large</h1></center>");
        check(413, PageStyle::Nginx, "<center><h1>413 Request Entity Too Large</h1></center>");
        check(404, PageStyle::Nginx, "<center><h1>404 Not Found</h1></center>");
        check(418, own, "<center><h1>418 I'm a teapot</h1></center>");
        check(418, PageStyle::Nginx, "");
        let plain = "<center>The plain HTTP request was sent to HTTPS port</center>";
        check(497, own, &format!("<center><h1>400 Bad Request</h1></center>{plain}"));
        check(497, PageStyle::Nginx, &format!("<center><h1>400 Bad Request</h1></center>{plain}"));
    }
}
