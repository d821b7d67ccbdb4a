//! What nginx inherits in its own way: `if` blocks, `limit_except`, passwords.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use propylon_nginx_conf::{Verdict, convert};

/// The TOML of a server with this in it; every line is exact, and it loads.
fn toml(text: &str) -> String {
    toml_of("", text)
}

/// The same with something in `http` as well.
fn toml_of(http: &str, server: &str) -> String {
    let text = format!("events {{ }}\nhttp {{\n{http}server {{\nlisten 127.0.0.1:8080;\n{server}}}\n}}\n");
    let converted = convert(&text, "nginx.conf").unwrap_or_else(|problems| panic!("{}", problems[0]));
    assert_eq!(converted.count(Verdict::Refused), 0, "{}", converted.report());
    converted.load().unwrap_or_else(|problems| panic!("{}\n{}", problems[0], converted.toml()));
    converted.toml().to_owned()
}

fn problem(text: &str) -> String {
    let text = format!("events {{ }}\nhttp {{\nserver {{\n{text}}}\n}}\n");
    convert(&text, "nginx.conf").unwrap_err().first().unwrap().to_string()
}

/// The lines of the part of the TOML that begins with this line.
fn part<'t>(toml: &'t str, from: &str) -> &'t str {
    let (_, part) =
        toml.split_once(&format!("{from}\n")).unwrap_or_else(|| panic!("{from} is not in\n{toml}"));
    part.split("\n\n").next().unwrap()
}

#[test]
fn an_if_with_settings_is_a_location_that_is_used() {
    let toml = toml(
        "location /a/ {
            add_header X-Own own always;
            proxy_set_header X-Set set;
            proxy_read_timeout 5s;
            # allowed from elsewhere
            if ($request_method = OPTIONS) {
                add_header Access-Control-Max-Age 600; # in seconds
                gzip on;
                return 204;
            }
            proxy_pass http://127.0.0.1:81/b/;
        }\n",
    );
    let location = part(&toml, "match = \"/a/\"");
    assert!(
        location.contains("use = \"@if-1\"") && location.contains("then = [{ return = [204] }]"),
        "{toml}"
    );
    let used = part(&toml, "match = \"@if-1\"");
    for line in [
        "headers.add.Access-Control-Max-Age = \"600\" # in seconds",
        "headers.set.X-Set = \"set\"",
        "timeout.read = \"5s\"",
        "compression.codings = [\"gzip\"]",
    ] {
        assert!(used.contains(line), "{line}:\n{toml}");
    }
    assert!(!used.contains("proxy_pass") && !used.contains("X-Own"), "{toml}");
    assert!(toml.contains("# allowed from elsewhere"), "{toml}");
}

#[test]
fn an_if_with_steps_alone_is_a_step() {
    let toml = toml("location /a/ { if ($arg_a) { # why\n set $b 1; rewrite ^ /c last; } return 200; }\n");
    assert!(!toml.contains("@if") && toml.contains("# why"), "{toml}");
    // Behind one with settings it brings those of the location back.
    let toml = toml_of_two();
    assert!(toml.contains("use = \"@if-2\""), "{toml}");
    assert!(part(&toml, "match = \"@if-2\"").contains("headers.add.X-Own = \"own\""), "{toml}");
}

fn toml_of_two() -> String {
    toml(
        "location /a/ { add_header X-Own own; if ($arg_a) { add_header X-A a; } if ($arg_b) { set $b 1; }
         proxy_pass http://127.0.0.1:81; }\n",
    )
}

