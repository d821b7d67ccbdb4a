//! Headers as they come.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

use std::net::SocketAddr;

use proptest::prelude::*;
use propylon_proxy_protocol::{Error, Header, MAX, parse, v1, v2};

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// A header of version 2.
fn binary(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
    [SIGNATURE, &[command, family], &length, rest].concat()
}

fn ends(from: &str, to: &str) -> Option<(SocketAddr, SocketAddr)> {
    Some((from.parse().unwrap(), to.parse().unwrap()))
}

/// What these bytes are, however much of them has come, and whatever follows.
#[track_caller]
fn check(bytes: &[u8], expected: Option<(SocketAddr, SocketAddr)>) {
    for known in 0..bytes.len() {
        assert_eq!(parse(&bytes[..known]), Ok(None), "{known} bytes of {}", bytes.escape_ascii());
    }
    let more = [bytes, b"\r\nmore"].concat();
    for bytes in [bytes, &more] {
        let (header, length) = parse(bytes).unwrap().unwrap();
        assert_eq!(header.ends, expected, "{}", bytes.escape_ascii());
        assert_eq!(length, more.len() - 6);
    }
}

#[test]
fn lines() {
    check(b"PROXY TCP4 192.0.2.1 198.51.100.1 5000 80\r\n", ends("192.0.2.1:5000", "198.51.100.1:80"));
    check(
        b"PROXY TCP6 2001:Db8::1 ::ffff:1.2.3.4 0 65535\r\n",
        ends("[2001:db8::1]:0", "[::ffff:1.2.3.4]:65535"),
    );
    check(b"PROXY UNKNOWN\r\n", None);
    check(b"PROXY UNKNOWN 1 2 3 4 5 6\r\n", None);
    let address = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
    let longest = format!("PROXY UNKNOWN {address} {address} 65535 65535\r\n");
    assert_eq!(longest.len(), 107);
    check(longest.as_bytes(), None);
}

#[test]
fn lines_that_are_none() {
    for line in [
        "GET / HTTP/1.1\r\n",
        "proxy TCP4 192.0.2.1 192.0.2.2 1 2\r\n",
        "PROXYTCP4 192.0.2.1 192.0.2.2 1 2\r\n",
        "PROXY\r\n",
        "PROXY \r\n",
        "PROXY UNKNOWNS\r\n",
        "PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n",
        "PROXY TCP4\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 1 2 \r\n",
        "PROXY TCP4  192.0.2.1 192.0.2.2 1 2\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 1 65536\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 -1 2\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 +1 2\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2  2\r\n",
        "PROXY TCP4 192.0.2.256 192.0.2.2 1 2\r\n",
        "PROXY TCP4 ::1 ::2 1 2\r\n",
        "PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r \n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 1 \u{e9}\r\n",
    ] {
        assert_eq!(parse(line.as_bytes()), Err(Error::Broken), "{line:?}");
    }
    let endless = ["PROXY UNKNOWN ", &"x".repeat(91), "\r\n"].concat();
    assert_eq!(endless.len(), 107);
    assert!(parse(endless.as_bytes()).is_ok());
    assert_eq!(parse(endless.replace("xx", "xxx").as_bytes()), Err(Error::Broken));
    assert_eq!(parse(endless.replace("\r\n", "xx").as_bytes()), Err(Error::Broken));
}

/// No more is waited for than can help.
#[test]
fn what_cannot_become_a_header_is_none_at_once() {
    for bytes in [&b"G"[..], b"\n", b"PROXX", b"\r\n\r\n\0\r\nQUIT\r", b"PROXY TCP4 1\n", b"PROXY TCP4 1\rx"]
    {
        assert_eq!(parse(bytes), Err(Error::Broken), "{}", bytes.escape_ascii());
    }
}

#[test]
fn binary_headers() {
    let four = [192, 0, 2, 1, 198, 51, 100, 1, 0x13, 0x88, 0, 80];
    check(&binary(0x21, 0x11, &four), ends("192.0.2.1:5000", "198.51.100.1:80"));
    let mut six = [0; 36];
    (six[15], six[31], six[33], six[35]) = (1, 2, 3, 4);
    check(&binary(0x21, 0x21, &six), ends("[::1]:3", "[::2]:4"));
    check(
        &binary(0x21, 0x11, &[&four[..], &[0xae, 0, 1, 7]].concat()),
        ends("192.0.2.1:5000", "198.51.100.1:80"),
    );
    // the proxy's own connection, whatever it says of it; datagrams; unix sockets; families that nobody knows
    for (command, family) in
        [(0x20, 0x11), (0x20, 0), (0x21, 0), (0x21, 1), (0x21, 0x12), (0x21, 0x31), (0x21, 0x41)]
    {
        check(&binary(command, family, &four), None);
        check(&binary(command, family, &[]), None);
    }
    check(&binary(0x21, 0x31, &[b'/'; 216]), None);
}

#[test]
fn binary_headers_that_are_none() {
    #[track_caller]
    fn check(bytes: &[u8], expected: Error) {
        assert_eq!(parse(bytes), Err(expected));
    }
    check(&binary(0x11, 0x11, &[0; 12]), Error::Version(1));
    check(&binary(0x31, 0x11, &[0; 12]), Error::Version(3));
    check(&binary(0x22, 0x11, &[0; 12]), Error::Command(2));
    check(&binary(0x21, 0x11, &[0; 11]), Error::Broken);
    check(&binary(0x21, 0x21, &[0; 35]), Error::Broken);
    assert!(parse(&binary(0x20, 0, &vec![0; MAX - 16])).unwrap().is_some());
    // said by its first bytes: nobody waits for the rest
    check(&binary(0x20, 0, &vec![0; MAX - 15])[..16], Error::TooLarge);
}

proptest! {
    #[test]
    fn what_is_written_is_read(from: SocketAddr, to: SocketAddr, second: bool) {
        let ends = Some((from, to));
        let header = if second { v2(ends) } else { v1(ends) };
        let (read, length) = parse(&header).unwrap().unwrap();
        let plain = |(a, b): (SocketAddr, SocketAddr)| (a.ip().to_canonical(), a.port(), b.ip().to_canonical(), b.port());
        prop_assert_eq!(read.ends.map(plain), ends.map(plain));
        prop_assert_eq!(length, header.len());
    }

    /// Nothing is read beyond what is there, and more of the same changes no verdict.
    #[test]
    fn any_bytes(start in prop_oneof![Just(&b""[..]), Just(&b"PROXY "[..]), Just(&b"PROXY TCP4 "[..]), Just(SIGNATURE)],
                 rest in prop::collection::vec(prop_oneof![any::<u8>(), Just(b' '), Just(b'1'), Just(b'.'), Just(0), Just(0x21)], 0..200)) {
        let bytes = [start, &rest[..]].concat();
        let whole = parse(&bytes);
        if let Ok(Some((_, length))) = whole {
            prop_assert!(length <= bytes.len() && length <= MAX);
        }
        for known in 0..bytes.len() {
            match parse(&bytes[..known]) {
                Ok(None) => {}
                other => {
                    prop_assert_eq!(other, whole);
                    break;
                }
            }
        }
    }
}

#[test]
fn none_is_written_as_none() {
    for header in [v1(None), v2(None)] {
        let expected = Header { ends: None, tlvs: Default::default() };
        assert_eq!(parse(&header), Ok(Some((expected, header.len()))));
    }
}
