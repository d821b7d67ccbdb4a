//! What is read of a client's first bytes.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use std::sync::Arc;

use proptest::prelude::*;
use propylon_stream::{ClientHello, Parsed};
use rustls::{ClientConfig, ClientConnection, RootCertStore};

/// What rustls says first.
fn hello(name: &str, alpn: &[&str], versions: &[&'static rustls::SupportedProtocolVersion]) -> Vec<u8> {
    let mut config = ClientConfig::builder_with_protocol_versions(versions)
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    let mut client = ClientConnection::new(Arc::new(config), name.to_owned().try_into().unwrap()).unwrap();
    let mut said = Vec::new();
    client.write_tls(&mut said).unwrap();
    said
}

fn parsed(received: &[u8]) -> ClientHello {
    match ClientHello::parse(received) {
        Parsed::Hello(hello) => hello,
        other => panic!("{other:?}"),
    }
}

/// The same message in records of `size` bytes.
fn split(record: &[u8], size: usize) -> Vec<u8> {
    let records = record[5..].chunks(size).map(|chunk| {
        let mut head = record[..3].to_vec();
        head.extend(u16::try_from(chunk.len()).unwrap().to_be_bytes());
        head.extend(chunk);
        head
    });
    records.flatten().collect()
}

/// A hello with these extensions.
fn with(extensions: &[u8]) -> Vec<u8> {
    let mut message = vec![3, 3];
    message.extend([9; 32]);
    message.extend([0, 0, 2, 0x13, 1, 1, 0]);
    message.extend(u16::try_from(extensions.len()).unwrap().to_be_bytes());
    message.extend(extensions);
    framed(&message)
}

fn framed(message: &[u8]) -> Vec<u8> {
    let length = u16::try_from(message.len()).unwrap();
    let mut record = vec![22, 3, 1];
    record.extend((length + 4).to_be_bytes());
    record.extend([1, 0]);
    record.extend(length.to_be_bytes());
    record.extend(message);
    record
}

#[test]
fn name_protocols_and_version() {
    let both: &[_] = rustls::ALL_VERSIONS;
    let told = parsed(&hello("git.example.com", &["h2", "http/1.1"], both));
    assert_eq!(told.server_name.unwrap(), "git.example.com");
    assert_eq!(told.alpn, ["h2", "http/1.1"]);
    assert_eq!(told.protocol, "TLSv1.3");

    let told = parsed(&hello("127.0.0.1", &[], &[&rustls::version::TLS12]));
    assert_eq!(
        (told.server_name, told.alpn.len(), told.protocol),
        (None, 0, "TLSv1.2"),
        "an address is no name"
    );
}

#[test]
fn records_may_split_it_anywhere() {
    let record = hello("git.example.com", &["h2"], rustls::ALL_VERSIONS);
    for size in [1, 2, 3, 4, 7, 100, record.len()] {
        let records = split(&record, size);
        assert_eq!(parsed(&records), parsed(&record), "records of {size}");
        for end in 0..records.len() {
            assert_eq!(
                ClientHello::parse(&records[..end]),
                Parsed::More,
                "records of {size}, {end} bytes of them"
            );
        }
    }
    let mut more = record.clone();
    more.extend(b"\x17\x03\x03and more");
    assert_eq!(parsed(&more), parsed(&record), "what follows is nobody's concern here");
}

#[test]
fn what_is_no_hello_is_known_at_once() {
    let other: [&[u8]; 11] = [
        b"S",
        b"GET / HTTP/1.1\r\n",
        b"\x00",
        b"\x15\x03\x01\x00\x02\x01\x00",                             // an alert
        b"\x16\x04",                                                 // no version of TLS
        b"\x16\x03\x01\x00\x04\x02\x00\x00\x00",                     // a ServerHello
        b"\x80\x2e\x02",                                             // SSL 2, and no hello
        b"\x80\x2e\x01\x04",                                         // nor a version of it
        &framed(&[3, 3]),                                            // too short
        &with(&[0, 0, 0, 9, 0, 7, 0, 0, 9, b'a', b'b', b'c', b'd']), // a name that is longer than it is
        &with(&[0, 16, 0, 3, 0, 1, 0]),                              // a protocol without a name
    ];
    for bytes in other {
        assert_eq!(ClientHello::parse(bytes), Parsed::Other, "{:?}", bytes.escape_ascii().to_string());
    }
    assert_eq!(ClientHello::parse(b""), Parsed::More);
    // A name of another kind than there are.
    assert_eq!(ClientHello::parse(&with(&[0, 0, 0, 6, 0, 4, 1, 0, 1, b'a'])), Parsed::Other);
}

#[test]
fn versions_are_by_their_names() {
    // What is not known is no version: a list of TLS 1.2 and of what nobody knows.
    assert_eq!(parsed(&with(&[0, 43, 0, 5, 4, 0x7a, 0x7a, 3, 3])).protocol, "TLSv1.2");
    assert_eq!(parsed(&with(&[0, 43, 0, 3, 2, 0x7a, 0x7a])).protocol, "");
    assert_eq!(parsed(&with(&[])).protocol, "TLSv1.2");
    assert_eq!(parsed(b"\x80\x2e\x01\x03\x01\x00\x15").protocol, "TLSv1", "in the form of SSL 2");
    assert_eq!(parsed(b"\x80\x2e\x01\x00\x02").protocol, "SSLv2");
    for end in 0..5 {
        assert_eq!(ClientHello::parse(&b"\x80\x2e\x01\x00\x02"[..end]), Parsed::More);
    }
}

proptest! {
    #[test]
    fn nothing_makes_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = ClientHello::parse(&bytes);
        let _ = ClientHello::parse(&with(&bytes));
        let _ = ClientHello::parse(&framed(&bytes));
    }

    #[test]
    fn one_byte_that_is_wrong_does_no_harm(at in 0usize..500, byte in any::<u8>()) {
        let mut record = hello("git.example.com", &["h2"], rustls::ALL_VERSIONS);
        let at = at % record.len();
        record[at] = byte;
        let _ = ClientHello::parse(&record);
    }
}
