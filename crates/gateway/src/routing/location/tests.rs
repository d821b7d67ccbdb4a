use super::*;

/// A configuration, one location a line, nested by indentation of two blanks; `>` before a location that passes.
/// Locations are numbered by line.
fn read(text: &str) -> (Vec<Location>, Vec<String>) {
    let lines: Vec<(usize, &str)> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| (line.len() - line.trim_start().len(), line.trim_start()))
        .collect();
    let names = lines.iter().map(|(_, line)| line.trim_start_matches('>').to_owned()).collect();
    (level(&lines, 0), names)
}

fn level(lines: &[(usize, &str)], first: usize) -> Vec<Location> {
    let mut locations = Vec::new();
    let mut at = 0;
    while let Some(&(depth, line)) = lines.get(at) {
        let inner = lines[at + 1..].iter().take_while(|(other, _)| *other > depth).count();
        let location = Location::new(first + at, LocationMatch::parse(line.trim_start_matches('>')).unwrap())
            .nesting(level(&lines[at + 1..=at + inner], first + at + 1));
        locations.push(if line.starts_with('>') { location.passes() } else { location });
        at += 1 + inner;
    }
    locations
}

/// The expected values are the locations that nginx 1.22.1 chose.
#[track_caller]
fn check(text: &str, requests: &[(&str, &str)]) {
    let (locations, names) = read(text);
    let locations = Locations::build(locations).unwrap();
    for (path, expected) in requests {
        let found = match locations.find(&Bytes::from(path.as_bytes().to_vec())) {
            None => "404".to_owned(),
            Some(Found::Location { index, .. }) => names[index].clone(),
            Some(Found::Redirect { location, .. }) => format!("301 {}", location.escape_ascii()),
        };
        assert_eq!(found, *expected, "{path}");
    }
}

#[test]
fn kinds_in_order() {
    check(
        r"
>/
>/a/
>^~ /b/
>= /c
>~ \.php$
>~* \.PNG$
>~ ^/a/(\d+)
/a/deep/x
>~ é$
",
        &[
            ("/", "/"),
            ("/a/", "/a/"),
            ("/a/b", "/a/"),
            ("/b/", "^~ /b/"),
            ("/b/x.php", "^~ /b/"),
            ("/c", "= /c"),
            ("/c/", "/"),
            ("/x.php", r"~ \.php$"),
            ("/x.php\n", r"~ \.php$"),
            ("/x.php\n\n", "/"),
            ("/x.PHP", "/"),
            ("/x.pNg", r"~* \.PNG$"),
            ("/a/12/3", r"~ ^/a/(\d+)"),
            ("/a/b.php", r"~ \.php$"),
            ("/a/deep", "/a/"),
            ("/a/deep/x", "/a/deep/x"),
            ("/a/deep/x.php", r"~ \.php$"),
            ("/y.phpx", "/"),
            ("/bareé", "~ é$"),
        ],
    );
}

#[test]
fn a_missing_slash_is_redirected() {
    check(
        "
/
>/a/
>^~ /b/
/d
>/d/
>= /e/
= /f
>/f/
= /g/
>/g/
/h/
>= /h/
>/sp ace/
>/é/
/i/
>/a/deep/
>~ ^/r/
",
        &[
            ("/a", "301 /a/"),
            ("/b", "301 /b/"),
            ("/d", "/d"),
            ("/d/", "/d/"),
            ("/e", "301 /e/"),
            ("/e/", "= /e/"),
            ("/e/x", "/"),
            ("/f", "= /f"),
            ("/f/", "/f/"),
            ("/g", "301 /g/"),
            ("/g/", "= /g/"),
            ("/h", "301 /h/"),
            ("/sp ace", "301 /sp%20ace/"),
            ("/é", "301 /%C3%A9/"),
            ("/i", "/"),
            ("/a/deep", "301 /a/deep/"),
            ("/r", "/"),
            ("", "404"),
        ],
    );
}

#[test]
fn of_two_with_a_slash_the_exact_one_redirects() {
    for (text, expected) in [("= /g/\n>/g/", 0), (">/g/\n= /g/", 1), (">= /g/\n>/g/", 0), (">/g/\n>= /g/", 1)]
    {
        let locations = Locations::build(read(text).0).unwrap();
        let found = locations.find(&Bytes::from_static(b"/g"));
        assert!(matches!(found, Some(Found::Redirect { index, .. }) if index == expected), "{text}");
    }
}

