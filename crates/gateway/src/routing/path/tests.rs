use proptest::prelude::*;

use super::*;
use crate::routing::{Escape, escape};

/// The expected values are what nginx 1.22.1 answered with `$uri` and `$args`.
#[track_caller]
fn check(raw: &'static [u8], uri: &[u8], args: &[u8]) {
    let path = Path::parse(Bytes::from_static(raw), Slashes::Merge).unwrap();
    assert_eq!(path.decoded(), uri, "the path of {}", raw.escape_ascii());
    assert_eq!(path.args().map_or(&b""[..], |args| args), args, "the arguments of {}", raw.escape_ascii());
    assert_eq!(path.raw(), raw);
}

#[test]
fn segments() {
    check(b"/", b"/", b"");
    check(b"/a/", b"/a/", b"");
    check(b"//", b"/", b"");
    check(b"///a//", b"/a/", b"");
    check(b"/name///x//y", b"/name/x/y", b"");
    check(b"/.", b"/", b"");
    check(b"/./.", b"/", b"");
    check(b"/name/./x", b"/name/x", b"");
    check(b"/name/x/.", b"/name/x/", b"");
    check(b"/name/..", b"/", b"");
    check(b"/name/../name/x", b"/name/x", b"");
    check(b"/name/x/..", b"/name/", b"");
    check(b"/name/x/../..", b"/", b"");
    check(b"/a//../b", b"/b", b"");
    check(b"/a//..//b", b"/b", b"");
    check(b"/a/b//../../c", b"/c", b"");
    check(b"/a+/../b", b"/b", b"");
}

#[test]
fn dots_that_are_names() {
    for path in [
        &b"/..."[..],
        b"/.../",
        b"/..a",
        b"/.a/b",
        b"/a/.b",
        b"/a./b",
        b"/a../b",
        b"/a/...",
        b"/+./b",
        b"/+..",
    ] {
        check(path, path, b"");
    }
}

#[test]
fn encoded_bytes() {
    check(b"/%C3%A9/x", b"/\xC3\xA9/x", b"");
    check(b"/\xC3\xA9?\xC3\xA9", b"/\xC3\xA9", b"\xC3\xA9");
    check(b"/x.php%0a", b"/x.php\n", b"");
    check(b"/name/%01%1f%7f%ff%80", b"/name/\x01\x1F\x7F\xFF\x80", b"");
    check(b"/name/x%2By+z", b"/name/x+y+z", b"");
    check(b"/name/%22%3C%3E%5E%60%7B%7C%7D%5C%41", b"/name/\"<>^`{|}\\A", b"");
    check(b"/name/\"<>^`{|}\\", b"/name/\"<>^`{|}\\", b"");
    check(b"/a%5Cb\\c", b"/a\\b\\c", b"");
}

#[test]
fn encoded_slashes_and_dots_act() {
    check(b"/%2F", b"/", b"");
    check(b"/%2Fname/x", b"/name/x", b"");
    check(b"/%2f%2f/a", b"/a", b"");
    check(b"/name/a%2Fb", b"/name/a/b", b"");
    check(b"/a%2F%2e%2e%2Fb", b"/b", b"");
    check(b"/name/%2e%2e/b", b"/b", b"");
    check(b"/name/%2E./name/z", b"/name/z", b"");
    check(b"/name/.%2e/name/z", b"/name/z", b"");
    check(b"/a/..%2fb", b"/b", b"");
    check(b"/a%2b%2F./c", b"/a+/c", b"");
    check(b"/%2e?x", b"/", b"x");
}

#[test]
fn encoded_marks_are_bytes_like_others() {
    check(b"/name/x%25y", b"/name/x%y", b"");
    check(b"/name/a%252Fb", b"/name/a%2Fb", b"");
    check(b"/name/%2541", b"/name/%41", b"");
    check(b"/name/x%23y", b"/name/x#y", b"");
    check(b"/name/x%3Fy?z", b"/name/x?y", b"z");
    check(b"/a/..%23/", b"/a/..#/", b"");
    check(b"/a/.%3f/x", b"/a/.?/x", b"");
    check(b"/a/..%25/x", b"/a/..%/x", b"");
}

