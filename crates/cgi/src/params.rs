//! The params of a request: what CGI calls its environment.

use bytes::{BufMut, Bytes, BytesMut};

/// The params of a request, in order (RFC 3875 4.1). A request extension that [`send`](crate::send) reads.
///
/// They are kept as FastCGI has them on the wire (FastCGI 1.0, 3.4), so that it sends them as they are; uwsgi and SCGI write them
/// anew. A clone is a refcount bump.
///
/// ```
/// use propylon_cgi::Params;
///
/// let params = Params::builder().push("REQUEST_METHOD", "GET").push("SCRIPT_FILENAME", "/srv/index.php").build();
/// assert_eq!(params.iter().next(), Some((&b"REQUEST_METHOD"[..], &b"GET"[..])));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Params(Bytes);

/// Makes [`Params`].
#[derive(Debug, Default)]
pub struct ParamsBuilder(BytesMut);

impl Params {
    /// None yet.
    #[must_use]
    pub fn builder() -> ParamsBuilder {
        ParamsBuilder(BytesMut::with_capacity(1024))
    }

    /// Names and values, as they are sent.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let mut rest = &self.0[..];
        std::iter::from_fn(move || {
            let name = take_length(&mut rest)?;
            let value = take_length(&mut rest)?;
            let (name, after) = rest.split_at_checked(name)?;
            let (value, after) = after.split_at_checked(value)?;
            rest = after;
            Some((name, value))
        })
    }

    /// The same, and more for fields of the request as [`ParamsBuilder::add_field`] has them.
    #[must_use]
    pub fn with_fields<'f>(&self, fields: impl IntoIterator<Item = (&'f str, &'f [u8])>) -> Self {
        let mut builder = ParamsBuilder(BytesMut::from(&self.0[..]));
        fields.into_iter().for_each(|(name, value)| builder.add_field(name, value));
        builder.build()
    }

    /// As FastCGI has them on the wire, records apart.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl ParamsBuilder {
    /// One more.
    #[must_use]
    pub fn push(mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        self.add(name.as_ref(), value.as_ref());
        self
    }

    /// One more, in place.
    pub fn add(&mut self, name: &[u8], value: &[u8]) {
        self.0.reserve(name.len() + value.len() + 8);
        put_length(&mut self.0, name.len());
        put_length(&mut self.0, value.len());
        self.0.put_slice(name);
        self.0.put_slice(value);
    }

    /// One more for a field of the request, as CGI names it: `HTTP_` and its name in upper case, `-` as `_` (RFC 3875 4.1.18).
    pub fn add_field(&mut self, name: &str, value: &[u8]) {
        const PREFIX: &[u8] = b"HTTP_";
        self.0.reserve(PREFIX.len() + name.len() + value.len() + 8);
        put_length(&mut self.0, PREFIX.len() + name.len());
        put_length(&mut self.0, value.len());
        self.0.put_slice(PREFIX);
        self.0.extend(name.bytes().map(|byte| if byte == b'-' { b'_' } else { byte.to_ascii_uppercase() }));
        self.0.put_slice(value);
    }

    /// All of them.
    #[must_use]
    pub fn build(self) -> Params {
        Params(self.0.freeze())
    }
}

/// A length takes one byte below 128, else four.
fn put_length(out: &mut BytesMut, length: usize) {
    match u8::try_from(length) {
        Ok(short @ ..0x80) => out.put_u8(short),
        // Nothing in memory here is as long as 2 GiB.
        _ => out.put_u32(u32::try_from(length).unwrap_or(u32::MAX) | 0x8000_0000),
    }
}

fn take_length(rest: &mut &[u8]) -> Option<usize> {
    let (&first, after) = rest.split_first()?;
    if first < 0x80 {
        *rest = after;
        return Some(first.into());
    }
    let (four, after) = rest.split_first_chunk::<4>()?;
    *rest = after;
    usize::try_from(u32::from_be_bytes(*four) & 0x7FFF_FFFF).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths() {
        let long = "v".repeat(128);
        let params = Params::builder().push("A", "").push("B", &long).push(&long, "x").build();
        assert_eq!(&params.as_bytes()[..3], b"\x01\x00A");
        assert_eq!(&params.as_bytes()[3..9], b"\x01\x80\x00\x00\x80B");
        let pairs: Vec<_> = params.iter().collect();
        assert_eq!(pairs, [(&b"A"[..], &b""[..]), (b"B", long.as_bytes()), (long.as_bytes(), b"x")]);
    }

    #[test]
    fn fields_are_named_as_cgi_does() {
        let mut builder = Params::builder();
        builder.add_field("x-forwarded-for", b"::1");
        let params = builder.build();
        let expected = (&b"HTTP_X_FORWARDED_FOR"[..], &b"::1"[..]);
        assert_eq!(params.iter().next(), Some(expected));
        let more = params.with_fields([("traceparent", &b"00"[..])]);
        assert_eq!(more.iter().collect::<Vec<_>>(), [expected, (b"HTTP_TRACEPARENT", b"00")]);
    }
}
