//! Lists that each proxy appends to.

use http::header::{FORWARDED, HeaderMap, HeaderName, HeaderValue, InvalidHeaderValue};

use super::element::Element;
use crate::client_addr::{AddressText, ClientAddr};
use crate::names::X_FORWARDED_FOR;

/// `X-Forwarded-For` with one more address (nginx: `$proxy_add_x_forwarded_for`): all lines, then the address, with `, `
/// between them; the address alone if there are no lines.
///
/// Whether what the client sent is worth keeping is another matter: see [`strip_untrusted`](crate::strip_untrusted()).
///
/// Cost: one allocation.
///
/// ```
/// use http::{HeaderMap, HeaderValue};
/// use propylon_headers::{ClientAddr, X_FORWARDED_FOR, append_x_forwarded_for};
///
/// let mut headers = HeaderMap::new();
/// let client = ClientAddr::ip("192.0.2.1".parse().unwrap(), None);
/// assert_eq!(append_x_forwarded_for(&headers, &client), "192.0.2.1");
/// headers.insert(X_FORWARDED_FOR, HeaderValue::from_static("198.51.100.7"));
/// assert_eq!(append_x_forwarded_for(&headers, &client), "198.51.100.7, 192.0.2.1");
/// ```
#[must_use]
pub fn append_x_forwarded_for(headers: &HeaderMap, client: &ClientAddr) -> HeaderValue {
    let address = AddressText::of(client);
    if headers.contains_key(X_FORWARDED_FOR) {
        let list = join(headers, &X_FORWARDED_FOR, address.as_bytes());
        list.unwrap_or_else(|_| client.to_value())
    } else {
        client.to_value()
    }
}

/// `Forwarded` with one more element: all lines, then the element, with `, ` between them.
///
/// # Errors
///
/// If the element holds a control character, which no field can hold.
///
/// ```
/// use http::{HeaderMap, HeaderValue, header::FORWARDED};
/// use propylon_headers::{Element, Node, append_forwarded};
///
/// let mut headers = HeaderMap::new();
/// headers.insert(FORWARDED, HeaderValue::from_static("for=_a"));
/// let element = Element::new().with_for(Node::UNKNOWN).with_proto("http");
/// assert_eq!(append_forwarded(&headers, &element).unwrap(), "for=_a, for=unknown;proto=http");
/// ```
pub fn append_forwarded(
    headers: &HeaderMap,
    element: &Element<'_>,
) -> Result<HeaderValue, InvalidHeaderValue> {
    join(headers, &FORWARDED, element.to_string().as_bytes())
}

fn join(headers: &HeaderMap, name: &HeaderName, last: &[u8]) -> Result<HeaderValue, InvalidHeaderValue> {
    let lines = headers.get_all(name);
    let length = lines.iter().map(|line| line.len() + 2).sum::<usize>() + last.len();
    let mut list = Vec::with_capacity(length);
    for line in lines {
        list.extend_from_slice(line.as_bytes());
        list.extend_from_slice(b", ");
    }
    list.extend_from_slice(last);
    HeaderValue::try_from(list)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joins_as_nginx_does() {
        fn check(lines: &[&'static str], expected: &str) {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(X_FORWARDED_FOR, HeaderValue::from_static(line));
            }
            let list =
                append_x_forwarded_for(&headers, &ClientAddr::ip("192.0.2.1".parse().unwrap(), Some(9)));
            assert_eq!(list, expected, "{lines:?}");
        }
        check(&[], "192.0.2.1");
        check(&["a"], "a, 192.0.2.1");
        check(&["a, b", "c"], "a, b, c, 192.0.2.1");
        check(&[""], ", 192.0.2.1");
        assert_eq!(append_x_forwarded_for(&HeaderMap::new(), &ClientAddr::unix()), "unix:");
    }

    #[test]
    fn an_element_cannot_break_the_line() {
        let element = Element::new().with_host("a\r\nEvil: 1");
        assert!(append_forwarded(&HeaderMap::new(), &element).is_err());
    }
}