#[test]
fn arguments_and_fragment() {
    check(b"/name/x?", b"/name/x", b"");
    check(b"/name/x??", b"/name/x", b"?");
    check(b"/name/x?#", b"/name/x", b"");
    check(b"/name/x?a#", b"/name/x", b"a");
    check(b"/name/x?a?b#c", b"/name/x", b"a?b");
    check(b"/name/x#?y", b"/name/x", b"");
    check(b"/name/x#f%zz", b"/name/x", b"");
    check(b"/name/#%41", b"/name/", b"");
    check(b"/name/x?%zz%00", b"/name/x", b"%zz%00");
    check(b"/name/%41?%zz", b"/name/A", b"%zz");
    check(b"/name/x?a=/../b//c", b"/name/x", b"a=/../b//c");
    check(b"/a?/../../b", b"/a", b"/../../b");
    check(b"/a#/../../b", b"/a", b"");
    check(b"/a/.?x", b"/a/", b"x");
    check(b"/a/..?x", b"/", b"x");
    check(b"/a/.#x", b"/a/", b"");
    check(b"/a/%2e%2e#x", b"/", b"");
    check(b"?x/../y", b"/", b"x/../y");
    check(b"?", b"/", b"");
}

#[track_caller]
fn check_kept(raw: &'static [u8], uri: &[u8]) {
    let path = Path::parse(Bytes::from_static(raw), Slashes::Keep).unwrap();
    assert_eq!(path.decoded(), uri, "{}", raw.escape_ascii());
}

#[test]
fn slashes_kept() {
    check_kept(b"//", b"//");
    check_kept(b"///a//", b"///a//");
    check_kept(b"/a//../b", b"/a/b");
    check_kept(b"/a//..//b", b"/a//b");
    check_kept(b"/a/b//../../c", b"/a/c");
    check_kept(b"/%2F", b"//");
    check_kept(b"/%2f%2f/a", b"////a");
    check_kept(b"/a%2F%2e%2e%2Fb", b"/b");
    check_kept(b"//..", b"/");
}

#[track_caller]
fn check_refused(raw: &'static [u8], error: PathError) {
    assert_eq!(Path::parse(Bytes::from_static(raw), Slashes::Merge), Err(error), "{}", raw.escape_ascii());
    assert_eq!(error.status(), 400);
}

#[test]
fn refused() {
    for raw in [
        &b"/.."[..],
        b"/../",
        b"/%2e%2e",
        b"/%2e%2e/",
        b"/name/../../x",
        b"/a/..%2f..%2fb",
        b"//../a",
        b"/..?x",
        b"/..#x",
    ] {
        check_refused(raw, PathError::AboveRoot);
    }
    for raw in [
        &b"/name/%"[..],
        b"/name/%2",
        b"/name/%zz",
        b"/name/%4g",
        b"/name/%g4",
        b"/a/.%",
        b"/a/.%2",
        b"/%+1",
        b"/%?41",
    ] {
        check_refused(raw, PathError::Encoding);
    }
    for raw in [&b"/name/%00"[..], b"/name/x%00y?z", b"/a/..%00"] {
        check_refused(raw, PathError::Nul);
    }
    for raw in
        [&b"/x y"[..], b"/x?y z", b"/x#y z", b"/\tx", b"/x\0", b"/x?\r\nHost: a", b"/x\x7F", b"/x#\x01"]
    {
        check_refused(raw, PathError::Control);
    }
    for raw in [&b""[..], b"a", b"*", b"#", b"%2F", b".", b"\\a", b"http://h/"] {
        check_refused(raw, PathError::NotAbsolute);
    }
}

#[test]
fn a_plain_path_shares_the_request_line() {
    let raw = Bytes::from_static(b"/a/b.html?x");
    let path = Path::parse(raw.clone(), Slashes::Merge).unwrap();
    assert_eq!(path.decoded().as_ptr(), raw.as_ptr());
    assert_eq!(path.args().unwrap().as_ptr(), raw.slice(10..).as_ptr());
}

