//! What a client says about where it came from, taken away.

use http::header::{HeaderMap, HeaderName};
use smallvec::SmallVec;

use crate::client_addr::ClientAddr;
use crate::names::{self, PROXY};
use crate::trusted::Trusted;

/// Removes `Forwarded`, `X-Forwarded-*`, `X-Real-IP` and `Proxy` unless the peer is trusted.
///
/// For the edge, with the connection's address, before anything reads the request: what is left was written by a proxy that
/// is trusted to. (`Proxy` is the field that CGI programs take for a setting of their own: "httpoxy".)
///
/// Cost: one pass over the names, and nothing more when there is nothing to remove.
///
/// ```
/// use http::{HeaderMap, HeaderValue};
/// use propylon_headers::{ClientAddr, Trusted, X_FORWARDED_FOR, strip_untrusted};
///
/// let mut headers = HeaderMap::new();
/// headers.insert(X_FORWARDED_FOR, HeaderValue::from_static("127.0.0.1"));
/// let peer = ClientAddr::ip("192.0.2.1".parse().unwrap(), None);
/// strip_untrusted(&mut headers, &peer, &Trusted::none());
/// assert!(headers.is_empty());
/// ```
pub fn strip_untrusted(headers: &mut HeaderMap, peer: &ClientAddr, trusted: &Trusted) {
    if !headers.keys().any(is_claim) || trusted.contains(peer) {
        return;
    }
    let claims: SmallVec<[HeaderName; 4]> = headers.keys().filter(|name| is_claim(name)).cloned().collect();
    for name in claims {
        headers.remove(name);
    }
}

fn is_claim(name: &HeaderName) -> bool {
    names::is_forwarding(name.as_str()) || *name == PROXY
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn only_a_trusted_peer_s_word_is_kept() {
        fn check(peer: ClientAddr, expected: &[&str]) {
            let trusted = Trusted::from_iter(["10.0.0.0/8".parse().unwrap()]).unix(true);
            let mut headers = HeaderMap::new();
            for name in [
                "forwarded",
                "x-forwarded-for",
                "x-forwarded",
                "x-forwarded-x",
                "proxy",
                "x-real-ip",
                "x-real",
            ] {
                headers.append(name, HeaderValue::from_static("1"));
                headers.append(name, HeaderValue::from_static("2"));
            }
            strip_untrusted(&mut headers, &peer, &trusted);
            let mut left: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
            left.sort_unstable();
            assert_eq!(left, expected, "{peer}");
        }
        let all =
            ["forwarded", "proxy", "x-forwarded", "x-forwarded-for", "x-forwarded-x", "x-real", "x-real-ip"];
        let ip = |text: &str| ClientAddr::ip(text.parse().unwrap(), None);
        check(ip("192.0.2.1"), &["x-forwarded", "x-real"]);
        check(ip("::1"), &["x-forwarded", "x-real"]);
        check(ip("10.9.9.9"), &all);
        check(ClientAddr::unix(), &all);
    }
}
