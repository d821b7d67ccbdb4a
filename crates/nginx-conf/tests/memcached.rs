//! What `memcached_*` become, and what of others does not count beside them.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use propylon_nginx_conf::{Converted, Verdict, convert};

fn converted(http: &str) -> Converted {
    convert(&format!("events {{ }}\nhttp {{\n{http}\n}}\n"), "nginx.conf")
        .unwrap_or_else(|problems| panic!("{}", problems[0]))
}

/// The lines of the location with this match, of a file that loads.
fn location(http: &str, matched: &str) -> Vec<String> {
    let converted = converted(http);
    assert_eq!(converted.count(Verdict::Refused), 0, "{}", converted.report());
    converted.load().unwrap_or_else(|problems| panic!("{}\n{}", problems[0], converted.toml()));
    let toml = converted.toml();
    let (_, part) = toml.split_once(&format!("match = \"{matched}\"\n")).unwrap_or_else(|| panic!("{toml}"));
    part.split("\n\n").next().unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn all_of_them() {
    let lines = location(
        "proxy_cache_path /tmp/p keys_zone=p:1m; proxy_cache p; proxy_read_timeout 1s; proxy_intercept_errors on; proxy_hide_header X; proxy_force_ranges off;
         memcached_read_timeout 2s; memcached_gzip_flag 2; memcached_next_upstream error timeout;
         upstream m { server 127.0.0.1:11211; server 127.0.0.1:11212; keepalive 32; }
         server { listen 127.0.0.1:8080;
            location / {
                set $memcached_key \"$uri?$args\"; memcached_pass m; error_page 404 502 504 = @fallback;
                memcached_connect_timeout 3s; memcached_send_timeout 4s; memcached_buffer_size 8k; memcached_bind 127.0.0.1;
                memcached_next_upstream invalid_response not_found; memcached_next_upstream_tries 2;
                memcached_next_upstream_timeout 5s; memcached_socket_keepalive on; }
            location @fallback { proxy_pass http://127.0.0.1:1; } }",
        "/",
    );
    for line in [
        "memcached_pass = \"m\"",
        "memcached.key = \"$memcached_key\"",
        "timeout.connect = \"3s\"",
        "timeout.send = \"4s\"",
        "timeout.read = \"2s\"",
        "buffer.header_size = \"8k\"",
        "upstream.bind = \"127.0.0.1\"",
        "upstream.socket_keepalive = true",
        "retry.on = [\"invalid_header\", \"http_404\"]",
        "upstream.force_ranges = true",
        "retry.tries = 2",
        "retry.timeout = \"5s\"",
        "cache.zone = \"off\"",
        "error_page.intercept = false",
        "headers.hide = []",
    ] {
        assert!(lines.iter().any(|known| known == line), "{line} in {lines:#?}");
    }
    let apart = ["default_params", "gzip_flag"];
    assert!(!lines.iter().any(|line| apart.iter().any(|apart| line.contains(apart))), "{lines:#?}");
}

#[test]
fn one_inside_of_another_has_nothing_of_it() {
    let outer = "server { listen 127.0.0.1:8080; set $memcached_key $uri;
        location / { memcached_pass 127.0.0.1:1; memcached_read_timeout 7s; memcached_next_upstream not_found;
            location /p { proxy_pass http://127.0.0.1:3; } location /m { memcached_pass unix:/m.sock; } } }";
    let lines = location(outer, "/p");
    assert!(lines.contains(&"timeout.read = \"60s\"".to_owned()), "{lines:#?}");
    assert!(lines.contains(&"retry.on = [\"error\", \"timeout\"]".to_owned()), "{lines:#?}");
    let lines = location(outer, "/m");
    assert!(lines.contains(&"timeout.read = \"7s\"".to_owned()), "{lines:#?}");
    assert!(lines.contains(&"memcached_pass = \"unix:/m.sock\"".to_owned()), "{lines:#?}");
}

#[test]
fn what_nginx_would_not_take() {
    let server = |inside: &str| format!("server {{ listen 127.0.0.1:8080; {inside} }}");
    let errors =
        |inside: &str| match convert(&format!("events {{ }}\nhttp {{ {} }}\n", server(inside)), "nginx.conf")
        {
            Ok(converted) => {
                converted.load().err().map(|problems| problems[0].to_string()).unwrap_or_default()
            }
            Err(problems) => problems[0].to_string(),
        };
    // nginx: unknown "memcached_key" variable.
    let unset = errors("location / { memcached_pass 127.0.0.1:1; }");
    assert!(unset.contains("memcached_key"), "{unset}");
    let port = errors("set $memcached_key a; location / { memcached_pass 127.0.0.1; }");
    assert!(port.contains("port"), "{port}");
    let condition = errors("memcached_next_upstream http_404;");
    assert!(condition.contains("http_404"), "{condition}");
    let variable = errors("set $memcached_key a; location / { memcached_pass $host; }");
    assert!(variable.contains("does not support variables"), "{variable}");
}
