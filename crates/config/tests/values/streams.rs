//! Streams: what is read of a `[[stream]]`.

use std::time::Duration;

use propylon_config::{AccessLog, Amount, Config, Destination, Peer, StreamAction, StreamPass};

use crate::support::everything;

fn parse(text: &str) -> Config {
    propylon_config::parse(text, "text").unwrap_or_else(|report| panic!("{report}")).config
}

#[test]
fn a_stream() {
    let config = everything();
    let [stream, _, other, _] = &config.streams[..] else { panic!("{}", config.streams.len()) };
    let pass = stream.pass().unwrap();
    assert_eq!((pass.is_secure(), pass.upstream()), (true, Some("backend")));
    assert!(stream.preread && stream.half_close);
    assert_eq!((stream.preread_buffer_size, stream.buffer_size), (4 << 10, 32 << 10));
    let timeout = &stream.timeout;
    assert_eq!([timeout.connect, timeout.idle, timeout.preread].map(|time| time.as_secs()), [5, 3600, 3]);
    assert_eq!([timeout.proxy_protocol, timeout.handshake].map(|time| time.as_secs()), [4, 6]);
    assert_eq!(stream.settings.timeout.connect, Duration::from_secs(5));
    assert!(stream.retry.on);
    assert_eq!(stream.retry.tries.map(Into::into), Some(2_usize));
    assert_eq!(stream.retry.timeout, Some(Duration::from_secs(10)));
    assert_eq!(stream.upload_rate, Some(Amount::Fixed(1 << 20)));
    assert!(matches!(&stream.download_rate, Some(Amount::Template(rate)) if rate.source() == "$rate"));
    assert!(matches!(&stream.real_ip_from[..], [Peer::Net(_), Peer::Unix]));
    assert_eq!(stream.tls.certificates.len(), 1);
    let settings = &stream.settings;
    assert_eq!(settings.access.rules.len(), 3);
    assert_eq!(
        (&*settings.limit.connections[0].zone.name, settings.limit.connections[0].max),
        ("clients", 10)
    );
    assert!(settings.limit.connections_over.dry_run);
    assert_eq!(settings.upstream.bind.as_ref().map(|bind| bind.address.source()), Some("10.0.0.2"));
    assert_eq!(settings.upstream.proxy_protocol, Some(2));
    assert!(settings.upstream.socket_keepalive && settings.upstream.tls.verify);
    assert!(settings.resolver.is_some());
    let [AccessLog { format, condition: Some(condition), .. }] = &settings.access_logs[..] else { panic!() };
    assert_eq!((&*format.name, condition.source()), ("stream", "$status"));
    assert!(
        matches!(&other.action.value, StreamAction::Return(text) if text.source() == "$remote_addr $protocol\n")
    );
}

#[test]
fn what_nobody_writes() {
    let config = parse("[[stream]]\nlisten = [\"1\"]\nproxy_pass = \"db.example.com:3306\"\n");
    let stream = &config.streams[0];
    let seconds = [stream.timeout.connect, stream.timeout.idle, stream.timeout.preread];
    assert_eq!(seconds.map(|time| time.as_secs()), [60, 600, 30]);
    let seconds = [stream.timeout.proxy_protocol, stream.timeout.handshake];
    assert_eq!(seconds.map(|time| time.as_secs()), [30, 60]);
    assert!(stream.retry.on && stream.retry.tries.is_none() && stream.retry.timeout.is_none());
    assert_eq!((stream.buffer_size, stream.preread_buffer_size), (16 << 10, 16 << 10));
    assert!(!stream.preread && !stream.half_close && stream.upload_rate.is_none());
    assert!(stream.settings.access_logs.is_empty() && stream.settings.upstream.proxy_protocol.is_none());
}

#[test]
fn an_address_is_a_streams() {
    let config = parse(
        "[[stream]]\nlisten = [\"1\", \"2 tls reuseport\"]\nreturn = \"a\"\ntls.reject_handshake = true\n[[server]]\nlisten = [\"3\"]\nreturn = [204]\n[[stream]]\nlisten = [\"unix:/a\"]\nreturn = \"b\"\n",
    );
    let found: Vec<_> = (config.listeners.iter())
        .map(|listener| (listener.address.to_string(), listener.servers.clone(), listener.stream))
        .collect();
    let expected = [
        ("0.0.0.0:3".to_owned(), vec![0], None),
        ("0.0.0.0:1".to_owned(), vec![], Some(0)),
        ("0.0.0.0:2".to_owned(), vec![], Some(0)),
        ("unix:/a".to_owned(), vec![], Some(1)),
    ];
    assert_eq!(found, expected);
    assert!(config.listeners[2].tls && config.listeners[2].reuseport && !config.listeners[1].tls);
}

