//! A request's fields (RFC 9114 4.2, 4.3): what they must be before anybody reads them.

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, TE, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use crate::qpack::{Section, Text, Unreadable};
use crate::{Code, Fault};

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");

/// A request's head, as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestHead {
    /// `:method`
    pub method: Method,
    /// `:scheme`; none of a CONNECT.
    pub scheme: Option<Bytes>,
    /// `:authority`, if it is there.
    pub authority: Option<Bytes>,
    /// `:path`; none of a CONNECT.
    pub path: Option<Bytes>,
    /// `:protocol` of a CONNECT that has one (RFC 9220).
    pub protocol: Option<Bytes>,
    /// All others.
    pub headers: HeaderMap,
    /// How long the body is, if the head says so.
    pub length: Option<u64>,
}

/// Why a section of fields is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is larger than it may be: nobody knows what is in it (RFC 9114 4.2.2: 431).
    #[error("the fields are too large")]
    TooLarge,
    /// It is not as it must be.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<Unreadable> for Refused {
    fn from(why: Unreadable) -> Self {
        match why {
            Unreadable::TooLarge => Self::TooLarge,
            Unreadable::Malformed => Self::Fault(Fault::connection(
                Code::QPACK_DECOMPRESSION_FAILED,
                "a field section that cannot be decoded",
            )),
        }
    }
}

impl RequestHead {
    /// Reads a section of fields, which may take `most` bytes, with 32 for each field.
    ///
    /// # Errors
    /// If it is too large, or not as it must be.
    pub fn read(encoded: Bytes, most: usize) -> Result<Self, Refused> {
        let mut section = Section::new(encoded, most)?;
        let mut pseudo = Pseudo::default();
        let mut headers = HeaderMap::new();
        let mut ended = false;
        while let Some((name, value)) = section.next()? {
            if name.as_bytes().first() == Some(&b':') {
                if ended {
                    return Err(Fault::malformed("a pseudo-header field after regular fields").into());
                }
                pseudo.take(&name, value)?;
            } else {
                ended = true;
                append(&mut headers, &name, value)?;
            }
        }
        let length = content_length(&headers)?;
        Ok(pseudo.finish(headers, length)?)
    }
}

/// Reads the fields after a body.
///
/// # Errors
/// As [`RequestHead::read`].
pub fn trailers(encoded: Bytes, most: usize) -> Result<HeaderMap, Refused> {
    let mut section = Section::new(encoded, most)?;
    let mut headers = HeaderMap::new();
    while let Some((name, value)) = section.next()? {
        if name.as_bytes().first() == Some(&b':') {
            return Err(Fault::malformed("a pseudo-header field in trailers").into());
        }
        append(&mut headers, &name, value)?;
    }
    Ok(headers)
}

#[derive(Default)]
struct Pseudo {
    method: Option<Bytes>,
    scheme: Option<Bytes>,
    authority: Option<Bytes>,
    path: Option<Bytes>,
    protocol: Option<Bytes>,
}

impl Pseudo {
    fn take(&mut self, name: &Text, value: Text) -> Result<(), Fault> {
        let place = match name.as_bytes() {
            b":method" => &mut self.method,
            b":scheme" => &mut self.scheme,
            b":authority" => &mut self.authority,
            b":path" => &mut self.path,
            b":protocol" => &mut self.protocol,
            _ => return Err(Fault::malformed("an unknown pseudo-header field")),
        };
        let value = value.into_bytes();
        if !value.iter().all(|byte| byte.is_ascii_graphic() || *byte >= 0x80) {
            return Err(Fault::malformed("a pseudo-header field with an invalid character"));
        }
        match place.replace(value) {
            None => Ok(()),
            Some(_) => Err(Fault::malformed("a repeated pseudo-header field")),
        }
    }

    fn finish(self, headers: HeaderMap, length: Option<u64>) -> Result<RequestHead, Fault> {
        let Self { method, scheme, authority, path, protocol } = self;
        let method = method.ok_or(Fault::malformed("no :method"))?;
        let method = Method::from_bytes(&method).map_err(|_| Fault::malformed("an invalid :method"))?;
        if method == Method::CONNECT && protocol.is_none() {
            if scheme.is_some() || path.is_some() || authority.is_none() {
                return Err(Fault::malformed(
                    "a CONNECT request without :authority, or with :scheme or :path",
                ));
            }
        } else {
            if protocol.is_some() && (method != Method::CONNECT || authority.is_none()) {
                return Err(Fault::malformed("a :protocol without CONNECT or without :authority"));
            }
            if !scheme.as_ref().is_some_and(|scheme| is_scheme(scheme)) {
                return Err(Fault::malformed("a missing or invalid :scheme"));
            }
            if path.as_ref().is_none_or(Bytes::is_empty) {
                return Err(Fault::malformed("no :path"));
            }
        }
        Ok(RequestHead { method, scheme, authority, path, protocol, headers, length })
    }
}

