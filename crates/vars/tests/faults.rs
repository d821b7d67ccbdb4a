//! What is wrong with templates and definitions: where, what was expected, what is near.

use std::ops::Range;

use propylon_vars::{Context, DefinitionError, Definitions, Map, Place, TemplateErrorKind};

#[test]
fn faults_of_templates() {
    fn check(text: &str, range: Range<usize>, message: &str, expected: &str) {
        let error = Definitions::default().template(text, Context::Log).unwrap_err();
        assert_eq!(
            (error.range(), error.to_string(), error.expected()),
            (range, message.into(), expected.into())
        );
    }
    let name = "a name of letters, digits and `_`, as in `$host` or `${host}`";
    check("a$", 1..2, "missing variable name after `$`", name);
    check("$$", 0..1, "missing variable name after `$`", name);
    check("a${host", 1..7, "missing `}` after `${`", "`}` after the variable name");
    check("[$hots]", 1..6, "unknown variable `$hots`", "a known variable, such as `$host`");
    check(
        "${Something_Else}",
        0..17,
        "unknown variable `$something_else`",
        "a built-in variable, or the name of a map",
    );
    check(
        "$ssl_client_sigalg",
        0..18,
        "`$ssl_client_sigalg` is not supported: the TLS library does not provide its value",
        "a variable that this version supports",
    );
    check(
        "$tcpinfo_rtt",
        0..12,
        "`$tcpinfo_rtt` is not built into this version of propylon",
        "a variable that this version supports",
    );
    check("$1", 0..2, "`$1` to `$9` are not available here", "the name of a variable or of a named capture");
    check("$http_", 0..6, "unknown variable `$http_`", "a known variable, such as `$http2`");
}

#[test]
fn all_faults_of_a_template() {
    let faults =
        Definitions::default().faults("$ $hots ${tcpinfo_rcv_space} é$tcpinfo_rttvar", Context::Request);
    let ranges: Vec<_> = faults.iter().map(|fault| fault.range()).collect();
    assert_eq!(ranges, [0..1, 2..7, 8..28, 31..46]);
    assert_eq!(faults[1].nearest(), Some("host"));
    assert_eq!(*faults[2].kind(), TemplateErrorKind::NotBuilt { name: "tcpinfo_rcv_space".into() });
}

#[test]
fn definitions_are_near_too() {
    let definitions = Definitions::builder().map(Map::new("backend_pool", "")).name("year").build().unwrap();
    let check = |text: &str, nearest: &str| {
        assert_eq!(definitions.template(text, Context::Request).unwrap_err().nearest(), Some(nearest));
    };
    check("$backed_pool", "backend_pool");
    check("$yaer", "year");
}

fn report(errors: &[DefinitionError]) -> Vec<String> {
    errors
        .iter()
        .map(|error| format!("{} {:?} {:?}: {error}", error.definition(), error.place(), error.range()))
        .collect()
}

#[test]
fn all_faults_of_definitions_in_one_report() {
    let errors = Definitions::builder()
        .map(
            Map::new("first", "$hots")
                .default("$ and $nothing_like_it")
                .value("a", "$tcpinfo_rtt")
                .value("A", "")
                .value("~(", "")
                .value("~(?<host>.)", ""),
        )
        .map(Map::new("uri", ""))
        .map(Map::new("FIRST", ""))
        .map(Map::new("no-name", ""))
        .map(Map::new("1st", ""))
        .map(Map::new("names", "$host").hostnames().value("a.*.b", "").value(".x.y", "").value("X.y", ""))
        .name("status")
        .name("names")
        .name("")
        .build()
        .unwrap_err();
    let expected = [
        "first Pattern(1) 0..1: duplicate pattern `A`",
        "first Pattern(2) 0..2: invalid regular expression: unclosed group",
        "first Pattern(3) 0..11: `$host` is a built-in variable",
        "first Key 0..5: unknown variable `$hots`",
        "first Default 0..1: missing variable name after `$`",
        "first Default 6..22: unknown variable `$nothing_like_it`",
        "first Value(0) 0..12: `$tcpinfo_rtt` is not built into this version of propylon",
        "uri Name 0..3: `$uri` is a built-in variable",
        "FIRST Name 0..5: `$first` is defined twice",
        "no-name Name 0..7: invalid variable name `no-name`",
        "1st Name 0..3: invalid variable name `1st`",
        "names Pattern(0) 0..5: invalid host name or wildcard `a.*.b`",
        "names Pattern(2) 0..3: duplicate pattern `X.y`",
        "status Name 0..6: `$status` is a built-in variable",
        "names Name 0..5: `$names` is defined twice",
        " Name 0..0: invalid variable name ``",
    ];
    let mut found = report(&errors);
    let mut expected: Vec<_> = expected.map(String::from).into();
    // The order is that of the definitions; within one it does not matter.
    let order =
        |errors: &[DefinitionError]| errors.iter().map(|e| e.definition().to_owned()).collect::<Vec<_>>();
    let mut definitions = order(&errors);
    definitions.dedup();
    assert_eq!(definitions, ["first", "uri", "FIRST", "no-name", "1st", "names", "status", ""]);
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
}

