use bytes::Bytes;
use http::StatusCode;
use memchr::{memchr2, memrchr};

use super::escape::is_control_or_space;

/// The path of a request as one decision for everyone: what the client sent, and what it means.
///
/// A clone is up to three reference counts and no copy. A path that needs no decoding shares the memory of the request line.
///
/// ```
/// use bytes::Bytes;
/// use propylon_gateway::routing::{Path, Slashes};
///
/// let path = Path::parse(Bytes::from_static(b"/a/./b//%63?x=%20#top"), Slashes::Merge)?;
/// assert_eq!(path.raw(), "/a/./b//%63?x=%20#top"); // $request_uri
/// assert_eq!(path.decoded(), "/a/b/c"); // $uri
/// assert_eq!(path.args().map(|args| &args[..]), Some(&b"x=%20"[..])); // $args
/// # Ok::<(), propylon_gateway::routing::PathError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    /// What the client sent; none: what is `decoded`, which most paths are.
    raw: Option<Bytes>,
    decoded: Bytes,
    args: Option<Bytes>,
    quoted: bool,
    plus: bool,
    raw_is_current: bool,
    in_location: bool,
    internal: bool,
}

impl Path {
    /// Reads an origin-form request-target (RFC 9112 section 3.2.1), or the part of an absolute-form after its
    /// authority, which begins with `?` when the URL had no path.
    ///
    /// Percent-encoded bytes are decoded once, before dot segments are resolved, so `/%2e%2e/` climbs and `/%252e` does
    /// not. A fragment ends the path and the arguments, and stays in [`raw`](Self::raw).
    ///
    /// # Errors
    ///
    /// Whatever nginx answers with 400: see [`PathError`].
    pub fn parse(raw: Bytes, slashes: Slashes) -> Result<Self, PathError> {
        if has(&raw, is_control_or_space) {
            return Err(PathError::Control);
        }
        let pathless = match raw.first() {
            Some(b'/') => false,
            Some(b'?') => true,
            _ => return Err(PathError::NotAbsolute),
        };
        let end = memchr2(b'?', b'#', &raw).unwrap_or(raw.len());
        let (raw, decoded) =
            if end == raw.len() { (None, raw) } else { (Some(raw.clone()), raw.slice(..end)) };
        let mut path = Self {
            args: raw.as_ref().and_then(|raw| args_after(raw, end)),
            quoted: false,
            plus: has(&decoded, |byte| byte == b'+'),
            raw_is_current: !pathless,
            in_location: true,
            internal: false,
            raw,
            decoded,
        };
        if pathless {
            path.decode(Bytes::from_static(b"/"));
        } else if !is_plain(&path.decoded) {
            let mut normaliser = Normaliser::new(path.decoded.len(), slashes);
            normaliser.read(&path.decoded)?;
            path.quoted = normaliser.quoted;
            path.decode(Bytes::from(normaliser.out));
        }
        Ok(path)
    }

    /// It means this, whatever the client sent.
    fn decode(&mut self, decoded: Bytes) {
        let before = std::mem::replace(&mut self.decoded, decoded);
        self.raw.get_or_insert(before);
    }

    /// The path of a request whose own cannot be read.
    #[must_use]
    pub(crate) const fn unreadable() -> Self {
        Self {
            raw: None,
            decoded: Bytes::new(),
            args: None,
            quoted: false,
            plus: false,
            raw_is_current: true,
            in_location: true,
            internal: false,
        }
    }

    /// What the client sent, with arguments and fragment: `$request_uri`. No transition changes it.
    pub fn raw(&self) -> &Bytes {
        self.raw.as_ref().unwrap_or(&self.decoded)
    }

    /// Whether it is its own normal form, without arguments: as the client sent it.
    pub(crate) fn is_plain(&self) -> bool {
        self.raw.is_none()
    }

