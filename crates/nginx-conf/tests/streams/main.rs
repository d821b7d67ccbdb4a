//! `stream`: what becomes of it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

mod names;

use propylon_config::{Amount, Config, ExpectedAnswer, Method, StreamAction, StreamPass};
use propylon_nginx_conf::{Converted, Verdict, convert};

fn converted(text: &str) -> Converted {
    convert(&format!("events {{ }}\n{text}"), "nginx.conf")
        .unwrap_or_else(|problems| panic!("{}", problems.iter().map(ToString::to_string).collect::<String>()))
}

fn load(text: &str) -> Config {
    let converted = converted(text);
    let loaded = converted.load();
    let loaded = loaded.unwrap_or_else(|problems| panic!("{}\n{}", problems[0], converted.toml()));
    loaded.config
}

/// The messages of what nginx refuses too.
fn problems(stream: &str) -> Vec<String> {
    match convert(&format!("events {{ }} stream {{ {stream} }}"), "nginx.conf") {
        Ok(converted) => panic!("{}", converted.toml()),
        Err(problems) => problems.into_iter().map(|problem| problem.message).collect(),
    }
}

/// What is said of each directive that is not exact.
fn notes(text: &str) -> Vec<String> {
    let converted = converted(text);
    let lines = converted.lines().iter().filter(|line| line.verdict != Verdict::Exact);
    lines.map(|line| format!("{} {:?}: {}", line.directive, line.verdict, line.note)).collect()
}

#[test]
fn all_of_a_stream() {
    let config = load(
        "stream {
            log_format basic '$remote_addr [$time_local] $protocol $status $bytes_sent $bytes_received $session_time';
            upstream db { server 127.0.0.1:3306 weight=2; server unix:/run/db.sock backup; least_conn; zone db 64k; }
            limit_conn_zone $binary_remote_addr zone=addr:1m;
            server {
                listen 3306 proxy_protocol backlog=64 default_server;
                listen [::]:3307 ipv6only=on so_keepalive=on;
                listen unix:/run/in.sock reuseport;
                proxy_pass db;
                proxy_connect_timeout 1s; proxy_timeout 5m; proxy_buffer_size 8k; proxy_half_close on;
                proxy_next_upstream off; proxy_next_upstream_tries 3; proxy_next_upstream_timeout 4s;
                proxy_upload_rate 10k; proxy_download_rate $rate;
                proxy_bind 10.0.0.1; proxy_protocol on; proxy_socket_keepalive on;
                ssl_preread on; preread_buffer_size 4k; preread_timeout 2s; proxy_protocol_timeout 6s; ssl_handshake_timeout 7s;
                set_real_ip_from 10.0.0.0/8; set_real_ip_from unix:;
                allow 10.0.0.0/8; deny all;
                limit_conn addr 5; limit_conn_log_level warn; limit_conn_dry_run on;
                resolver 10.0.0.53 valid=10s; resolver_timeout 3s;
                access_log /var/log/stream.log basic buffer=4k flush=1s if=$status;
                tcp_nodelay on; error_log /var/log/e.log;
            }
            map $ssl_preread_server_name $rate { default 1m; }
        }",
    );
    let stream = &config.streams[0];
    let listens: Vec<_> = stream.listens.iter().map(|listen| &*listen.text).collect();
    let expected = ["3306 proxy_protocol backlog=64", "[::]:3307 ipv6only=on", "unix:/run/in.sock reuseport"];
    assert_eq!(listens, expected);
    assert_eq!(stream.pass().unwrap().upstream(), Some("db"));
    assert_eq!(config.upstreams["db"].method, Method::LeastConn);
    assert_eq!(config.upstreams["db"].servers.len(), 2);
    let timeout = stream.timeout;
    assert_eq!([timeout.connect, timeout.idle, timeout.preread].map(|time| time.as_secs()), [1, 300, 2]);
    assert_eq!([timeout.proxy_protocol, timeout.handshake].map(|time| time.as_secs()), [6, 7]);
    assert_eq!((stream.buffer_size, stream.preread_buffer_size), (8 << 10, 4 << 10));
    assert!(stream.half_close && stream.preread && !stream.retry.on);
    assert_eq!(stream.retry.tries.unwrap().get(), 3);
    assert_eq!(stream.retry.timeout.unwrap().as_secs(), 4);
    assert_eq!(stream.upload_rate, Some(Amount::Fixed(10 << 10)));
    assert!(matches!(&stream.download_rate, Some(Amount::Template(rate)) if rate.source() == "$rate"));
    assert_eq!(stream.real_ip_from.len(), 2);
    let settings = &stream.settings;
    assert_eq!(settings.access.rules.len(), 2);
    assert_eq!(settings.limit.connections[0].max, 5);
    assert!(settings.limit.connections_over.dry_run);
    assert_eq!(settings.upstream.proxy_protocol, Some(1));
    assert!(settings.upstream.socket_keepalive && settings.upstream.bind.is_some());
    assert_eq!(&*settings.access_logs[0].format.name, "basic");
    assert!(format!("{:?}", settings.resolver).contains("10.0.0.53:53"));
}

