//! The ClientHello (RFC 8446 4.1.2), read out of records that may split it anywhere.

use bytes::Bytes;

use crate::reader::Reader;

/// What a client of TLS says first, as far as it tells where the client wants to go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientHello {
    /// The highest version that it offers, by OpenSSL's name: `TLSv1.3`. Empty if it offers none that is known.
    pub protocol: &'static str,
    /// The name that it asks for (SNI), as it came.
    pub server_name: Option<Bytes>,
    /// The protocols above TLS that it offers (ALPN), in its order.
    pub alpn: Vec<Bytes>,
}

/// What the first bytes of a connection are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// A ClientHello, all of it.
    Hello(ClientHello),
    /// As far as they go, a ClientHello: it takes more to know.
    More,
    /// Anything else.
    Other,
}

/// The content type of a record (RFC 8446 5.1), and the type of a handshake message (4).
const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;

/// Extensions (IANA's ExtensionType values).
const SERVER_NAME: u16 = 0;
const ALPN: u16 = 16;
const SUPPORTED_VERSIONS: u16 = 43;

impl ClientHello {
    /// Reads the first bytes of a connection. It reads all of them each time: whoever asks again with more asks with
    /// all that came.
    ///
    /// ```
    /// use propylon_stream::{ClientHello, Parsed};
    ///
    /// assert_eq!(ClientHello::parse(b"\x16\x03"), Parsed::More);
    /// assert_eq!(ClientHello::parse(b"SSH-2.0-OpenSSH_9.6\r\n"), Parsed::Other);
    /// ```
    #[must_use]
    pub fn parse(received: &[u8]) -> Parsed {
        match collect(received) {
            Collected::Message(message) => {
                Self::read(&Bytes::from(message)).map_or(Parsed::Other, Parsed::Hello)
            }
            Collected::Old(version) => {
                Parsed::Hello(Self { protocol: name(version).unwrap_or_default(), ..Self::default() })
            }
            Collected::More => Parsed::More,
            Collected::Other => Parsed::Other,
        }
    }

    /// Reads the message, without its own head. None if it is malformed.
    fn read(message: &Bytes) -> Option<Self> {
        let mut reader = Reader::new(message);
        let version = reader.u16()?;
        reader.take(32)?; // random
        reader.prefixed_u8()?; // session id
        reader.prefixed_u16()?; // cipher suites
        reader.prefixed_u8()?; // compression methods
        let mut hello = Self { protocol: name(version).unwrap_or_default(), ..Self::default() };
        if reader.is_empty() {
            return Some(hello);
        }
        let extensions = reader.prefixed_u16()?;
        let mut extensions = Reader::new(&extensions);
        while !extensions.is_empty() {
            let kind = extensions.u16()?;
            let data = extensions.prefixed_u16()?;
            match kind {
                SERVER_NAME if hello.server_name.is_none() => hello.server_name = server_name(&data)?,
                ALPN if hello.alpn.is_empty() => hello.alpn = protocols(&data)?,
                SUPPORTED_VERSIONS => hello.protocol = highest(&data)?,
                _ => {}
            }
        }
        Some(hello)
    }
}

/// What of the handshake is there.
enum Collected {
    /// The ClientHello, put together, without its own head.
    Message(Vec<u8>),
    /// One of SSL 2, which offers this version and tells nothing else.
    Old(u16),
    More,
    Other,
}

/// Puts the first handshake message together.
fn collect(received: &[u8]) -> Collected {
    let mut rest = received;
    let mut message = Vec::new();
    // A client that is not of TLS may say less than a record's head, and wait: what cannot become one is known at once.
    match *rest {
        [first, _, kind, ..] if first & 0x80 != 0 && kind == CLIENT_HELLO => {
            return match *rest {
                [_, _, _, major @ (0 | 3), minor, ..] => Collected::Old(u16::from_be_bytes([major, minor])),
                [_, _, _, 0 | 3] | [_, _, _] => Collected::More,
                _ => Collected::Other,
            };
        }
        [first, _] | [first] if first & 0x80 != 0 => return Collected::More,
        _ => {}
    }
    loop {
        match *rest {
            [] | [HANDSHAKE] | [HANDSHAKE, 3] | [HANDSHAKE, 3, _] | [HANDSHAKE, 3, _, _] => {
                return Collected::More;
            }
            [HANDSHAKE, 3, _, high, low, ..] => {
                let length = usize::from(u16::from_be_bytes([high, low]));
                let fragment = rest.get(5..).unwrap_or_default();
                let whole = fragment.get(..length);
                message.extend_from_slice(whole.unwrap_or(fragment));
                match whole_message(&mut message) {
                    Some(collected) => return collected,
                    None if whole.is_none() => return Collected::More,
                    None => rest = fragment.get(length..).unwrap_or_default(),
                }
            }
            _ => return Collected::Other,
        }
    }
}

/// What the message is, once that is known.
fn whole_message(message: &mut Vec<u8>) -> Option<Collected> {
    let &[kind, a, b, c] = message.first_chunk()?;
    if kind != CLIENT_HELLO {
        return Some(Collected::Other);
    }
    let length = usize::try_from(u32::from_be_bytes([0, a, b, c])).unwrap_or(usize::MAX);
    (message.len() - 4 >= length).then(|| {
        message.drain(..4);
        message.truncate(length);
        Collected::Message(std::mem::take(message))
    })
}

/// The first name of the extension (RFC 6066 3). None: malformed; there is one kind of name.
fn server_name(data: &Bytes) -> Option<Option<Bytes>> {
    let names = Reader::new(data).prefixed_u16()?;
    let mut names = Reader::new(&names);
    let kind = names.u8()?;
    let name = names.prefixed_u16()?;
    (kind == 0).then_some(Some(name).filter(|name| !name.is_empty()))
}

/// The protocols of the extension (RFC 7301 3.1), none of which is empty.
fn protocols(data: &Bytes) -> Option<Vec<Bytes>> {
    let list = Reader::new(data).prefixed_u16()?;
    let mut list = Reader::new(&list);
    let mut protocols = Vec::new();
    while !list.is_empty() {
        protocols.push(list.prefixed_u8()?);
    }
    protocols.iter().all(|protocol| !protocol.is_empty()).then_some(protocols)
}

/// The highest known version of the extension (RFC 8446 4.2.1), which takes the place of the older field.
fn highest(data: &Bytes) -> Option<&'static str> {
    let list = Reader::new(data).prefixed_u8()?;
    let mut list = Reader::new(&list);
    let mut highest = None;
    while !list.is_empty() {
        // What is not known may be GREASE (RFC 8701).
        highest = highest.max(Some(list.u16()?).filter(|version| name(*version).is_some()));
    }
    Some(highest.and_then(name).unwrap_or_default())
}

/// OpenSSL's name of a version.
fn name(version: u16) -> Option<&'static str> {
    Some(match version {
        0x0002 => "SSLv2",
        0x0300 => "SSLv3",
        0x0301 => "TLSv1",
        0x0302 => "TLSv1.1",
        0x0303 => "TLSv1.2",
        0x0304 => "TLSv1.3",
        _ => return None,
    })
}
