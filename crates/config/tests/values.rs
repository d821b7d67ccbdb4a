//! The final values of `good/everything.toml`, which holds every key.
#![allow(
    clippy::panic,
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::string_slice,
    reason = "helpers of tests"
)]

use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Duration;

use http::{HeaderName, StatusCode};
use propylon_config::{
    Action, Address, Amount, Config, Destination, ErrorLogTarget, Escape, Forwarded, Location, LocationMatch,
    LogLevel, LogTarget, Peer, ProxyPass, Purged, RealIpHeader, Redis, RequestRate, Return, Scheme,
    ServerName, SyslogServer, Target, TraceOn, TraceProtocol, UpstreamVersion, Valid, Workers, ZoneName,
};

fn everything() -> Config {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/good/everything.toml");
    propylon_config::load(&path).unwrap_or_else(|report| panic!("{report}")).config
}

fn location<'c>(config: &'c Config, matcher: &str) -> &'c Location {
    let mut locations = config.servers[0].locations.iter();
    locations.find(|location| location.matcher.to_string() == matcher).expect(matcher)
}

fn target<'c>(config: &'c Config, matcher: &str) -> &'c Target {
    match &location(config, matcher).action {
        Action::ProxyPass(pass) => match &pass.value {
            ProxyPass::Static(target) => target,
            ProxyPass::Template(_) => panic!("it has variables"),
        },
        _ => panic!("no proxy_pass"),
    }
}

#[test]
fn the_process() {
    let config = everything();
    assert_eq!(config.runtime.workers, Workers::Count(NonZeroUsize::new(2).expect("two")));
    assert_eq!(config.runtime.pid_file.as_deref(), Some(Path::new("/run/propylon.pid")));
    assert_eq!(config.runtime.shutdown_timeout, Duration::from_secs(10));
    assert!(!config.runtime.reuseport);
    assert_eq!(config.error_log.target, ErrorLogTarget::File("/var/log/propylon/error.log".into()));
    assert_eq!(config.error_log.level, LogLevel::Info);
}

#[test]
fn buffers() {
    let config = everything();
    let buffer = location(&config, "/").settings.buffer;
    assert!(!buffer.response);
    assert_eq!((buffer.header_size, buffer.count, buffer.size), (8 << 10, 4, 32 << 10));
    assert_eq!((buffer.busy_size, buffer.max_temp_file_size), (64 << 10, 2 << 30));
    assert_eq!(buffer.temp_file_write_size, 128 << 10);
    let derived = |text: &str| {
        let text = format!("[[server]]\nlisten = [\"80\"]\nbuffer = {{ {text} }}\nreturn = [204]\n");
        let config = propylon_config::parse(&text, "text").unwrap_or_else(|report| panic!("{report}")).config;
        let buffer = config.servers[0].settings.buffer;
        (buffer.busy_size >> 10, buffer.temp_file_write_size >> 10)
    };
    assert_eq!(derived(""), (32, 64));
    assert_eq!(derived("header_size = \"64k\""), (112, 64), "all but one");
    assert_eq!(derived("size = \"256k\""), (512, 256));
    assert_eq!(derived("size = \"4k\", count = 2"), (4, 64));
}

