//! The page for people: one file that asks the API again and again.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use axum::extract::State;
use axum::response::{Html, IntoResponse};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use http::header::{CONTENT_SECURITY_POLICY, X_FRAME_OPTIONS};

use crate::app::App;

const PAGE: &str = include_str!("page.html");

/// What a browser may do with the page: run its own script, use its own style, ask the API it came from.
#[derive(Debug)]
pub(crate) struct Policy(HeaderValue);

impl Policy {
    pub(crate) fn new() -> Self {
        let hash = |tag| STANDARD.encode(digest(&SHA256, inside(PAGE, tag).as_bytes()));
        let policy = format!(
            "default-src 'none'; script-src 'sha256-{}'; style-src 'sha256-{}'; connect-src 'self'; img-src data:; \
             base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
            hash("script"),
            hash("style")
        );
        Self(HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'")))
    }
}

pub(crate) async fn page(State(app): State<Arc<App>>) -> impl IntoResponse {
    let fields = [
        (CONTENT_SECURITY_POLICY, app.policy.0.clone()),
        (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    ];
    (fields, Html(PAGE))
}

/// What stands between a tag and its end.
fn inside<'p>(page: &'p str, tag: &str) -> &'p str {
    let begins = page.split_once(&format!("<{tag}>")).map(|(_, rest)| rest);
    begins
        .and_then(|rest| rest.split_once(&format!("</{tag}>")))
        .map(|(inside, _)| inside)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever opens it may be on a machine without a way out, and no other host is to learn of it.
    #[test]
    fn the_page_needs_nothing_from_elsewhere() {
        for word in
            ["http:", "https:", "//cdn", " src=", "@import", "url(", "style=\"", " onclick", "innerHTML"]
        {
            assert!(!PAGE.contains(word), "{word}");
        }
        assert!(inside(PAGE, "script").len() > 500 && inside(PAGE, "style").len() > 500);
        assert_eq!((PAGE.matches("<script").count(), PAGE.matches("<style").count()), (1, 1));
    }

    #[test]
    fn a_hash_is_what_browsers_reckon() {
        assert_eq!(inside("<a>x</a>", "a"), "x");
        let hash = STANDARD.encode(digest(&SHA256, b"alert('Hello, world.');"));
        assert_eq!(hash, "qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng=", "the example of CSP 3");
    }
}
