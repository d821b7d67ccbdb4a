//! Servers and locations, and what they say of requests.

use std::time::Duration;

use http::{HeaderName, StatusCode};
use propylon_config::{
    Action, Amount, Forwarded, LocationMatch, LogLevel, Peer, RealIpHeader, RequestRate, Return, ServerName,
    Template,
};

use crate::support::{everything, location};

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
fn listeners_and_names() {
    let config = everything();
    let addresses: Vec<String> =
        config.listeners.iter().map(|listener| listener.address.to_string()).collect();
    let expected = [
        "0.0.0.0:80",
        "[::]:80",
        "unix:/run/propylon.sock",
        "127.0.0.1:8080",
        "0.0.0.0:443",
        "127.0.0.1:3306",
        "[::]:3306",
        "unix:/run/db.sock",
        "0.0.0.0:53",
        "udp:0.0.0.0:53",
        "udp:[::]:53",
        "0.0.0.0:7",
        "127.0.0.1:6380",
    ];
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
    assert!(!defaults.real_ip_recursive && defaults.underscores && !defaults.ignore_invalid);
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
fn tokens() {
    let text = "[jwt_claim_set]\nemail = [\"info\", \"e-mail\"]\n[defaults]\n\
        auth_jwt = { realm = \"r\", token = \"$arg_t\", key_file = [\"k\"], key_cache = \"1m\", require = [{ values = [\"$email\"] }] }\n\
        [[server]]\nroot = \"/srv\"\n[[server.location]]\nmatch = \"/a\"\n\
        [[server.location]]\nmatch = \"/b\"\nauth_jwt = { realm = \"off\", token = \"\", leeway = \"5s\" }\n\
        [[server.location]]\nmatch = \"/c\"\nauth_jwt = { key_file = [], key_request = [\"/a/keys?x\"], key_cache = \"0\", require = [] }\n";
    let config = propylon_config::parse(text, "c").unwrap().config;
    let of = |at: &str| location(&config, at).settings.auth_jwt.clone();
    let source = |template: Option<&Template>| template.map(|template| template.source().to_owned());
    let a = of("/a");
    assert_eq!(source(a.realm.as_ref().map(|realm| &realm.value)), Some("r".into()));
    assert_eq!(
        (source(a.token.as_ref()), source(a.key_file.first())),
        (Some("$arg_t".into()), Some("k".into()))
    );
    assert_eq!((a.key_cache, a.leeway), (Some(Duration::from_secs(60)), Duration::ZERO));
    let required: Vec<_> =
        a.require.iter().map(|all| (source(all.values.first()), all.error.as_u16())).collect();
    assert_eq!(required, [(Some("$email".into()), 401)]);
    let b = of("/b");
    assert_eq!((b.realm, b.token, b.leeway), (None, None, Duration::from_secs(5)));
    let c = of("/c");
    assert_eq!(c.key_request.first().map(|uri| uri.value.to_string()), Some("/a/keys?x".into()));
    assert!(c.key_file.is_empty() && c.key_cache.is_none() && c.require.is_empty() && c.realm.is_some());
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
fn logins() {
    let text = "[keyval_zone.sessions]\n[oidc_provider.a]\nissuer = \"https://id.test/r\"\nclient_id = \"us\"\n\
        [oidc_provider.b]\nissuer = \"https://b.test\"\nclient_id = \"us\"\nclient_secret = \"s\"\nredirect_uri = \"https://app.test/in/back\"\n\
        scope = [\"email\"]\nsession_store = \"sessions\"\nsession_timeout = \"1h\"\npkce = false\ntls.crl = \"/crl\"\n\
        [defaults]\nauth_oidc = \"a\"\n[[server]]\nroot = \"/srv\"\n[[server.location]]\nmatch = \"/a\"\n\
        [[server.location]]\nmatch = \"/b\"\nauth_oidc = \"b\"\n[[server.location]]\nmatch = \"/off\"\nauth_oidc = \"off\"\n";
    let config = propylon_config::parse(text, "c").unwrap().config;
    let of = |at: &str| location(&config, at).settings.auth_oidc.clone();
    let a = of("/a").unwrap();
    assert_eq!((&*a.name, &**a.cookie_name, a.callback()), ("a", "NGX_OIDC_SESSION", "/oidc_callback"));
    assert_eq!(
        (a.client_secret.clone(), a.pkce, a.session_timeout),
        (None, None, Duration::from_secs(8 * 3600))
    );
    assert_eq!(a.scope, ["openid".into()]);
    assert!(a.tls.verify && a.tls.server_name && a.tls.verify_depth == 6);
    let b = of("/b").unwrap();
    assert_eq!((b.callback(), b.pkce), ("/in/back", Some(false)));
    assert_eq!(b.client_secret.as_ref().map(propylon_config::Secret::reveal), Some("s"));
    assert!(!format!("{b:?}").contains("\"s\""), "secrets are not shown");
    assert_eq!(b.session_store.as_ref().map(|zone| &*zone.name), Some("sessions"));
    assert_eq!(b.tls.crl.as_deref(), Some(std::path::Path::new("/crl")));
    assert_eq!(of("/off"), None);
}