#[test]
fn limits() {
    let config = everything();
    let limit = &location(&config, "/").settings.limit;
    assert_eq!(
        (&limit.rate, &limit.upstream_rate),
        (&Some(Amount::Fixed(100 << 10)), &Some(Amount::Fixed(1 << 20)))
    );
    assert!(matches!(&limit.rate_after, Some(Amount::Template(_))));
    let [requests, minutes] = &limit.requests[..] else { panic!("two") };
    assert_eq!((requests.burst, requests.delay, minutes.burst, minutes.delay), (20, Some(8), 5, None));
    assert_eq!(requests.zone.rate, Some(RequestRate { requests: 10, minute: false }));
    assert_eq!(minutes.zone.rate, Some(RequestRate { requests: 30, minute: true }));
    assert_eq!((requests.zone.size, minutes.zone.size), (10 << 20, 1 << 20));
    assert_eq!(requests.zone.key.source(), "$binary_remote_addr");
    let over = limit.requests_over;
    assert_eq!(
        (over.status, over.dry_run, over.log_level),
        (StatusCode::TOO_MANY_REQUESTS, true, LogLevel::Notice)
    );
    assert_eq!((&*limit.connections[0].zone.name, limit.connections[0].max), ("held", 10));
    assert_eq!(limit.connections[0].zone.rate, None);
    let rate = |text: &str| {
        let text = format!("[[server]]\nlimit.rate = {text}\nreturn = [204]\n");
        let config = propylon_config::parse(&text, "text").unwrap_or_else(|report| panic!("{report}")).config;
        config.servers[0].settings.limit.rate.clone()
    };
    assert_eq!([rate("\"off\""), rate("0"), rate("\"0\"")], [None, None, None]);
    assert_eq!(rate("\"1m\""), Some(Amount::Fixed(1 << 20)));
}

#[test]
fn named_things() {
    let config = everything();
    let names: Vec<&str> = config.formats.keys().map(AsRef::as_ref).collect();
    assert_eq!(names, ["combined", "json", "detailed", "lines"]);
    assert_eq!(config.formats["lines"].escape, Escape::Json);
    assert_eq!(config.formats["combined"].escape, Escape::Default);
    let backend = &config.upstreams["backend"];
    let servers: Vec<String> = backend.servers.iter().map(|server| server.address.to_string()).collect();
    assert_eq!(servers, ["127.0.0.1:8001", "app.internal:80", "[::1]:8002", "unix:/run/app.sock"]);
    assert_eq!(backend.servers[1].address.value, Address::Name { host: "app.internal".into(), port: 80 });
    assert_eq!((backend.keepalive, backend.keepalive_requests), (16, 100));
    assert_eq!(backend.keepalive_time, Duration::from_secs(1800));
    assert_eq!(backend.keepalive_timeout, Duration::from_secs(45));
    assert_eq!(backend.max_streams.get(), 50);
}

#[test]
fn listeners_and_names() {
    let config = everything();
    let addresses: Vec<String> =
        config.listeners.iter().map(|listener| listener.address.to_string()).collect();
    let expected = ["0.0.0.0:80", "[::]:80", "unix:/run/propylon.sock", "127.0.0.1:8080", "0.0.0.0:443"];
    assert_eq!(addresses, expected);
    assert_eq!(config.listeners[0].backlog, Some(511));
    assert!(!config.listeners[0].reuseport);
    assert!(config.listeners[0].ipv6only);
    assert!(config.listeners[1].reuseport);
    assert!(!config.listeners[1].ipv6only);
    assert_eq!(config.listeners[3].servers, [1]);
    assert!(config.listeners[3].proxy_protocol && !config.listeners[0].proxy_protocol);
    let names: Vec<&str> = config.servers[0].names.iter().map(|name| name.as_str()).collect();
    let expected = [
        "example.com",
        "*.example.com",
        ".example.org",
        "www.example.*",
        r"~^(?<tenant>\w+)\.tenants\.test$",
        "_",
    ];
    assert_eq!(names, expected);
    assert!(matches!(config.servers[0].names[1].value, ServerName::LeadingWildcard(_)));
    assert!(matches!(config.servers[0].names[2].value, ServerName::Dot(_)));
    assert!(matches!(config.servers[0].names[3].value, ServerName::TrailingWildcard(_)));
    assert!(matches!(config.servers[0].names[4].value, ServerName::Regex(_)));
    assert_eq!(config.servers[1].names[0].as_str(), "");
}

