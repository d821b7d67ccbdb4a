//! Headers, as they come.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::tlv::Tlvs;
use crate::write::SIGNATURE;

/// The longest header that is taken (nginx: the same where TLS follows, `client_header_buffer_size` where not).
pub const MAX: usize = 4096;

/// The longest line of version 1.
const MAX_LINE: usize = 107;

/// What comes before the addresses of version 2.
const FIXED: usize = 16;

/// What a header tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header<'a> {
    /// The client's address and the one that it connected to; `None`: the proxy does not know, or speaks for itself.
    pub ends: Option<(SocketAddr, SocketAddr)>,
    /// What else there is.
    pub tlvs: Tlvs<'a>,
}

/// Why a connection does not begin with a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It begins with something else, or with a header that is not as it should be.
    #[error("broken header")]
    Broken,
    /// A version that nobody knows.
    #[error("unknown PROXY protocol version: {0}")]
    Version(u8),
    /// A command that nobody knows.
    #[error("unknown PROXY protocol command: {0}")]
    Command(u8),
    /// It is longer than [`MAX`].
    #[error("header is too large")]
    TooLarge,
}

/// Reads the header at the beginning of `bytes`, and says how long it is. `None`: more of it has to come.
///
/// # Errors
/// When there is no header, whatever may come.
pub fn parse(bytes: &[u8]) -> Result<Option<(Header<'_>, usize)>, Error> {
    let begins = |with: &[u8]| bytes.iter().zip(with).all(|(a, b)| a == b);
    if begins(SIGNATURE) {
        if bytes.len() < FIXED { Ok(None) } else { binary(bytes) }
    } else if begins(b"PROXY ") {
        line(bytes)
    } else {
        Err(Error::Broken)
    }
}

/// Version 1.
fn line(bytes: &[u8]) -> Result<Option<(Header<'_>, usize)>, Error> {
    let bytes = bytes.get(..MAX_LINE).unwrap_or(bytes);
    let Some(end) = bytes.iter().position(|byte| matches!(byte, b'\r' | b'\n')) else {
        return if bytes.len() < MAX_LINE { Ok(None) } else { Err(Error::Broken) };
    };
    match bytes.get(end..).unwrap_or_default() {
        [b'\r', b'\n', ..] => {}
        [b'\r'] if bytes.len() < MAX_LINE => return Ok(None),
        _ => return Err(Error::Broken),
    }
    let text = bytes.get(..end).and_then(|line| std::str::from_utf8(line).ok()).ok_or(Error::Broken)?;
    let ends = ends(text.strip_prefix("PROXY ").ok_or(Error::Broken)?).ok_or(Error::Broken)?;
    Ok(Some((Header { ends, tlvs: Tlvs::default() }, end + 2)))
}

/// What follows `PROXY `: a family, two addresses, two ports. The outer `None`: it is wrong.
fn ends(text: &str) -> Option<Option<(SocketAddr, SocketAddr)>> {
    let mut words = text.split(' ');
    let ip: fn(&str) -> Option<IpAddr> = match words.next()? {
        // Whatever follows is to be ignored.
        "UNKNOWN" => return Some(None),
        "TCP4" => |text| Some(text.parse::<Ipv4Addr>().ok()?.into()),
        "TCP6" => |text| Some(text.parse::<Ipv6Addr>().ok()?.into()),
        _ => return None,
    };
    let (source, destination) = (ip(words.next()?)?, ip(words.next()?)?);
    let (from, to) = (port(words.next()?)?, port(words.next()?)?);
    words.next().is_none().then_some(Some((SocketAddr::new(source, from), SocketAddr::new(destination, to))))
}

/// Digits alone.
fn port(text: &str) -> Option<u16> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// Version 2, whose fixed part has come.
fn binary(bytes: &[u8]) -> Result<Option<(Header<'_>, usize)>, Error> {
    let &[version, family, high, low] = bytes.get(SIGNATURE.len()..FIXED).unwrap_or_default() else {
        return Ok(None);
    };
    let (version, command) = (version >> 4, version & 15);
    if version != 2 {
        return Err(Error::Version(version));
    }
    if command > 1 {
        return Err(Error::Command(command));
    }
    let length = FIXED + usize::from(u16::from_be_bytes([high, low]));
    if length > MAX {
        return Err(Error::TooLarge);
    }
    let Some(header) = bytes.get(..length) else { return Ok(None) };
    let rest = header.get(FIXED..).unwrap_or_default();
    let told = match (command, family) {
        (1, 0x11) => addresses::<4>(rest),
        (1, 0x21) => addresses::<16>(rest),
        // The proxy's own connection; or datagrams, unix sockets, what is yet to be invented: as in nginx, nothing is known.
        _ => return Ok(Some((Header { ends: None, tlvs: Tlvs::default() }, length))),
    };
    let (ends, tlvs) = told.ok_or(Error::Broken)?;
    Ok(Some((Header { ends: Some(ends), tlvs: Tlvs::new(tlvs) }, length)))
}

/// Two addresses of `N` bytes and two ports, and what is behind them.
fn addresses<const N: usize>(rest: &[u8]) -> Option<((SocketAddr, SocketAddr), &[u8])>
where
    [u8; N]: Into<IpAddr>,
{
    let (source, rest) = rest.split_first_chunk::<N>()?;
    let (destination, rest) = rest.split_first_chunk::<N>()?;
    let (from, rest) = rest.split_first_chunk()?;
    let (to, rest) = rest.split_first_chunk()?;
    let end = |ip: &[u8; N], port: &[u8; 2]| SocketAddr::new((*ip).into(), u16::from_be_bytes(*port));
    Some(((end(source, from), end(destination, to)), rest))
}
