//! Fields that belong to one connection (RFC 9110, section 7.6.1).

use std::cmp::Ordering;

use http::HeaderMap;
use http::header::{
    CONNECTION, CONTENT_LENGTH, Entry, HeaderName, HeaderValue, TE, TRANSFER_ENCODING, UPGRADE,
};
use smallvec::SmallVec;

use crate::fingerprint::Fingerprint;
use crate::names::{self, KEEP_ALIVE, PROXY_CONNECTION};

const CONNECTION_BIT: Fingerprint = Fingerprint::name("connection");
const TRANSFER_ENCODING_BIT: Fingerprint = Fingerprint::name("transfer-encoding");

const KEEP_ALIVE_BIT: Fingerprint = Fingerprint::name("keep-alive");
const PROXY_CONNECTION_BIT: Fingerprint = Fingerprint::name("proxy-connection");
const TE_BIT: Fingerprint = Fingerprint::name("te");
const UPGRADE_BIT: Fingerprint = Fingerprint::name("upgrade");

/// Every name that [`remove_hop_by_hop`] looks for.
pub(crate) const ALL: Fingerprint = CONNECTION_BIT
    .or(TRANSFER_ENCODING_BIT)
    .or(KEEP_ALIVE_BIT)
    .or(PROXY_CONNECTION_BIT)
    .or(TE_BIT)
    .or(UPGRADE_BIT);

/// The fields that go whether or not `Connection` names them, and with nothing else.
const ALONE: [(Fingerprint, HeaderName); 4] = [
    (KEEP_ALIVE_BIT, KEEP_ALIVE),
    (PROXY_CONNECTION_BIT, PROXY_CONNECTION),
    (TE_BIT, TE),
    (UPGRADE_BIT, UPGRADE),
];

/// Removes the fields that belong to one connection: `Connection` and every field that it names, `Keep-Alive`,
/// `Proxy-Connection`, `TE`, `Transfer-Encoding`, `Upgrade`.
///
/// For heads that pass no layer of this crate: interim responses, what a cache stores. What a peer cannot have removed by
/// naming it in `Connection`: `Host`, `Content-Length`, `Cache-Control` (RFC 9110, 7.6.1: never appropriate as a
/// connection option) and the forwarding fields (`Forwarded`, `X-Forwarded-*`, `X-Real-IP`). `Content-Length` goes when
/// there is a `Transfer-Encoding`, which overrides it (RFC 9112, 6.3).
///
/// Not removed: `Trailer`, `Proxy-Authenticate` and `Proxy-Authorization`, none of which is hop-by-hop in RFC 9110. A
/// gateway is not the proxy that these credentials are for, so it relays them (RFC 9110, 11.7), as nginx does.
///
/// A field that is removed leaves its place to the last one: the order between fields of different names can change.
///
/// Cost: one pass over the names; nothing is searched or allocated when none of the fields is there.
///
/// ```
/// use http::header::{CONNECTION, CONTENT_LENGTH, HeaderMap, HeaderValue};
///
/// let mut headers = HeaderMap::new();
/// headers.insert(CONNECTION, HeaderValue::from_static("x-hop, content-length"));
/// headers.insert("x-hop", HeaderValue::from_static("1"));
/// headers.insert(CONTENT_LENGTH, HeaderValue::from_static("5"));
/// propylon_headers::remove_hop_by_hop(&mut headers);
/// assert_eq!(headers.keys().collect::<Vec<_>>(), [CONTENT_LENGTH]);
/// ```
pub fn remove_hop_by_hop(headers: &mut HeaderMap) {
    let seen = Fingerprint::of(headers);
    remove(headers, seen);
}

