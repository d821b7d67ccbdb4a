//! What `uwsgi_*` and `scgi_*` become, and what of others does not count beside them.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use propylon_nginx_conf::{Verdict, convert};

/// The TOML of this `http` block; nothing is refused, and it loads.
fn toml(http: &str) -> String {
    let converted = convert(&format!("events {{ }}\nhttp {{\n{http}\n}}\n"), "nginx.conf")
        .unwrap_or_else(|problems| panic!("{}", problems[0]));
    assert_eq!(converted.count(Verdict::Refused), 0, "{}", converted.report());
    converted.load().unwrap_or_else(|problems| panic!("{}\n{}", problems[0], converted.toml()));
    converted.toml().to_owned()
}

/// The lines of the location with this match.
#[track_caller]
fn location<'t>(toml: &'t str, matched: &str) -> Vec<&'t str> {
    let (_, part) = toml.split_once(&format!("match = \"{matched}\"\n")).unwrap_or_else(|| panic!("{toml}"));
    part.split("\n\n").next().unwrap().lines().collect()
}

#[track_caller]
fn has(lines: &[&str], wanted: &[&str]) {
    for line in wanted {
        assert!(lines.contains(line), "{line} in {lines:#?}");
    }
}

#[test]
fn each_protocol_has_what_its_directives_say() {
    let toml = toml(
        "uwsgi_cache_path /tmp/u keys_zone=u:1m; scgi_cache_path /tmp/s keys_zone=s:1m;
         proxy_read_timeout 1s; fastcgi_read_timeout 2s; uwsgi_read_timeout 3s; scgi_read_timeout 4s; grpc_read_timeout 5s;
         uwsgi_param A a; scgi_param B b if_not_empty; uwsgi_ssl_verify on; uwsgi_ssl_trusted_certificate c.pem; proxy_ssl_name p;
         server { listen 127.0.0.1:8080;
            location /proxy { proxy_pass http://127.0.0.1:1; }
            location /fastcgi { fastcgi_pass 127.0.0.1:1; }
            location /uwsgi { uwsgi_pass 127.0.0.1:1; uwsgi_modifier1 5; uwsgi_modifier2 6; uwsgi_buffer_size 8k;
                uwsgi_cache u; uwsgi_cache_key k; uwsgi_cache_valid 200 1h; uwsgi_next_upstream error http_503; }
            location /suwsgi { uwsgi_pass suwsgi://127.0.0.1:1; uwsgi_ssl_name u; }
            location /scgi { scgi_pass unix:/s.sock; scgi_store on; scgi_hide_header X-A; scgi_request_buffering off;
                scgi_limit_rate 1k; scgi_intercept_errors on; }
            location /grpc { grpc_pass 127.0.0.1:1; } }",
    );
    for (path, time) in
        [("/fastcgi", "2s"), ("/uwsgi", "3s"), ("/suwsgi", "3s"), ("/scgi", "4s"), ("/grpc", "5s")]
    {
        has(&location(&toml, path), &[&format!("timeout.read = \"{time}\"")]);
    }
    assert_eq!(location(&toml, "/proxy"), ["proxy_pass = \"http://127.0.0.1:1\""]);
    has(
        &location(&toml, "/uwsgi"),
        &[
            "uwsgi_pass = \"127.0.0.1:1\"",
            "uwsgi.modifier1 = 5",
            "uwsgi.modifier2 = 6",
            "uwsgi.default_params = false",
            "buffer.header_size = \"8k\"",
            "cache.zone = \"u\"",
            "cache.key = \"k\"",
            "retry.on = [\"error\", \"http_503\"]",
        ],
    );
    has(
        &location(&toml, "/suwsgi"),
        &["uwsgi_pass = \"suwsgi://127.0.0.1:1\"", "upstream.tls.verify = true", "upstream.tls.name = \"u\""],
    );
    has(
        &location(&toml, "/scgi"),
        &[
            "scgi_pass = \"unix:/s.sock\"",
            "scgi.default_params = false",
            "store.to = \"on\"",
            "headers.hide = [\"X-A\"]",
            "buffer.request = false",
            "limit.upstream_rate = \"1k\"",
            "error_page.intercept = true",
        ],
    );
    assert!(!location(&toml, "/scgi").iter().any(|line| line.contains("tls")), "{toml}");
    assert!(
        toml.contains("uwsgi.params.A = \"a\"") && toml.contains("scgi.params.B = [\"b\", \"if_not_empty\"]"),
        "{toml}"
    );
    assert!(!toml.contains("directives"), "{toml}");
}

#[test]
fn one_inside_of_another_has_nothing_of_it() {
    let toml = toml(
        "proxy_set_header X-From proxy;
         server { listen 127.0.0.1:8080;
            location / { uwsgi_pass suwsgi://127.0.0.1:1; uwsgi_read_timeout 7s; uwsgi_ssl_name u; uwsgi_buffers 4 8k;
                location /s { scgi_pass 127.0.0.1:2; scgi_send_timeout 9s; }
                location /g { grpc_pass grpcs://127.0.0.1:2; grpc_ssl_name g; grpc_set_header X-From grpc; location ~ /u {
                    uwsgi_pass 127.0.0.1:4; } }
                location /p { proxy_pass http://127.0.0.1:3; } } }",
    );
    has(
        &location(&toml, "/s"),
        &["timeout.read = \"60s\"", "timeout.send = \"9s\"", "buffer.size = \"16k\"", "upstream.tls = {}"],
    );
    has(
        &location(&toml, "/g"),
        &["timeout.read = \"60s\"", "upstream.tls.name = \"g\"", "headers.set.X-From = \"grpc\""],
    );
    has(&location(&toml, "/p"), &["timeout.read = \"60s\"", "upstream.tls = {}"]);
    let inner = location(&toml, "~ /u");
    has(
        &inner,
        &[
            "timeout.read = \"7s\"",
            "buffer.size = \"8k\"",
            "upstream.tls.name = \"u\"",
            "headers.set.X-From = \"proxy\"",
        ],
    );
}

#[test]
fn an_if_beside_keeps_what_is_said() {
    let toml = toml(
        "server { listen 127.0.0.1:8080;
            location / { uwsgi_pass 127.0.0.1:1; uwsgi_param A a; uwsgi_read_timeout 7s; if ($arg_a) { add_header X-A a; } } }",
    );
    has(&location(&toml, "@if-1"), &["timeout.read = \"7s\"", "uwsgi.params.A = \"a\""]);
}
