//! What version 2 tells beyond addresses: types, lengths, values.

use std::borrow::Cow;

/// The type whose value tells of the client's TLS, and holds TLVs of its own.
const SSL: u8 = 0x20;

/// What the TLVs of [`SSL`] stand behind: which facts there are, and how the client's certificate was judged.
const SSL_FIXED: usize = 5;

/// The values of a header of version 2. What is behind one that is broken is not found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tlvs<'a>(&'a [u8]);

/// The name of a value, as in `$proxy_protocol_tlv_NAME`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TlvName(Name);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Name {
    Type(u8),
    /// A type among those of [`SSL`].
    Ssl(u8),
    /// The verdict on the client's certificate.
    SslVerify,
}

impl<'a> Tlvs<'a> {
    /// Those that these bytes, from [`as_bytes`](Self::as_bytes), hold.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// As they came, to be kept.
    #[must_use]
    pub fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// The first value of this type.
    #[must_use]
    pub fn find(self, wanted: u8) -> Option<&'a [u8]> {
        let mut rest = self.0;
        loop {
            let (&[kind, high, low], after) = rest.split_first_chunk()?;
            let (value, behind) = after.split_at_checked(u16::from_be_bytes([high, low]).into())?;
            if kind == wanted {
                return Some(value);
            }
            rest = behind;
        }
    }

    /// The value with this name.
    #[must_use]
    pub fn value(self, name: TlvName) -> Option<Cow<'a, [u8]>> {
        let ssl = || self.find(SSL)?.split_first_chunk::<SSL_FIXED>();
        match name.0 {
            Name::Type(kind) => self.find(kind).map(Cow::Borrowed),
            Name::Ssl(kind) => Tlvs(ssl()?.1).find(kind).map(Cow::Borrowed),
            Name::SslVerify => {
                let (&[_, a, b, c, d], _) = ssl()?;
                Some(Cow::Owned(u32::from_be_bytes([a, b, c, d]).to_string().into_bytes()))
            }
        }
    }
}

impl TlvName {
    /// Reads `alpn`, `authority`, `unique_id`, `ssl`, `netns`, `ssl_version`, `ssl_cn`, `ssl_cipher`, `ssl_sig_alg`, `ssl_key_alg`,
    /// `ssl_verify`, or a hexadecimal number such as `0xee` or `ssl_0x2f`. `None`: it is none of them.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let number = |name: &str| u8::from_str_radix(name.strip_prefix("0x")?, 16).ok();
        Some(Self(match name.strip_prefix("ssl_") {
            Some("verify") => Name::SslVerify,
            Some(part) => Name::Ssl(match part {
                "version" => 0x21,
                "cn" => 0x22,
                "cipher" => 0x23,
                "sig_alg" => 0x24,
                "key_alg" => 0x25,
                other => number(other)?,
            }),
            None => Name::Type(match name {
                "alpn" => 0x01,
                "authority" => 0x02,
                "unique_id" => 0x05,
                "ssl" => SSL,
                "netns" => 0x30,
                other => number(other)?,
            }),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value<'a>(tlvs: &'a [u8], name: &str) -> Option<Cow<'a, [u8]>> {
        Tlvs::new(tlvs).value(TlvName::parse(name).unwrap())
    }

    #[test]
    fn values_have_names() {
        let tlvs = b"\x01\0\x02h2\xae\0\x03any\x20\0\x0f\x07\0\0\x01\x02\x22\0\x01a\x2f\0\x00\x21\0\x00\x02\0\x04host";
        #[track_caller]
        fn check(tlvs: &[u8], name: &str, expected: Option<&[u8]>) {
            assert_eq!(value(tlvs, name).as_deref(), expected, "{name}");
        }
        check(tlvs, "alpn", Some(b"h2"));
        check(tlvs, "0x01", Some(b"h2"));
        check(tlvs, "0xae", Some(b"any"));
        check(tlvs, "ssl", Some(&tlvs[14..29]));
        check(tlvs, "ssl_verify", Some(b"258"));
        check(tlvs, "ssl_cn", Some(b"a"));
        check(tlvs, "ssl_0x2f", Some(b""));
        check(tlvs, "ssl_version", Some(b""));
        check(tlvs, "ssl_cipher", None);
        check(tlvs, "authority", Some(b"host"));
        check(tlvs, "netns", None);
        check(b"", "alpn", None);
        check(b"\x20\0\x04\0\0\0\0", "ssl_verify", None);
    }

    #[test]
    fn broken_ones_end_the_search() {
        for broken in [&b"\xae"[..], b"\xae\0", b"\xae\0\x05host", b"\x01\xff\xffh2"] {
            assert_eq!(value(broken, "alpn"), None, "{broken:?}");
            assert_eq!(value(&[b"\x01\0\x02h2", broken].concat(), "alpn").as_deref(), Some(&b"h2"[..]));
        }
    }

    #[test]
    fn names_that_are_none() {
        for name in ["", "0x", "0x100", "0xg1", "ssl_", "ssl_alpn", "verify", "crc32c"] {
            assert_eq!(TlvName::parse(name), None, "{name}");
        }
    }
}
