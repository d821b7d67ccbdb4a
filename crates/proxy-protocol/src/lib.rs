//! The PROXY protocol, versions 1 and 2: headers read and written, without I/O.
//!
//! ## Example
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
//! - Reads a header from the beginning of what has come ([`parse`]), and says as early as it can be known that there is none.
//! - Checks what it reads: addresses of the family that is named, one space between two words, no line of more than 107 bytes, no
//!   header of more than [`MAX`].
//! - Finds values of version 2 that go beyond addresses ([`Tlvs`], [`TlvName`]).
//! - Writes headers of both versions ([`v1`], [`v2`]).
//!
//! ## What it does not
//! No sockets and no time: whoever reads waits, and gives up. It trusts nobody, either: who may send a header is for the caller to
//! know. It writes no TLVs.
//!
//! ## nginx
//! | nginx | here |
//! |---|---|
//! | `listen … proxy_protocol` | [`parse`] |
//! | `proxy_protocol` of the stream module | [`v1`], [`v2`] |
//! | `$proxy_protocol_addr`, `_port`, `_server_addr`, `_server_port` | [`Header::ends`] |
//! | `$proxy_protocol_tlv_NAME` | [`TlvName`], [`Tlvs::value`] |
//!
//! Differences: nginx wants the whole header in one read, takes any text of letters and dots as an address of version 1, and
//! commands that nobody knows. As in nginx, a checksum (CRC32c) is a value like any other.
//!
//! ## Errors
//! [`Error`]: the connection has to be closed.
//!
//! ## Cost
//! Reading allocates nothing; a header that comes in pieces is looked at from its beginning with each. Writing is one allocation.

mod read;
mod tlv;
mod write;

pub use read::{Error, Header, MAX, parse};
pub use tlv::{TlvName, Tlvs};
pub use write::{v1, v2};
