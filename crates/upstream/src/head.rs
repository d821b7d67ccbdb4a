//! Which response heads may be passed on (RFC 9112 6): what the parser above lets through is judged here.

use http::header::{
    CONNECTION, CONTENT_LENGTH, HeaderName, HeaderValue, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, StatusCode, Version, response};

use crate::HeadFault;

/// How many interim responses a request may have before its final one.
pub(crate) const MAX_INTERIM: u32 = 8;

/// Refuses a head whose framing is in doubt, and mends what is merely superfluous: the lengths of a 204, a length that is
/// repeated.
pub(crate) fn check(head: &mut response::Parts) -> Result<(), HeadFault> {
    if head.status == StatusCode::SWITCHING_PROTOCOLS {
        // RFC 9110 15.2.2 and 8.6: it has no content, and nothing that frames one. Whether it was asked for is known elsewhere.
        head.headers.remove(TRANSFER_ENCODING);
        head.headers.remove(CONTENT_LENGTH);
        return Ok(());
    }
    let encoded = head.headers.contains_key(TRANSFER_ENCODING);
    let sized = head.headers.contains_key(CONTENT_LENGTH);
    if head.status == StatusCode::NO_CONTENT {
        // RFC 9110 8.6, RFC 9112 6.1: neither has a place here.
        head.headers.remove(TRANSFER_ENCODING);
        head.headers.remove(CONTENT_LENGTH);
        return Ok(());
    }
    if encoded && (sized || head.version != Version::HTTP_11) {
        return Err(HeadFault::ConflictingFraming);
    }
    if encoded {
        return chunked(&head.headers);
    }
    if sized {
        return one_length(&mut head.headers);
    }
    Ok(())
}

/// Whether the connection may serve another request, as far as the head tells (RFC 9112 9.3).
pub(crate) fn keeps_alive(head: &response::Parts) -> bool {
    // A peer that speaks HTTP/1.0 may keep the connection, but nginx does not believe it, and neither do we.
    head.version == Version::HTTP_11 && !closes(&head.headers)
}

/// Removes what is between the peer and us (RFC 9110 7.6.1), and what frames a message that an interim response is not.
pub(crate) fn remove_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> =
        connection_tokens(headers).filter_map(|token| HeaderName::from_bytes(token).ok()).collect();
    let always = [CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING, TE, TRAILER, UPGRADE];
    let old = ["keep-alive", "proxy-connection"].map(HeaderName::from_static);
    for name in always.into_iter().chain(old).chain(named) {
        headers.remove(name);
    }
}

/// Whether `Connection` says `close`.
pub(crate) fn closes(headers: &HeaderMap) -> bool {
    connection_tokens(headers).any(|token| token.eq_ignore_ascii_case(b"close"))
}

/// What `Connection` lists.
pub(crate) fn connection_tokens(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    headers
        .get_all(CONNECTION)
        .iter()
        .flat_map(|value| value.as_bytes().split(|&b| b == b','))
        .map(<[u8]>::trim_ascii)
}

fn chunked(headers: &HeaderMap) -> Result<(), HeadFault> {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    let only = codings.next().filter(|_| codings.next().is_none());
    if only.is_some_and(|coding| coding.as_bytes().eq_ignore_ascii_case(b"chunked")) {
        Ok(())
    } else {
        Err(HeadFault::UnknownEncoding)
    }
}

/// Every length the same number, then kept once (RFC 9112 6.3, 5).
fn one_length(headers: &mut HeaderMap) -> Result<(), HeadFault> {
    let mut lengths = headers
        .get_all(CONTENT_LENGTH)
        .iter()
        .flat_map(|value| value.as_bytes().split(|&b| b == b','))
        .map(<[u8]>::trim_ascii);
    let first = lengths.next().unwrap_or_default();
    let number = !first.is_empty() && first.iter().all(u8::is_ascii_digit);
    let mut repeated = false;
    let same = lengths.all(|length| {
        repeated = true;
        length == first
    });
    if !number || !same {
        return Err(HeadFault::InvalidLength);
    }
    if repeated {
        let first = HeaderValue::from_bytes(first).map_err(|_| HeadFault::InvalidLength)?;
        headers.insert(CONTENT_LENGTH, first);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Response;

    const CL: &str = "content-length";
    const TE: &str = "transfer-encoding";

    fn head(status: u16, version: Version, fields: &[(&str, &str)]) -> response::Parts {
        let mut head = Response::builder().status(status).version(version);
        for (name, value) in fields {
            head = head.header(*name, *value);
        }
        head.body(()).unwrap().into_parts().0
    }

    fn check_fields(status: u16, fields: &[(&str, &str)], expected: Result<&[(&str, &str)], HeadFault>) {
        let mut head = head(status, Version::HTTP_11, fields);
        let got = check(&mut head).map(|()| {
            head.headers.iter().map(|(n, v)| (n.as_str(), v.to_str().unwrap())).collect::<Vec<_>>()
        });
        assert_eq!(got.as_deref(), expected.as_ref().copied(), "{status} {fields:?}");
    }

    #[test]
    fn framing() {
        use HeadFault::{ConflictingFraming, InvalidLength, UnknownEncoding};
        check_fields(200, &[], Ok(&[]));
        check_fields(200, &[(CL, "5")], Ok(&[(CL, "5")]));
        check_fields(200, &[(CL, "5"), (CL, "5")], Ok(&[(CL, "5")]));
        check_fields(200, &[(CL, "5, 5")], Ok(&[(CL, "5")]));
        check_fields(200, &[(TE, "Chunked")], Ok(&[(TE, "Chunked")]));
        check_fields(304, &[(CL, "5")], Ok(&[(CL, "5")]));
        check_fields(204, &[(CL, "5"), (TE, "chunked")], Ok(&[]));
        check_fields(200, &[(CL, "5"), (CL, "6")], Err(InvalidLength));
        check_fields(200, &[(CL, "+5")], Err(InvalidLength));
        check_fields(200, &[(CL, "")], Err(InvalidLength));
        check_fields(304, &[(CL, "5, 6")], Err(InvalidLength));
        check_fields(200, &[(CL, "5"), (TE, "chunked")], Err(ConflictingFraming));
        check_fields(200, &[(TE, "gzip, chunked")], Err(UnknownEncoding));
        check_fields(200, &[(TE, "gzip")], Err(UnknownEncoding));
        check_fields(200, &[(TE, "chunked"), (TE, "chunked")], Err(UnknownEncoding));
        check_fields(101, &[("upgrade", "x"), (CL, "3")], Ok(&[("upgrade", "x")]));
    }

    #[test]
    fn old_versions_have_no_encodings() {
        let mut head = head(200, Version::HTTP_10, &[(TE, "chunked")]);
        assert_eq!(check(&mut head), Err(HeadFault::ConflictingFraming));
    }

    #[test]
    fn persistence() {
        let keeps = |version, value| keeps_alive(&head(200, version, &[("connection", value)]));
        assert!(keeps(Version::HTTP_11, "keep-alive"));
        assert!(!keeps(Version::HTTP_11, "x, Close"));
        assert!(!keeps(Version::HTTP_10, "keep-alive"));
    }
}
