//! What stands in many nginx.confs of the world and has no counterpart, or is not what its author thinks: none of it makes
//! a file unusable that nginx takes.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use propylon_nginx_conf::{Converted, Verdict, convert};

fn converted(server: &str) -> Converted {
    let text = format!("events {{ }}\nhttp {{\nserver {{\nlisten 127.0.0.1:8080;\n{server}\n}}\n}}\n");
    convert(&text, "nginx.conf").unwrap_or_else(|problems| panic!("{}", problems[0]))
}

/// The TOML; it loads.
fn toml(server: &str) -> String {
    let converted = converted(server);
    assert_eq!(converted.count(Verdict::Refused), 0, "{}", converted.report());
    converted.load().unwrap_or_else(|problems| panic!("{}\n{}", problems[0], converted.toml()));
    converted.toml().to_owned()
}

/// What is said of the one line that is not exact.
fn note(server: &str) -> String {
    let converted = converted(server);
    let mut lines = converted.lines().iter().filter(|line| line.verdict != Verdict::Exact);
    let line = lines.next().unwrap_or_else(|| panic!("all is exact:\n{}", converted.toml()));
    assert!(lines.next().is_none(), "{}", converted.report());
    format!("{}: {}", line.verdict, line.note)
}

/// Why it does not run.
fn error(server: &str) -> String {
    converted(server).load().unwrap_err()[0].to_string()
}

#[test]
fn a_directive_that_nobody_knows_leaves_the_rest() {
    let server = "more_clear_headers Server;\nlua_block { return 1; }\nroot /srv;"; // what is inside is the module's
    let converted = converted(server);
    let refused: Vec<_> =
        converted.refused().map(|line| format!("{}: {}", line.directive, line.note)).collect();
    let unknown = "unknown directive";
    assert_eq!(refused, [format!("more_clear_headers: {unknown}"), format!("lua_block: {unknown}")]);
    assert!(converted.toml().contains("root = \"/srv\""), "{}", converted.toml());
    assert!(
        converted.toml().contains("# REFUSED: more_clear_headers Server; (unknown directive)"),
        "{}",
        converted.toml()
    );
    assert_eq!(
        error("more_clear_headers Server;"),
        "[emerg] unknown directive \"more_clear_headers\" in nginx.conf:5"
    );
}

