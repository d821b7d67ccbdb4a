use bytes::Bytes;
use http::{StatusCode, Version};

use super::{Host, HostError, Path, PathError, Slashes, Target, TargetError, request_host};

/// What routing needs of a request, checked in nginx's order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The one reading of the request-target.
    pub path: Path,
    /// The host that chooses the server; `None` only for an HTTP/1.0 request without one, which is looked up by the
    /// empty name and takes the first name of its server for `$host`.
    pub host: Option<Host>,
}

impl Head {
    /// Reads the head of an HTTP/1 request; `hosts` are the values of its `Host` fields, without blanks around them.
    ///
    /// `slashes` comes from the default server of the listener (or from the server that SNI chose): as in nginx the
    /// path is read before `Host` chooses.
    ///
    /// # Errors
    ///
    /// See [`HeadError`].
    pub fn parse(
        version: Version,
        method: &[u8],
        target: Bytes,
        hosts: impl IntoIterator<Item = Bytes>,
        slashes: Slashes,
    ) -> Result<Self, HeadError> {
        let (raw, authority) = match Target::parse(method, target)? {
            Target::Origin(raw) => (raw, None),
            Target::Absolute { authority, path } => (path, Some(authority)),
            Target::Authority(authority) => (Bytes::from_static(b"/"), Some(authority)),
            Target::Asterisk => return Err(HeadError::Target(TargetError::Asterisk)),
        };
        let path = Path::parse(raw, slashes)?;
        let host = request_host(version, authority, hosts)?;
        refuse_loops(method)?;
        Ok(Self { path, host })
    }

    /// Reads the pseudo-header fields of an HTTP/2 or HTTP/3 request: `:path`, and `:authority` if it was sent.
    ///
    /// # Errors
    ///
    /// See [`HeadError`].
    pub fn of_h2(
        method: &[u8],
        path: Bytes,
        authority: Option<Bytes>,
        hosts: impl IntoIterator<Item = Bytes>,
        slashes: Slashes,
    ) -> Result<Self, HeadError> {
        if path.first() != Some(&b'/') {
            return Err(HeadError::Path(PathError::NotAbsolute));
        }
        let Target::Origin(raw) = Target::parse(if method == b"CONNECT" { b"GET" } else { method }, path)?
        else {
            return Err(HeadError::Target(TargetError::Form));
        };
        let path = Path::parse(raw, slashes)?;
        let host = request_host(Version::HTTP_2, authority, hosts)?;
        refuse_loops(method)?;
        Ok(Self { path, host })
    }
}

/// Why a head is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeadError {
    /// The request line: 400.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The path: 400.
    #[error(transparent)]
    Path(#[from] PathError),
    /// The host: 400.
    #[error(transparent)]
    Host(#[from] HostError),
    /// CONNECT or TRACE, in a head that is otherwise valid: 405.
    #[error("a method that a gateway does not serve")]
    Method,
}

impl HeadError {
    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Target(error) => error.status(),
            Self::Path(error) => error.status(),
            Self::Host(error) => error.status(),
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
        }
    }
}

fn refuse_loops(method: &[u8]) -> Result<(), HeadError> {
    if matches!(method, b"CONNECT" | b"TRACE") { Err(HeadError::Method) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(request: &'static str, hosts: &[&'static str], expected: Result<(&str, Option<&str>), u16>) {
        let mut words = request.split(' ');
        let (method, target) = (words.next().unwrap(), Bytes::from(words.next().unwrap()));
        let version = if words.next() == Some("1.0") { Version::HTTP_10 } else { Version::HTTP_11 };
        let hosts = hosts.iter().map(|&host| Bytes::from(host));
        let head = Head::parse(version, method.as_bytes(), target, hosts, Slashes::Merge);
        let found = head.as_ref().map_err(|error| error.status().as_u16()).map(|head| {
            let host = head.host.as_ref().map(|host| std::str::from_utf8(host.name()).unwrap());
            (std::str::from_utf8(head.path.decoded()).unwrap(), host)
        });
        assert_eq!(found, expected, "{request}");
    }

    #[test]
    fn heads() {
        check("GET /a//b", &["H"], Ok(("/a/b", Some("h"))));
        check("GET http://x/a", &["h"], Ok(("/a", Some("x"))));
        check("GET http://x?a", &["h"], Ok(("/", Some("x"))));
        check("GET / 1.0", &[], Ok(("/", None)));
        check("GET /", &[], Err(400));
        check("GET /", &["a", "b"], Err(400));
        check("GET /..", &["h"], Err(400));
        check("OPTIONS *", &["h"], Err(400));
        check("GET http:///a", &["h"], Err(400));
    }

    #[test]
    fn methods_are_refused_last() {
        check("TRACE /", &["h"], Err(405));
        check("TRACE /", &[], Err(400));
        check("TRACE /%", &["h"], Err(400));
        check("CONNECT h:443", &["h:443"], Err(405));
        check("CONNECT h:443", &[], Err(400));
        check("CONNECT h:99999", &["h"], Err(400));
        check("CONNECT /", &["h"], Err(400));
    }

    #[test]
    fn http2() {
        let parse = |method: &'static str, path: &'static str, authority: Option<&'static str>| {
            Head::of_h2(method.as_bytes(), path.into(), authority.map(Bytes::from), [], Slashes::Merge)
        };
        assert_eq!(parse("GET", "/a%20b", Some("H:1")).unwrap().path.decoded(), "/a b");
        assert_eq!(parse("GET", "/", None), Err(HostError::Missing.into()));
        assert_eq!(parse("GET", "http://x/", Some("h")), Err(PathError::NotAbsolute.into()));
        assert_eq!(parse("OPTIONS", "*", Some("h")), Err(PathError::NotAbsolute.into()));
        assert_eq!(parse("TRACE", "/", Some("h")), Err(HeadError::Method));
    }
}
