use bytes::Bytes;
use http::StatusCode;
use memchr::memchr2;

/// A request-target in one of the four forms of RFC 9112 section 3.2. Parsing copies nothing.
///
/// ```
/// use bytes::Bytes;
/// use propylon_gateway::routing::Target;
///
/// let target = Target::parse(b"GET", Bytes::from_static(b"http://example.com:8080/a?b"))?;
/// let expected =
///     Target::Absolute { authority: Bytes::from_static(b"example.com:8080"), path: Bytes::from_static(b"/a?b") };
/// assert_eq!(target, expected);
/// # Ok::<(), propylon_gateway::routing::TargetError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// `/path?args`.
    Origin(Bytes),
    /// `scheme://authority/path?args`, with any scheme.
    Absolute {
        /// Host and port, not validated beyond nginx's character set: see [`Host`](super::Host).
        authority: Bytes,
        /// What [`Path::parse`](super::Path::parse) takes: `/` if the URL ended after the authority, `?args` if its
        /// path was empty.
        path: Bytes,
    },
    /// `host:port` of a CONNECT.
    Authority(Bytes),
    /// The `*` of an OPTIONS.
    Asterisk,
}

impl Target {
    /// Tells the form of a request-target, and checks the method's token by nginx's rule.
    ///
    /// # Errors
    ///
    /// Whatever nginx answers with 400 before it looks at the path: see [`TargetError`].
    pub fn parse(method: &[u8], target: Bytes) -> Result<Self, TargetError> {
        if method.is_empty() || !method.iter().all(|byte| matches!(byte, b'A'..=b'Z' | b'_' | b'-')) {
            return Err(TargetError::Method);
        }
        if method == b"CONNECT" {
            return if is_connect_authority(&target) {
                Ok(Self::Authority(target))
            } else {
                Err(TargetError::Form)
            };
        }
        match target.first() {
            Some(b'/') => Ok(Self::Origin(target)),
            Some(b'*') if target.len() > 1 => Err(TargetError::Form),
            Some(b'*') if method == b"OPTIONS" => Ok(Self::Asterisk),
            Some(b'*') => Err(TargetError::Asterisk),
            _ => absolute(&target),
        }
    }
}

/// Why a request line is refused. nginx answers each with 400.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TargetError {
    /// The method has other bytes than upper-case letters, `_` and `-`, or none.
    #[error("an invalid method")]
    Method,
    /// `*` with a method that is not OPTIONS.
    #[error("the request-target * with a method other than OPTIONS")]
    Asterisk,
    /// None of the four forms, or a form that the method does not allow.
    #[error("an invalid request-target")]
    Form,
}

impl TargetError {
    /// 400.
    pub fn status(&self) -> StatusCode {
        StatusCode::BAD_REQUEST
    }
}

fn absolute(target: &Bytes) -> Result<Target, TargetError> {
    let colon = target.iter().position(|&byte| byte == b':').ok_or(TargetError::Form)?;
    let (scheme, rest) = target.split_at_checked(colon).ok_or(TargetError::Form)?;
    let mut letters = scheme.iter();
    let valid = letters.next().is_some_and(u8::is_ascii_alphabetic)
        && letters.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
    let rest = rest.strip_prefix(b"://").filter(|_| valid).ok_or(TargetError::Form)?;
    let end = memchr2(b'/', b'?', rest).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end).ok_or(TargetError::Form)?;
    if !is_plain_authority(authority) {
        return Err(TargetError::Form);
    }
    let path = if path.is_empty() { Bytes::from_static(b"/") } else { target.slice_ref(path) };
    Ok(Target::Absolute { authority: target.slice_ref(authority), path })
}

/// The characters that nginx takes in the authority of a request line: fewer than in `Host`.
fn is_plain_authority(authority: &[u8]) -> bool {
    split_port(authority).is_some_and(|(_, port)| port.is_none_or(|port| port.iter().all(u8::is_ascii_digit)))
}

fn is_connect_authority(authority: &[u8]) -> bool {
    split_port(authority).is_some_and(|(_, port)| {
        port.is_some_and(|port| !port.is_empty() && port.iter().all(u8::is_ascii_digit))
    })
}

