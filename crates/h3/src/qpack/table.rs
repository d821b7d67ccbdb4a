//! The static table (RFC 9204, appendix A).

/// Its fields, by index.
pub(super) const FIELDS: [(&str, &str); 99] = [
    (":authority", ""),
    (":path", "/"),
    ("age", "0"),
    ("content-disposition", ""),
    ("content-length", "0"),
    ("cookie", ""),
    ("date", ""),
    ("etag", ""),
    ("if-modified-since", ""),
    ("if-none-match", ""),
    ("last-modified", ""),
    ("link", ""),
    ("location", ""),
    ("referer", ""),
    ("set-cookie", ""),
    (":method", "CONNECT"),
    (":method", "DELETE"),
    (":method", "GET"),
    (":method", "HEAD"),
    (":method", "OPTIONS"),
    (":method", "POST"),
    (":method", "PUT"),
    (":scheme", "http"),
    (":scheme", "https"),
    (":status", "103"),
    (":status", "200"),
    (":status", "304"),
    (":status", "404"),
    (":status", "503"),
    ("accept", "*/*"),
    ("accept", "application/dns-message"),
    ("accept-encoding", "gzip, deflate, br"),
    ("accept-ranges", "bytes"),
    ("access-control-allow-headers", "cache-control"),
    ("access-control-allow-headers", "content-type"),
    ("access-control-allow-origin", "*"),
    ("cache-control", "max-age=0"),
    ("cache-control", "max-age=2592000"),
    ("cache-control", "max-age=604800"),
    ("cache-control", "no-cache"),
    ("cache-control", "no-store"),
    ("cache-control", "public, max-age=31536000"),
    ("content-encoding", "br"),
    ("content-encoding", "gzip"),
    ("content-type", "application/dns-message"),
    ("content-type", "application/javascript"),
    ("content-type", "application/json"),
    ("content-type", "application/x-www-form-urlencoded"),
    ("content-type", "image/gif"),
    ("content-type", "image/jpeg"),
    ("content-type", "image/png"),
    ("content-type", "text/css"),
    ("content-type", "text/html; charset=utf-8"),
    ("content-type", "text/plain"),
    ("content-type", "text/plain;charset=utf-8"),
    ("range", "bytes=0-"),
    ("strict-transport-security", "max-age=31536000"),
    ("strict-transport-security", "max-age=31536000; includesubdomains"),
    ("strict-transport-security", "max-age=31536000; includesubdomains; preload"),
    ("vary", "accept-encoding"),
    ("vary", "origin"),
    ("x-content-type-options", "nosniff"),
    ("x-xss-protection", "1; mode=block"),
    (":status", "100"),
    (":status", "204"),
    (":status", "206"),
    (":status", "302"),
    (":status", "400"),
    (":status", "403"),
    (":status", "421"),
    (":status", "425"),
    (":status", "500"),
    ("accept-language", ""),
    ("access-control-allow-credentials", "FALSE"),
    ("access-control-allow-credentials", "TRUE"),
    ("access-control-allow-headers", "*"),
    ("access-control-allow-methods", "get"),
    ("access-control-allow-methods", "get, post, options"),
    ("access-control-allow-methods", "options"),
    ("access-control-expose-headers", "content-length"),
    ("access-control-request-headers", "content-type"),
    ("access-control-request-method", "get"),
    ("access-control-request-method", "post"),
    ("alt-svc", "clear"),
    ("authorization", ""),
    ("content-security-policy", "script-src 'none'; object-src 'none'; base-uri 'none'"),
    ("early-data", "1"),
    ("expect-ct", ""),
    ("forwarded", ""),
    ("if-range", ""),
    ("origin", ""),
    ("purpose", "prefetch"),
    ("server", ""),
    ("timing-allow-origin", "*"),
    ("upgrade-insecure-requests", "1"),
    ("user-agent", ""),
    ("x-forwarded-for", ""),
    ("x-frame-options", "deny"),
    ("x-frame-options", "sameorigin"),
];

/// Indices of the fields, in the order of their names.
static BY_NAME: [u8; FIELDS.len()] = by_name();

#[expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "99 places, when this is compiled"
)]
const fn by_name() -> [u8; FIELDS.len()] {
    let mut order = [0; FIELDS.len()];
    let mut count = 0;
    while count < order.len() {
        let mut at = count;
        while at > 0 && is_before(FIELDS[count].0, FIELDS[order[at - 1] as usize].0) {
            order[at] = order[at - 1];
            at -= 1;
        }
        order[at] = count as u8;
        count += 1;
    }
    order
}

#[expect(clippy::indexing_slicing, reason = "no further than the shorter one")]
const fn is_before(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let mut at = 0;
    while at < one.len() && at < other.len() {
        if one[at] != other[at] {
            return one[at] < other[at];
        }
        at += 1;
    }
    one.len() < other.len()
}

/// Where a field is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// All of it.
    Field(usize),
    /// Its name, with another value.
    Name(usize),
}

pub(super) fn find(name: &str, value: &[u8]) -> Option<Found> {
    let field = |place: &u8| FIELDS.get(usize::from(*place)).copied().unwrap_or_default();
    let first = BY_NAME.partition_point(|place| field(place).0 < name);
    let mut found = None;
    for place in BY_NAME.get(first..)?.iter().take_while(|place| field(place).0 == name) {
        if field(place).1.as_bytes() == value {
            return Some(Found::Field(usize::from(*place)));
        }
        found = found.or(Some(Found::Name(usize::from(*place))));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_found_and_so_is_every_name() {
        for (index, (name, value)) in FIELDS.iter().enumerate() {
            assert_eq!(find(name, value.as_bytes()), Some(Found::Field(index)), "{name}: {value}");
            let Some(Found::Name(other)) = find(name, b"\0") else { panic!("{name} is not there") };
            assert_eq!(FIELDS[other].0, *name);
        }
        assert_eq!(find("x-nobody", b""), None);
        assert_eq!(find("", b""), None);
        assert_eq!(find("~", b""), None);
    }

    /// The first, the last, and one in the middle, as the RFC has them.
    #[test]
    fn fields_are_where_the_rfc_has_them() {
        assert_eq!(FIELDS[0], (":authority", ""));
        assert_eq!(FIELDS[25], (":status", "200"));
        assert_eq!(
            FIELDS[85],
            ("content-security-policy", "script-src 'none'; object-src 'none'; base-uri 'none'")
        );
        assert_eq!(FIELDS[98], ("x-frame-options", "sameorigin"));
    }
}