#[test]
fn what_stream_says_is_written_into_each() {
    let config = load(
        "stream {
            proxy_timeout 1m; proxy_ssl on; proxy_ssl_verify on; proxy_ssl_trusted_certificate ca.pem; preread_timeout 3s;
            log_format a '$status'; access_log a.log a; allow 10.0.0.0/8; deny all;
            ssl_certificate a.pem; ssl_certificate_key a.key; resolver 10.0.0.1 valid=9s; resolver_timeout 7s;
            server { listen 1 ssl; proxy_pass 127.0.0.1:1; }
            server { listen 2; proxy_ssl off; proxy_pass 127.0.0.1:1; access_log off; proxy_timeout 2m; deny 10.0.0.1; resolver 10.0.0.2 ipv6=off; }
            proxy_half_close on;
        }",
    );
    let [first, second] = &config.streams[..] else { panic!() };
    assert!(first.pass().unwrap().is_secure() && !second.pass().unwrap().is_secure());
    assert_eq!([first, second].map(|stream| stream.timeout.idle.as_secs()), [60, 120]);
    assert_eq!([first, second].map(|stream| stream.timeout.preread.as_secs()), [3, 3]);
    assert!(first.half_close && second.half_close, "it may stand behind the servers");
    assert_eq!([first, second].map(|stream| stream.settings.access.rules.len()), [2, 1]);
    assert_eq!([first, second].map(|stream| stream.settings.access_logs.len()), [1, 0]);
    assert!(first.settings.upstream.tls.verify && !second.settings.upstream.tls.verify);
    assert_eq!([first, second].map(|stream| stream.tls.certificates.len()), [1, 0]);
    assert_eq!(first.tls.session_cache, 0, "nginx's default");
    let asked = [first, second].map(|stream| format!("{:?}", stream.settings.resolver));
    assert!(asked[0].contains("10.0.0.1:53") && asked[0].contains("timeout: 7s"), "{}", asked[0]);
    assert!(asked[1].contains("10.0.0.2:53") && asked[1].contains("timeout: 7s"), "{}", asked[1]);
    assert!(asked[0].contains("valid: Some(9s)") && asked[1].contains("valid: None"), "{asked:?}");
}

#[test]
fn by_the_name_that_is_asked_for() {
    let config = load(
        "stream {
            map $ssl_preread_server_name $backend { hostnames; *.example.com web; default 127.0.0.1:9; }
            upstream web { hash $remote_addr consistent; server 127.0.0.1:8443; }
            server { listen 443; ssl_preread on; proxy_pass $backend; }
            server { listen 444; ssl_preread on; proxy_ssl on; proxy_pass $ssl_preread_server_name:443; resolver 10.0.0.1; }
            server { listen 13; return '$remote_addr $time_iso8601'; }
        }",
    );
    let passes: Vec<_> = config.streams.iter().filter_map(|stream| stream.pass()).collect();
    assert!(
        matches!(passes[0], StreamPass::Dynamic { secure: false, target } if target.source() == "$backend")
    );
    let other = "$ssl_preread_server_name:443";
    assert!(matches!(passes[1], StreamPass::Dynamic { secure: true, target } if target.source() == other));
    assert!(
        matches!(&config.streams[2].action.value, StreamAction::Return(text) if text.source() == "$remote_addr $time_iso8601")
    );
    assert_eq!(config.streams[0].settings.resolver, Some(propylon_config::Resolver::Off));
}

