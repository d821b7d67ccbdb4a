//! Look-ups in MaxMind's databases for tests, and files that change.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use propylon_geoip::{Content, DataPath, Database, Error};

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

fn open(name: &str) -> Database {
    let database = Database::new(file(name));
    assert!(database.refresh().unwrap());
    database
}

#[track_caller]
fn check(database: &Database, address: &str, path: &str, expected: Option<&str>) {
    let found = database.find(address.parse().unwrap(), &DataPath::new(path.split_whitespace()));
    let found = found.map(|value| String::from_utf8(value.to_vec()).unwrap());
    assert_eq!(found.as_deref(), expected, "{address} {path}");
}

#[test]
fn values_of_records() {
    let city = open("GeoIP2-City-Test.mmdb");
    check(&city, "81.2.69.142", "country iso_code", Some("GB"));
    check(&city, "::ffff:81.2.69.142", "country iso_code", Some("GB"));
    check(&city, "2001:218::1", "country names ja", Some("日本"));
    check(&city, "2001:218::1", "city names en", None);
    check(&city, "81.2.69.142", "subdivisions 0 iso_code", Some("ENG"));
    check(&city, "81.2.69.142", "subdivisions -1 iso_code", Some("ENG"));
    check(&city, "81.2.69.142", "subdivisions 1 iso_code", None);
    check(&city, "81.2.69.142", "subdivisions -2 iso_code", None);
    check(&city, "81.2.69.142", "subdivisions iso_code", None);
    check(&city, "81.2.69.142", "country 0", None);
    check(&city, "81.2.69.142", "location latitude", Some("51.51420"));
    check(&city, "81.2.69.142", "location longitude", Some("-0.09310"));
    check(&city, "81.2.69.142", "country geoname_id", Some("2635167"));
    // A map is no value.
    check(&city, "81.2.69.142", "country", None);
    check(&city, "81.2.69.142", "", None);
    check(&city, "81.2.69.142", "country iso_code more", None);
    check(&city, "127.0.0.1", "country iso_code", None);
    assert!(city.build_epoch().unwrap() > 1_000_000_000);
    assert!(city.last_change() >= Some(1_700_000_000) && city.last_check() >= Some(1_700_000_000));
}

#[test]
fn values_of_every_kind() {
    let kinds = open("MaxMind-DB-test-decoder.mmdb");
    for (path, expected) in [
        ("array 1", Some("2")),
        ("array 3", None),
        ("boolean", Some("1")),
        ("double", Some("42.12346")),
        ("float", Some("1.10000")),
        ("int32", Some("-268435456")),
        ("map mapX arrayX -1", Some("9")),
        ("map mapX utf8_stringX", Some("hello")),
        ("uint16", Some("100")),
        ("uint32", Some("268435456")),
        ("uint64", Some("1152921504606846976")),
        ("uint128", Some("0x01000000000000000000000000000000")),
        ("utf8_string", Some("unicode! ☯ - ♫")),
    ] {
        check(&kinds, "1.1.1.1", path, expected);
    }
    let bytes = kinds.find("1.1.1.1".parse().unwrap(), &DataPath::new(["bytes"])).unwrap();
    assert_eq!(&bytes[..], [0, 0, 0, 42]);
    // All of it is nothing.
    check(&kinds, "::", "double", Some("0.00000"));
    check(&kinds, "::", "boolean", Some("0"));
    check(&kinds, "::", "utf8_string", Some(""));

    let texts = open("MaxMind-DB-string-value-entries.mmdb");
    check(&texts, "1.1.1.1", "", Some("1.1.1.1/32"));
    let v4 = open("MaxMind-DB-test-ipv4-24.mmdb");
    check(&v4, "1.1.1.3", "ip", Some("1.1.1.2"));
    check(&v4, "::ffff:1.1.1.3", "ip", Some("1.1.1.2"));
    check(&v4, "2001:db8::1", "ip", None);
}

