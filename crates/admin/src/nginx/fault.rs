//! Why a question is refused, in nginx's words.

use http::StatusCode;
use serde_json::{Value, json};

const HREF: &str = "https://nginx.org/en/docs/http/ngx_http_api_module.html";

/// Why a question is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) status: StatusCode,
    /// The same for programs.
    pub(super) code: &'static str,
    pub(super) text: String,
}

impl Fault {
    pub(super) fn new(status: StatusCode, code: &'static str, text: impl Into<String>) -> Self {
        Self { status, code, text: text.into() }
    }

    pub(super) fn missing(code: &'static str, text: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, text)
    }

    pub(super) fn bad(code: &'static str, text: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, text)
    }

    /// A body that is too long, or not whole.
    pub(super) fn unread(status: StatusCode) -> Self {
        let (code, text) = match status {
            StatusCode::PAYLOAD_TOO_LARGE => ("RequestEntityTooLarge", "request body is too large"),
            _ => ("BadRequest", "request body is incomplete"),
        };
        Self::new(status, code, text)
    }

    /// A method that there is not, here or at all.
    pub(super) fn disabled() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "MethodDisabled", "method disabled")
    }

    /// As versions before 4 have it, too, whose `path` and `method` say nothing any more.
    pub(super) fn json(&self, request_id: &str, version: Option<u8>) -> Value {
        let error = json!({ "status": self.status.as_u16(), "text": self.text, "code": self.code });
        let mut all = json!({ "error": error, "request_id": request_id, "href": HREF });
        if let (Some(1..=3), Some(all)) = (version, all.as_object_mut()) {
            all.insert("path".to_owned(), "".into());
            all.insert("method".to_owned(), "".into());
        }
        all
    }
}
