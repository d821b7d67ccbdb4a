//! `name`: the hosts that a server answers for.

use std::ops::Range;

use crate::pattern;
use crate::reader::Context;
use crate::report::Diagnostic;
use crate::source::Spanned;

/// One name of a server. Letters are lower case, except in a regex.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ServerName {
    /// `example.com`; the empty name: requests without a host.
    Exact(Box<str>),
    /// `*.example.com`
    LeadingWildcard(Box<str>),
    /// `.example.com`: `example.com` and `*.example.com`.
    Dot(Box<str>),
    /// `www.example.*`
    TrailingWildcard(Box<str>),
    /// `~regex`, with its `~`.
    Regex(Box<str>),
}

impl ServerName {
    /// The name as nginx writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Exact(name)
            | Self::LeadingWildcard(name)
            | Self::Dot(name)
            | Self::TrailingWildcard(name)
            | Self::Regex(name) => name,
        }
    }
}

const EXPECTED: &str = "expected `example.com`, `*.example.com`, `.example.com`, `www.example.*` or `~regex`";

pub(crate) fn read(cx: &mut Context, text: &str, span: Range<usize>) -> Option<Spanned<ServerName>> {
    let place = cx.span(span.clone());
    if text.starts_with('~') {
        pattern::check(cx, text, &span, 1, false);
        return Some(Spanned::new(ServerName::Regex(text.into()), place));
    }
    let name = parse(&text.to_ascii_lowercase());
    if name.is_none() {
        let mut diagnostic =
            Diagnostic::at(span, format!("invalid server name `{}`", text.escape_debug())).label(EXPECTED);
        if !text.is_ascii() {
            diagnostic = diagnostic.help("write the name in Punycode: `xn--...`");
        } else if text.contains(':') {
            diagnostic = diagnostic.help("set the port in `listen`");
        }
        cx.push(diagnostic);
    }
    Some(Spanned::new(name?, place))
}

fn parse(name: &str) -> Option<ServerName> {
    let valid = |byte: u8| byte.is_ascii_alphanumeric() || b"-._*".contains(&byte);
    let is_ipv6 = name.starts_with('[') && name.ends_with(']');
    if (!is_ipv6 && !name.bytes().all(valid)) || name.contains("..") || name == "." {
        return None;
    }
    let plain = |rest: &str| !rest.is_empty() && !rest.contains('*') && !rest.starts_with('.');
    match (name.strip_prefix("*."), name.strip_prefix('.'), name.strip_suffix(".*")) {
        (Some(rest), _, _) => plain(rest).then(|| ServerName::LeadingWildcard(name.into())),
        (_, Some(rest), _) => plain(rest).then(|| ServerName::Dot(name.into())),
        (_, _, Some(rest)) => plain(rest).then(|| ServerName::TrailingWildcard(name.into())),
        _ => (!name.contains('*')).then(|| ServerName::Exact(name.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        assert_eq!(parse(""), Some(ServerName::Exact("".into())));
        assert_eq!(parse("_"), Some(ServerName::Exact("_".into())));
        assert_eq!(parse("example.com"), Some(ServerName::Exact("example.com".into())));
        assert_eq!(parse("[::1]"), Some(ServerName::Exact("[::1]".into())));
        assert_eq!(parse("*.example.com"), Some(ServerName::LeadingWildcard("*.example.com".into())));
        assert_eq!(parse(".example.com"), Some(ServerName::Dot(".example.com".into())));
        assert_eq!(parse("www.example.*"), Some(ServerName::TrailingWildcard("www.example.*".into())));
        for wrong in
            ["*", "*.", ".", "..", "a..b", "a.*.b", "*a.b", "*.a.*", "a b", "a:80", "http://a", "a/b", ".*"]
        {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
