//! `return`: an answer of the gateway's own.

use std::ops::Range;

use http::{HeaderValue, StatusCode};
use propylon_vars::Template;

use crate::key::Kind;
use crate::reader::{Context, Value};
use crate::report::Diagnostic;
use crate::shape;
use crate::source::Spanned;

/// An answer of the gateway's own.
#[derive(Clone, Debug, PartialEq)]
pub enum Return {
    /// 444: the connection is closed without an answer.
    Close,
    /// A status with the gateway's page for it.
    Status(StatusCode),
    /// A status with a text.
    Text {
        /// The status.
        status: StatusCode,
        /// The body.
        text: Template,
    },
    /// A redirect.
    Redirect {
        /// 301, 302, 303, 307 or 308.
        status: StatusCode,
        /// The `Location`; one that begins with `/` is completed with the request's scheme and host.
        url: Template,
    },
}

pub(crate) const KIND: Kind =
    Kind::List(&Kind::Either(&[Kind::Integer { min: 0, max: u64::MAX }, Kind::Template]));

const EXPECTED: &str = "expected [code], [code, \"text\"], [code, \"URL\"] or [\"URL\"]";

pub(crate) fn read(cx: &mut Context, value: &Value<'_>) -> Option<Spanned<Return>> {
    let items: Vec<&Value<'_>> = value.get_ref().as_array()?.iter().collect();
    let answer = match items.as_slice() {
        [url] if url.get_ref().is_str() => {
            redirect(cx, StatusCode::FOUND, url.get_ref().as_str()?, &url.span(), true)?
        }
        [code] if code.get_ref().is_integer() => match status(cx, code)? {
            None => Return::Close,
            Some(status) => Return::Status(status),
        },
        [code, text] if code.get_ref().is_integer() && text.get_ref().is_str() => {
            let body = text.get_ref().as_str()?;
            match status(cx, code)? {
                None => Return::Close,
                Some(status) if is_redirect(status) => redirect(cx, status, body, &text.span(), false)?,
                Some(status) => Return::Text { status, text: cx.template(body, &text.span())? },
            }
        }
        _ => {
            cx.push(Diagnostic::at(value.span(), "invalid `return`").label(EXPECTED));
            return None;
        }
    };
    Some(Spanned::new(answer, cx.span(value.span())))
}

const fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// The status of a code; `Some(None)` is 444.
#[expect(clippy::option_option, reason = "an error was reported, or it is nginx's 444, or a status")]
fn status(cx: &mut Context, value: &Value<'_>) -> Option<Option<StatusCode>> {
    let code = shape::integer(value.get_ref())?;
    if code == 444 {
        return Some(None);
    }
    let status = u16::try_from(code).ok().filter(|code| (200..=599).contains(code));
    let status = status.and_then(|code| StatusCode::from_u16(code).ok());
    if status.is_none() {
        cx.push(
            Diagnostic::at(value.span(), format!("invalid status {code}"))
                .label("expected a status from 200 to 599; 444 closes the connection"),
        );
    }
    status.map(Some)
}

fn redirect(
    cx: &mut Context,
    status: StatusCode,
    url: &str,
    span: &Range<usize>,
    alone: bool,
) -> Option<Return> {
    let starts = url.starts_with('/') || url.starts_with('$') || url.contains("://");
    if !starts && !alone && HeaderValue::from_bytes(url.as_bytes()).is_ok() {
        let message = format!("`{url}` is neither a path nor a URL");
        let diagnostic = Diagnostic::at(span.clone(), message)
            .label("clients are redirected to this, relative to the requested URL");
        cx.push(diagnostic.softened());
    } else if !starts || HeaderValue::from_bytes(url.as_bytes()).is_err() {
        cx.push(
            Diagnostic::at(span.clone(), format!("invalid redirect URL `{}`", url.escape_debug()))
                .label("expected a URL, or a path that begins with `/`"),
        );
        return None;
    }
    Some(Return::Redirect { status, url: cx.template(url, span)? })
}