#[test]
fn a_server() {
    let config = everything();
    let server = &config.servers[0];
    assert!(
        !server.merge_slashes
            && !server.settings.server_tokens
            && !server.settings.absolute_redirect
            && !server.settings.port_in_redirect
    );
    assert!(server.settings.server_name_in_redirect);
    assert_eq!(server.keepalive_requests, 500);
    let timeout = &server.settings.timeout;
    let seconds =
        [timeout.connect, timeout.send, timeout.client_header, timeout.client_body, timeout.client_send];
    assert_eq!(seconds.map(|limit| limit.as_secs()), [5, 10, 10, 11, 12]);
    assert_eq!(timeout.read, Duration::from_secs(5400));
    assert_eq!(timeout.keepalive, None);
    assert_eq!(config.servers[1].settings.timeout.keepalive, Some(Duration::from_secs(75)));
    let answer = config.servers[1].respond.as_ref().map(|answer| &answer.value);
    assert_eq!(answer, Some(&Return::Status(StatusCode::NOT_FOUND)));
}

#[test]
fn headers() {
    let config = everything();
    let headers = &location(&config, "/").settings.headers;
    let set: Vec<(&str, Vec<&str>)> = headers
        .set
        .iter()
        .map(|field| (&*field.written, field.values.iter().map(|value| value.source()).collect()))
        .collect();
    assert_eq!(set, [("HOST", vec!["$proxy_host"]), ("X-Many", vec!["a", "$tenant"])]);
    assert_eq!(headers.add[0].name, "x-served-by");
    assert_eq!(headers.add_always[0].values[0].source(), "$request_id");
    assert_eq!(headers.hide, ["x-powered-by"]);
    assert_eq!(headers.pass, ["server"]);
    assert_eq!(headers.ignore, ["cache-control"]);
    assert_eq!(headers.forwarded, Forwarded::Append);
    let net = |text: &str| Peer::Net(text.parse().expect("a network"));
    assert_eq!(headers.trusted, Some(vec![net("10.0.0.0/8"), Peer::Unix, net("::1/128")]));
    assert_eq!(headers.real_ip_from, [net("192.0.2.1/32"), net("2001:db8::/32"), Peer::Unix]);
    assert_eq!(headers.real_ip_header, RealIpHeader::Field(HeaderName::from_static("x-forwarded-for")));
    assert!(headers.real_ip_recursive && headers.underscores && !headers.ignore_invalid);
    let defaults = &config.servers[1].settings.headers;
    assert_eq!(defaults.real_ip_header, RealIpHeader::Field(HeaderName::from_static("x-real-ip")));
    assert!(!defaults.real_ip_recursive && !defaults.underscores && defaults.ignore_invalid);
}

