//! What is stored beside a body.

use std::time::Duration;

use bytes::{Buf as _, Bytes};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Version};
use smallvec::SmallVec;

/// A stored response without its body.
///
/// The store reads `stored_at`, `variant` and `tags`; all else it keeps for its user.
#[derive(Clone, Debug)]
pub struct Meta {
    /// The status code.
    pub status: StatusCode,
    /// The version of the response that was stored.
    pub version: Version,
    /// The header fields, without the hop-by-hop ones.
    pub headers: HeaderMap,
    /// When it was stored or last validated, in milliseconds since 1970.
    pub stored_at: u64,
    /// RFC 9111's corrected_initial_age. Kept in milliseconds.
    pub initial_age: Duration,
    /// How long it is fresh, counted from age 0. Kept in milliseconds.
    pub lifetime: Duration,
    /// Which of a key's responses it is, if they vary.
    pub variant: Option<Variant>,
    /// What it can be purged by beside its key.
    pub tags: Tags,
    /// Whatever else the store's user must know again, in his own encoding.
    pub terms: Bytes,
}

/// The selecting fields of a response that varies, in its user's own encoding. Two responses under one key with the same
/// bytes here replace each other.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Variant(pub Bytes);

/// The tags of a response.
pub type Tags = SmallVec<[Bytes; 2]>;

impl Meta {
    /// A response with this status, and nothing else.
    #[must_use]
    pub fn new(status: StatusCode) -> Self {
        Self {
            status,
            version: Version::HTTP_11,
            headers: HeaderMap::new(),
            stored_at: 0,
            initial_age: Duration::ZERO,
            lifetime: Duration::ZERO,
            variant: None,
            tags: Tags::new(),
            terms: Bytes::new(),
        }
    }

    /// About how much memory it takes.
    pub(super) fn weight(&self) -> usize {
        let fields: usize =
            self.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + FIELD).sum();
        let tags: usize = self.tags.iter().map(|tag| tag.len() + size_of::<Bytes>()).sum();
        let variant = self.variant.as_ref().map_or(0, |variant| variant.0.len());
        size_of::<Self>() + fields + tags + variant + self.terms.len()
    }

    /// Appends it to `out`.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.extend(self.status.as_u16().to_le_bytes());
        out.push(version_code(self.version));
        out.extend(self.stored_at.to_le_bytes());
        for duration in [self.initial_age, self.lifetime] {
            out.extend(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX).to_le_bytes());
        }
        out.push(u8::from(self.variant.is_some()));
        if let Some(Variant(bytes)) = &self.variant {
            encode_bytes(bytes, out);
        }
        encode_count(self.tags.len(), out);
        for tag in &self.tags {
            encode_bytes(tag, out);
        }
        encode_bytes(&self.terms, out);
        encode_count(self.headers.len(), out);
        for (name, value) in &self.headers {
            encode_bytes(name.as_str().as_bytes(), out);
            encode_bytes(value.as_bytes(), out);
        }
    }

    /// What [`encode`](Self::encode) wrote, and nothing after it. The values share the memory of `from`.
    pub(super) fn decode(mut from: Bytes) -> Option<Self> {
        let from = &mut from;
        let status = StatusCode::from_u16(from.try_get_u16_le().ok()?).ok()?;
        let version = version_of(from.try_get_u8().ok()?)?;
        let stored_at = from.try_get_u64_le().ok()?;
        let initial_age = Duration::from_millis(from.try_get_u64_le().ok()?);
        let lifetime = Duration::from_millis(from.try_get_u64_le().ok()?);
        let variant = match from.try_get_u8().ok()? {
            0 => None,
            1 => Some(Variant(decode_bytes(from)?)),
            _ => return None,
        };
        let tags = (0..from.try_get_u32_le().ok()?).map(|_| decode_bytes(from)).collect::<Option<_>>()?;
        let terms = decode_bytes(from)?;
        let mut headers = HeaderMap::new();
        for _ in 0..from.try_get_u32_le().ok()? {
            let name = HeaderName::from_bytes(&decode_bytes(from)?).ok()?;
            let value = HeaderValue::from_maybe_shared(decode_bytes(from)?).ok()?;
            headers.try_append(name, value).ok()?;
        }
        from.is_empty().then_some(Self {
            status,
            version,
            headers,
            stored_at,
            initial_age,
            lifetime,
            variant,
            tags,
            terms,
        })
    }
}

/// What a field takes in a map beside its text.
const FIELD: usize = 104;

fn version_code(version: Version) -> u8 {
    match version {
        Version::HTTP_09 => 9,
        Version::HTTP_10 => 10,
        Version::HTTP_2 => 20,
        Version::HTTP_3 => 30,
        _ => 11,
    }
}

fn version_of(code: u8) -> Option<Version> {
    Some(match code {
        9 => Version::HTTP_09,
        10 => Version::HTTP_10,
        11 => Version::HTTP_11,
        20 => Version::HTTP_2,
        30 => Version::HTTP_3,
        _ => return None,
    })
}

fn encode_count(count: usize, out: &mut Vec<u8>) {
    // More than that is larger than any head that is stored.
    out.extend(u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes());
}

pub(super) fn encode_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    encode_count(bytes.len(), out);
    out.extend(bytes);
}

pub(super) fn decode_bytes(from: &mut Bytes) -> Option<Bytes> {
    let length = usize::try_from(from.try_get_u32_le().ok()?).ok()?;
    (length <= from.len()).then(|| from.split_to(length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Meta {
        let mut meta = Meta::new(StatusCode::NOT_FOUND);
        meta.version = Version::HTTP_10;
        meta.headers.append("set-cookie", "a=b".parse().unwrap());
        meta.headers.append("set-cookie", HeaderValue::from_bytes(b"c=\xff").unwrap());
        meta.headers.append("x-empty", HeaderValue::from_static(""));
        meta.stored_at = 1_795_651_200_123;
        meta.initial_age = Duration::from_millis(1500);
        meta.lifetime = Duration::from_secs(u64::from(u32::MAX));
        meta.variant = Some(Variant(Bytes::from_static(b"accept-encoding\0gzip")));
        meta.tags = Tags::from_iter([Bytes::from_static(b"one"), Bytes::from_static(b"two")]);
        meta.terms = Bytes::from_static(b"\0\x01terms");
        meta
    }

    #[test]
    fn what_was_written_is_read() {
        for meta in [sample(), Meta::new(StatusCode::OK)] {
            let mut bytes = Vec::new();
            meta.encode(&mut bytes);
            let read = Meta::decode(Bytes::from(bytes)).unwrap();
            assert_eq!(format!("{meta:?}"), format!("{read:?}"));
        }
    }

    #[test]
    fn neither_less_nor_more_is_read() {
        let mut bytes = Vec::new();
        sample().encode(&mut bytes);
        for length in 0..bytes.len() {
            assert!(Meta::decode(Bytes::copy_from_slice(&bytes[..length])).is_none(), "{length}");
        }
        bytes.push(0);
        assert!(Meta::decode(Bytes::from(bytes)).is_none());
    }

    proptest::proptest! {
        #[test]
        fn nonsense_is_refused_or_read(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _ = Meta::decode(Bytes::from(bytes));
        }
    }
}