#[test]
fn an_if_shares_what_is_around_its_location() {
    let toml = toml(
        "location /a/ { proxy_read_timeout 5s; add_header X-A a;
           location /a/b/ { proxy_send_timeout 6s; if ($arg_a) { root /srv; proxy_pass http://127.0.0.1:82; } proxy_pass http://127.0.0.1:81; }
           location ~ c { if ($arg_a) { add_header X-B b; } return 204; } }\n",
    );
    let used = part(&toml, "match = \"@if-1\"");
    for line in ["root = \"/srv\"", "send = \"6s\"", "read = \"5s\"", "headers.add.X-A = \"a\""] {
        assert!(used.contains(line), "{line}:\n{toml}");
    }
    assert!(!part(&toml, "match = \"@if-2\"").contains("X-A"), "{toml}");
}

#[test]
fn what_nginx_refuses_in_an_if() {
    assert!(
        problem("if ($a) { add_header X y; }\n").contains("\"add_header\" directive is not allowed here")
    );
    assert!(problem("location / { if ($a) { proxy_read_timeout x; } }\n").contains("not allowed here"));
    let condition =
        |condition: &str| problem(&format!("location / {{ if ({condition}) {{ return 403; }} }}\n"));
    for (text, message) in [
        ("$a=b", "unknown \"a=b\" variable"),
        ("$a-b = 1", "unknown \"a-b\" variable"),
        ("$uri$args", "unknown \"uri$args\" variable"),
        ("$", "invalid condition \"$\""),
        ("a", "invalid condition \"a\""),
        ("$a =b", "invalid condition \"$a\""),
        ("$uri == b", "unexpected \"==\" in condition"),
        ("-f = b", "invalid condition \"-f\""),
        ("-z b", "invalid condition \"-z\""),
    ] {
        assert!(condition(text).contains(message), "{text}: {}", condition(text));
    }
    assert!(problem("location / { limit_except GOT { deny all; } }\n").contains("invalid method \"GOT\""));
}

#[test]
fn limit_except_is_its_locations_alone() {
    let toml = toml(
        "auth_basic_user_file users;
         location / {
            allow 10.0.0.0/8;
            limit_except get POST { # others
                allow 127.0.0.1; deny all; auth_basic closed;
            }
            proxy_pass http://127.0.0.1:81;
            location /inner { proxy_pass http://127.0.0.1:81; }
         }\n",
    );
    let location = part(&toml, "match = \"/\"");
    for line in [
        "access.rules = [\"allow 10.0.0.0/8\"]",
        "access.limit_except.methods = [\"GET\", \"POST\"]",
        "access.limit_except.rules = [\"allow 127.0.0.1\", \"deny all\"]",
        "access.limit_except.basic.realm = \"closed\"",
        "access.limit_except.basic.users = \"users\"",
        "# others",
    ] {
        assert!(location.contains(line), "{line}:\n{toml}");
    }
    let inner = part(&toml, "match = \"/inner\"");
    assert!(inner.contains("limit_except.methods") && !inner.contains("limit_except.rules"), "{toml}");
}

#[test]
fn passwords_are_put_together_from_all_levels() {
    let toml = toml(
        "auth_basic_user_file users;
         location /a { auth_basic a; return 204; }
         location /b { auth_basic b; location /b/off { auth_basic off; location /b/off/c { auth_basic_user_file other; } }
                       location /b/d { auth_basic_user_file other; } }\n",
    );
    for (location, lines) in [
        ("/a", ["basic.realm = \"a\"", "basic.users = \"users\""]),
        ("/b", ["basic.realm = \"b\"", "basic.users = \"users\""]),
        ("/b/off", ["access.basic = false", ""]),
        ("/b/off/c", ["access.basic = false", ""]),
        ("/b/d", ["basic.realm = \"b\"", "basic.users = \"other\""]),
    ] {
        let part = part(&toml, &format!("match = \"{location}\""));
        assert!(lines.iter().all(|line| part.contains(line)), "{location}:\n{toml}");
    }
    let server = part(&toml, "[[server]]");
    assert!(!server.contains("basic"), "users without a realm ask nobody:\n{toml}");
}

/// The old switch of a server is said of its addresses.
#[test]
fn ssl_on_is_said_of_each_listen() {
    let toml = toml(
        "listen 127.0.0.1:8081 ssl;\nssl on;\nssl_certificate a.pem; ssl_certificate_key a.key;\nreturn 204;\n",
    );
    assert!(toml.contains("listen = [\"127.0.0.1:8080 tls\", \"127.0.0.1:8081 tls\"]"), "{toml}");
    // Wherever the certificates stand.
    let toml = toml_of("ssl_certificate a.pem; ssl_certificate_key a.key;\n", "ssl on;\nreturn 204;\n");
    assert!(toml.contains("listen = [\"127.0.0.1:8080 tls\"]"), "{toml}");
}

#[test]
fn connections_to_upstreams_have_an_age() {
    let upstream = "upstream u { server 127.0.0.1:81; keepalive 8; keepalive_time 10m; keepalive_requests 5; keepalive_timeout 9s; }\n";
    let toml = toml_of(upstream, "location / { proxy_pass http://u; }\n");
    for line in ["keepalive_time = \"10m\"", "keepalive_requests = 5", "keepalive_timeout = \"9s\""] {
        assert!(toml.contains(line), "{line}: {toml}");
    }
}

#[test]
fn an_alias_is_its_locations_alone() {
    let toml = toml("location /a/ { alias /srv/; index x.html; if ($arg_a) { add_header X-A a; } }\n");
    let used = part(&toml, "match = \"@if-1\"");
    assert!(!used.contains("alias") && used.contains("index = [\"x.html\"]"), "{toml}");
    let toml = self::toml(
        "location /a/ { root /other; location /a/b/ { alias /srv/; if ($arg_a) { add_header X-A a; } if ($arg_b) { root /b; } } }\n",
    );
    assert!(!part(&toml, "match = \"@if-1\"").contains("root"), "{toml}");
    assert!(part(&toml, "match = \"@if-2\"").contains("root = \"/b\""), "{toml}");
}

#[test]
fn an_if_beside_fastcgi_pass_keeps_what_is_said_of_fastcgi() {
    let toml = toml(
        "fastcgi_send_timeout 7s;
location / { fastcgi_pass 127.0.0.1:9000; fastcgi_read_timeout 300s; fastcgi_hide_header X-A;\
         if ($arg_a) { add_header X-A a; } }\n",
    );
    for place in ["match = \"/\"", "match = \"@if-1\""] {
        for line in [
            "timeout.read = \"300s\"",
            "timeout.send = \"7s\"",
            "headers.hide = [\"X-A\"]",
            "default_params = false",
        ] {
            assert!(part(&toml, place).contains(line), "{place} {line}: {toml}");
        }
    }
    assert!(!toml.contains("directives"), "{toml}");
}

#[test]
fn a_proxy_pass_inside_of_a_fastcgi_pass_has_what_is_said_of_proxies() {
    let toml = toml(
        "proxy_read_timeout 9s; proxy_redirect off;
location /a { fastcgi_pass 127.0.0.1:9000; fastcgi_read_timeout 300s; fastcgi_send_timeout 7s; fastcgi_hide_header X-A;\
         proxy_connect_timeout 5s; fastcgi_intercept_errors on; fastcgi_request_buffering off;
         location /a/b { proxy_pass http://127.0.0.1:81; proxy_intercept_errors on; location /a/b/c { proxy_pass http://127.0.0.1:82; } }
         location /a/d { location /a/d/e { proxy_pass http://127.0.0.1:83; } location /a/d/f { fastcgi_pass 127.0.0.1:9001; } } }
"
    );
    for (place, is) in [("/a", "300s"), ("/a/b", "9s"), ("/a/d/e", "9s")] {
        let line = format!("timeout.read = \"{is}\"");
        assert!(part(&toml, &format!("match = \"{place}\"")).contains(&line), "{place} {line}: {toml}");
    }
    let inner = part(&toml, "match = \"/a/d/e\"");
    for line in [
        "timeout.send = \"60s\"",
        "timeout.connect = \"5s\"",
        "headers.hide = []",
        "error_page.intercept = false",
        "buffer.request = true",
        "redirect.rules = []",
    ] {
        assert!(inner.contains(line), "{line}: {toml}");
    }
    assert!(part(&toml, "match = \"/a/b\"").contains("error_page.intercept = true"), "{toml}");
    let innermost = part(&toml, "match = \"/a/b/c\"");
    assert!(!innermost.contains("timeout"), "it inherits: {toml}");
}

#[test]
fn limit_except_beside_steps_or_with_an_action_is_the_first_steps() {
    // Equality alone: a regex would empty the captures of the location's.
    const STEP: &str = "{ set = [\"limit_except_1\", \"1\"] }, \
{ if = \"$request_method = GET\", then = [{ set = [\"limit_except_1\", \"0\"] }] }, \
{ if = \"$request_method = HEAD\", then = [{ set = [\"limit_except_1\", \"0\"] }] }, \
{ if = \"$limit_except_1\", then = [\"break\"], use = \"@if-1\" }";
    for (location, steps) in [
        ("limit_except GET { deny all; } return 200;", "{ return = [200] }"),
        ("return 200; limit_except GET { deny all; }", "{ return = [200] }"),
        (
            "set $a 1; set $b 2; limit_except GET { deny all; }",
            "{ set = [\"a\", \"1\"] }, { set = [\"b\", \"2\"] }",
        ),
        (
            "limit_except GET { proxy_pass http://127.0.0.1:81; deny all; } proxy_pass http://127.0.0.1:82;",
            "",
        ),
    ] {
        let toml = toml(&format!("location /a/ {{ {location} }}\n"));
        let comma = if steps.is_empty() { "" } else { ", " };
        let expected = format!("rewrite = [{STEP}{comma}{steps}]");
        assert!(part(&toml, "match = \"/a/\"").contains(&expected), "{expected}\n{toml}");
        let used = part(&toml, "match = \"@if-1\"");
        assert!(used.contains("access.rules = [\"deny all\"]"), "{toml}");
        assert_eq!(used.contains("proxy_pass = \"http://127.0.0.1:81\""), location.contains("81"), "{toml}");
        assert!(!toml.contains("access.limit_except"), "{toml}");
    }
    let one = toml("location /a/ { limit_except POST { deny all; } return 200; }\n");
    let expected = "{ if = \"$request_method != POST\", then = [\"break\"], use = \"@if-1\" }";
    assert!(one.contains(&format!("rewrite = [{expected}, {{ return = [200] }}]")), "{one}");
    let toml = toml("location /a/ { limit_except POST { # nobody\n } proxy_pass http://127.0.0.1:82; }\n");
    assert!(toml.contains("# nobody") && !toml.contains("@if") && !toml.contains("limit_except"), "{toml}");
}

/// nginx takes all of it for the name of a request's field, which none has: what was meant would be lost.
#[test]
fn a_comparison_without_blanks_is_refused() {
    let text = "events { }\nhttp { server { if ($http_x_key=secret) { return 403; } } }\n";
    let converted = convert(text, "nginx.conf").unwrap();
    assert!(converted.report().contains("put spaces around the operator"), "{}", converted.report());
    assert_eq!(converted.count(Verdict::Refused), 2, "{}", converted.report());
}

#[test]
fn stub_status_is_an_action_like_another() {
    let toml = toml(
        "location /passed { stub_status; if ($arg_a) { proxy_pass http://127.0.0.1:81; } }
        location /returned { stub_status; return 204; }
        location /set { stub_status; root /srv; if ($arg_a) { add_header X-A a; } }
        location /never { return 204; stub_status; }\n",
    );
    let passed = part(&toml, "match = \"/passed\"");
    assert!(passed.contains("stub_status = true") && passed.contains("use = \"@if-1\""), "{toml}");
    let passes = part(&toml, "match = \"@if-1\"");
    assert!(passes.contains("proxy_pass = ") && !passes.contains("stub_status"), "{toml}");
    assert_eq!(
        part(&toml, "match = \"/returned\""),
        "stub_status = true\nrewrite = [{ return = [204] }]",
        "{toml}"
    );
    // It goes on to the location's action: with a root it would send files.
    assert_eq!(part(&toml, "match = \"@if-2\"").trim_end(), "headers.add.X-A = \"a\"", "{toml}");
    assert_eq!(part(&toml, "match = \"/never\""), "return = [204]", "{toml}");
}

#[test]
fn api_and_status_zone() {
    let toml = toml(
        "status_zone front;
        location /api { api write=on; }
        location /look { api write=off; status_zone look; if ($arg_a) { add_header X-A a; status_zone off; } }
        location /plain { api; status_zone plain; location /plain/inner { return 204; } if ($arg_b) { expires 1h; } }
        location /never { return 204; api; }\n",
    );
    assert!(toml.contains("status_zone = \"front\""), "{toml}");
    assert!(part(&toml, "match = \"/api\"").contains("api = { write = true }"), "{toml}");
    let look = part(&toml, "match = \"/look\"");
    assert!(
        look.contains("api = {}") && look.contains("status_zone = \"look\"") && look.contains("@if-1"),
        "{toml}"
    );
    assert_eq!(
        part(&toml, "match = \"@if-1\"").trim_end(),
        "headers.add.X-A = \"a\"\nstatus_zone = \"off\"",
        "{toml}"
    );
    // It goes on to the location's action, and is counted as the location is.
    assert_eq!(
        part(&toml, "match = \"@if-2\"").trim_end(),
        "expires = \"1h\"\nstatus_zone = \"plain\"",
        "{toml}"
    );
    assert_eq!(part(&toml, "match = \"/never\""), "return = [204]", "{toml}");
    let of = |location: &str| {
        let text = format!("events {{ }}\nhttp {{ server {{ {location} }} }}\n");
        convert(&text, "nginx.conf").map_err(|problems| problems[0].to_string())
    };
    for location in ["location ~ ^/api { api; }", "location @api { api; }"] {
        let refused = of(location).unwrap();
        assert_eq!(refused.count(Verdict::Refused), 1, "{location}: {}", refused.report());
        assert!(refused.report().contains("which part of the path"), "{}", refused.report());
    }
    assert!(of("location /api { api write=yes; }").unwrap_err().contains("invalid parameter \"write=yes\""));
}

/// Each coding has a switch of its own in nginx, which is inherited by itself.
#[test]
fn codings_are_one_list_of_what_is_on() {
    let text = "events { } http { gzip on; brotli on; brotli_types text/css text/plain; gzip_types text/css; gzip_static on;
        server { brotli_static always; location /off { gzip off; } location /both { zstd on; }
                 location /none { gzip off; brotli off; } location / { } } }";
    let converted = convert(text, "nginx.conf").unwrap();
    let toml = converted.toml();
    let lists = |part: &str, key: &str| {
        part.lines().filter(|line| line.starts_with(key)).map(str::to_owned).collect::<Vec<_>>()
    };
    let codings = |part: &str| lists(part, "compression.codings");
    assert_eq!(codings(part(toml, "[defaults]")), ["compression.codings = [\"br\", \"gzip\"]"], "{toml}");
    assert_eq!(codings(part(toml, "match = \"/off\"")), ["compression.codings = [\"br\"]"], "{toml}");
    assert_eq!(
        codings(part(toml, "match = \"/both\"")),
        ["compression.codings = [\"zstd\", \"br\", \"gzip\"]"],
        "{toml}"
    );
    assert_eq!(codings(part(toml, "match = \"/none\"")), ["compression.codings = []"], "{toml}");
    assert!(codings(part(toml, "match = \"/\"")).is_empty(), "{toml}");
    let beforehand = |part: &str| lists(part, "files.precompressed");
    assert_eq!(beforehand(part(toml, "[defaults]")), ["files.precompressed = [\"gzip\"]"], "{toml}");
    assert_eq!(beforehand(part(toml, "[[server]]")), ["files.precompressed = [\"br\", \"gzip\"]"], "{toml}");
    let types = lists(toml, "compression.types");
    assert_eq!(types, ["compression.types = [\"text/html\", \"text/css\", \"text/plain\"]"], "{toml}");
    assert_eq!(converted.refused().count(), 0);
    converted.load().unwrap();
}

#[test]
fn error_logs_of_every_level() {
    let toml = toml_of(
        "error_log /var/log/all.log;\n",
        "error_log /var/log/site.log warn;
        location /a/ { error_log a.log debug_http; error_log /dev/stderr crit; return 204; }
        location /b/ { error_log off; return 204; }
        location /c/ { error_log stdout info; return 204; }
        location /d/ { return 204; }",
    );
    let logs = |from: &str| -> Vec<String> {
        let part = part(&toml, from);
        part.lines().filter(|line| line.contains("log")).map(str::to_owned).collect()
    };
    let expected = r#"error_log = [{ path = "/var/log/all.log", level = "error" }]"#;
    assert_eq!(
        logs("[defaults]").iter().filter(|line| line.starts_with("error_log")).collect::<Vec<_>>(),
        [expected],
        "{toml}"
    );
    assert_eq!(logs("[[server]]"), [r#"error_log = [{ path = "/var/log/site.log", level = "warn" }]"#]);
    let logs = |at: &str| {
        let text = toml
            .split("[[server.location]]")
            .find(|text| text.contains(&format!("match = \"{at}\"")))
            .unwrap();
        text.lines().filter(|line| line.starts_with("error_log")).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(
        logs("/a/"),
        [r#"error_log = [{ path = "a.log", level = "debug" }, { path = "stderr", level = "crit" }]"#]
    );
    // To nginx these are names of files.
    assert_eq!(logs("/b/"), [r#"error_log = [{ path = "./off", level = "error" }]"#]);
    assert_eq!(logs("/c/"), [r#"error_log = [{ path = "./stdout", level = "info" }]"#]);
    assert!(logs("/d/").is_empty());
}

#[test]
fn error_logs_that_are_no_files() {
    let text = "events { }\nhttp {\nerror_log /var/log/all.log;\nserver {\nlisten 8080;\nerror_log syslog:server=10.0.0.1 warn;\nerror_log memory:1m debug;\n}\n}\n";
    let converted = convert(text, "nginx.conf").unwrap_or_else(|problems| panic!("{}", problems[0]));
    assert_eq!(
        (converted.count(Verdict::Refused), converted.count(Verdict::Different)),
        (0, 2),
        "{}",
        converted.report()
    );
    assert!(
        converted.report().contains("the error log of the outer level is used"),
        "{}",
        converted.report()
    );
    let config = converted.load().unwrap().config;
    assert_eq!(
        config.servers[0].settings.error_logs,
        config.servers[0].error_logs().cloned().collect::<Vec<_>>()
    );
    assert_eq!(config.servers[0].settings.error_logs.len(), 1, "that of `http`");
    let silent = "events { }\nhttp {\nserver {\nlisten 8080;\nerror_log a.log crit;\n}\n}\n";
    let converted = convert(silent, "nginx.conf").unwrap_or_else(|problems| panic!("{}", problems[0]));
    assert!(converted.report().contains("more severe than `error`"), "{}", converted.report());
    let invalid = problem("error_log a.log loud;");
    assert!(invalid.contains("invalid log level \"loud\" in nginx.conf:4"), "{invalid}");
}