#[test]
fn checks_are_the_upstreams() {
    let config = load(
        "stream { health_check_timeout 2s; upstream a { server 127.0.0.1:1; } upstream b { server 127.0.0.1:1; }
         server { listen 1; proxy_pass a; proxy_ssl on; health_check interval=7 fails=3 passes=2 port=9 mandatory persistent; }
         server { listen 2; proxy_pass b; } }",
    );
    let check = config.upstreams["a"].health_check.as_ref().unwrap();
    assert_eq!((check.interval.as_secs(), check.timeout.as_secs()), (7, 2));
    assert_eq!((check.fails, check.passes, check.port, check.mandatory), (3, 2, Some(9), true));
    assert!(config.upstreams["b"].health_check.is_none());
    let refused = |server: &str| {
        let text = format!(
            "stream {{ upstream a {{ server 127.0.0.1:1; }} match m {{ send a; expect b; }} {server} }}"
        );
        let notes = notes(&text).into_iter().filter(|note| note.starts_with("health_check Refused"));
        notes.map(|note| note.split_once(": ").unwrap().1.to_owned()).collect::<Vec<_>>()
    };
    let asked = load(
        "stream { server { listen 1; proxy_pass a; health_check match=m; } upstream a { server 127.0.0.1:1; }
         match m { send \"PING\\r\\n\\x01\"; expect ~* \"^.pong\"; } }",
    );
    let check = asked.upstreams["a"].health_check.clone().unwrap();
    assert_eq!(&*check.send, b"PING\r\n\x01");
    assert_eq!(check.expect, Some(ExpectedAnswer::Matches("(?i)^.pong".into())));
    let literal = load(
        "stream { match m { expect ~\\xfe; } server { listen 1; proxy_pass a; health_check match=m; } upstream a { server 127.0.0.1:1; } }",
    );
    let expect = literal.upstreams["a"].health_check.clone().unwrap().expect;
    assert_eq!(expect, Some(ExpectedAnswer::Begins(b"~\xfe".as_slice().into())));
    assert_eq!(refused("server { listen 1; proxy_pass 127.0.0.1:1; health_check; }").len(), 1);
    let twice =
        "server { listen 1; proxy_pass a; health_check; } server { listen 2; proxy_pass a; health_check; }";
    assert_eq!(refused(twice).len(), 1);
}

#[test]
fn udp() {
    let config = load(
        "stream {
            proxy_timeout 20s; proxy_responses 1; proxy_connect_timeout 2s; ssl_preread on; proxy_half_close on; proxy_socket_keepalive on;
            ssl_certificate a.pem; ssl_certificate_key a.key; proxy_ssl_verify on; proxy_ssl_trusted_certificate ca.pem;
            upstream dns { server 127.0.0.1:5353; server [::1]:5353 backup; }
            upstream both { server 127.0.0.1:5353; }
            server { listen 53 udp; listen [::]:53 udp reuseport ipv6only=off; proxy_pass dns; proxy_ssl on; health_check udp interval=7; }
            server { listen 54; listen 54 udp; proxy_pass both; proxy_requests 3; proxy_responses 2; health_check; }
            server { listen 55; proxy_pass both; }
            server { listen 514 udp; proxy_responses 0; proxy_pass 127.0.0.1:5140; }
        }",
    );
    let [dns, both, tcp, log] = &config.streams[..] else { panic!() };
    let listens: Vec<_> = dns.listens.iter().map(|listen| &*listen.text).collect();
    assert_eq!(listens, ["53 udp", "[::]:53 udp reuseport ipv6only=off"]);
    assert!(!dns.pass().unwrap().is_secure(), "nginx speaks no TLS over UDP");
    let of = |stream: &propylon_config::Stream| {
        (stream.datagrams.requests.map(|most| most.get()), stream.datagrams.responses)
    };
    assert_eq!(
        [dns, both, tcp, log].map(|stream| of(stream)),
        [(None, Some(1)), (Some(3), Some(2)), (None, None), (None, Some(0))]
    );
    assert_eq!([dns, both].map(|stream| stream.timeout.idle.as_secs()), [20, 20]);
    assert_eq!([dns, both].map(|stream| stream.half_close), [false, true]);
    assert_eq!([dns, both, tcp].map(|stream| stream.timeout.connect.as_secs()), [60, 2, 2]);
    assert_eq!(config.upstreams["dns"].health_check.as_ref().unwrap().interval.as_secs(), 7);
    assert!(config.is_of_udp("dns") && !config.is_of_udp("both"));
    assert!(config.upstreams["both"].health_check.is_some());
    for (listen, check) in [("53 udp", ""), ("53", "udp"), ("53; listen 53 udp", "udp")] {
        let text = format!(
            "stream {{ upstream a {{ server 127.0.0.1:1; }} server {{ listen {listen}; proxy_pass a; health_check {check}; }} }}"
        );
        let refused =
            notes(&text).into_iter().filter(|note| note.starts_with("health_check Refused")).count();
        assert_eq!(refused, 1, "{listen} {check}");
    }
}

