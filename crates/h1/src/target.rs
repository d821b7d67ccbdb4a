use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{Method, Uri};

/// A request target, exactly as it was received (RFC 9112 3.2).
///
/// ```
/// use bytes::Bytes;
/// use http::Method;
/// use propylon_h1::{Target, TargetForm};
///
/// let target = Target::new(&Method::GET, Bytes::from_static(b"/a<b>?q=\"1\"#f")).unwrap();
/// assert_eq!(target.form(), TargetForm::Origin);
/// assert_eq!(target.as_bytes().as_ref(), b"/a<b>?q=\"1\"#f");
/// assert_eq!(target.uri(), "/a%3Cb%3E?q=%221%22%23f");
/// assert!(Target::new(&Method::GET, Bytes::from_static(b"*")).is_none(), "of OPTIONS only");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Target {
    bytes: Bytes,
    shape: Shape,
}

/// What there is to know of a target besides its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Shape {
    form: TargetForm,
    /// Where the authority begins and where it ends: 0 and 0 if there is none.
    authority: (usize, usize),
    /// Whether there is a `#` in it.
    hash: bool,
}

/// The four forms of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TargetForm {
    /// `/path?query`
    Origin,
    /// `http://host/path?query`
    Absolute,
    /// `host:port`, of CONNECT only.
    Authority,
    /// `*`, of OPTIONS only.
    Asterisk,
}

impl Target {
    /// `None` if it is none of the forms that the method may have, or has a blank or a control in it.
    ///
    /// The host of absolute and authority form is nginx's: letters, digits, `.`, `-`, or an IP literal in brackets; no
    /// userinfo.
    #[must_use]
    pub fn new(method: &Method, bytes: Bytes) -> Option<Self> {
        let shape = Shape::of(method, &bytes)?;
        Some(Self { bytes, shape })
    }

    /// These bytes, which have been looked at.
    #[inline]
    pub(crate) fn shaped(bytes: Bytes, shape: Shape) -> Self {
        Self { bytes, shape }
    }

    /// The exact bytes.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        self.bytes
    }

    /// The same, borrowed.
    #[must_use]
    pub fn as_bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Its form.
    #[must_use]
    pub fn form(&self) -> TargetForm {
        self.shape.form
    }

    /// `host[:port]` of absolute and authority form.
    #[must_use]
    pub fn authority(&self) -> Option<Bytes> {
        let (start, end) = self.shape.authority;
        (end > start).then(|| self.bytes.slice(start..end))
    }

    /// Path and query with its `?`: in absolute form `/` stands in where there is no path, or only a query; empty in
    /// authority form, `*` in asterisk form.
    #[must_use]
    pub fn path_and_query(&self) -> Bytes {
        match self.shape.form {
            TargetForm::Origin | TargetForm::Asterisk => self.bytes.clone(),
            TargetForm::Authority => Bytes::new(),
            TargetForm::Absolute => {
                let rest = self.bytes.slice(self.shape.authority.1..);
                match rest.first() {
                    None => Bytes::from_static(b"/"),
                    Some(b'/') => rest,
                    Some(_) => [b"/", rest.as_ref()].concat().into(),
                }
            }
        }
    }

    /// The form for other people's layers: bytes that `http::Uri` refuses are percent-encoded, and `#`, which it would
    /// cut off. Costs a validation, and a copy only where something has to be encoded. A target of 64 KiB or more, which
    /// `Uri` cannot hold, is `/`.
    #[must_use]
    pub fn uri(&self) -> Uri {
        if self.shape.hash {
            return self.encoded();
        }
        let bytes = self.bytes.clone();
        let uri = match self.shape.form {
            TargetForm::Origin => PathAndQuery::from_maybe_shared(bytes).map(Uri::from),
            _ => Uri::from_maybe_shared(bytes),
        };
        uri.unwrap_or_else(|_| self.encoded())
    }

    #[cold]
    fn encoded(&self) -> Uri {
        let (head, tail) = self.bytes.split_at_checked(self.shape.authority.1).unwrap_or_default();
        let mut text = Vec::with_capacity(self.bytes.len() + 32);
        text.extend_from_slice(head);
        percent_encode(tail, &mut text);
        if let Ok(uri) = Uri::from_maybe_shared(Bytes::from(text)) {
            return uri;
        }
        let mut text = Vec::with_capacity(self.bytes.len() + 32);
        percent_encode(&self.path_and_query(), &mut text);
        Uri::from_maybe_shared(Bytes::from(text)).unwrap_or_else(|_| Uri::from_static("/"))
    }
}

impl Shape {
    /// That of a target: see [`Target::new`].
    pub(crate) fn of(method: &Method, bytes: &[u8]) -> Option<Self> {
        let (bad, hash) = bytes.iter().fold((false, false), |(bad, hash), byte| {
            (bad | (*byte <= b' ') | (*byte == 0x7F), hash | (*byte == b'#'))
        });
        if bad {
            return None;
        }
        let (form, authority) = if *method == Method::CONNECT {
            (TargetForm::Authority, (0, connect_authority(bytes)?))
        } else if bytes.first() == Some(&b'/') {
            (TargetForm::Origin, (0, 0))
        } else if bytes == b"*" {
            (*method == Method::OPTIONS).then_some((TargetForm::Asterisk, (0, 0)))?
        } else {
            (TargetForm::Absolute, absolute_authority(bytes)?)
        };
        Some(Self { form, authority, hash })
    }
}

/// Keeps what RFC 3986 allows in a path or a query, and `%`.
fn percent_encode(from: &[u8], to: &mut Vec<u8>) {
    for &byte in from {
        if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/?%[]".contains(&byte) {
            to.push(byte);
        } else {
            let digit = |nibble: u8| if nibble < 10 { b'0' + nibble } else { b'A' + nibble - 10 };
            to.extend_from_slice(&[b'%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
}

/// `scheme "://" host [ ":" port ]` and then a path, a query or nothing.
fn absolute_authority(target: &[u8]) -> Option<(usize, usize)> {
    let colon = memchr::memchr(b':', target)?;
    let (scheme, rest) = target.split_at_checked(colon)?;
    let scheme_byte = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
    if !scheme.first()?.is_ascii_alphabetic() || !scheme.iter().all(scheme_byte) {
        return None;
    }
    let rest = rest.strip_prefix(b"://")?;
    let start = target.len() - rest.len();
    let host = host_len(rest)?;
    let mut end = host;
    if rest.get(host) == Some(&b':') {
        end += 1 + digits(rest.get(host + 1..)?);
    }
    matches!(rest.get(end), None | Some(b'/' | b'?')).then_some((start, start + end))
}

/// `host ":" port`, and nothing else: its length.
fn connect_authority(target: &[u8]) -> Option<usize> {
    let host = host_len(target)?;
    let port = target.get(host..)?.strip_prefix(b":")?;
    (!port.is_empty() && digits(port) == port.len()).then_some(target.len())
}

fn digits(text: &[u8]) -> usize {
    text.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

/// The length of the host that `text` begins with, at least 1.
fn host_len(text: &[u8]) -> Option<usize> {
    if let Some(literal) = text.strip_prefix(b"[") {
        let inside = |byte: &&u8| byte.is_ascii_alphanumeric() || b":-._~!$&'()*+,;=".contains(byte);
        let len = literal.iter().take_while(inside).count();
        return (len > 0 && literal.get(len) == Some(&b']')).then_some(len + 2);
    }
    let len = text.iter().take_while(|byte| byte.is_ascii_alphanumeric() || b".-".contains(byte)).count();
    (len > 0).then_some(len)
}