#[test]
fn quotes_and_plus_are_seen_in_the_path_alone() {
    for (raw, expected) in [
        (&b"/a"[..], false),
        (b"/%41", true),
        (b"/a+b", true),
        (b"/a//+", true),
        (b"/a//%2B", true),
        (b"/a?%41+", false),
        (b"/a#%41+", false),
    ] {
        let path = Path::parse(Bytes::from_static(raw), Slashes::Merge).unwrap();
        assert_eq!(path.has_quotes_or_plus(), expected, "{}", raw.escape_ascii());
    }
}

#[test]
fn transitions() {
    let path = Path::parse(Bytes::from_static(b"/a?x"), Slashes::Merge).unwrap();
    assert!(path.raw_is_current() && path.is_in_location() && !path.is_internal());

    let rewritten = path.clone().rewritten("/b".into(), Some("y".into()));
    assert_eq!((rewritten.raw(), rewritten.decoded()), (&"/a?x".into(), &"/b".into()));
    assert!(!rewritten.raw_is_current() && rewritten.is_in_location() && rewritten.is_internal());

    let pinned = rewritten.pinned();
    assert!(!pinned.is_in_location());
    assert!(pinned.redirected("/c".into(), None).is_in_location());

    let changed = path.clone().with_args(Some(Bytes::new()));
    assert!(changed.args().is_none() && !changed.raw_is_current() && !changed.is_internal());

    let named = path.named();
    assert!(named.raw_is_current() && named.is_internal());
}

fn targets() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(&b"/"[..]),
        Just(&b"//"[..]),
        Just(&b"."[..]),
        Just(&b".."[..]),
        Just(&b"/../"[..]),
        Just(&b"%2F"[..]),
        Just(&b"%2e"[..]),
        Just(&b"%25"[..]),
        Just(&b"%00"[..]),
        Just(&b"%0a"[..]),
        Just(&b"?"[..]),
        Just(&b"#"[..]),
        Just(&b"%3F%23"[..]),
        Just(&b"a"[..]),
        Just(&b"\xC3"[..]),
        Just(&b"%"[..]),
    ];
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| [&b"/"[..], &pieces.concat()].concat())
}

fn slashes() -> impl Strategy<Value = Slashes> {
    prop_oneof![Just(Slashes::Merge), Just(Slashes::Keep)]
}

proptest! {
    #[test]
    fn any_bytes_parse_or_fail(raw in proptest::collection::vec(any::<u8>(), 0..64), slashes in slashes()) {
        let _ = Path::parse(raw.into(), slashes);
    }

    #[test]
    fn a_decoded_path_stays_below_the_root(raw in targets(), slashes in slashes()) {
        if let Ok(path) = Path::parse(raw.into(), slashes) {
            let decoded = path.decoded();
            prop_assert!(decoded.starts_with(b"/"));
            prop_assert!(!decoded.contains(&0));
            for part in decoded.split(|&byte| byte == b'/') {
                prop_assert!(part != b"." && part != b"..", "{}", decoded.escape_ascii());
            }
            if slashes == Slashes::Merge {
                prop_assert!(!decoded.windows(2).any(|pair| pair == b"//"));
            }
        }
    }

    #[test]
    fn an_escaped_path_decodes_to_itself(raw in targets(), slashes in slashes()) {
        if let Ok(path) = Path::parse(raw.into(), slashes) {
            for set in [Escape::Uri, Escape::Args, Escape::UriComponent] {
                let written = match set {
                    // Encoding the slashes too: the first one makes it a path.
                    Escape::UriComponent => [b"/", &*escape(&path.decoded()[1..], set)].concat(),
                    _ => escape(path.decoded(), set).into_owned(),
                };
                let again = Path::parse(written.into(), slashes).unwrap();
                prop_assert_eq!(again.decoded(), path.decoded());
                prop_assert!(again.args().is_none());
            }
        }
    }
}