#[test]
fn cache() {
    let config = everything();
    let cache = &location(&config, "/").settings.cache;
    let main = config.cache_zones["main"].clone();
    assert_eq!(cache.zone, Some(ZoneName::Fixed(main.clone())));
    assert_eq!((main.levels.as_slice(), main.keys, main.max_size), (&[1, 2][..], 1 << 20, Some(1 << 30)));
    assert_eq!((main.manager.files, main.loader.files, main.inactive.as_secs()), (10, 1000, 3600));
    let memory = &config.cache_zones["memory"];
    assert_eq!((&memory.path, memory.max_size, memory.keys), (&None, None, 10 << 20));
    let (redis, short) =
        (memory.redis.as_ref().unwrap(), config.cache_zones["shared"].redis.as_ref().unwrap());
    let text = |redis: &Redis| {
        (redis.url.value.to_string(), redis.prefix.to_string(), redis.max_object, redis.queue)
    };
    assert_eq!(text(redis), ("rediss://cache.example.com:6380/2".into(), "example:".into(), 4 << 20, 100));
    assert_eq!(text(short), ("redis://10.0.0.1".into(), "propylon:shared:".into(), 1 << 20, 1024));
    let times = |redis: &Redis| {
        [redis.timeout, redis.background_timeout, redis.pause, redis.poll, redis.stale]
            .map(|time| time.as_millis())
    };
    assert_eq!(times(redis), [50, 2000, 10_000, 500, 0]);
    assert_eq!(times(short), [100, 1000, 5000, 1000, 3_600_000]);
    assert_eq!(redis.user.as_deref(), Some("gateway"));
    assert!(redis.password_file.is_some() && redis.trusted_certificate.is_some() && redis.identity.is_some());
    assert!(short.user.is_none() && short.password_file.is_none() && short.identity.is_none());
    let codes =
        |valid: &Valid| valid.codes.as_ref().map(|codes| codes.iter().map(StatusCode::as_u16).collect());
    let valid: Vec<(Option<Vec<u16>>, u64)> =
        cache.valid.iter().map(|valid| (codes(valid), valid.time.as_secs())).collect();
    assert_eq!(valid, [(Some(vec![200, 302]), 600), (Some(vec![404]), 60), (None, 0)]);
    assert_eq!(cache.use_stale, ["error", "timeout", "updating", "http_500"]);
    assert_eq!(cache.habits.targeted, ["cdn-cache-control", "surrogate-control"]);
    assert_eq!(cache.status.as_deref(), Some("edge"));
    let purge = cache.purge.as_ref().expect("it is on");
    assert!(purge.soft && purge.methods.len() == 2 && purge.allow.token.as_deref() == Some("secret"));
    let Action::Purge(purge) = &location(&config, "~ ^/purge(/.*)").action else { panic!("no purge") };
    assert!(purge.zone == main && purge.soft && purge.allow.addresses.is_none());
    let Action::Purge(purge) = &location(&config, "/purge-tags").action else { panic!("no purge") };
    assert!(matches!(purge.what, Purged::Tags(_)) && purge.allow.addresses.as_ref().map(Vec::len) == Some(3));
}

#[test]
fn what_a_cache_does_by_itself() {
    let mode = |text: &str| {
        let text = format!("defaults.cache.mode = \"{text}\"\n[[server]]\nreturn = [204]\n");
        let config =
            propylon_config::parse(&text, "a.toml").unwrap_or_else(|report| panic!("{report}")).config;
        config.servers[0].settings.cache.clone()
    };
    let (rfc, nginx) = (mode("rfc"), mode("nginx"));
    assert!(rfc.revalidate && rfc.habits.heuristic && rfc.habits.guard_stale && !rfc.habits.nginx);
    assert!(!nginx.revalidate && !nginx.habits.heuristic && !nginx.habits.guard_stale && nginx.habits.nginx);
    assert_eq!((rfc.use_stale.len(), nginx.use_stale.len()), (7, 0));
    assert_eq!((rfc.habits.targeted.len(), nginx.habits.targeted.len()), (1, 0));
    assert_eq!((rfc.status.as_deref(), nginx.status.as_deref()), (Some("propylon"), None));
    assert!(rfc.zone.is_none() && rfc.purge.is_none() && rfc.convert_head && rfc.methods.len() == 2);
    let alone = propylon_config::parse(
        "[cache_zone.a]\n[defaults.cache]\nzone = \"a\"\nvalid = \"1m\"\n[[server]]\ncache.zone = \"off\"\nreturn = [204]\n",
        "a.toml",
    );
    let alone = alone.unwrap_or_else(|report| panic!("{report}")).config.servers[0].settings.cache.clone();
    assert!(alone.zone.is_none(), "an inner level turns it off");
    assert_eq!(alone.valid[0].codes.as_ref().map(Vec::len), Some(3));
}

#[test]
fn transport() {
    let config = everything();
    let transport = &location(&config, "/").settings.upstream;
    assert_eq!(transport.http_version, UpstreamVersion::Http10);
    assert_eq!(transport.method.as_ref().map(propylon_config::Template::source), Some("PUT"));
    assert!(location(&config, "^~ /static/").settings.upstream.websocket);
    assert_eq!(transport.body.as_ref().map(|body| body.source()), Some("id=$request_id"));
    assert!(!transport.pass_headers && !transport.pass_body && transport.socket_keepalive);
    let defaults = &config.servers[1].settings.upstream;
    assert_eq!(defaults.http_version, UpstreamVersion::Http11);
    assert!(defaults.pass_headers && defaults.pass_body && !defaults.socket_keepalive && !defaults.websocket);
    assert!(location(&config, "^~ /static/").settings.upstream.websocket);
}

