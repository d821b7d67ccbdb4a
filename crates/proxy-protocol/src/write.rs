//! Headers to be sent first on a connection.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use bytes::{BufMut, Bytes, BytesMut};

/// What version 2 begins with.
pub(crate) const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// Version 1: a line of text. `ends`: the client's address and the one that it connected to; `None`: it has none.
#[must_use]
pub fn v1(ends: Option<(SocketAddr, SocketAddr)>) -> Bytes {
    let Some((source, destination)) = ends else { return Bytes::from_static(b"PROXY UNKNOWN\r\n") };
    let (family, from, to) = match (source.ip(), destination.ip()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => ("TCP4", from.to_string(), to.to_string()),
        (from, to) => ("TCP6", v6(from).to_string(), v6(to).to_string()),
    };
    format!("PROXY {family} {from} {to} {} {}\r\n", source.port(), destination.port()).into()
}

/// Version 2: binary. `ends` as for [`v1`].
#[must_use]
pub fn v2(ends: Option<(SocketAddr, SocketAddr)>) -> Bytes {
    const PROXY: u8 = 0x21;
    let mut header = BytesMut::from(SIGNATURE);
    header.put_u8(PROXY);
    match ends.map(|(source, destination)| (source, destination, source.ip(), destination.ip())) {
        None => {
            header.put_u8(0); // neither family nor protocol
            header.put_u16(0);
        }
        Some((source, destination, IpAddr::V4(from), IpAddr::V4(to))) => {
            header.put_u8(0x11); // TCP over IPv4
            header.put_u16(12);
            header.put_slice(&from.octets());
            header.put_slice(&to.octets());
            header.put_u16(source.port());
            header.put_u16(destination.port());
        }
        Some((source, destination, from, to)) => {
            header.put_u8(0x21); // TCP over IPv6
            header.put_u16(36);
            header.put_slice(&v6(from).octets());
            header.put_slice(&v6(to).octets());
            header.put_u16(source.port());
            header.put_u16(destination.port());
        }
    }
    header.freeze()
}

/// An address among those of the other family.
fn v6(ip: IpAddr) -> Ipv6Addr {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(from: &str, to: &str) -> Option<(SocketAddr, SocketAddr)> {
        Some((from.parse().unwrap(), to.parse().unwrap()))
    }

    #[test]
    fn version_1() {
        assert_eq!(v1(ends("[::1]:5", "[2001:db8::1]:80")), "PROXY TCP6 ::1 2001:db8::1 5 80\r\n");
        assert_eq!(v1(ends("1.2.3.4:5", "[::1]:80")), "PROXY TCP6 ::ffff:1.2.3.4 ::1 5 80\r\n");
        assert_eq!(v1(None), "PROXY UNKNOWN\r\n");
    }

    #[test]
    fn version_2() {
        let start = b"\r\n\r\n\0\r\nQUIT\n\x21";
        assert_eq!(
            v2(ends("1.2.3.4:258", "5.6.7.8:80")),
            [&start[..], &[0x11, 0, 12, 1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 0, 80]].concat()
        );
        let six = v2(ends("[::1]:1", "[::2]:2"));
        assert_eq!((six.len(), six[13], six[15]), (16 + 36, 0x21, 36));
        assert_eq!(v2(None), [&start[..], &[0, 0, 0]].concat());
    }
}