#[test]
fn nothing_matches() {
    check("/a/\n= /\n~ ^/name", &[("/b", "404"), ("/a", "404"), ("/", "= /"), ("/name", "~ ^/name")]);
    check("@a", &[("@a", "404")]);
    check("", &[("/", "404")]);
}

#[test]
fn nested_locations() {
    check(
        r"
>/
  >/a/
    >~ \.php$
    >/a/deep/
    >^~ /a/c
  = /exact
>^~ /b/
  >~ \.png$
>~ \.(php|png)
  >~ x
  ~ y$
~ ^/name
>~ ^/d
",
        &[
            ("/", "/"),
            ("/a", "301 /a/"),
            ("/a/b", "/a/"),
            ("/a/b.php", r"~ \.php$"),
            ("/a/b.png", r"~ \.(php|png)"),
            ("/a/deep", "301 /a/deep/"),
            ("/a/deep/x", "/a/deep/"),
            ("/a/deep/x.php", r"~ \.php$"),
            // `^~` holds for the regexes beside it, not for those further out.
            ("/a/c.php", r"~ \.(php|png)"),
            ("/a/cc", "^~ /a/c"),
            ("/b/x.php", "^~ /b/"),
            ("/b/x.png", r"~ \.png$"),
            ("/exact", "= /exact"),
            ("/exactly", "/"),
            ("/x.php", "~ x"),
            ("/a.png.y", "~ y$"),
            ("/name/z", "~ ^/name"),
            ("/d/d", "~ ^/d"),
        ],
    );
}

#[test]
fn inside_a_regex_only_regexes_are_searched() {
    check(
        "
>/
>~ /z
  >/z/
  >= /zz/
  /zx
  ~ (.)x(?:(y)|z)
",
        &[("/z", "~ /z"), ("/z/a", "~ /z"), ("/zz/", "~ /z"), ("/zx", "~ /z"), ("/zxy", "~ (.)x(?:(y)|z)")],
    );
}

#[track_caller]
fn check_captures(text: &str, path: &'static str, expected: Option<&[&str]>) {
    let locations = Locations::build(read(text).0).unwrap();
    let Some(Found::Location { captures, .. }) = locations.find(&Bytes::from(path)) else { panic!("{path}") };
    let found = captures.map(|captures| {
        (1..=captures.len()).map(|n| captures.get(n).unwrap_or_default()).collect::<Vec<_>>()
    });
    assert_eq!(found, expected.map(|groups| groups.iter().map(|group| group.to_string().into()).collect()));
}

#[test]
fn captures_of_the_innermost_regex() {
    let text = "/\n~ ^/(a)\n  ~ ^/a(.)x(?:(y)|z)\n";
    check_captures(text, "/b", None);
    check_captures(text, "/ab", Some(&["a"]));
    check_captures(text, "/abxy", Some(&["b", "y"]));
    check_captures(text, "/abxz", Some(&["b", ""]));
}

#[test]
fn named_locations() {
    let locations = Locations::build(read("@a\n/\n@b\n@a").0).unwrap();
    assert_eq!(
        (locations.named("@a"), locations.named("@b"), locations.named("@c")),
        (Some(0), Some(2), None)
    );
}

#[track_caller]
fn check_refused(text: &str, expected: &str) {
    assert_eq!(Locations::build(read(text).0).unwrap_err().to_string(), expected);
}

#[test]
fn refused() {
    check_refused("/a\n/b\n/a", r#"duplicate location "/a""#);
    check_refused("/a\n^~ /a", r#"duplicate location "/a""#);
    check_refused("= /a\n= /a", r#"duplicate location "/a""#);
    check_refused("/a/\n  /b/", r#"location "/b/" is outside location "/a/""#);
    check_refused("/a/\n  = /a", r#"location "/a" is outside location "/a/""#);
    check_refused("~ a\n  /b", r#"location "/b" is outside location "a""#);
    check_refused("= /a\n  /a/b", r#"location "/a/b" cannot be inside the exact or named location "/a""#);
    check_refused("@a\n  ~ b", r#"location "b" cannot be inside the exact or named location "@a""#);
    check_refused("/a\n  @b", r#"named location "@b" can be on the server level only"#);
    check_refused("/\n  /a\n    /a/b\n    /a/b", r#"duplicate location "/a/b""#);
}

#[test]
fn the_same_path_may_be_exact_and_a_prefix() {
    check("/a\n= /a\n~ x", &[("/a", "= /a"), ("/ax", "~ x"), ("/ab", "/a")]);
}