#[test]
fn targets() {
    let config = everything();
    let backend = Destination::Upstream("backend".into());
    assert_eq!((&target(&config, "/").to, &target(&config, "/").uri), (&backend, &None));
    let files = target(&config, "^~ /static/");
    assert_eq!((&files.to, files.uri.as_deref()), (&backend, Some("/files/")));
    let socket = target(&config, r"~* \.(png|jpe?g)$");
    assert_eq!(socket.to, Destination::Address(Address::Unix("/run/files.sock".into())));
    assert_eq!(&*socket.host, "unix:/run/files.sock");
    assert_eq!(target(&config, "/socket/").uri.as_deref(), Some("/under/"));
    let address = target(&config, "@fallback");
    assert_eq!((&*address.host, address.port, address.port_written), ("[::1]", 9000, true));
    let Action::ProxyPass(pass) = &location(&config, r"~ ^/user/(?<user>\w+)/(\d+)$").action else {
        panic!()
    };
    let ProxyPass::Template(template) = &pass.value else { panic!("it has variables") };
    assert_eq!(template.source(), "http://$tenant.internal:8080/$user/$2");
}

#[test]
fn answers() {
    let config = everything();
    let answer = |matcher: &str| match &location(&config, matcher).action {
        Action::Return(answer) => answer.value.clone(),
        _ => panic!("no answer"),
    };
    assert!(
        matches!(answer("= /healthz"), Return::Text { status: StatusCode::OK, text } if text.source() == "ok $uri")
    );
    assert!(matches!(answer("/moved"), Return::Redirect { status: StatusCode::PERMANENT_REDIRECT, .. }));
    assert!(
        matches!(answer("/away"), Return::Redirect { status: StatusCode::FOUND, url } if url.source() == "/elsewhere")
    );
    assert_eq!(answer("/closed"), Return::Close);
    assert!(location(&config, "^~ /static/").internal);
    assert!(!location(&config, "/").internal);
    assert!(matches!(location(&config, "= /healthz").matcher.value, LocationMatch::Exact(_)));
}

#[test]
fn questions() {
    let text = "[defaults]\nauth_request = { uri = \"/auth\", set = { A = \"$upstream_status\" } }\n\
        [[server]]\nroot = \"/srv\"\nlog_subrequest = true\n[[server.location]]\nmatch = \"/a\"\n\
        [[server.location]]\nmatch = \"/b\"\nauth_request.uri = \"off\"\n\
        [[server.location]]\nmatch = \"/c\"\nauth_request.set = { b = \"$a\", args = \"x\" }\n\
        [[server.location]]\nmatch = \"/d\"\nauth_request.uri = \"/other?x\"\n";
    let config = propylon_config::parse(text, "c").unwrap().config;
    let asked = |at: &str| {
        let settings = &location(&config, at).settings;
        assert!(settings.log_subrequest);
        let set = settings.auth_request.set.iter().map(|(name, value)| format!("{name}={}", value.source()));
        (settings.auth_request.uri.as_ref().map(|uri| uri.value.to_string()), set.collect::<Vec<_>>())
    };
    assert_eq!(asked("/a"), (Some("/auth".into()), vec!["a=$upstream_status".into()]));
    assert_eq!(asked("/b"), (None, vec!["a=$upstream_status".into()]));
    assert_eq!(asked("/c"), (Some("/auth".into()), vec!["b=$a".into(), "args=x".into()]));
    assert_eq!(asked("/d"), (Some("/other?x".into()), vec!["a=$upstream_status".into()]));
}

