//! Whatever is in a file: no panic, no endless work.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use std::fs;
use std::net::IpAddr;
use std::path::Path;

use proptest::prelude::*;
use propylon_geoip::{Content, DataPath};

const NAMES: [&str; 4] = [
    "MaxMind-DB-test-decoder.mmdb",
    "MaxMind-DB-test-nested.mmdb",
    "MaxMind-DB-string-value-entries.mmdb",
    "GeoIP2-City-Test.mmdb",
];

const PATHS: [&str; 6] = [
    "country iso_code",
    "subdivisions -1 names en",
    "map mapX arrayX 1",
    "map1 map2 array 0 map3 a",
    "uint128",
    "",
];

/// Looks for everything in a file.
fn read(bytes: &[u8], addresses: &[IpAddr]) {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), bytes).unwrap();
    let Ok(content) = Content::read(file.path()) else { return };
    let _ = content.build_epoch();
    for address in
        addresses.iter().copied().chain(["1.1.1.1".parse().unwrap(), "81.2.69.142".parse().unwrap()])
    {
        for path in PATHS {
            let _ = content.find(address, &DataPath::new(path.split_whitespace()));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn flipped_bytes(
        name in 0..NAMES.len(),
        flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        at_end in any::<bool>(),
        v4 in any::<[u8; 4]>(),
        v6 in any::<[u8; 16]>(),
    ) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(NAMES[name]);
        let mut bytes = fs::read(path).unwrap();
        // What is said of the whole is at the end, where damage does the most.
        let from = if at_end { bytes.len() - 200 } else { 0 };
        for (index, byte) in flips {
            let length = bytes.len() - from;
            bytes[from + index.index(length)] = byte;
        }
        read(&bytes, &[v4.into(), v6.into()]);
    }

    #[test]
    fn any_bytes(mut bytes in proptest::collection::vec(any::<u8>(), 0..200), tail in proptest::collection::vec(any::<u8>(), 0..200)) {
        bytes.extend(b"\xab\xcd\xefMaxMind.com");
        bytes.extend(tail);
        read(&bytes, &[]);
    }
}