/// A database of one record, for all addresses of IPv4: one node, both of whose branches lead to it.
fn of_one_record(record: &[u8]) -> Vec<u8> {
    let text = |text: &str| [&[0x40 | u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
    let to_record = [0, 0, 1 + 16];
    let mut file = [&to_record[..], &to_record, &[0; 16], record, b"\xab\xcd\xefMaxMind.com"].concat();
    // A map of nine; integers of two, four and eight bytes.
    file.push(0xe0 | 9);
    for (name, value) in [
        ("binary_format_major_version", &[0xa1, 2][..]),
        ("binary_format_minor_version", &[0xa0]),
        ("build_epoch", &[0x01, 0x02, 1]),
        ("database_type", &[0x41, b'x']),
        ("description", &[0xe0]),
        ("ip_version", &[0xa1, 4]),
        ("languages", &[0x00, 0x04]),
        ("node_count", &[0xc1, 1]),
        ("record_size", &[0xa1, 24]),
    ] {
        file.extend(text(name));
        file.extend(value);
    }
    file
}

#[test]
fn a_number_is_a_name_where_there_is_no_list() {
    let file = tempfile::NamedTempFile::new().unwrap();
    // { "ports": { "80": "open", "-1": "none" } }
    fs::write(file.path(), of_one_record(b"\xe1\x45ports\xe2\x4280\x44open\x42-1\x44none")).unwrap();
    let database = Database::new(file.path());
    assert!(database.refresh().unwrap());
    assert_eq!(database.build_epoch(), Some(1));
    check(&database, "192.0.2.1", "ports 80", Some("open"));
    check(&database, "255.0.2.1", "ports -1", Some("none"));
    check(&database, "255.0.2.1", "ports 81", None);
}

#[test]
fn a_file_that_changes_is_read_anew_and_one_that_is_no_good_is_not() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("asn.mmdb");
    let database = Database::new(&path);
    let missing = database.refresh().unwrap_err();
    assert!(matches!(missing, Error::Read { .. }), "{missing:?}");
    assert_eq!((database.build_epoch(), database.last_change()), (None, None));
    check(&database, "1.1.1.3", "ip", None);

    let put = |name: &str| {
        fs::copy(file(name), directory.path().join("new")).unwrap();
        fs::rename(directory.path().join("new"), &path).unwrap();
    };
    put("MaxMind-DB-test-ipv4-24.mmdb");
    assert!(database.refresh().unwrap());
    assert!(!database.refresh().unwrap(), "it is the same");
    check(&database, "1.1.1.3", "ip", Some("1.1.1.2"));

    // What is read is used once it is said.
    put("GeoLite2-ASN-Test.mmdb");
    let content = database.changed().unwrap().unwrap();
    check(&database, "1.1.1.3", "ip", Some("1.1.1.2"));
    database.replace(content);
    check(&database, "1.128.0.1", "autonomous_system_organization", Some("Telstra Pty Ltd"));

    // A legacy database, or one that is still being written.
    let whole = fs::read(file("GeoLite2-ASN-Test.mmdb")).unwrap();
    for broken in [&b"GEO-106FREE 20180327"[..], b"", &whole[..whole.len() / 2]] {
        fs::write(&path, broken).unwrap();
        let told = database.refresh().unwrap_err();
        assert!(matches!(told, Error::Damaged { .. }), "{told:?}");
        assert!(database.refresh().is_err(), "it is told for as long as it is so");
        check(&database, "1.128.0.1", "autonomous_system_organization", Some("Telstra Pty Ltd"));
    }
    fs::remove_file(&path).unwrap();
    assert!(database.refresh().is_err());
    fs::create_dir(&path).unwrap();
    assert!(database.refresh().is_err());
    check(&database, "1.128.0.1", "autonomous_system_organization", Some("Telstra Pty Ltd"));
    fs::remove_dir(&path).unwrap();
    put("GeoLite2-ASN-Test.mmdb");
    assert!(database.refresh().unwrap());
}

/// Whoever starts has more to do.
#[test]
fn a_pipe_is_not_waited_for() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pipe.mmdb");
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    let (tell, told) = mpsc::sync_channel(1);
    thread::spawn(move || tell.send(Database::new(path).refresh()));
    let refreshed = told.recv_timeout(Duration::from_secs(60)).unwrap();
    assert!(matches!(refreshed, Err(Error::Read { .. })), "{refreshed:?}");
}

/// Databases that are made to lead readers astray.
#[test]
fn damaged_databases_say_nothing() {
    for name in [
        "MaxMind-DB-test-broken-pointers-24.mmdb",
        "MaxMind-DB-test-broken-search-tree-24.mmdb",
        "cyclic-data-structure.mmdb",
        "deep-nesting.mmdb",
        "corrupt-search-tree.mmdb",
    ] {
        let Ok(content) = Content::read(&file(name)) else { continue };
        for address in ["1.1.1.1", "1.1.1.16", "1.1.1.32", "::1", "2001:db8::1", "81.2.69.142"] {
            let address: IpAddr = address.parse().unwrap();
            for path in ["country iso_code", "ip", "a 0", "array", ""] {
                let _ = content.find(address, &DataPath::new(path.split_whitespace()));
            }
        }
    }
    let broken = open("MaxMind-DB-test-broken-pointers-24.mmdb");
    check(&broken, "1.1.1.32", "ip", None);
    check(&broken, "1.1.1.1", "ip", Some("1.1.1.1"));
}
