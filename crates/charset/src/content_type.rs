//! The field `Content-Type`, as far as charsets are concerned. Pure.

use http::HeaderValue;

/// The type without its parameters.
pub(crate) fn media_type(value: &[u8]) -> &[u8] {
    value.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii()
}

/// The charset that a value names, if it does.
pub(crate) fn charset(value: &[u8]) -> Option<&[u8]> {
    parameters(value).find_map(is_charset).filter(|name| !name.is_empty())
}

/// The same with another charset, or with none.
pub(crate) fn with_charset(value: &[u8], name: Option<&[u8]>) -> Option<HeaderValue> {
    let mut written = media_type(value).to_vec();
    for parameter in parameters(value).filter(|parameter| is_charset(parameter).is_none()) {
        written.extend_from_slice(b"; ");
        written.extend_from_slice(parameter);
    }
    if let Some(name) = name {
        written.extend_from_slice(b"; charset=");
        written.extend_from_slice(name);
    }
    HeaderValue::from_maybe_shared(bytes::Bytes::from(written)).ok()
}

/// The value of a parameter, if it is `charset`.
fn is_charset(parameter: &[u8]) -> Option<&[u8]> {
    let (name, value) = parameter.split_at_checked(b"charset=".len())?;
    let value = value.strip_prefix(b"\"").map_or(value, |value| value.strip_suffix(b"\"").unwrap_or(value));
    name.eq_ignore_ascii_case(b"charset=").then_some(value)
}

/// The parameters, none of them empty. A semicolon between quotes is part of one.
fn parameters(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut quoted = false;
    let mut escaped = false;
    let parts = value.split(move |byte| {
        let ends = *byte == b';' && !quoted;
        if *byte == b'"' && !escaped {
            quoted = !quoted;
        }
        escaped = quoted && *byte == b'\\' && !escaped;
        ends
    });
    parts.skip(1).map(<[u8]>::trim_ascii).filter(|part| !part.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts() {
        fn check(value: &str, kind: &str, name: Option<&str>) {
            assert_eq!(media_type(value.as_bytes()), kind.as_bytes(), "{value}");
            assert_eq!(charset(value.as_bytes()), name.map(str::as_bytes), "{value}");
        }
        check("text/html", "text/html", None);
        check("text/html; charset=utf-8", "text/html", Some("utf-8"));
        check("text/html ;Charset=\"koi8-r\"", "text/html", Some("koi8-r"));
        check("text/html; a=\"; charset=x\"; charset=y", "text/html", Some("y"));
        check("text/html; a=\"\\\"; charset=x\"", "text/html", None);
        check("text/html; charset=", "text/html", None);
        check("", "", None);
    }

    #[test]
    fn another_charset() {
        fn check(value: &str, name: Option<&str>, expected: &str) {
            let found = with_charset(value.as_bytes(), name.map(str::as_bytes));
            assert_eq!(found.map(|value| value.as_bytes().to_vec()), Some(expected.into()), "{value}");
        }
        check("text/html", Some("utf-8"), "text/html; charset=utf-8");
        check("text/html;charset=a; q=1", Some("b"), "text/html; q=1; charset=b");
        check("text/html; charset=a", None, "text/html");
        assert_eq!(with_charset(b"text/html", Some(b"a\nb")), None);
    }
}
