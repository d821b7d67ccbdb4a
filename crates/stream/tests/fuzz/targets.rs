//! What is done with any input; a panic is a fault. `fuzz/` and the replay of its corpus call these.

use propylon_stream::{ClientHello, Parsed};

/// Any bytes as the beginning of a connection: the same verdict however they are cut.
pub(crate) fn client_hello(data: &[u8]) {
    let whole = ClientHello::parse(data);
    let first = (0..data.len()).map(|known| ClientHello::parse(&data[..known]));
    if let Some(first) = { first }.find(|read| *read != Parsed::More) {
        assert_eq!(first, whole);
    }
    let Parsed::Hello(hello) = whole else { return };
    let told = hello.server_name.iter().chain(&hello.alpn);
    assert!(told.clone().all(|text| !text.is_empty()));
    assert!(told.map(|text| text.len()).sum::<usize>() <= data.len());
}
