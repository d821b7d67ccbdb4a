//! The words of nginx's pages.

use http::StatusCode;

/// How nginx calls itself.
pub(super) const TOKEN: &str = "nginx/1.31.5";

/// The title of the page for a status, if it has one.
pub(super) fn title(status: StatusCode) -> Option<String> {
    let code = status.as_u16();
    let words = match code {
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Authorization Required",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Not Allowed",
        406 => "Not Acceptable",
        407 => "Proxy Authentication Required",
        408 => "Request Time-out",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Request Entity Too Large",
        414 => "Request-URI Too Large",
        415 => "Unsupported Media Type",
        416 => "Requested Range Not Satisfiable",
        421 => "Misdirected Request",
        425 => "Too Early",
        429 => "Too Many Requests",
        494 => return Some("400 Request Header Or Cookie Too Large".into()),
        495 => return Some("400 The SSL certificate error".into()),
        496 => return Some("400 No required SSL certificate was sent".into()),
        497 => return Some("400 The plain HTTP request was sent to HTTPS port".into()),
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Temporarily Unavailable",
        504 => "Gateway Time-out",
        505 => "HTTP Version Not Supported",
        507 => "Insufficient Storage",
        _ => return None,
    };
    Some(format!("{code} {words}"))
}

/// What stands over the page: its title, but for nginx's own statuses.
pub(super) fn heading(status: StatusCode, title: &str) -> &str {
    if matches!(status.as_u16(), 494..=497) { "400 Bad Request" } else { title }
}
