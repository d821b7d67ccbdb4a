//! The forwarding fields, ready to be set.

use std::fmt;
use std::sync::Arc;

use http::header::{FORWARDED, HOST, HeaderName, HeaderValue};
use http::request::Parts;

use crate::client_addr::ClientAddr;
use crate::field::{Compute, RequestField};
use crate::forwarded::{Element, Node, append_forwarded, append_x_forwarded_for};
use crate::names::{X_FORWARDED_FOR, X_FORWARDED_HOST, X_FORWARDED_PROTO, X_REAL_IP};
use crate::real_ip::ConnectionAddr;

/// Makes the fields that tell an upstream who the client is, from the request's [`ClientAddr`] extension.
///
/// | field | value |
/// |---|---|
/// | `X-Real-IP` | the address |
/// | `X-Forwarded-For` | the address; with `append` the peer's, after what was there |
/// | `X-Forwarded-Proto` | the client's scheme, unless it was there |
/// | `X-Forwarded-Host` | the client's `Host`, unless it was there |
/// | `Forwarded` | `for` (as above), `host` and `proto` as one element, after what was there |
///
/// The peer is the [`ConnectionAddr`] where [`RealIpLayer`](crate::RealIpLayer) has left one: the client is in the list
/// already then, and what the list lacks is the proxy that the request came from. "What was there" only with [`append`](Self::append): put [`strip_untrusted`](crate::strip_untrusted()) or
/// [`RealIpLayer::strip_untrusted`](crate::RealIpLayer::strip_untrusted) where requests come in, or clients invent it. With
/// [`replace`](Self::replace) this proxy's word alone is sent. Without a [`ClientAddr`] the two fields with addresses are
/// not sent, and `Forwarded` says `unknown`.
///
/// ```
/// use propylon_headers::{Forwarding, RequestHeadersLayer};
///
/// let layer = RequestHeadersLayer::new().set_all(Forwarding::replace().fields());
/// # let _: RequestHeadersLayer = layer;
/// ```
#[derive(Clone)]
pub struct Forwarding {
    mode: Mode,
    proto: Compute<Parts>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Mode {
    Append,
    Replace,
}

impl Forwarding {
    /// This proxy's word is added to what the request says already.
    #[must_use]
    pub fn append() -> Self {
        Self { mode: Mode::Append, proto: Arc::new(scheme_of_uri) }
    }

    /// This proxy's word is sent in the place of what the request says.
    #[must_use]
    pub fn replace() -> Self {
        Self { mode: Mode::Replace, proto: Arc::new(scheme_of_uri) }
    }

    /// The scheme that the client used, `http` or `https`. Default: that of the request's URI, else `http`; behind a TLS
    /// listener that takes HTTP/1.1 the server has to say so here, because the URI has no scheme then.
    #[must_use]
    pub fn proto<F>(mut self, proto: F) -> Self
    where
        F: Fn(&Parts) -> Option<HeaderValue> + Send + Sync + 'static,
    {
        self.proto = Arc::new(proto);
        self
    }

    /// All five fields.
    #[must_use]
    pub fn fields(&self) -> Vec<RequestField> {
        let mut fields = self.x_fields();
        fields.push(self.forwarded());
        fields
    }

    /// `X-Real-IP`, `X-Forwarded-For`, `X-Forwarded-Proto` and `X-Forwarded-Host`.
    #[must_use]
    pub fn x_fields(&self) -> Vec<RequestField> {
        let (mode, proto) = (self.mode, Arc::clone(&self.proto));
        vec![
            RequestField::computed(X_REAL_IP, |parts| client(parts).map(ClientAddr::to_value)),
            RequestField::computed(X_FORWARDED_FOR, move |parts| {
                mode.sender(parts).map(|sender| match mode {
                    Mode::Append => append_x_forwarded_for(&parts.headers, sender),
                    Mode::Replace => sender.to_value(),
                })
            }),
            RequestField::computed(X_FORWARDED_PROTO, move |parts| {
                mode.earlier(parts, &X_FORWARDED_PROTO).or_else(|| proto(parts))
            }),
            RequestField::computed(X_FORWARDED_HOST, move |parts| {
                mode.earlier(parts, &X_FORWARDED_HOST).or_else(|| host(parts))
            }),
        ]
    }

    /// `Forwarded` (RFC 7239).
    #[must_use]
    pub fn forwarded(&self) -> RequestField {
        let (mode, proto) = (self.mode, Arc::clone(&self.proto));
        RequestField::computed(FORWARDED, move |parts| {
            let (host, proto) = (host(parts), proto(parts));
            let mut element =
                Element::new().with_for(mode.sender(parts).map_or(Node::UNKNOWN, |sender| (*sender).into()));
            if let Some(host) = host.as_ref().and_then(|host| host.to_str().ok()) {
                element = element.with_host(host);
            }
            if let Some(proto) = proto.as_ref().and_then(|proto| proto.to_str().ok()) {
                element = element.with_proto(proto);
            }
            match mode {
                Mode::Append => append_forwarded(&parts.headers, &element).ok(),
                Mode::Replace => HeaderValue::try_from(element.to_string()).ok(),
            }
        })
    }
}

impl Mode {
    /// Whom this proxy's element is about.
    fn sender(self, parts: &Parts) -> Option<&ClientAddr> {
        match parts.extensions.get() {
            Some(ConnectionAddr(peer)) if self == Self::Append => Some(peer),
            _ => client(parts),
        }
    }

