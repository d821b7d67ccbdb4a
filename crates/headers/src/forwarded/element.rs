//! One element of a `Forwarded` field.

use std::borrow::Cow;
use std::fmt::{self, Write};

use super::node::Node;

/// One element of a `Forwarded` field: what one proxy knew of the request that it forwarded (RFC 7239, section 4).
///
/// ```
/// use propylon_headers::{Element, Node};
///
/// let element = Element::new().with_for(Node::parse("[2001:db8::1]:80").unwrap()).with_proto("https").with_host("a:8443");
/// assert_eq!(element.to_string(), r#"for="[2001:db8::1]:80";proto=https;host="a:8443""#);
///
/// let elements = Element::parse_list(br#"for=192.0.2.1, for="_b";HOST="x\"y""#).unwrap();
/// assert_eq!(elements[1].host(), Some(r#"x"y"#));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Element<'a> {
    /// In the order written, each name once, in any case.
    parameters: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

impl<'a> Element<'a> {
    /// An element that says nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whom the request came from.
    #[must_use]
    pub fn with_for(self, node: Node<'_>) -> Self {
        self.with("for", node.to_string())
    }

    /// Where the request came in.
    #[must_use]
    pub fn with_by(self, node: Node<'_>) -> Self {
        self.with("by", node.to_string())
    }

    /// The `Host` that the request had.
    #[must_use]
    pub fn with_host(self, host: impl Into<Cow<'a, str>>) -> Self {
        self.with("host", host)
    }

    /// The scheme that the request came by.
    #[must_use]
    pub fn with_proto(self, proto: impl Into<Cow<'a, str>>) -> Self {
        self.with("proto", proto)
    }

    /// Whom the request came from, if it is said in a way that can be read.
    #[must_use]
    pub fn for_node(&self) -> Option<Node<'_>> {
        self.parameter("for").and_then(Node::parse)
    }

    /// Where the request came in, if it is said in a way that can be read.
    #[must_use]
    pub fn by_node(&self) -> Option<Node<'_>> {
        self.parameter("by").and_then(Node::parse)
    }

    /// The `Host` that the request had.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        self.parameter("host")
    }

    /// The scheme that the request came by.
    #[must_use]
    pub fn proto(&self) -> Option<&str> {
        self.parameter("proto")
    }

    /// A parameter by its name, in any case, without quotes.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_ref())
    }

    pub(super) fn with(mut self, name: impl Into<Cow<'a, str>>, value: impl Into<Cow<'a, str>>) -> Self {
        let (name, value) = (name.into(), value.into());
        self.parameters.retain(|(known, _)| !known.eq_ignore_ascii_case(&name));
        self.parameters.push((name, value));
        self
    }
}

impl fmt::Display for Element<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, value)) in self.parameters.iter().enumerate() {
            if index > 0 {
                f.write_char(';')?;
            }
            write!(f, "{name}=")?;
            write_value(f, value)?;
        }
        Ok(())
    }
}

/// A token as it is, anything else quoted (RFC 9110, section 5.6.4).
fn write_value(f: &mut fmt::Formatter<'_>, value: &str) -> fmt::Result {
    if !value.is_empty() && value.bytes().all(is_token) {
        return f.write_str(value);
    }
    f.write_char('"')?;
    for char in value.chars() {
        if matches!(char, '"' | '\\') {
            f.write_char('\\')?;
        }
        f.write_char(char)?;
    }
    f.write_char('"')
}

/// `tchar` of RFC 9110, section 5.6.2.
pub(super) fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