#[test]
fn where_connections_go() {
    fn check(pass: &str, expected: &StreamPass) {
        let text = format!(
            "[upstream.db]\nserver = [{{ address = \"127.0.0.1:1\" }}]\n[[stream]]\nlisten = [\"1\"]\nproxy_pass = \"{pass}\"\n"
        );
        assert_eq!(parse(&text).streams[0].pass(), Some(expected), "{pass}");
    }
    let address = |text: &str| {
        let text =
            format!("[upstream.x]\nserver = [{{ address = \"{text}\" }}]\n[[server]]\nreturn = [204]\n");
        Destination::Address(parse(&text).upstreams["x"].servers[0].address.value.clone())
    };
    let to = |secure, to| StreamPass::Static { secure, to };
    check("DB", &to(false, Destination::Upstream("db".into())));
    check("tls://db", &to(true, Destination::Upstream("db".into())));
    check("127.0.0.1:5", &to(false, address("127.0.0.1:5")));
    check("tls://[::1]:5", &to(true, address("[::1]:5")));
    check("db.example.com:5", &to(false, address("db.example.com:5")));
    check("unix:/run/db.sock", &to(false, address("unix:/run/db.sock")));
    let target = propylon_vars::Definitions::default()
        .template("$ssl_preread_server_name:443", propylon_vars::Context::Request)
        .unwrap();
    check("tls://$ssl_preread_server_name:443", &StreamPass::Dynamic { secure: true, target });
}

#[test]
fn whose_health_is_a_connection() {
    let config = parse(
        "[upstream.a]\nserver = [{ address = \"127.0.0.1:1\" }]\n[upstream.b]\nserver = [{ address = \"127.0.0.1:1\" }]\n\
         [upstream.c]\nserver = [{ address = \"127.0.0.1:1\" }]\n[[server]]\n[[server.location]]\nmatch = \"/\"\nproxy_pass = \"http://b\"\n\
         [[stream]]\nlisten = [\"1\"]\nproxy_pass = \"a\"\n[[stream]]\nlisten = [\"2\"]\nproxy_pass = \"b\"\n",
    );
    assert_eq!(["a", "b", "c"].map(|name| config.is_of_streams(name)), [true, false, false]);
}

#[test]
fn whose_health_is_a_connection_where_variables_name_upstreams() {
    fn check(pass: &str, location: &str, expected: [bool; 2]) {
        let config = parse(&format!(
            "[upstream.a]\nserver = [{{ address = \"127.0.0.1:1\" }}]\n[upstream.b]\nserver = [{{ address = \"127.0.0.1:1\" }}]\n\
             [[server]]\n[[server.location]]\nmatch = \"/\"\n{location}\n\
             [[stream]]\nlisten = [\"1\"]\npreread = true\nproxy_pass = \"{pass}\"\n"
        ));
        assert_eq!(["a", "b"].map(|name| config.is_of_streams(name)), expected, "{pass}, {location}");
    }
    let (none, name) = ("return = [204]", "$ssl_preread_server_name");
    check(name, none, [true, true]);
    check("127.0.0.1:5", none, [false, false]);
    check("$ssl_preread_server_name:443", none, [false, false]);
    check("a$ssl_preread_alpn_protocols", none, [true, false]);
    check(name, "proxy_pass = \"http://b\"", [true, false]);
    check(name, "proxy_pass = \"http://b/$request_uri\"", [true, false]);
    check(name, "proxy_pass = \"http://b$request_uri\"", [true, false]);
    check(name, "proxy_pass = \"http://$http_x/\"", [false, false]);
    check("a", "proxy_pass = \"http://$http_x/\"", [true, false]);
    check("a", "proxy_pass = \"http://a/$request_uri\"", [false, false]);
}

#[test]
fn sessions_of_udp() {
    let config = parse(
        "[upstream.a]\nserver = [{ address = \"127.0.0.1:1\" }]\n[upstream.b]\nserver = [{ address = \"127.0.0.1:1\" }]\n\
         [[stream]]\nlisten = [\"53\", \"53 udp\", \"[::1]:53 udp reuseport\"]\nproxy_pass = \"a\"\nhalf_close = true\n\
         [[stream]]\nlisten = [\"514 udp\"]\nproxy_pass = \"b\"\nresponses = 0\nrequests = 3\nlimit.sessions = 9\n",
    );
    let addresses: Vec<_> = config.listeners.iter().map(|listener| listener.address.to_string()).collect();
    assert_eq!(addresses, ["0.0.0.0:53", "udp:0.0.0.0:53", "udp:[::1]:53", "udp:0.0.0.0:514"]);
    assert!(config.listeners.iter().all(|listener| !listener.tls));
    let all: Vec<_> = config.streams.iter().map(|stream| stream.datagrams).collect();
    let of = |at: usize| (all[at].requests.map(|most| most.get()), all[at].responses, all[at].sessions.get());
    assert_eq!([of(0), of(1)], [(None, None, 8192), (Some(3), Some(0), 9)]);
    assert_eq!(["a", "b"].map(|name| config.is_of_streams(name)), [true, true]);
    assert_eq!(["a", "b"].map(|name| config.is_of_udp(name)), [false, true]);
}