#[test]
fn what_nginx_refuses() {
    let check = |stream: &str, expected: &str| assert_eq!(problems(stream), [expected], "{stream}");
    check("server { proxy_pass 127.0.0.1:1; }", "no \"listen\" is defined for server");
    check("server { listen 1; }", "no handler for server");
    check("match m { status 200; } server { listen 1; return a; }", "invalid \"status\" in a match");
    check("match m { send a; send b; } server { listen 1; return a; }", "\"send\" is duplicate");
    check(
        "upstream a { server 127.0.0.1:1; } server { listen 1; proxy_pass a; health_check match=m; }",
        "match \"m\" not found",
    );
    check("server { listen 127.0.0.1; return a; }", "no port in \"127.0.0.1\" of the \"listen\" directive");
    check("server { listen [::1]; return a; }", "no port in \"[::1]\" of the \"listen\" directive");
    for parameter in ["ssl", "proxy_protocol", "backlog=5", "so_keepalive=on", "fastopen=5", "deferred"] {
        let name = parameter.split('=').next().unwrap();
        let expected = format!("\"{name}\" parameter is incompatible with \"udp\"");
        check(&format!("server {{ listen 1 udp {parameter}; return a; }}"), &expected);
    }
    check("server { listen 1 http2; return a; }", "the invalid \"http2\" parameter");
    check("upstream a { server 127.0.0.1:1; server 127.0.0.1; }", "no port in upstream \"127.0.0.1\"");
    check("upstream a { }", "no servers are inside upstream");
    check("server { listen 1; return a; location / { } }", "\"location\" directive is not allowed here");
    check("server { listen 1; return a; access_log a.log; }", "log format is not specified");
    check(
        "server { listen 1; return a; proxy_next_upstream error; }",
        "invalid value \"error\" in \"proxy_next_upstream\" directive, it must be \"on\" or \"off\"",
    );
    check("log_format a b; log_format a c;", "duplicate \"log_format\" name \"a\"");
    check(
        "upstream a { random two least_time=header; server 127.0.0.1:1; }",
        "invalid parameter \"least_time=header\"",
    );
}

#[test]
fn what_is_not_built_says_so() {
    let check = |stream: &str, part: &str| {
        let notes = notes(&format!("stream {{ {stream} }}"));
        let refused: Vec<_> = notes.iter().filter(|note| note.contains("Refused")).collect();
        assert!(
            !refused.is_empty() && refused.iter().all(|note| note.contains(part)),
            "{stream}: {notes:#?}"
        );
    };
    check("server { listen unix:/run/a.sock udp; proxy_pass 127.0.0.1:53; }", "`udp` requires an IP address");
    check(
        "proxy_protocol on; server { listen 53 udp; proxy_pass 127.0.0.1:53; }",
        "the PROXY protocol is not sent over UDP",
    );
    check(
        "server { listen 53 udp; set_real_ip_from 10.0.0.1; return a; }",
        "the PROXY protocol is not received over UDP",
    );
    check(
        "server { listen 53; listen 53 udp; proxy_ssl on; proxy_pass 127.0.0.1:53; }",
        "use separate `server` blocks",
    );
    check(
        "server { listen 1; server_name a; proxy_pass 127.0.0.1:53; }",
        "`map` of `$ssl_preread_server_name`",
    );
    check("server { listen 1; pass 127.0.0.1:2; }", "use `proxy_pass` with its address");
    check("js_import a.js; server { listen 1; js_preread a.b; return a; }", "JavaScript");
    check("server { listen 1; mqtt on; return a; }", "MQTT");
    check("server { listen 1; zone_sync; return a; }", "not synchronised between machines");
    check(
        "server { listen 1 ssl; ssl_alpn h2; return a; ssl_certificate a; ssl_certificate_key a; }",
        "ALPN is not supported",
    );
    check("upstream a { least_time connect; server 127.0.0.1:1; }", "`connect` is not supported");
    check("server { listen 1; proxy_pass 127.0.0.1:1; return a; }", "remove one of them");
    // What is switched off is off.
    assert_eq!(notes("stream { server { listen 1; mqtt off; return a; } }"), Vec::<String>::new());
}

#[test]
fn comments_stay() {
    let text = "# about streams\nstream { # here\n# of all\nproxy_timeout 1m;\n# first\nserver { listen 1; # port\nreturn a; }\n# end\n}\n";
    let toml = converted(text).toml().to_owned();
    for comment in ["# about streams", "# here", "# of all", "# first", "# port", "# end"] {
        assert!(toml.contains(comment), "{comment}: {toml}");
    }
}