#[test]
fn access_logs() {
    let config = everything();
    let logs = &location(&config, r"~ ^/user/(?<user>\w+)/(\d+)$").settings.access_logs;
    assert_eq!(logs[0].target, LogTarget::Stdout);
    assert_eq!(logs[0].condition.as_ref().map(|condition| condition.source()), Some("$kind"));
    let LogTarget::Syslog(syslog) = &logs[1].target else { panic!("syslog") };
    assert_eq!(syslog.server, SyslogServer::Udp { host: "[::1]".into(), port: 5140 });
    assert_eq!(
        (syslog.facility, syslog.severity, &*syslog.tag, syslog.hostname),
        ("local3", "warn", "gate_1", false)
    );
    let LogTarget::Syslog(local) = &logs[2].target else { panic!("syslog") };
    assert_eq!(local.server, SyslogServer::Unix("/dev/log".into()));
    assert_eq!(
        (local.facility, local.severity, &*local.tag, local.hostname),
        ("local7", "info", "propylon", true)
    );
    assert!(location(&config, "= /healthz").settings.access_logs.is_empty());
}

#[test]
fn layout_makes_no_difference_but_values_do() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/good/everything.toml");
    let text = std::fs::read_to_string(path).expect("the file");
    let parse = |text: &str| {
        propylon_config::parse(text, "x.toml").unwrap_or_else(|report| panic!("{report}")).config
    };
    assert_eq!(parse(&text), parse(&format!("# moved\n\n{text}")));
    for (from, to) in [
        ("\"300ms\"", "\"301ms\""),
        ("$tenant\"]", "$user\"]"),
        ("/files/", "/file/"),
        ("\"image\"", "\"i\""),
    ] {
        assert_ne!(parse(&text), parse(&text.replacen(from, to, 1)), "{from}");
    }
}

#[test]
fn hosts_that_are_no_upstreams_are_names_to_resolve() {
    let to = |url: &str| {
        let text = format!(
            "[upstream.backend]\nserver = [{{ address = \"a.test\" }}]\n[[server]]\n[[server.location]]\nmatch = \"/\"\nproxy_pass = \"{url}\"\n"
        );
        let config = propylon_config::parse(&text, "x.toml").map_err(|report| report.to_string())?.config;
        Ok::<_, String>(target(&config, "/").to.clone())
    };
    let name = |host: &str, port| Ok(Destination::Address(Address::Name { host: host.into(), port }));
    assert_eq!(to("http://BACKEND"), Ok(Destination::Upstream("backend".into())));
    assert_eq!(to("http://backnd:80"), name("backnd", 80));
    assert_eq!(to("http://backnd.test"), name("backnd.test", 80));
    assert_eq!(to("http://frontend"), name("frontend", 80));
    assert_eq!(to("http://localhost"), name("localhost", 80));
    assert_eq!(
        to("http://127.0.0.1"),
        Ok(Destination::Address(Address::Socket(([127, 0, 0, 1], 80).into())))
    );
    assert!(to("http://backnd").is_err());
}

#[test]
fn a_dump_reads_as_the_same_configuration() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/good/everything.toml");
    let text = std::fs::read_to_string(path).expect("the file");
    let config = everything();
    // What the dump leaves out inherits nothing: it is put back as it was written.
    let start = text.find("[log_format]").expect("formats");
    let end = text.find("[limit_zone.requests]").expect("after the maps");
    let again = format!("{}\n{}", config.dump(), &text[start..end]);
    let again =
        propylon_config::parse(&again, "dump.toml").unwrap_or_else(|report| panic!("{report}\n{again}"));
    assert_eq!(again.config, config);
}

#[test]
fn a_dump_without_logs_reads_too() {
    let config = propylon_config::parse("[[server]]\nreturn = [204]\n", "x.toml").unwrap().config;
    let again =
        propylon_config::parse(&config.dump(), "dump.toml").unwrap_or_else(|report| panic!("{report}"));
    assert_eq!(again.config, config);
}

