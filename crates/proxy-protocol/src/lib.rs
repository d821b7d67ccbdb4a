//! The PROXY protocol, versions 1 and 2: reads and writes headers, without I/O.
//!
//! ## Example
//!
//! ```
//! use propylon_proxy_protocol::{parse, v1, v2};
//!
//! let (client, server) = ("192.0.2.1:5000".parse()?, "198.51.100.1:80".parse()?);
//! assert_eq!(v1(Some((client, server))), "PROXY TCP4 192.0.2.1 198.51.100.1 5000 80\r\n");
//!
//! let received = [&v2(Some((client, server)))[..], b"GET / HTTP/1.1\r\n"].concat();
//! let (header, length) = parse(&received)?.ok_or("more has to come")?;
//! assert_eq!(header.ends, Some((client, server)));
//! assert!(received[length..].starts_with(b"GET"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! ## What it does
//!
//! - Parses a header from the beginning of the received bytes ([`parse`]), and reports as early as possible that there is none.
//! - Validates what it reads: addresses must belong to the named family, there is one space between two words, a line has at most 107
//!   bytes, and a header at most [`MAX`].
//! - Finds the TLVs of version 2 ([`Tlvs`], [`TlvName`]).
//! - Writes headers of both versions ([`v1`], [`v2`]).
//!
//! Headers of the proxy's own connections (`LOCAL`), of connections with unknown endpoints (`UNKNOWN`), and of families other than IP over a
//! stream have no addresses.
//!
//! ## What it does not
//!
//! The crate has no sockets and no timeouts: the caller waits for bytes, and gives up. It does not decide whom to trust: the caller knows
//! who may send a header. It does not write TLVs.
//!
//! ## nginx
//!
//! | nginx | here |
//! |---|---|
//! | `listen … proxy_protocol` | [`parse`] |
//! | `proxy_protocol` of the stream module | [`v1`], [`v2`] |
//! | `$proxy_protocol_addr`, `_port`, `_server_addr`, `_server_port` | [`Header::ends`] |
//! | `$proxy_protocol_tlv_NAME` | [`TlvName`], [`Tlvs::value`] |
//!
//! Differences: nginx needs the whole header in one read, accepts any text of letters and dots as a version 1 address, and accepts unknown
//! commands. As in nginx, a checksum (CRC32c) is a value like any other and is not verified.
//!
//! ## Errors
//!
//! [`Error`]: there is no header, or the header is malformed, too large, or has an unknown version or command. The connection must be closed.
//!
//! ## Cost
//!
//! Parsing does not allocate; a header that arrives in pieces is parsed from its beginning with each piece. Writing is one allocation.

mod read;
mod tlv;
mod write;

pub use read::{Error, Header, MAX, parse};
pub use tlv::{TlvName, Tlvs};
pub use write::{v1, v2};
