//! The user's name in an `Authorization` field (RFC 7617). Pure.

/// The name that `Basic` credentials carry: nothing unless they are whole, and the name is not empty.
pub(crate) fn user(authorization: &[u8]) -> Option<Vec<u8>> {
    let (scheme, encoded) = authorization.split_at_checked(6)?;
    if !scheme.eq_ignore_ascii_case(b"basic ") {
        return None;
    }
    let mut name = decode(encoded.trim_ascii_start())?;
    let colon = name.iter().position(|b| *b == b':').filter(|at| *at > 0)?;
    name.truncate(colon);
    Some(name)
}

/// Base64, whose padding may be missing.
fn decode(encoded: &[u8]) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(encoded.len() / 4 * 3 + 2);
    let (mut bits, mut held, mut digits) = (0_u32, 0, 0_usize);
    for byte in encoded.iter().take_while(|b| **b != b'=') {
        let digit = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(digit);
        held += 6;
        digits += 1;
        if held >= 8 {
            held -= 8;
            decoded.extend((bits >> held).to_le_bytes().first());
        }
    }
    // A lone digit holds no whole byte.
    (digits % 4 != 1).then_some(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_basic_credentials() {
        fn check(authorization: &str, expected: Option<&str>) {
            let found = user(authorization.as_bytes());
            assert_eq!(found.as_deref(), expected.map(str::as_bytes), "{authorization}");
        }
        check("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", Some("Aladdin"));
        check("basic  QWxhZGRpbjpvcGVuIHNlc2FtZQ", Some("Aladdin"));
        check("Basic YTpiOmM=", Some("a"));
        check("Basic YTo=", Some("a"));
        check("Basic w6k6eA==", Some("é"));
        check("Basic OmI=", None); // no name
        check("Basic YWI=", None); // no colon
        check("Basic YTpiO", None); // a lone digit
        check("Basic Y!o=", None);
        check("Basic ", None);
        check("Bearer YTo=", None);
        check("", None);
    }
}