/// As [`remove_hop_by_hop`], with what is known of the names.
pub(crate) fn remove(headers: &mut HeaderMap, seen: Fingerprint) {
    if !seen.may_hold(ALL) {
        return;
    }
    if seen.may_hold(CONNECTION_BIT) {
        let lines: Lines = match headers.entry(CONNECTION) {
            Entry::Occupied(lines) => lines.remove_entry_mult().1.collect(),
            Entry::Vacant(_) => Lines::new(),
        };
        for option in lines.iter().flat_map(options).filter(|option| !is_protected(option, &[])) {
            headers.remove(option);
        }
    }
    for (bit, name) in &ALONE {
        if seen.may_hold(*bit) {
            headers.remove(name);
        }
    }
    if seen.may_hold(TRANSFER_ENCODING_BIT) && headers.remove(TRANSFER_ENCODING).is_some() {
        headers.remove(CONTENT_LENGTH);
    }
}

/// The lines of `Connection`.
type Lines = SmallVec<[HeaderValue; 2]>;

/// Whether a field belongs to one connection by its name alone.
pub(crate) fn is_hop_by_hop(name: &HeaderName) -> bool {
    matches!(
        name.as_str(),
        "connection" | "keep-alive" | "proxy-connection" | "te" | "transfer-encoding" | "upgrade"
    )
}

/// What `Connection` names, for a caller that goes through the fields by itself.
pub(crate) struct Named {
    lines: Lines,
}

impl Named {
    pub(crate) fn of(headers: &HeaderMap, seen: Fingerprint) -> Self {
        let lines = if seen.may_hold(CONNECTION_BIT) {
            headers.get_all(CONNECTION).into_iter().cloned().collect()
        } else {
            Lines::new()
        };
        Self { lines }
    }

    /// The fields that `Connection` names and may remove, sorted: a client chooses how many options there are and how many
    /// fields, so looking for the one in the other must not be linear.
    pub(crate) fn removable<'a>(&'a self, protected: &[HeaderName]) -> SortedOptions<'a> {
        let mut options: SmallVec<[&str; 4]> =
            self.lines.iter().flat_map(options).filter(|option| !is_protected(option, protected)).collect();
        options.sort_unstable_by(|a, b| cmp_ignore_case(a, b));
        SortedOptions(options)
    }
}

pub(crate) struct SortedOptions<'a>(SmallVec<[&'a str; 4]>);

impl SortedOptions<'_> {
    pub(crate) fn contains(&self, name: &HeaderName) -> bool {
        !self.0.is_empty() && self.0.binary_search_by(|option| cmp_ignore_case(option, name.as_str())).is_ok()
    }
}

fn cmp_ignore_case(a: &str, b: &str) -> Ordering {
    let lower = |byte: u8| byte.to_ascii_lowercase();
    a.bytes().map(lower).cmp(b.bytes().map(lower))
}

/// The options of one line that can name a field.
fn options(line: &HeaderValue) -> impl Iterator<Item = &str> {
    line.as_bytes()
        .split(|&byte| byte == b',')
        .filter_map(|option| str::from_utf8(option.trim_ascii()).ok())
        // `keep-alive` names a field as well, but one that goes anyway; these two are nearly all there is in practice.
        .filter(|option| !option.eq_ignore_ascii_case("close") && !option.eq_ignore_ascii_case("keep-alive"))
}

