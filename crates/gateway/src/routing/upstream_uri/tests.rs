use proptest::prelude::*;

use super::*;
use crate::routing::{LocationMatch, Slashes};

fn parse(raw: &'static [u8]) -> Path {
    Path::parse(Bytes::from_static(raw), Slashes::Merge).unwrap()
}

/// The expected values are what an upstream of nginx 1.22.1 received, for `location <matches> { proxy_pass
/// http://upstream<uri>; }`.
#[track_caller]
fn check(matches: &str, uri: &[u8], requests: &[(&'static [u8], &[u8])]) {
    let prefix = LocationMatch::parse(matches).unwrap().prefix_len();
    let part = if uri.is_empty() { UriPart::None } else { UriPart::Static(uri) };
    for (raw, expected) in requests {
        let found = request_target(&parse(raw), prefix, part);
        assert_eq!(found, *expected, "{} in {matches} to {}", raw.escape_ascii(), uri.escape_ascii());
    }
}

#[test]
fn without_a_uri_part_the_client_s_bytes_go_upstream() {
    let same: Vec<(&[u8], &[u8])> = [
        &b"/"[..],
        b"//",
        b"/name//x",
        b"/name/../name/x",
        b"/name/%2e%2e/b",
        b"/name/a%2fb",
        b"/name/a%252Fb",
        b"/name/x%3fy",
        b"/name/%01%1f%7f%ff%80",
        b"/name/\"<>^`{|}\\",
        b"/\xC3\xA9?\xC3\xA9",
        b"/name/x?",
        b"/name/x??",
        b"/name/x?a?b#c",
        b"/name/x?#",
        b"/name/x#f%zz",
        b"/name/x?%zz%00",
        b"/a+b",
    ]
    .into_iter()
    .map(|raw| (raw, raw))
    .collect();
    check("/", b"", &same);
    check("/name/", b"", &same);
}

#[test]
fn a_uri_part_replaces_the_prefix() {
    check(
        "/name/",
        b"/remote/",
        &[
            (b"/name/", b"/remote/"),
            (b"/name/test", b"/remote/test"),
            (b"/name//x", b"/remote/x"),
            (b"//name/x", b"/remote/x"),
            (b"/%2Fname/x", b"/remote/x"),
            (b"/name/./x", b"/remote/x"),
            (b"/name/../name/x", b"/remote/x"),
            (b"/name/%2E./name/z", b"/remote/z"),
            (b"/name/x/..", b"/remote/"),
            (b"/name/?a=1&b=2", b"/remote/?a=1&b=2"),
        ],
    );
    check(
        "/bare",
        b"/x",
        &[
            (b"/bare", b"/x"),
            (b"/barex", b"/xx"),
            (b"/bare/x", b"/x/x"),
            (b"/bare?x", b"/x?x"),
            (b"/bare\xC3\xA9", b"/x\xC3\xA9"),
        ],
    );
    check("= /exact", b"/EX", &[(b"/exact", b"/EX"), (b"/exact?x", b"/EX?x")]);
    check("^~ /up/", b"/", &[(b"/up/", b"/"), (b"/up/a%20b", b"/a%20b")]);
    check("/", b"/up/", &[(b"/a//../b", b"/up/b"), (b"/%2e?x", b"/up/?x"), (b"/a#/../../b", b"/up/a")]);
}

#[test]
fn a_uri_part_is_put_in_front_as_it_stands() {
    check("/q/", b"?a=b", &[(b"/q/", b"?a=b"), (b"/q/x?y", b"?a=bx?y")]);
    check("/fr/", b"/a#b?c", &[(b"/fr/x?y", b"/a#b?cx?y")]);
}

#[test]
fn what_was_encoded_is_encoded_again() {
    check(
        "/name/",
        b"/remote/",
        &[
            (b"/name/a%2Fb", b"/remote/a/b"),
            (b"/name/a%252Fb", b"/remote/a%252Fb"),
            (b"/name/x%25y", b"/remote/x%25y"),
            (b"/name/x%23y", b"/remote/x%23y"),
            (b"/name/x%3fy", b"/remote/x%3Fy"),
            (b"/name/x%3Fy?z", b"/remote/x%3Fy?z"),
            (b"/name/x%2By+z", b"/remote/x+y+z"),
            (b"/name/%01%1f%7f%ff%80", b"/remote/%01%1F%7F%FF%80"),
            (b"/name/%22%3C%3E%5E%60%7B%7C%7D%5C%41", b"/remote/%22%3C%3E%5E%60%7B%7C%7D%5CA"),
            (b"/name/%41a;b=c,d&e'f(g)!h*i$j@k:l~m[]", b"/remote/Aa;b=c,d&e'f(g)!h*i$j@k:l~m[]"),
            (b"/name/%41?%zz", b"/remote/A?%zz"),
        ],
    );
    check(
        "/",
        b"/up/",
        &[
            (b"/%C3%A9/x", b"/up/%C3%A9/x"),
            (b"/\xC3\xA9/", b"/up/\xC3\xA9/"),
            (b"/a/..%23/", b"/up/a/..%23/"),
            (b"/a/.%3f/x", b"/up/a/.%3F/x"),
        ],
    );
    check("/name/", b"/remote/", &[(b"/name/\"<>^`{|}\\", b"/remote/\"<>^`{|}\\")]);
}

#[test]
fn a_fragment_and_a_lone_mark_are_dropped() {
    check(
        "/name/",
        b"/remote/",
        &[
            (b"/name/x?", b"/remote/x"),
            (b"/name/x??", b"/remote/x??"),
            (b"/name/x?#", b"/remote/x"),
            (b"/name/x?a#", b"/remote/x?a"),
            (b"/name/x?a?b#c", b"/remote/x?a?b"),
            (b"/name/x#?y", b"/remote/x"),
        ],
    );
}

#[test]
fn a_url_without_a_path_goes_upstream_with_one() {
    check("/", b"", &[(b"?x", b"/?x"), (b"?", b"/")]);
    check("/", b"/up/", &[(b"?x", b"/up/?x")]);
}

#[track_caller]
fn check_path(path: &Path, part: UriPart<'_>, expected: &[u8]) {
    assert_eq!(request_target(path, 6, part), expected);
}

#[test]
fn after_a_rewrite() {
    let uri = || Bytes::from("/name/é%\"<y".as_bytes());
    let path = parse(b"/first?a").rewritten(uri(), Some("b".into()));
    check_path(&path, UriPart::None, b"/name/%C3%A9%25%22%3Cy?b");
    check_path(&path, UriPart::Static(b"/up/"), b"/up/%C3%A9%25%22%3Cy?b");
    check_path(&path.clone().pinned(), UriPart::Static(b"/up/"), b"/name/%C3%A9%25%22%3Cy?b");
    check_path(&path.pinned().redirected(uri(), None), UriPart::Static(b"/up/"), b"/up/%C3%A9%25%22%3Cy");
}

#[test]
fn after_other_changes() {
    let path = || parse(b"/name//x?a#b");
    check_path(&path().with_args(Some("k=v".into())), UriPart::None, b"/name/x?k=v");
    check_path(&path().with_args(None), UriPart::Static(b"/"), b"/x");
    check_path(&path().named(), UriPart::None, b"/name//x?a#b");
    // A path may be shorter than the prefix when an internal redirect did not search for a location.
    check_path(&path().redirected("/e".into(), None), UriPart::Static(b"/up/"), b"/up/");
}

#[test]
fn expanded_variables_are_the_whole_uri() {
    let path = parse(b"/name/x?a");
    check_path(&path, UriPart::Expanded(b"/v/name/x"), b"/v/name/x");
    check_path(&path, UriPart::Expanded(b"?a"), b"/?a");
    check_path(&path, UriPart::Expanded(b""), b"/name/x?a");
}

#[test]
fn nothing_can_split_the_request_line() {
    let path = parse(b"/name/x");
    check_path(&path, UriPart::Expanded(b"/a b\r\nX: y"), b"/a%20b%0D%0AX:%20y");
    check_path(&path.with_args(Some("a b\n".into())), UriPart::None, b"/name/x?a%20b%0A");
}

proptest! {
    #[test]
    fn one_word(
        raw in "/[a/.%20F\\?#é\"]{0,16}",
        args in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..8)),
        uri in proptest::collection::vec(any::<u8>(), 0..8),
        prefix in 0..20_usize,
    ) {
        let Ok(path) = Path::parse(raw.into(), Slashes::Merge) else { return Ok(()) };
        for path in [path.clone(), path.with_args(args.map(Bytes::from))] {
            for part in [UriPart::None, UriPart::Static(&uri), UriPart::Expanded(&uri)] {
                let target = request_target(&path, prefix, part);
                prop_assert!(!target.is_empty() || part == UriPart::Static(&uri));
                prop_assert!(!target.iter().any(|&byte| is_control_or_space(byte)));
            }
        }
    }
}
