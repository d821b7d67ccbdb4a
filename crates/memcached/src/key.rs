//! What is asked for.

use bytes::{BufMut, Bytes, BytesMut};

/// What is asked for, as it stands in a request: an extension of the request. Cheap to clone.
///
/// ```
/// use propylon_memcached::Key;
///
/// let key = Key::escaped(b"/a b?100%").unwrap();
/// assert_eq!(key.as_bytes(), b"/a%20b?100%25");
/// assert!(Key::escaped(b"").is_none());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key(Bytes);

impl Key {
    /// Of a text in which blanks, controls and `%` become `%XX`, for a line feed would end the request (nginx: `$memcached_key`). None, if
    /// there is no text.
    #[must_use]
    pub fn escaped(text: &[u8]) -> Option<Self> {
        const HEX: &[u8; 16] = b"0123456789ABCDEF";
        if text.is_empty() {
            return None;
        }
        let digit = |nibble: u8| HEX.get(usize::from(nibble)).copied().unwrap_or_default();
        let mut key = BytesMut::with_capacity(text.len());
        for &byte in text {
            if byte <= b' ' || byte == b'%' {
                key.put_slice(&[b'%', digit(byte >> 4), digit(byte & 15)]);
            } else {
                key.put_u8(byte);
            }
        }
        Some(Self(key.freeze()))
    }

    /// As it is sent.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The request for it.
    pub(crate) fn command(&self) -> BytesMut {
        let mut command = BytesMut::with_capacity(self.0.len() + 6);
        command.put_slice(b"get ");
        command.put_slice(&self.0);
        command.put_slice(b"\r\n");
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_it_ends_the_request() {
        for (text, key) in [
            (&b"/a?b=c&d"[..], &b"/a?b=c&d"[..]),
            (b"a b", b"a%20b"),
            (b"\0\t\r\nget x\x1f\x7f", b"%00%09%0D%0Aget%20x%1F\x7f"),
            (b"100%", b"100%25"),
            (b"\xc3\xa4\xff", b"\xc3\xa4\xff"),
        ] {
            assert_eq!(Key::escaped(text).unwrap().as_bytes(), key);
        }
        assert_eq!(Key::escaped(b"a").unwrap().command(), "get a\r\n");
    }
}