    /// The path that rules are matched against, without arguments: `$uri`.
    ///
    /// It may hold any byte but NUL (a client can send `%0A` and `%2F`); it begins with `/` unless a rewrite gave it
    /// something else.
    pub fn decoded(&self) -> &Bytes {
        &self.decoded
    }

    /// The arguments as they came, undecoded: `$args`. `None` without a `?` and after a lone one: nginx makes no
    /// difference (`$is_args` is empty); only [`raw`](Self::raw) keeps the lone `?`.
    pub fn args(&self) -> Option<&Bytes> {
        self.args.as_ref()
    }

    /// Whether the client's path had percent-encoding or a plus sign: a rewrite then escapes the captures it puts into
    /// the arguments.
    pub fn has_quotes_or_plus(&self) -> bool {
        self.quoted || self.plus
    }

    /// Whether the gateway itself chose this URI, so that `internal` locations are open to it.
    pub fn is_internal(&self) -> bool {
        self.internal
    }

    /// After `rewrite`: a new URI, for which a location is searched again.
    #[must_use]
    pub fn rewritten(mut self, uri: Bytes, args: Option<Bytes>) -> Self {
        self.internal = true;
        self.decode(uri);
        self.with_args(args)
    }

    /// After `rewrite … break`, or `break` after a rewrite: the URI stays in this location although it may no longer
    /// begin with the location's prefix, so a URI part of `proxy_pass` is not used.
    #[must_use]
    pub fn pinned(mut self) -> Self {
        self.in_location = false;
        self
    }

    /// After `set $args …`: the client's bytes are no longer what goes upstream.
    #[must_use]
    pub fn with_args(mut self, args: Option<Bytes>) -> Self {
        self.args = args.filter(|args| !args.is_empty());
        self.raw_is_current = false;
        self
    }

    /// After an internal redirect (`error_page`, `X-Accel-Redirect`, `try_files`, `index`): a new URI, matched afresh.
    #[must_use]
    pub fn redirected(mut self, uri: Bytes, args: Option<Bytes>) -> Self {
        self.in_location = true;
        self.rewritten(uri, args)
    }

    /// After an internal redirect to an `@named` location, which keeps the URI.
    #[must_use]
    pub fn named(mut self) -> Self {
        self.internal = true;
        self
    }

    /// After a file of `try_files` was found: the URI is its path, in this location.
    #[must_use]
    pub fn tried(mut self, uri: Bytes) -> Self {
        self.decode(uri);
        self.quoted = true;
        self
    }

    /// Whether [`raw`](Self::raw) may still go upstream as it is.
    pub(crate) fn raw_is_current(&self) -> bool {
        self.raw_is_current
    }

    pub(crate) fn is_in_location(&self) -> bool {
        self.in_location
    }

    /// Whether `decoded` may hold bytes that cannot stand in a request line.
    pub(super) fn needs_escape(&self) -> bool {
        self.quoted || self.internal
    }
}

/// nginx's `merge_slashes`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Slashes {
    /// `//` in a path counts as `/`.
    #[default]
    Merge,
    /// `//` stays.
    Keep,
}

/// Why a path is refused. nginx answers each with 400.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PathError {
    /// The request-target does not begin with `/`.
    #[error("the request-target does not begin with a slash")]
    NotAbsolute,
    /// A control byte, a space or DEL, in the path, the arguments or the fragment.
    #[error("a control byte or a space in the request-target")]
    Control,
    /// `%` without two hexadecimal digits, in the path.
    #[error("a percent sign without two hexadecimal digits in the path")]
    Encoding,
    /// `%00` in the path.
    #[error("an encoded NUL in the path")]
    Nul,
    /// `..` above the root.
    #[error("the path climbs above the root")]
    AboveRoot,
}

impl PathError {
    /// 400.
    pub fn status(&self) -> StatusCode {
        StatusCode::BAD_REQUEST
    }
}