#[test]
fn what_only_pcre_reads_is_left_to_the_router() {
    for pattern in ["/{id}/x{,2}a{1", "{a}", r"[[a&&b~]", r"a\Z", r"\e", "(?'id'a)", "[]a]", r"\/a\-b"] {
        let text = ["[[server]]\n[[server.location]]\nmatch = \"\"\"~ ", "\"\"\"\nreturn = [204]\n"];
        let text = text.join(&pattern.replace('\\', "\\\\"));
        propylon_config::parse(&text, "x.toml").unwrap_or_else(|report| panic!("{report}"));
    }
}

#[test]
fn a_default_that_is_written_down_changes_no_upstream() {
    let upstream = |more: &str| {
        let text = format!(
            "[upstream.a]\nserver = [{{ address = \"127.0.0.1:81\" }}]\n{more}\n[[server]]\nreturn = [204]\n"
        );
        propylon_config::parse(&text, "test.toml").unwrap().config.upstreams["a"].clone()
    };
    assert_eq!(upstream(""), upstream("method = \"round_robin\"\nkeepalive_requests = 1000"));
    assert_ne!(upstream(""), upstream("method = \"least_conn\""));
}

#[test]
fn the_scheme_of_a_url_with_variables() {
    for (pass, expected) in [
        ("proxy_pass = \"HTTP://$host\"", Some(Scheme::Http)),
        ("proxy_pass = \"HTTPS://$host\"", Some(Scheme::Https)),
        ("proxy_pass = \"$arg_a\"", None),
        ("fastcgi_pass = \"$arg_a\"", Some(Scheme::FastCgi)),
        ("grpc_pass = \"$arg_a\"", Some(Scheme::Grpc)),
        ("grpc_pass = \"GRPCS://$arg_a\"", Some(Scheme::Grpcs)),
    ] {
        let text = format!("[[server]]\n[[server.location]]\nmatch = \"/\"\n{pass}\n");
        let config = propylon_config::parse(&text, "test.toml").unwrap().config;
        let Action::ProxyPass(found) = &config.servers[0].locations[0].action else { panic!("{pass}") };
        assert_eq!(found.value.scheme(), expected, "{pass}");
    }
}

#[test]
fn grpc_is_http_2_both_ways() {
    let config = everything();
    let location = config.locations().find(|location| location.matcher.value.to_string() == "/test.Echo/");
    let location = location.expect("the location with grpc_pass");
    let Action::ProxyPass(pass) = &location.action else { panic!("{:?}", location.action) };
    assert!(pass.value.is_grpc() && !pass.value.is_fastcgi());
    let settings = &location.settings;
    assert_eq!(settings.upstream.http_version, UpstreamVersion::Http2);
    assert!(!settings.buffer.request && !settings.buffer.response);
    assert!(settings.redirect.rules.is_empty() && !settings.upstream.websocket);
    let told = settings.effective.find("buffer.request").expect("a key").to_string();
    assert!(
        told.starts_with("buffer.request = false # line ") && told.ends_with(", [[server.location]]"),
        "{told}"
    );
}

#[test]
fn grpc_keeps_nothing_unless_it_is_told_to() {
    let zone = |own: &str| {
        let text = format!(
            "[cache_zone.z]\npath = \"/tmp/z\"\n[[server]]\ncache.zone = \"z\"\n[[server.location]]\nmatch = \"/\"\n\
             grpc_pass = \"127.0.0.1:1\"\n{own}\n"
        );
        let loaded = propylon_config::parse(&text, "x.toml").unwrap_or_else(|report| panic!("{report}"));
        let settings = loaded.config.locations().next().unwrap().settings.clone();
        (settings.cache.zone.is_some(), settings.effective.find("cache.zone").unwrap().value.to_string())
    };
    assert_eq!(zone(""), (false, "\"off\"".to_owned()));
    assert_eq!(zone("cache.zone = \"z\""), (true, "\"z\"".to_owned()));
}

