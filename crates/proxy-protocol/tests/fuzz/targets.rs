//! What is done with any input; a panic is a fault. `fuzz/` and the replay of its corpus call these.

use propylon_proxy_protocol::{MAX, TlvName, parse, v1, v2};

/// Any bytes as the beginning of a connection: the same verdict however they are cut, and what was told can be told again.
pub(crate) fn proxy_header(data: &[u8]) {
    let whole = parse(data);
    let first = (0..data.len()).map(|known| parse(&data[..known])).find(|read| *read != Ok(None));
    if let Some(first) = first {
        assert_eq!(first, whole);
    }
    let Ok(Some((header, length))) = whole else { return };
    assert!(length <= data.len() && length <= MAX);
    for name in ["alpn", "ssl", "ssl_verify", "ssl_cn", "0xee"] {
        let _ = header.tlvs.value(TlvName::parse(name).expect("a name"));
    }
    for again in [v1(header.ends), v2(header.ends)] {
        let (read, length) = parse(&again).expect("a header").expect("all of it");
        assert_eq!(length, again.len());
        let ip = |ends: Option<(std::net::SocketAddr, std::net::SocketAddr)>| {
            ends.map(|(client, server)| (client.ip().to_canonical(), server.ip().to_canonical()))
        };
        assert_eq!(ip(read.ends), ip(header.ends));
    }
}