/// The arguments, if the byte at `end` is the `?` before them.
fn args_after(raw: &Bytes, end: usize) -> Option<Bytes> {
    let (_, args) = raw.get(end..)?.split_first().filter(|(mark, _)| **mark == b'?')?;
    let args = args.split(|&byte| byte == b'#').next()?;
    (!args.is_empty()).then(|| raw.slice_ref(args))
}

/// Whether a path is its own normal form: no encoding, no empty segment, none that begins with a dot.
fn is_plain(path: &[u8]) -> bool {
    let next = path.get(1..).unwrap_or_default();
    let dots = path
        .iter()
        .zip(next)
        .fold(false, |found, (&byte, &next)| found | ((byte == b'/') & ((next == b'/') | (next == b'.'))));
    !dots && !has(path, |byte| byte == b'%')
}

/// As `Iterator::any`, but without a way out of the loop, so that it compiles to vector instructions.
fn has(text: &[u8], is: impl Fn(u8) -> bool) -> bool {
    text.iter().fold(false, |found, &byte| found | is(byte))
}

/// Where in a segment the last byte stood, as far as dots and slashes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Inside,
    Slash,
    Dot,
    DotDot,
}

/// Decodes and resolves in one pass, so that an encoded dot or slash acts as the plain one; an encoded `?`, `#` or `%`
/// is a byte like others.
struct Normaliser {
    out: Vec<u8>,
    place: Place,
    slashes: Slashes,
    quoted: bool,
}

impl Normaliser {
    fn new(capacity: usize, slashes: Slashes) -> Self {
        Self { out: Vec::with_capacity(capacity), place: Place::Inside, slashes, quoted: false }
    }

    fn read(&mut self, path: &[u8]) -> Result<(), PathError> {
        let mut rest = path.iter();
        while let Some(&byte) = rest.next() {
            if byte != b'%' {
                self.step(byte)?;
                continue;
            }
            self.quoted = true;
            let decoded = decode(rest.next(), rest.next())?;
            self.step(decoded)?;
        }
        match self.place {
            Place::Dot => self.drop_dot(),
            Place::DotDot => self.climb()?,
            Place::Inside | Place::Slash => {}
        }
        Ok(())
    }

    fn step(&mut self, byte: u8) -> Result<(), PathError> {
        match (self.place, byte) {
            (Place::Inside, b'/') => {
                self.out.push(b'/');
                self.place = Place::Slash;
            }
            (Place::Slash, b'/') => {
                if self.slashes == Slashes::Keep {
                    self.out.push(b'/');
                }
            }
            (Place::Dot, b'/') => self.drop_dot(),
            (Place::DotDot, b'/') => self.climb()?,
            (Place::Slash, b'.') => {
                self.out.push(b'.');
                self.place = Place::Dot;
            }
            (Place::Dot, b'.') => {
                self.out.push(b'.');
                self.place = Place::DotDot;
            }
            (_, byte) => {
                self.out.push(byte);
                self.place = Place::Inside;
            }
        }
        Ok(())
    }

    fn drop_dot(&mut self) {
        self.out.pop();
        self.place = Place::Slash;
    }

    /// Takes `/..` off the end, and the segment before it.
    fn climb(&mut self) -> Result<(), PathError> {
        self.out.truncate(self.out.len().saturating_sub(3));
        let parent = memrchr(b'/', &self.out).ok_or(PathError::AboveRoot)?;
        self.out.truncate(parent + 1);
        self.place = Place::Slash;
        Ok(())
    }
}

fn decode(high: Option<&u8>, low: Option<&u8>) -> Result<u8, PathError> {
    let digit = |byte: Option<&u8>| {
        byte.and_then(|&byte| char::from(byte).to_digit(16))
            .and_then(|digit| u8::try_from(digit).ok())
            .ok_or(PathError::Encoding)
    };
    match (digit(high)? << 4) | digit(low)? {
        0 => Err(PathError::Nul),
        byte => Ok(byte),
    }
}

#[cfg(test)]
mod tests;
