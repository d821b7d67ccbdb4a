//! A request of HTTP/3 as the rest of the gateway knows requests.

use bytes::Bytes;
use http::header::HOST;
use http::{Request, Uri, Version, request};
use propylon_h1::Target;
use propylon_h3::RequestHead;

use crate::client::multiplexed::{awaits_continue, host_of, join_cookies};

/// The pseudo-header fields as they came, for whoever judges them: an extension of the request.
#[derive(Clone, Debug)]
pub(crate) struct PseudoHeaders {
    /// `:path`; of a CONNECT, `:authority`.
    pub(crate) target: Bytes,
    /// `:authority`
    pub(crate) authority: Option<Bytes>,
    /// Whether there is a `:protocol`.
    pub(crate) protocol: bool,
}

/// What a request asks of its stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Asked {
    /// To be told that its body is wanted.
    pub(super) go_on: bool,
    /// How long its body is, if it says so.
    pub(super) length: Option<u64>,
}

/// Writes a request as one of HTTP/1.1 would be, which is what layers, variables and upstreams know: with `Host`, and one `Cookie`.
pub(super) fn translate(head: RequestHead) -> (request::Parts, Asked) {
    let RequestHead { method, authority, path, protocol, mut headers, length, .. } = head;
    if let Some(host) = host_of(&headers, authority.as_deref()) {
        headers.insert(HOST, host);
    }
    join_cookies(&mut headers);
    let go_on = awaits_continue(&headers);
    let target = path.or_else(|| authority.clone()).unwrap_or_default();
    // What is none is refused by whoever judges the target.
    let uri = Target::new(&method, target.clone()).map_or_else(Uri::default, |target| target.uri());
    let (mut parts, ()) = Request::new(()).into_parts();
    parts.method = method;
    parts.uri = uri;
    parts.version = Version::HTTP_3;
    parts.headers = headers;
    parts.extensions.insert(PseudoHeaders { target, authority, protocol: protocol.is_some() });
    (parts, Asked { go_on, length })
}

#[cfg(test)]
mod tests {
    use http::header::COOKIE;
    use propylon_h3::Fields;

    use super::*;

    fn translated(fields: &[(&str, &str)]) -> (request::Parts, Asked) {
        let all = fields.iter().fold(Fields::default(), |all, (name, value)| all.field(name, value));
        let mut frame = all.into_frame();
        let mut stream = propylon_h3::RequestStream::new(4096);
        let Some(propylon_h3::Event::Head(section)) = stream.read(&mut frame).unwrap() else {
            panic!("no head")
        };
        translate(RequestHead::read(section, 4096).unwrap())
    }

    const GET: [(&str, &str); 4] =
        [(":method", "GET"), (":scheme", "https"), (":authority", "a.example:8443"), (":path", "/b?c={d}#e")];

    #[test]
    fn a_request_is_as_one_of_http_1_1() {
        let more =
            [("cookie", "a=1"), ("cookie", "b=2"), ("expect", "100-Continue"), ("content-length", "3")];
        let (parts, asked) = translated(&[&GET[..], &more].concat());
        assert_eq!(parts.headers[HOST], "a.example:8443");
        assert_eq!(parts.headers.get_all(COOKIE).iter().collect::<Vec<_>>(), ["a=1; b=2"]);
        assert_eq!(parts.uri.path(), "/b");
        let pseudo = parts.extensions.get::<PseudoHeaders>().unwrap();
        assert_eq!((&*pseudo.target, pseudo.protocol), (&b"/b?c={d}#e"[..], false));
        assert_eq!((parts.version, asked), (Version::HTTP_3, Asked { go_on: true, length: Some(3) }));
    }

    #[test]
    fn a_host_stays_as_it_is() {
        let (parts, asked) = translated(&[GET[0], GET[1], GET[3], ("host", "b")]);
        assert_eq!(parts.headers[HOST], "b");
        assert!(parts.extensions.get::<PseudoHeaders>().unwrap().authority.is_none());
        assert_eq!(asked, Asked::default());
        let (parts, _) = translated(&[(":method", "CONNECT"), (":authority", "a:1")]);
        assert_eq!(parts.extensions.get::<PseudoHeaders>().unwrap().target, "a:1");
    }
}