fn split_port(authority: &[u8]) -> Option<(&[u8], Option<&[u8]>)> {
    let literal = authority.first() == Some(&b'[');
    let end = if literal {
        authority.iter().position(|&byte| byte == b']')? + 1
    } else {
        authority.iter().position(|&byte| byte == b':').unwrap_or(authority.len())
    };
    let (host, port) = authority.split_at_checked(end)?;
    let allowed = |&byte: &u8| {
        byte.is_ascii_alphanumeric()
            || matches!(byte, b'.' | b'-')
            || (literal && (byte == b'[' || byte == b']' || is_literal_byte(byte)))
    };
    if !host.iter().all(allowed) {
        return None;
    }
    match port.split_first() {
        None => Some((host, None)),
        Some((b':', port)) => Some((host, Some(port))),
        Some(_) => None,
    }
}

const fn is_literal_byte(byte: u8) -> bool {
    matches!(
        byte,
        b':' | b'_' | b'~' | b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'='
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    #[expect(clippy::needless_pass_by_value, reason = "the tables read better")]
    fn check(method: &str, target: &'static [u8], expected: Result<Target, TargetError>) {
        let found = Target::parse(method.as_bytes(), Bytes::from_static(target));
        assert_eq!(found, expected, "{method} {}", target.escape_ascii());
    }

    fn absolute(authority: &'static str, path: &'static str) -> Result<Target, TargetError> {
        Ok(Target::Absolute { authority: authority.into(), path: path.into() })
    }

    #[test]
    fn methods() {
        let root = || Ok(Target::Origin(Bytes::from_static(b"/")));
        for method in ["GET", "M-SEARCH", "_", "X_Y", "TRACE"] {
            check(method, b"/", root());
        }
        for method in ["", "get", "GeT", "GET1", "G ET", "GET\0", "G\u{e9}T", "A+B"] {
            check(method, b"/", Err(TargetError::Method));
        }
    }

    #[test]
    fn origin_and_asterisk() {
        check("GET", b"//a", Ok(Target::Origin("//a".into())));
        check("OPTIONS", b"*", Ok(Target::Asterisk));
        check("GET", b"*", Err(TargetError::Asterisk));
        check("OPTIONS", b"*/", Err(TargetError::Form));
        for target in [&b""[..], b"a", b"?a", b"#", b"%2F", b".", b"\\a", b"a/b", b"\xC3\xA9"] {
            check("GET", target, Err(TargetError::Form));
        }
    }

    #[test]
    fn absolute_form() {
        check("GET", b"http://h/a", absolute("h", "/a"));
        check("GET", b"HTTP://H:80/a?b#c", absolute("H:80", "/a?b#c"));
        check("GET", b"a+b-c.9://h", absolute("h", "/"));
        check("GET", b"http://h?x/y", absolute("h", "?x/y"));
        check("GET", b"http://h:?x", absolute("h:", "?x"));
        check("GET", b"http://[::1]:80/", absolute("[::1]:80", "/"));
        check("GET", b"http:///a", absolute("", "/a"));
        check("GET", b"http://:80/a", absolute(":80", "/a"));
        for target in [
            &b"http:/h/a"[..],
            b"http:h/a",
            b"http//h/a",
            b"9http://h/",
            b"ht_p://h/",
            b"://h/",
            b"http://u@h/",
            b"http://h#a",
            b"http://a_b/",
            b"http://h%41/",
            b"http://h:8x/",
            b"http://h:80:80/",
            b"http://[::1/",
            b"http://[::1]x/",
            b"http://h\\a/",
            b"http://h,i/",
            b"http://\xC3\xA9/",
        ] {
            check("GET", target, Err(TargetError::Form));
        }
    }

    #[test]
    fn connect_takes_an_authority_alone() {
        check("CONNECT", b"h:443", Ok(Target::Authority("h:443".into())));
        check("CONNECT", b"[::1]:443", Ok(Target::Authority("[::1]:443".into())));
        for target in [&b"/"[..], b"h", b"h:", b"h:x", b"http://h/", b"h:443/", b"u@h:1", b"*"] {
            check("CONNECT", target, Err(TargetError::Form));
        }
        check("GET", b"h:443", Err(TargetError::Form));
    }
}