#[test]
fn traces() {
    let config = everything();
    let exporter = config.trace_exporter.as_ref().unwrap();
    assert_eq!(exporter.protocol, TraceProtocol::HttpProtobuf);
    assert_eq!((exporter.interval, exporter.timeout), (Duration::from_secs(1), Duration::from_secs(3)));
    assert_eq!((exporter.batch_size, exporter.queue, &*exporter.service_name), (100, 1000, "edge"));
    assert!(exporter.gzip);
    let (name, value) = &exporter.headers[0];
    assert_eq!((name.as_str(), value.as_bytes()), ("authorization", &b"Bearer secret"[..]));
    let trace = &location(&config, "/").settings.trace;
    assert!(matches!(&trace.on, TraceOn::If(template) if template.source() == "$arg_trace"));
    assert_eq!((trace.ratio, trace.parent_based, trace.extract, trace.inject), (0.00125, false, true, true));
    assert_eq!(trace.attributes[0].1.source(), "$tenant");

    // What is read and passed on follows from whether anything is traced, unless it is said.
    let check = |trace: &str, expected: [bool; 3]| {
        let text = format!(
            "[trace_exporter]\nendpoint = \"a\"\n[[server]]\nlisten = [\"80\"]\nreturn = [204]\ntrace = {{ {trace} }}\n"
        );
        let config = propylon_config::parse(&text, "").unwrap_or_else(|report| panic!("{report}")).config;
        let trace = &config.servers[0].settings.trace;
        assert_eq!([trace.extract, trace.inject, config.servers[0].traces()], expected, "{trace:?}");
    };
    check("", [false, false, false]);
    check("on = true", [true, true, true]);
    check("on = \"$arg_a\"", [true, true, true]);
    check("on = true, context = \"ignore\"", [false, false, true]);
    check("on = false, context = \"inject\"", [false, true, true]);
    check("context = \"extract\"", [true, false, true]);
}

#[test]
fn certificates_of_acme() {
    let server = |names: &str, acme: &str| {
        format!("[[server]]\nname = [{names}]\nlisten = [\"443 tls\"]\ntls.acme = {acme}\nreturn = [204]\n")
    };
    let text = "[acme]\nstate_path = \"/var/acme\"\naccept_terms_of_service = true\ncontact = [\"a@b.test\", \"tel:1\"]\n".to_owned()
        + "[[server]]\nlisten = [\"80\"]\nname = [\"*.test\"]\nreturn = [204]\n"
        + &server("\"A.test\", \"\", \"[::1]\"", "true")
        + &server("\"*.test\"", "[\"b.test\", \"C.test\", \"B.test\"]")
        + &server("\"[::1]\"", "[\"2001:DB8:0:0::1\", \"2001:db8::1\", \"::FFFF:10.0.0.1\"]")
        + &server("\"a.test\", \"d.test\"", "true");
    let config = propylon_config::parse(&text, "").unwrap_or_else(|report| panic!("{report}")).config;
    let acme = config.acme.as_ref().unwrap();
    assert_eq!(&*acme.directory, "https://acme-v02.api.letsencrypt.org/directory");
    assert_eq!(acme.contacts, ["mailto:a@b.test".into(), "tel:1".into()]);
    let certificates: Vec<String> = acme.certificates.iter().map(|names| names.join(" ")).collect();
    assert_eq!(certificates, ["a.test ::1 d.test", "b.test c.test", "2001:db8::1 ::ffff:10.0.0.1"]);
    let files = config.servers.iter().flat_map(|server| &server.tls.certificates);
    let files: Vec<&str> = files.map(|one| one.certificate.source()).collect();
    let a = "/var/acme/certificates/a.test.pem";
    let b = "/var/acme/certificates/b.test.pem";
    assert_eq!(files, [a, b, "/var/acme/certificates/2001:db8::1.pem", a]);
    assert!(
        config.dump().contains("[acme]") || config.dump().contains("acme.state_path"),
        "{}",
        config.dump()
    );
}

/// Tables hold tables, and locations hold locations.
#[test]
fn a_configuration_can_be_printed() {
    assert!(format!("{:?}", everything()).contains("Table(\"server.location\")"));
}
