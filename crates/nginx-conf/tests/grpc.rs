//! What `grpc_*` becomes, and what of `proxy_*` does not count beside it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use propylon_nginx_conf::{Verdict, convert};

/// The TOML of this `http` block; every line is exact, and it loads.
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

#[test]
fn directives_of_grpc_and_of_http_are_apart() {
    let toml = toml(
        "proxy_set_header X-From proxy; proxy_read_timeout 5s; proxy_ssl_verify on; proxy_ssl_name p;
         proxy_ssl_trusted_certificate p.pem; proxy_hide_header X-P; proxy_http_version 1.1; proxy_buffering on;
         grpc_set_header X-From grpc; grpc_ssl_name g; grpc_hide_header X-G; grpc_next_upstream error http_503;
         server { listen 127.0.0.1:8080;
            location /grpc { grpc_pass grpcs://127.0.0.1:1; grpc_read_timeout 7s; grpc_ssl_verify off; }
            location /own { grpc_pass 127.0.0.1:1; grpc_set_header X-Own own; grpc_buffer_size 8k; }
            location /http { proxy_pass https://127.0.0.1:2; } }",
    );
    let grpc = location(&toml, "/grpc");
    for line in [
        "grpc_pass = \"grpcs://127.0.0.1:1\"",
        "timeout.read = \"7s\"",
        "headers.set.X-From = \"grpc\"",
        "headers.hide = [\"X-G\"]",
        "retry.on = [\"error\", \"http_503\"]",
        "upstream.tls.verify = false",
        "upstream.tls.name = \"g\"",
        "upstream.http_version = \"2\"",
        "buffer.response = false",
    ] {
        assert!(grpc.contains(&line), "{line}:\n{toml}");
    }
    assert!(!grpc.iter().any(|line| line.contains("trusted_certificate")), "{toml}");
    let own = location(&toml, "/own");
    assert!(
        own.contains(&"headers.set.X-Own = \"own\"") && own.contains(&"buffer.header_size = \"8k\""),
        "{toml}"
    );
    assert!(!own.iter().any(|line| line.contains("X-From")), "{toml}");
    assert!(own.contains(&"timeout.read = \"60s\""), "{toml}");
    assert_eq!(location(&toml, "/http"), ["proxy_pass = \"https://127.0.0.1:2\""]);
    assert!(!toml.contains("directives"), "{toml}");
}

#[test]
fn http_inside_of_grpc_has_what_is_said_of_http() {
    let toml = toml(
        "proxy_set_header X-From proxy;
         server { listen 127.0.0.1:8080;
            location / { grpc_pass 127.0.0.1:1; grpc_set_header X-From grpc; grpc_send_timeout 7s; grpc_ssl_name g;
                location /a { proxy_pass http://127.0.0.1:2; } } }",
    );
    let inner = location(&toml, "/a");
    for line in ["headers.set.X-From = \"proxy\"", "timeout.send = \"60s\"", "upstream.tls = {}"] {
        assert!(inner.contains(&line), "{line}:\n{toml}");
    }
}

#[test]
fn an_if_beside_grpc_pass_keeps_what_is_said_of_grpc() {
    let toml = toml(
        "server { listen 127.0.0.1:8080;
            location / { grpc_pass 127.0.0.1:1; grpc_set_header X-From grpc; grpc_read_timeout 7s;
                if ($arg_a) { add_header X-A a; } } }",
    );
    let used = location(&toml, "@if-1");
    for line in ["headers.set.X-From = \"grpc\"", "timeout.read = \"7s\""] {
        assert!(used.contains(&line), "{line}:\n{toml}");
    }
}

#[test]
fn grpc_inside_of_fastcgi_has_nothing_of_it() {
    let toml = toml(
        "fastcgi_cache_path /tmp/z keys_zone=z:1m; proxy_buffers 4 8k;
         server { listen 127.0.0.1:8080;
            location / { fastcgi_pass 127.0.0.1:1; fastcgi_read_timeout 300s; fastcgi_cache z; fastcgi_cache_key k;
                fastcgi_hide_header X-F; fastcgi_buffers 8 64k; fastcgi_busy_buffers_size 128k;
                location /g { grpc_pass 127.0.0.1:2; grpc_send_timeout 7s; } } }",
    );
    let inner = location(&toml, "/g");
    for line in [
        "timeout.read = \"60s\"",
        "timeout.send = \"7s\"",
        "cache.zone = \"off\"",
        "headers.hide = []",
        "buffer.size = \"16k\"",
        "buffer.busy_size = \"32k\"",
    ] {
        assert!(inner.contains(&line), "{line}:\n{toml}");
    }
}

#[test]
fn fastcgi_inside_of_grpc_has_nothing_of_it() {
    let toml = toml(
        "proxy_http_version 1.1; fastcgi_send_timeout 9s;
         server { listen 127.0.0.1:8080;
            location / { grpc_pass grpcs://127.0.0.1:1; grpc_read_timeout 300s; grpc_send_timeout 300s; grpc_set_header X-From grpc;
                grpc_ssl_name g; grpc_request_buffering off; grpc_pass_header X-G;
                location ~ ^/p { fastcgi_pass 127.0.0.1:2; location ~ /a { proxy_pass http://127.0.0.1:3; } } } }",
    );
    let inner = location(&toml, "~ ^/p");
    for line in [
        "timeout.read = \"60s\"",
        "timeout.send = \"9s\"",
        "headers.set = {}",
        "headers.pass = []",
        "upstream.tls = {}",
        "upstream.http_version = \"1.1\"",
        "buffer.request = true",
    ] {
        assert!(inner.contains(&line), "{line}:\n{toml}");
    }
    let http = location(&toml, "~ /a");
    for line in ["timeout.send = \"60s\"", "timeout.read = \"60s\"", "buffer.request = true"] {
        assert!(http.contains(&line), "{line}:\n{toml}");
    }
}
