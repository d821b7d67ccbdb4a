//! The opening of a WebSocket that HTTP/2 and HTTP/3 do without (RFC 8441 5.1, RFC 9220 3) and an upstream of HTTP/1.1 does not (RFC 6455 4).

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue};
use sha1::{Digest, Sha1};

const KEY: HeaderName = HeaderName::from_static("sec-websocket-key");
const ACCEPT: HeaderName = HeaderName::from_static("sec-websocket-accept");

/// What every server appends to a key (RFC 6455 1.3).
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// What an upstream's answer to a key must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    accept: Box<str>,
}

/// Gives a request a key. It is no secret: it shows that who answers has understood.
pub(in crate::client) fn ask(headers: &mut HeaderMap) -> Key {
    let key = BASE64_STANDARD.encode(fastrand::u128(..).to_ne_bytes());
    let accept = accept_of(&key);
    if let Ok(key) = HeaderValue::try_from(key) {
        headers.insert(KEY, key);
    }
    Key { accept: accept.into() }
}

impl Key {
    /// Takes the answer from a response of 101; whether it is the right one.
    pub(crate) fn take_answer(&self, headers: &mut HeaderMap) -> bool {
        headers.remove(ACCEPT).is_some_and(|answer| answer.as_bytes() == self.accept.as_bytes())
    }
}

fn accept_of(key: &str) -> String {
    let digest = Sha1::new().chain_update(key).chain_update(GUID).finalize();
    BASE64_STANDARD.encode(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_those_of_the_rfc() {
        assert_eq!(accept_of("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        let mut headers = HeaderMap::new();
        let key = ask(&mut headers);
        let right = accept_of(headers[KEY].to_str().unwrap());
        headers.insert(ACCEPT, right.parse().unwrap());
        assert!(key.take_answer(&mut headers) && !headers.contains_key(ACCEPT));
        assert!(!key.take_answer(&mut headers));
        headers.insert(ACCEPT, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=".parse().unwrap());
        assert!(!key.take_answer(&mut headers));
    }
}
