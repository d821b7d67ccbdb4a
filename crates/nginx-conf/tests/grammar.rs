//! What nginx takes and refuses, with its words; compared with nginx 1.22 where the case is the same.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test"
)]

use proptest::prelude::*;
use propylon_nginx_conf::{Verdict, convert};

fn problem(text: &str) -> String {
    convert(text, "nginx.conf").expect_err(text)[0].to_string()
}

/// What is wrong inside `http { server { ... } }`.
fn in_server(text: &str) -> String {
    problem(&format!("events {{}}\nhttp {{ server {{\n{text}\n}} }}\n"))
}

#[test]
fn syntax() {
    let check =
        |text: &str, expected: &str| assert_eq!(problem(text), format!("[emerg] {expected}"), "{text}");
    check("events {", "unexpected end of file, expecting \"}\" in nginx.conf:1");
    check("events", "unexpected end of file, expecting \";\" or \"}\" in nginx.conf:1");
    check("}", "unexpected \"}\" in nginx.conf:1");
    check("events { }\n;", "unexpected \";\" in nginx.conf:2");
    check("{ }", "unexpected \"{\" in nginx.conf:1");
    check("pid \"a\"b;", "unexpected \"b\" in nginx.conf:1");
    check("pid 'a;\n", "unexpected end of file, expecting \";\" or \"}\" in nginx.conf:2");
    check("events { pid }", "unexpected \"}\" in nginx.conf:1");
}

#[test]
fn places() {
    // The rest of the file can be converted: only to run it is an error.
    let misspelt = "events {}\nhttp { server {\nlistn 80;\n} }\n";
    assert_eq!(
        convert(misspelt, "nginx.conf").unwrap().load().unwrap_err()[0].to_string(),
        "[emerg] unknown directive \"listn\" in nginx.conf:3"
    );
    assert_eq!(
        in_server("upstream a { }"),
        "[emerg] \"upstream\" directive is not allowed here in nginx.conf:3"
    );
    assert_eq!(
        in_server("location / ;"),
        "[emerg] directive \"location\" has no opening \"{\" in nginx.conf:3"
    );
    assert_eq!(
        in_server("listen 80 { }"),
        "[emerg] directive \"listen\" is not terminated by \";\" in nginx.conf:3"
    );
    assert_eq!(
        in_server("merge_slashes on off;"),
        "[emerg] invalid number of arguments in \"merge_slashes\" directive in nginx.conf:3"
    );
    assert_eq!(
        in_server("merge_slashes on;\nmerge_slashes on;"),
        "[emerg] \"merge_slashes\" directive is duplicate in nginx.conf:4"
    );
    assert_eq!(
        in_server("merge_slashes yes;"),
        "[emerg] invalid value \"yes\" in \"merge_slashes\" directive, it must be \"on\" or \"off\" in nginx.conf:3"
    );
    assert_eq!(
        in_server("send_timeout 5x;"),
        "[emerg] \"send_timeout\" directive invalid value in nginx.conf:3"
    );
    assert_eq!(in_server("listen 80 what;"), "[emerg] invalid parameter \"what\" in nginx.conf:3");
    assert_eq!(in_server("location - / { }"), "[emerg] invalid location modifier \"-\" in nginx.conf:3");
    assert_eq!(
        in_server("location /a { location /b { } }"),
        "[emerg] location \"/b\" is outside location \"/a\" in nginx.conf:3"
    );
    assert_eq!(problem("http { }"), "[emerg] no \"events\" section in configuration");
    assert_eq!(
        problem("events { } http { upstream a { } }"),
        "[emerg] no servers are inside upstream in nginx.conf:1"
    );
}

#[test]
fn all_problems_at_once() {
    let problems =
        convert("events { root a; }\nhttp { pid b; server { pid c; } }\n", "nginx.conf").unwrap_err();
    let lines: Vec<_> = problems.iter().map(|problem| problem.place.as_ref().unwrap().line()).collect();
    assert_eq!(lines, [1, 2, 2]);
}

#[test]
fn what_the_values_mean_is_told_at_their_lines() {
    let text =
        "events { }\nhttp {\n  server {\n    location / {\n      proxy_pass http://$nobody;\n    }\n  }\n}\n";
    let problems = convert(text, "nginx.conf").unwrap().load().unwrap_err();
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].place.as_ref().unwrap().line(), 5);
    assert!(problems[0].message.contains("$nobody"), "{}", problems[0]);
}

