use bytes::Bytes;

use super::{
    Escape, Path, escape,
    escape::{escape_controls, is_control_or_space},
};

/// The URI part of a `proxy_pass` URL: what stands after host and port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UriPart<'a> {
    /// There is none: the request's URI goes upstream as it came.
    None,
    /// Of a URL without variables: it replaces the location's prefix.
    Static(&'a [u8]),
    /// Of a URL with variables, expanded: it is the whole URI.
    Expanded(&'a [u8]),
}

/// The request-target for the upstream's request line, byte for byte as nginx writes it.
///
/// `prefix_len` is the location's [`LocationMatch::prefix_len`](super::LocationMatch::prefix_len). Without a URI part a
/// request that nothing rewrote goes upstream in the client's own bytes, which costs no copy. Otherwise the decoded
/// path is written, encoded again if the client had encoded any of it or a rewrite made it, with the arguments.
///
/// One difference: where rewritten arguments or expanded variables bring in a control byte or a space, nginx writes it
/// and so lets a client split the request; here it is percent-encoded.
///
/// ```
/// use bytes::Bytes;
/// use propylon_gateway::routing::{Path, Slashes, UriPart, request_target};
///
/// let path = Path::parse(Bytes::from_static(b"/app//a%20b?x"), Slashes::Merge)?;
/// assert_eq!(request_target(&path, 5, UriPart::None), "/app//a%20b?x");
/// assert_eq!(request_target(&path, 5, UriPart::Static(b"/")), "/a%20b?x");
/// assert_eq!(request_target(&path, 5, UriPart::Expanded(b"/fixed")), "/fixed");
/// # Ok::<(), propylon_gateway::routing::PathError>(())
/// ```
pub fn request_target(path: &Path, prefix_len: usize, part: UriPart<'_>) -> Bytes {
    let replacement = match part {
        UriPart::Expanded(uri) if !uri.is_empty() => return expanded(uri),
        UriPart::Static(uri) if !uri.is_empty() => Some(uri),
        _ if path.raw_is_current() => return path.raw().clone(),
        _ => None,
    };
    let replacement = replacement.filter(|_| path.is_in_location()).unwrap_or_default();
    let replaced = if replacement.is_empty() { 0 } else { prefix_len };
    let rest = path.decoded().get(replaced..).unwrap_or_default();
    let rest = if path.needs_escape() { escape(rest, Escape::Uri) } else { rest.into() };
    let mut target =
        Vec::with_capacity(replacement.len() + rest.len() + path.args().map_or(0, |args| 1 + args.len()));
    target.extend_from_slice(replacement);
    target.extend_from_slice(&rest);
    if let Some(args) = path.args() {
        target.push(b'?');
        target.extend_from_slice(args);
    }
    one_word(target)
}

fn expanded(uri: &[u8]) -> Bytes {
    let mut target = Vec::with_capacity(uri.len() + 1);
    if uri.starts_with(b"?") {
        target.push(b'/');
    }
    target.extend_from_slice(uri);
    one_word(target)
}

fn one_word(target: Vec<u8>) -> Bytes {
    if target.iter().any(|&byte| is_control_or_space(byte)) {
        return escape_controls(&target).into_owned().into();
    }
    target.into()
}

#[cfg(test)]
mod tests;
