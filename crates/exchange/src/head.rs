//! The client's request head, as it came.

use bytes::Bytes;
use http::{Method, Version};

use crate::Fields;

/// The client's request head, as it came: what the request was before any layer rewrote it.
#[derive(Clone, Debug)]
pub struct Head {
    /// The method.
    pub method: Method,
    /// The request-target, byte for byte.
    pub target: Bytes,
    /// The HTTP version.
    pub version: Version,
    /// The fields.
    pub headers: Fields,
    /// How many bytes the head took on the wire, or the best estimate of it.
    pub bytes: u64,
}

impl Head {
    /// The request line without its line end (`$request`).
    #[must_use]
    pub fn line(&self) -> Vec<u8> {
        let method = self.method.as_str().as_bytes();
        let version = Protocol(self.version).as_str();
        let mut line = Vec::with_capacity(method.len() + self.target.len() + version.len() + 2);
        line.extend_from_slice(method);
        line.push(b' ');
        line.extend_from_slice(&self.target);
        line.push(b' ');
        line.extend_from_slice(version.as_bytes());
        line
    }

    /// The protocol's name as it stands in a request line (`$server_protocol`): `HTTP/1.1`, `HTTP/2.0`.
    #[must_use]
    pub fn protocol(&self) -> &'static str {
        Protocol(self.version).as_str()
    }
}

struct Protocol(Version);

impl Protocol {
    fn as_str(&self) -> &'static str {
        match self.0 {
            Version::HTTP_09 => "HTTP/0.9",
            Version::HTTP_10 => "HTTP/1.0",
            Version::HTTP_2 => "HTTP/2.0",
            Version::HTTP_3 => "HTTP/3.0",
            _ => "HTTP/1.1",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_line_keeps_the_target() {
        let head = Head {
            method: Method::POST,
            target: Bytes::from_static(b"http://h/a%2F?\xc3\xa4"),
            version: Version::HTTP_10,
            headers: http::HeaderMap::new().into(),
            bytes: 0,
        };
        assert_eq!(head.line(), b"POST http://h/a%2F?\xc3\xa4 HTTP/1.0");
    }
}