    /// What the request said before, if that counts.
    fn earlier(self, parts: &Parts, name: &HeaderName) -> Option<HeaderValue> {
        if self == Self::Append { parts.headers.get(name).cloned() } else { None }
    }
}

impl fmt::Debug for Forwarding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Forwarding").field("mode", &self.mode).finish_non_exhaustive()
    }
}

fn client(parts: &Parts) -> Option<&ClientAddr> {
    parts.extensions.get()
}

fn host(parts: &Parts) -> Option<HeaderValue> {
    let authority = || {
        let authority = parts.uri.authority()?.as_str();
        authority.rsplit('@').next()?.parse().ok() // a user's name is not the host's
    };
    parts.headers.get(HOST).cloned().or_else(authority)
}

fn scheme_of_uri(parts: &Parts) -> Option<HeaderValue> {
    let https = parts.uri.scheme() == Some(&http::uri::Scheme::HTTPS);
    Some(HeaderValue::from_static(if https { "https" } else { "http" }))
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    #[track_caller]
    fn check(forwarding: &Forwarding, client: &[(&'static str, &'static str)], expected: &[&str]) {
        let mut parts = Request::get("/").header(HOST, "a.example:8080").into_parts();
        parts.extensions.insert(ClientAddr::ip("2001:db8::1".parse().unwrap(), Some(9)));
        for (name, value) in client {
            parts.headers.append(*name, HeaderValue::from_static(value));
        }
        let fields = forwarding.fields();
        let mut ready = crate::field::Ready::new();
        fields.iter().for_each(|field| field.evaluate(&parts, &mut ready));
        let lines: Vec<_> =
            ready.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
        assert_eq!(lines, expected);
    }

    trait IntoParts {
        fn into_parts(self) -> Parts;
    }

    impl IntoParts for http::request::Builder {
        fn into_parts(self) -> Parts {
            self.body(()).unwrap().into_parts().0
        }
    }

    const EARLIER: &[(&str, &str)] = &[
        ("x-forwarded-for", "192.0.2.1"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "b.example"),
        ("x-real-ip", "192.0.2.1"),
        ("forwarded", "for=192.0.2.1"),
    ];

    #[test]
    fn says_who_the_client_is() {
        const ALONE: &[&str] = &[
            "x-real-ip: 2001:db8::1",
            "x-forwarded-for: 2001:db8::1",
            "x-forwarded-proto: http",
            "x-forwarded-host: a.example:8080",
            r#"forwarded: for="[2001:db8::1]";host="a.example:8080";proto=http"#,
        ];
        check(&Forwarding::append(), &[], ALONE);
        check(&Forwarding::replace(), EARLIER, ALONE);
        check(
            &Forwarding::append(),
            EARLIER,
            &[
                "x-real-ip: 2001:db8::1",
                "x-forwarded-for: 192.0.2.1, 2001:db8::1",
                "x-forwarded-proto: https",
                "x-forwarded-host: b.example",
                r#"forwarded: for=192.0.2.1, for="[2001:db8::1]";host="a.example:8080";proto=http"#,
            ],
        );
    }

    #[test]
    fn a_list_goes_on_with_the_proxy_that_the_request_came_from() {
        fn check(forwarding: &Forwarding, expected: [&str; 3]) {
            let mut parts = Request::get("/").header(X_FORWARDED_FOR, "192.0.2.1").into_parts();
            parts.extensions.insert(ClientAddr::ip("192.0.2.1".parse().unwrap(), None));
            parts.extensions.insert(ConnectionAddr(ClientAddr::ip("10.0.0.1".parse().unwrap(), None)));
            let fields = forwarding.fields();
            let mut ready = crate::field::Ready::new();
            fields.iter().for_each(|field| field.evaluate(&parts, &mut ready));
            for (name, expected) in [X_REAL_IP, X_FORWARDED_FOR, FORWARDED].iter().zip(expected) {
                let value = ready.iter().find(|(ready, _)| *ready == name).unwrap().1.clone();
                assert_eq!(value, expected, "{name}");
            }
        }
        check(&Forwarding::append(), ["192.0.2.1", "192.0.2.1, 10.0.0.1", "for=10.0.0.1;proto=http"]);
        check(&Forwarding::replace(), ["192.0.2.1", "192.0.2.1", "for=192.0.2.1;proto=http"]);
    }

    #[test]
    fn an_unknown_client_is_not_invented() {
        let fields = Forwarding::replace().proto(|_| Some(HeaderValue::from_static("https"))).fields();
        let parts = Request::get("http://user@h2.example/").into_parts();
        let mut ready = crate::field::Ready::new();
        fields.iter().for_each(|field| field.evaluate(&parts, &mut ready));
        let lines: Vec<_> =
            ready.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
        assert_eq!(
            lines,
            [
                "x-forwarded-proto: https",
                "x-forwarded-host: h2.example",
                "forwarded: for=unknown;host=h2.example;proto=https",
            ]
        );
    }
}