/// Code is no directive: neither its braces nor its quotes end anything.
#[test]
fn scripts_are_refused_one_by_one() {
    let server = r#"
        js_var $a;
        set_by_lua_block $b { return "}" -- it's }
        }
        location /lua/ {
            content_by_lua_block {
                local t = { [1] = '\'}', [2] = [[ ' } ]] }
                --[[ a } ]] ngx.say(t[1])
            }
        }
        location /after/ { return 204; }
        root /srv;"#;
    let converted = converted(server);
    let refused: Vec<_> =
        converted.refused().map(|line| format!("{}: {}", line.directive, line.note)).collect();
    let lua = "Lua is not supported";
    let expected = [
        "js_var: JavaScript is not supported".to_owned(),
        format!("set_by_lua_block: {lua}"),
        format!("content_by_lua_block: {lua}"),
    ];
    assert_eq!(refused, expected);
    assert!(converted.toml().contains("match = \"/after/\""), "{}", converted.toml());
    let open = "http { server { location / { content_by_lua_block { return 1 } }";
    let problems = propylon_nginx_conf::convert(open, "nginx.conf").unwrap_err();
    assert!(problems[0].to_string().contains("unexpected end of file"), "{}", problems[0]);
}

#[test]
fn names_that_no_request_can_have_are_left_out() {
    let names = |names: &str| {
        let converted = converted(&format!("server_name {names};"));
        let config = converted.load().unwrap().config;
        let names: Vec<_> =
            config.servers[0].names.iter().map(|name| name.value.as_str().to_owned()).collect();
        (names, converted.report())
    };
    let (left, report) = names("a.test, b.test www.$hostname https://c.test d.test:80 \u{fc}.test *.e.test");
    assert_eq!(left, ["b.test", "*.e.test"]);
    assert!(report.contains("\"a.test,\", \"www.$hostname\", \"https://c.test\", \"d.test:80\""), "{report}");
    assert_eq!(names("a.test:80").0, ["_"]);
}

#[test]
fn http3_is_a_listen_of_its_own() {
    let tls = "ssl_certificate /c; ssl_certificate_key /k;";
    let server = format!(
        "{tls} listen 127.0.0.1:8443 ssl; listen 127.0.0.1:8443 quic reuseport; http2 on; http3 on; quic_retry on;
         quic_gso off; http3_max_concurrent_streams 7; http3_stream_buffer_size 8k; add_header Alt-Svc 'h3=\":8443\"';"
    );
    let said = converted(&server);
    assert!(said.lines().iter().all(|line| line.verdict == Verdict::Exact), "{:?}", said.lines());
    for line in [
        "\"127.0.0.1:8443 tls http2\", \"127.0.0.1:8443 http3 reuseport\"]",
        "http3.retry = true",
        "http3.gso = false",
        "http3.max_concurrent_streams = 7",
        "http3.stream_buffer_size = \"8k\"",
    ] {
        assert!(toml(&server).contains(line), "{line}: {}", toml(&server));
    }
    said.load().unwrap();
    // Alone, and not at all.
    assert!(
        toml(&format!("{tls} listen [::1]:8443 quic ipv6only=on;"))
            .contains("\"[::1]:8443 http3 ipv6only=on\"]")
    );
    let off = format!("{tls} listen 8443 ssl; listen 8443 quic; http3 off;");
    assert!(toml(&off).contains("\"8443 tls\"]"), "{}", toml(&off));
    let alone = format!("events {{ }}\nhttp {{\nserver {{\n{tls} listen 8443 quic; http3 off;\n}}\n}}\n");
    let why = convert(&alone, "nginx.conf").unwrap().load().unwrap_err()[0].to_string();
    assert!(why.contains("listens only on UDP"), "{why}");
    let both = "events { }\nhttp {\nserver {\nlisten 8443 quic ssl;\n}\n}\n";
    let why = convert(both, "nginx.conf").unwrap_err()[0].to_string();
    assert!(why.contains("\"ssl\" parameter is incompatible with \"quic\""), "{why}");
    assert!(note("listen 8443 quic backlog=5;").contains("`backlog` is ignored"));
    assert!(
        note("http3_hq on;").contains("HTTP/0.9") && note("quic_host_key /key;").contains("at each start")
    );
    assert!(note("quic_active_connection_id_limit 3;").contains("chooses the number"));
}

#[test]
fn types_add_up() {
    let toml = toml(
        "gzip_types text/css;\ngzip_types text/html text/plain;\nsub_filter_types a/b; sub_filter_types c/d;",
    );
    assert!(toml.contains("compression.types = [\"text/html\", \"text/css\", \"text/plain\"]"), "{toml}");
    assert!(toml.contains("substitute.types = [\"text/html\", \"a/b\", \"c/d\"]"), "{toml}");
}

#[test]
fn the_end_of_try_files_without_a_slash() {
    let server = "location / { root /srv; try_files $uri index.html; }";
    assert!(toml(server).contains("try_files = [\"$uri\", \"index.html\"]"), "{}", toml(server));
    let converted = converted(server);
    let warnings = converted.load().unwrap().warnings;
    let warnings: Vec<_> =
        warnings.diagnostics().iter().map(|warning| converted.translate(warning).to_string()).collect();
    assert!(warnings.iter().any(|warning| warning.contains("expected \"/index.html\"")), "{warnings:?}");
    assert!(
        error("location / { root /srv; try_files $uri ''; }")
            .contains("the last item of `try_files` is empty")
    );
}

#[test]
fn odd_locations() {
    assert!(toml("location ~ { return 204; }").contains("match = \"~ ^\""));
    let server = "location robots.txt { return 204; # never\n }\nlocation / { return 200; }";
    assert!(!toml(server).contains("robots"), "{}", toml(server));
    assert!(note(server).contains("the location is left out, also for internal redirects"));
}

#[test]
fn an_answer_to_preflight_requests() {
    let server = "location / { if ($request_method = OPTIONS) { add_header Content-Length 0; add_header X-A b; return 204; } \
                  return 200; }";
    assert!(note(server).ends_with("the field is left out"), "{}", note(server));
    let toml = toml(server);
    assert!(toml.contains("X-A = \"b\"") && toml.contains("Content-Length = \"\""), "{toml}");
    // As in nginx, what stands outside is replaced.
    let converted =
        converted("add_header X-Outer 1; location / { add_header Content-Length 0; return 200; }");
    let loaded = converted.load().unwrap().config;
    let server = &loaded.servers[0];
    assert_eq!(server.settings.headers.add.len(), 1);
    assert!(server.locations[0].settings.headers.add.is_empty(), "{}", converted.toml());
    // Of requests it is an error, for it would be another body.
    assert!(
        error("location / { proxy_pass http://127.0.0.1:1; proxy_set_header Content-Length 7; }")
            .contains("cannot be set")
    );
}

#[test]
fn what_is_switched_off_is_not_missed() {
    let server = "image_filter off;\nproxy_ignore_client_abort off; # the default\nlocation / { fastcgi_ignore_client_abort off; }";
    let converted = converted(server);
    assert_eq!(
        converted.count(Verdict::Different) + converted.count(Verdict::Refused),
        0,
        "{}",
        converted.report()
    );
    assert!(toml(server).contains("# the default"), "{}", toml(server));
    assert!(error("image_filter test;").contains("\"image_filter\" cannot be converted"));
}

#[test]
fn warnings_speak_of_nginxs_blocks() {
    let nothing = convert("events { }\nhttp { }\n", "nginx.conf").unwrap();
    let loaded = nothing.load().unwrap();
    let warnings: Vec<_> =
        loaded.warnings.diagnostics().iter().map(|warning| nothing.translate(warning).to_string()).collect();
    assert!(warnings[0].contains("there is no `server` block"), "{warnings:?}");
}

#[test]
fn a_param_that_keeps_a_field_away() {
    let toml = toml(
        "location / { fastcgi_pass 127.0.0.1:1; fastcgi_param HTTP_PROXY \"\"; fastcgi_param EMPTY \"\"; }",
    );
    assert!(
        toml.contains("HTTP_PROXY = [\"\", \"if_not_empty\"]") && toml.contains("EMPTY = \"\""),
        "{toml}"
    );
}

#[test]
fn try_files_may_go_on_at_a_name_that_variables_have() {
    assert!(toml("location / { try_files $uri @$arg_a; } location @b { return 204; }").contains("@$arg_a"));
}