#[test]
fn words_are_cut_as_nginx_cuts_them() {
    let check = |written: &str, expected: &str| {
        let text = format!("events {{ }} http {{ server {{ location / {{ return 200 {written}; }} }} }}");
        let converted =
            convert(&text, "nginx.conf").unwrap_or_else(|problems| panic!("{written}: {}", problems[0]));
        let config = converted.load().unwrap_or_else(|problems| panic!("{written}: {}", problems[0])).config;
        let propylon_config::Action::Return(answer) = &config.servers[0].locations[0].action else {
            panic!()
        };
        let propylon_config::Return::Text { text, .. } = &answer.value else { panic!() };
        assert_eq!(text.source(), expected, "{written}");
    };
    check("a", "a");
    check("\"a b\"", "a b");
    check("'a \"b\"'", "a \"b\"");
    check(r#""a \"b\"""#, "a \"b\"");
    check(r"a\ b", r"a\ b");
    check(r"a\;b", r"a\;b");
    check(r"'a\tb'", "a\tb");
    check(r"'a\db'", r"a\db");
    check(r"a\\b", r"a\b");
    check("${uri}x", "${uri}x");
    check("a}b", "a}b");
    check("a#b", "a#b");
    check("a'b", "a'b");
    check("é", "é");
    check("'two\nlines'", "two\nlines");
    check("\"x\"\n# note\n", "x");
}

#[test]
fn comments_and_order_are_kept() {
    let text = "\
# first
events { } # beside events
http {
    # above
    send_timeout 5; # beside
    # lonely
    server {
        # inside
        listen 8080;
        # at the end
    }
}
# last
";
    let converted = convert(text, "nginx.conf").unwrap();
    let toml = converted.toml();
    let mut at = 0;
    for part in [
        "# above\n",
        "timeout.client_send = \"5s\" # beside\n",
        "# lonely\n[[server]]",
        "# inside\nlisten",
        "# at the end",
    ] {
        let found = toml[at..].find(part).unwrap_or_else(|| panic!("{part:?} is not in\n{toml}"));
        at += found;
    }
    for part in ["# first", "# beside events", "# last"] {
        assert!(toml.contains(part), "{part:?} is not in\n{toml}");
    }
}

#[test]
fn every_directive_has_a_verdict() {
    let text = "events { worker_connections 5; }\nhttp {\n image_filter test;\n server { listen 80; location / { perl x; } }\n}\n";
    let converted = convert(text, "nginx.conf").unwrap();
    let verdicts: Vec<_> =
        converted.lines().iter().map(|line| (line.directive.as_str(), line.verdict)).collect();
    assert_eq!(
        verdicts,
        [
            ("worker_connections", Verdict::Different),
            ("events", Verdict::Exact),
            ("image_filter", Verdict::Refused),
            ("listen", Verdict::Exact),
            ("perl", Verdict::Refused),
            ("location", Verdict::Exact),
            ("server", Verdict::Exact),
            ("http", Verdict::Exact),
        ]
    );
    assert!(converted.toml().contains("# REFUSED: image_filter test;"));
    assert_eq!(converted.load().unwrap_err().len(), 2);
    assert!(converted.report().ends_with("nginx.conf: 8 directives: 5 exact, 1 different, 2 refused\n"));
    assert!(converted.json().contains("\"refused\": 2"));
}

#[test]
fn inheritance_is_nginxs() {
    let text = "events { } http {
        add_header A a; add_header B b always;
        proxy_ssl_verify on; proxy_ssl_verify_depth 3;
        server {
            location /x { add_header C c; proxy_ssl_verify_depth 2; proxy_pass http://127.0.0.1; }
            location /y { proxy_pass http://127.0.0.1; }
        }
    }";
    let config = convert(text, "nginx.conf").unwrap().load().unwrap().config;
    let [x, y] = &config.servers[0].locations[..] else { panic!() };
    let names = |fields: &[propylon_config::SetHeader]| {
        fields.iter().map(|field| field.written.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(
        (names(&x.settings.headers.add), names(&x.settings.headers.add_always)),
        (vec!["C".into()], vec![])
    );
    assert_eq!(names(&y.settings.headers.add_always), ["B"]);
    assert!(x.settings.upstream.tls.verify && y.settings.upstream.tls.verify);
    assert_eq!((x.settings.upstream.tls.verify_depth, y.settings.upstream.tls.verify_depth), (2, 3));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        check_any(&bytes);
    }

    #[test]
    fn things_that_look_like_a_configuration_never_panic(
        parts in proptest::collection::vec(proptest::sample::select(PARTS), 0..60)
    ) {
        check_any(parts.concat().as_bytes());
    }
}

const PARTS: &[&str] = &[
    "http",
    "server",
    "location",
    "upstream",
    "events",
    "map",
    "if",
    "return",
    "listen",
    "{",
    "}",
    ";",
    " ",
    "\n",
    "\"",
    "'",
    "\\",
    "$",
    "${",
    "#",
    "/",
    "~",
    "~*",
    "=",
    "@a",
    "80",
    "on",
    "off",
    "include",
    "x",
    "é",
    "\u{0}",
    "(",
    ")",
    "return 200 a;",
    "proxy_pass http://a;",
    "location / {",
    "server {",
    "http {",
    "events { }",
    "add_header A b;",
    "unix:/a",
    "1m",
    "5s",
    "types",
    "error_page 404 =200 /x;",
    "access_log off;",
    "upstream u { server a; }",
    "map $a $b { default 1; }",
    "ssl_certificate a;",
];

fn check_any(bytes: &[u8]) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("nginx.conf");
    std::fs::write(&path, bytes).unwrap();
    for text in [
        String::from_utf8_lossy(bytes).into_owned(),
        format!("events {{}} http {{ {} }}", String::from_utf8_lossy(bytes)),
    ] {
        if let Ok(converted) = convert(&text, "nginx.conf") {
            let _ = (converted.load(), converted.report(), converted.json());
        }
    }
    let _ = propylon_nginx_conf::import(&path, "");
}

#[test]
fn variables_from_addresses_and_shares() {
    let text = "events { }\nhttp {\n  geo $inside { ranges; default 0; 10.0.0.1-10.0.0.9 1; proxy 192.0.2.0/24; \
                10.1.0.0/16 2; delete 10.1.0.0/16; }\n  geo $arg_a $place { proxy_recursive; 127.0.0.0/8 near; }\n  \
                split_clients $remote_addr$uri $variant { 0.5% one; * two; }\n  \
                server { large_client_header_buffers 2 1k; max_headers 7; return 200 $inside$place$variant; }\n}\n";
    let converted = convert(text, "nginx.conf").unwrap();
    let toml = converted.toml();
    for line in [
        "[geo.inside]",
        "default = \"0\"",
        "values.\"10.0.0.1-10.0.0.9\" = \"1\"",
        "proxies = [\"192.0.2.0/24\"]",
        "key = \"$arg_a\"",
        "proxy_recursive = true",
        "values.\"0.5%\" = \"one\"",
        "values.\"*\" = \"two\"",
        "limit.headers = 7",
    ] {
        assert!(toml.contains(line), "{line} is not in\n{toml}");
    }
    assert!(!toml.contains("10.1.0.0/16"), "{toml}");
    let loaded = converted.load().unwrap();
    let head = loaded.config.servers[0].settings.limit.head;
    assert_eq!((head.line, head.size, head.fields), (1024, 2048, 7));
}

#[test]
fn redirects_and_cookies_of_upstreams() {
    let text = "events { }\nhttp {\n  proxy_redirect off;\n  server {\n    location / {\n      proxy_pass http://127.0.0.1/a/;\n      \
                proxy_redirect default;\n      proxy_redirect ~^http://(.+)$ https://$1;\n      \
                proxy_cookie_flags ~^a secure samesite=lax;\n      proxy_cookie_path /a/ /;\n      proxy_cookie_domain off;\n    \
                }\n    location /b { proxy_pass http://127.0.0.1; }\n  }\n}\n";
    let converted = convert(text, "nginx.conf").unwrap();
    let loaded = converted.load().unwrap();
    let [a, b] = &loaded.config.servers[0].locations[..] else { panic!("{}", converted.toml()) };
    assert_eq!((a.settings.redirect.rules.len(), b.settings.redirect.rules.len()), (2, 0));
    let cookie = &a.settings.cookie;
    assert_eq!((cookie.flags.len(), cookie.path.len(), cookie.domain.len()), (1, 1, 0));
    let wrong = text.replace("proxy_cookie_domain off", "proxy_cookie_domain on");
    assert!(convert(&wrong, "nginx.conf").unwrap_err()[0].message.contains("invalid parameter \"on\""));
}

#[test]
fn resolvers_of_levels() {
    let text = "events { }\nhttp {\n  resolver 127.0.0.1 valid=5s;\n  resolver_timeout 3s;\n  server { return 204; }\n}\n";
    let toml = convert(text, "nginx.conf").unwrap().toml().to_owned();
    assert!(
        toml.contains("[resolver]\nservers = [\"127.0.0.1\"]\nvalid = \"5s\"\ntimeout = \"3s\"\n"),
        "{toml}"
    );
    let without =
        convert("events { }\nhttp { resolver_timeout 3s; }\n", "nginx.conf").unwrap().toml().to_owned();
    assert!(without.contains("resolver = false") && !without.contains("[resolver]"), "{without}");
}