fn is_protected(option: &str, protected: &[HeaderName]) -> bool {
    ["host", "content-length", "cache-control"].iter().any(|name| option.eq_ignore_ascii_case(name))
        // removed afterwards, together with the Content-Length that it overrides
        || option.eq_ignore_ascii_case("transfer-encoding")
        || names::is_forwarding(option)
        || protected.iter().any(|name| option.eq_ignore_ascii_case(name.as_str()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn removes_what_belongs_to_the_connection() {
        fn check(fields: &[(&'static str, &'static str)], expected: &[&str]) {
            let mut headers = HeaderMap::new();
            for (name, value) in fields {
                headers.append(*name, HeaderValue::from_static(value));
            }
            remove_hop_by_hop(&mut headers);
            let mut left: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
            left.sort_unstable();
            assert_eq!(left, expected, "{fields:?}");
        }
        check(&[], &[]);
        check(&[("host", "a"), ("accept", "b")], &["accept", "host"]);
        check(&[("connection", "close"), ("accept", "b")], &["accept"]);
        check(&[("connection", "keep-alive"), ("keep-alive", "timeout=5"), ("accept", "b")], &["accept"]);
        check(&[("connection", "X-A ,\tx-b"), ("x-a", "1"), ("x-b", "1"), ("x-c", "1")], &["x-c"]);
        check(&[("connection", "x-a"), ("connection", "x-b"), ("x-a", "1"), ("x-b", "1")], &[]);
        check(&[("connection", "x-a"), ("x-a", "1"), ("x-a", "2")], &[]);
        check(&[("connection", ", ,x(y),\""), ("accept", "b")], &["accept"]);
        check(&[("connection", "connection, close")], &[]);
        check(&[("keep-alive", "1"), ("proxy-connection", "1"), ("te", "trailers"), ("upgrade", "h2c")], &[]);
        check(&[("transfer-encoding", "chunked")], &[]);
        check(&[("transfer-encoding", "chunked"), ("content-length", "3")], &[]);
        check(
            &[("connection", "transfer-encoding"), ("transfer-encoding", "chunked"), ("content-length", "3")],
            &[],
        );
        check(
            &[("connection", "HOST, Content-Length"), ("host", "a"), ("content-length", "3")],
            &["content-length", "host"],
        );
        check(&[("connection", "cache-control"), ("cache-control", "private")], &["cache-control"]);
        check(
            &[
                ("connection", "x-forwarded-for, X-Forwarded-Anything, forwarded, x-real-ip"),
                ("x-forwarded-for", "1"),
                ("x-forwarded-anything", "1"),
                ("forwarded", "for=_a"),
                ("x-real-ip", "1"),
            ],
            &["forwarded", "x-forwarded-anything", "x-forwarded-for", "x-real-ip"],
        );
        check(
            &[("trailer", "a"), ("proxy-authenticate", "b"), ("proxy-authorization", "c")],
            &["proxy-authenticate", "proxy-authorization", "trailer"],
        );
        check(&[("connection", "trailer"), ("trailer", "a")], &[]);
    }

    fn name() -> impl Strategy<Value = String> {
        prop_oneof![
            Just("host".to_owned()),
            Just("content-length".to_owned()),
            Just("x-forwarded-for".to_owned()),
            Just("keep-alive".to_owned()),
            Just("te".to_owned()),
            Just("connection".to_owned()),
            Just("cookie".to_owned()),
            "[a-zA-Z_!-]{1,6}",
        ]
    }

    proptest! {
        #[test]
        fn what_connection_names_is_gone_and_nothing_else(
            fields in prop::collection::vec(name(), 0..20),
            options in prop::collection::vec((name(), " ?", "[ \t]?"), 0..8),
        ) {
            let mut headers = HeaderMap::new();
            for field in &fields {
                headers.append(field.parse::<HeaderName>().unwrap(), HeaderValue::from_static("v"));
            }
            // what the fields above already said by `connection: v`
            let list: Vec<_> = options.iter().map(|(name, before, after)| format!("{before}{name}{after}")).collect();
            headers.append(CONNECTION, list.join(",").parse().unwrap());
            let before = headers.clone();
            remove_hop_by_hop(&mut headers);

            let named = |name: &HeaderName| {
                *name == "v" && before.get_all(CONNECTION).iter().any(|value| value == "v")
                    || options.iter().any(|(option, ..)| option.eq_ignore_ascii_case(name.as_str()))
            };
            let always = |name: &HeaderName| ["connection", "keep-alive", "te"].contains(&name.as_str());
            for name in before.keys() {
                let expected = !always(name) && (!named(name) || is_protected(name.as_str(), &[]));
                prop_assert_eq!(headers.contains_key(name), expected, "{}", name);
                if expected {
                    prop_assert!(headers.get_all(name).iter().eq(before.get_all(name).iter()));
                }
            }
            prop_assert!(headers.keys().all(|name| before.contains_key(name)));
        }
    }
}