/// RFC 3986 3.1.
fn is_scheme(scheme: &[u8]) -> bool {
    scheme.first().is_some_and(u8::is_ascii_alphabetic)
        && scheme.iter().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(byte))
}

fn append(headers: &mut HeaderMap, name: &Text, value: Text) -> Result<(), Refused> {
    // In lower case alone (RFC 9114 4.2).
    let name =
        HeaderName::from_lowercase(name.as_bytes()).map_err(|_| Fault::malformed("an invalid field name"))?;
    let blank = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
    let bytes = value.into_bytes();
    if blank(bytes.first()) || blank(bytes.last()) {
        return Err(Fault::malformed("a field value that begins or ends with a blank").into());
    }
    if [CONNECTION, KEEP_ALIVE, PROXY_CONNECTION, TRANSFER_ENCODING, UPGRADE].contains(&name)
        || name == TE && !bytes.eq_ignore_ascii_case(b"trailers")
    {
        return Err(Fault::malformed("a connection-specific field").into());
    }
    let value =
        HeaderValue::from_maybe_shared(bytes).map_err(|_| Fault::malformed("an invalid field value"))?;
    headers.try_append(name, value).map_err(|_| Refused::TooLarge)?;
    Ok(())
}

fn content_length(headers: &HeaderMap) -> Result<Option<u64>, Fault> {
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    let Some(length) = lengths.next() else { return Ok(None) };
    let number = length.as_bytes();
    let is_number = !number.is_empty() && number.iter().all(u8::is_ascii_digit);
    let parsed = length.to_str().ok().filter(|_| is_number).and_then(|length| length.parse().ok());
    match (parsed, lengths.next()) {
        (Some(length), None) => Ok(Some(length)),
        _ => Err(Fault::malformed("an invalid content-length")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::qpack;

    fn section(fields: &[(&str, &str)]) -> Bytes {
        let mut section = Vec::new();
        qpack::begin(&mut section);
        fields.iter().for_each(|(name, value)| qpack::put(name, value.as_bytes(), false, &mut section));
        section.into()
    }

    const GET: [(&str, &str); 4] =
        [(":method", "GET"), (":scheme", "https"), (":authority", "a.example"), (":path", "/?q")];

    fn read(fields: &[(&str, &str)]) -> Result<RequestHead, Code> {
        RequestHead::read(section(fields), 4096).map_err(|refused| match refused {
            Refused::Fault(fault) => {
                assert_eq!(fault.of_connection, fault.code != Code::MESSAGE_ERROR, "{fault}");
                fault.code
            }
            Refused::TooLarge => Code::EXCESSIVE_LOAD,
        })
    }

    fn with(more: &[(&str, &str)]) -> Result<RequestHead, Code> {
        read(&[&GET[..], more].concat())
    }

    #[test]
    fn a_head_comes_as_it_was_sent() {
        let head = with(&[
            ("accept", "*/*"),
            ("x-a", "1"),
            ("x-a", ""),
            ("te", "trailers"),
            ("content-length", "42"),
        ]);
        let head = head.unwrap();
        assert_eq!((head.method, head.length), (Method::GET, Some(42)));
        let parts = [head.scheme, head.authority, head.path, head.protocol]
            .map(|part| part.map(|part| part.to_vec()));
        assert_eq!(
            parts,
            [Some(b"https".to_vec()), Some(b"a.example".to_vec()), Some(b"/?q".to_vec()), None]
        );
        assert_eq!(head.headers.get_all("x-a").iter().collect::<Vec<_>>(), ["1", ""]);
        assert_eq!(head.headers.len(), 5);
    }

    #[test]
    fn a_connect_is_for_an_authority() {
        let connect = [(":method", "CONNECT"), (":authority", "a:443")];
        assert_eq!(read(&connect).unwrap().path, None);
        assert_eq!(read(&connect[..1]), Err(Code::MESSAGE_ERROR));
        assert_eq!(read(&[&connect[..], &[(":path", "/")]].concat()), Err(Code::MESSAGE_ERROR));
        let extended =
            [&connect[..], &[(":protocol", "websocket"), (":scheme", "https"), (":path", "/")]].concat();
        assert_eq!(read(&extended).unwrap().protocol.unwrap(), "websocket");
        assert_eq!(read(&extended[..4]), Err(Code::MESSAGE_ERROR));
        assert_eq!(with(&[(":protocol", "websocket")]), Err(Code::MESSAGE_ERROR));
    }

    #[test]
    fn what_is_malformed_is_refused() {
        for wrong in [
            &[("a", "b"), (":x", "y")][..],
            &[(":status", "200")],
            &[(":method", "GET")],
            &[(":path", "/")],
            &[("Accept", "a")],
            &[("", "a")],
            &[("a b", "a")],
            &[("a", "b\r\nc: d")],
            &[("a", "b\0")],
            &[("a", " b")],
            &[("a", "b\t")],
            &[("connection", "close")],
            &[("keep-alive", "1")],
            &[("proxy-connection", "close")],
            &[("transfer-encoding", "chunked")],
            &[("upgrade", "h2c")],
            &[("te", "gzip")],
            &[("te", "trailers, gzip")],
            &[("content-length", "1"), ("content-length", "1")],
            &[("content-length", "+1")],
            &[("content-length", "")],
            &[("content-length", "99999999999999999999")],
        ] {
            assert_eq!(with(wrong), Err(Code::MESSAGE_ERROR), "{wrong:?}");
        }
        let after = [("a", "b"), GET[0], GET[1], GET[2], GET[3]];
        assert_eq!(read(&after), Err(Code::MESSAGE_ERROR));
        for missing in [0, 1, 3] {
            let some: Vec<_> = (0..4).filter(|place| *place != missing).map(|place| GET[place]).collect();
            assert_eq!(read(&some), Err(Code::MESSAGE_ERROR), "without {}", GET[missing].0);
        }
        for wrong in [
            (":path", ""),
            (":path", "/a b"),
            (":scheme", "1http"),
            (":scheme", ""),
            (":method", "G T"),
            (":method", ""),
        ] {
            let fields = GET.map(|field| if field.0 == wrong.0 { wrong } else { field });
            assert_eq!(read(&fields), Err(Code::MESSAGE_ERROR), "{wrong:?}");
        }
    }

    #[test]
    fn what_cannot_be_read_closes_the_connection() {
        let refused = RequestHead::read(Bytes::from_static(b"\x00\x00\x80"), 4096);
        let Err(Refused::Fault(fault)) = refused else { panic!("{refused:?}") };
        assert!(fault.of_connection && fault.code == Code::QPACK_DECOMPRESSION_FAILED);
    }

    #[test]
    fn what_is_too_large_is_nobodys_fault() {
        let long = "x".repeat(4096);
        assert_eq!(with(&[("a", &long)]), Err(Code::EXCESSIVE_LOAD));
        let names: Vec<_> = (0..40_000).map(|number| format!("a{number}")).collect();
        let many: Vec<_> = names.iter().map(|name| (&**name, "")).collect();
        let refused = RequestHead::read(section(&[&GET[..], &many].concat()), usize::MAX);
        assert!(refused.is_err_and(|refused| refused == Refused::TooLarge), "more names than a map holds");
    }

    #[test]
    fn trailers_have_no_pseudo_header_fields() {
        let read = |fields: &[(&str, &str)]| trailers(section(fields), 99);
        assert_eq!(read(&[("x-sum", "1")]).unwrap()["x-sum"], "1");
        assert!(read(&[]).unwrap().is_empty());
        for wrong in [(":path", "/"), (":status", "200"), ("X", "1"), ("upgrade", "a")] {
            let refused = read(&[wrong]).unwrap_err();
            assert_eq!(
                refused,
                Refused::Fault(Fault { what: what(refused), ..Fault::malformed("") }),
                "{wrong:?}"
            );
        }
        assert_eq!(read(&[("x-sum", &*"1".repeat(99))]), Err(Refused::TooLarge));
    }

    fn what(refused: Refused) -> &'static str {
        match refused {
            Refused::Fault(fault) => fault.what,
            Refused::TooLarge => "",
        }
    }
}