#[test]
fn all_faults_are_one_error() {
    fn build() -> Result<Definitions, Box<dyn std::error::Error>> {
        Ok(Definitions::builder().map(Map::new("pool", "$hots")).map(Map::new("uri", "")).build()?)
    }
    let text = build().unwrap_err().to_string();
    assert_eq!(text, "pool: unknown variable `$hots`; uri: `$uri` is a built-in variable");
}

#[test]
fn circles() {
    fn check(maps: &[(&str, &str)], expected: &[&str]) {
        let builder = maps.iter().fold(Definitions::builder(), |builder, (name, template)| {
            builder.map(Map::new(*name, "").default(*template))
        });
        let found: Vec<_> = match builder.build() {
            Ok(_) => Vec::new(),
            Err(errors) => errors.iter().map(ToString::to_string).collect(),
        };
        assert_eq!(found, expected, "{maps:?}");
    }
    check(&[("a", "$b"), ("b", "$c"), ("c", "")], &[]);
    check(&[("a", "$b$c"), ("b", "$c"), ("c", "")], &[]);
    check(&[("a", "$a")], &["`$a` depends on itself: a -> a"]);
    check(&[("a", "$b"), ("b", "$a")], &["`$a` depends on itself: a -> b -> a"]);
    check(&[("x", "$a"), ("a", "$b"), ("b", "$a")], &["`$a` depends on itself: a -> b -> a"]);
    check(
        &[("a", "$a"), ("b", "$c$a"), ("c", "$b")],
        &["`$a` depends on itself: a -> a", "`$b` depends on itself: b -> c -> b"],
    );
}

#[test]
fn a_circle_by_way_of_a_key_or_a_value() {
    let errors = Definitions::builder()
        .map(Map::new("k", "$v"))
        .map(Map::new("v", "").value("x", "$k"))
        .build()
        .unwrap_err();
    assert_eq!(report(&errors), ["k Name 0..1: `$k` depends on itself: k -> v -> k"]);
    assert_eq!(errors[0].place(), Place::Name);
}

#[test]
fn a_missing_name_is_one_fault_not_two() {
    // The map is there, wrong as it is: who uses it is not told that it is unknown.
    let errors = Definitions::builder()
        .map(Map::new("bad", "$hots"))
        .map(Map::new("good", "$bad"))
        .build()
        .unwrap_err();
    assert_eq!(report(&errors), ["bad Key 0..5: unknown variable `$hots`"]);
}

#[test]
fn patterns_that_clash_or_are_no_host_names() {
    // As nginx decides, but for `.*`, which it takes and never matches.
    fn check(patterns: &[&str], wrong: Option<&str>) {
        let map =
            patterns.iter().fold(Map::new("m", "$host").hostnames(), |map, pattern| map.value(*pattern, ""));
        let found = Definitions::builder().map(map).build().err().map(|errors| errors[0].to_string());
        assert_eq!(found.as_deref(), wrong, "{patterns:?}");
    }
    check(&[".a.b", "a.b"], Some("duplicate pattern `a.b`"));
    check(&["a.b", ".a.b"], Some("duplicate pattern `.a.b`"));
    check(&["*.a.b", ".A.b"], Some("duplicate pattern `.A.b`"));
    check(&["a.b.*", "A.b.*"], Some("duplicate pattern `A.b.*`"));
    check(&["*.a.b", "a.b", "a.b.*", ".a", "~a", "~a", ""], None);
    check(&["*."], Some("invalid host name or wildcard `*.`"));
    check(&["*"], Some("invalid host name or wildcard `*`"));
    check(&["a*"], Some("invalid host name or wildcard `a*`"));
    check(&["*.a.*"], Some("invalid host name or wildcard `*.a.*`"));
    check(&["a..b"], Some("invalid host name or wildcard `a..b`"));
    check(&[".*"], Some("invalid host name or wildcard `.*`"));
    check(&["."], Some("invalid host name or wildcard `.`"));
}
