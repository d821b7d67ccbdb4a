//! The value of each variable, with nginx's own as the expectation.

mod support;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, StatusCode, Version};
use propylon_exchange::{
    Address, ClientCertificate, Connection, End, Exchange, Head, Keep, Place, ProxyHost, ProxyProtocol,
    Refused, Tls,
};
use propylon_vars::{
    Context, Definitions, Limited, set_connections_limited, set_limit_rate, set_requests_limited, set_uri,
};
use support::{connection, headers, ip, logged, on, placed, request};
use tokio::time::Instant;

fn value(template: &str, exchange: &Exchange) -> String {
    logged(&Definitions::default(), template, exchange)
}

#[tokio::test]
async fn the_request() {
    let fields = [("host", "Example.com:8080"), ("content-type", "text/plain"), ("content-length", "12")];
    let exchange = request("/a%20b?c=d", &fields);
    let check =
        |template: &str, expected: &str| assert_eq!(value(template, &exchange), expected, "{template}");
    check("$request", "GET /a%20b?c=d HTTP/1.1");
    check("$request_method", "GET");
    check("$request_uri", "/a%20b?c=d");
    check("$server_protocol", "HTTP/1.1");
    check("$http_host", "Example.com:8080");
    check("$content_type", "text/plain");
    check("$content_length", "12");
    check("$http_content_type", "text/plain");
    check("$scheme", "http");
    check("$https", "");
    check("$pipe", ".");
    check("$connection", "77");
    check("$connection_requests", "3");
    check("$request_length", "100");
    check("$HOST$Request_Method", "GET");
    exchange.body_received(12);
    check("$request_length", "112");
}

#[tokio::test]
async fn limits() {
    let exchange = request("/", &[]);
    let all = "$limit_rate $limit_req_status $limit_conn_status";
    assert_eq!(value(all, &exchange), "0 - -");
    set_limit_rate(&exchange, 4096);
    set_requests_limited(&exchange, Limited::DelayedDryRun);
    set_connections_limited(&exchange, Limited::Rejected);
    assert_eq!(value(all, &exchange), "4096 DELAYED_DRY_RUN REJECTED");
}

#[tokio::test]
async fn the_port_that_the_client_wrote() {
    #[track_caller]
    fn check(target: &'static str, host: &str, expected: &str) {
        let fields = [("host", host)];
        let exchange = request(target, if host.is_empty() { &[] } else { &fields });
        assert_eq!(value("$is_request_port$request_port", &exchange), expected, "{target} {host}");
    }
    check("/", "a.test:8080", ":8080");
    check("/", "a.test", "-");
    check("/", "a.test:", "-");
    check("/", "[::1]", "-");
    check("/", "[::1]:81", ":81");
    check("/", "", "-");
    check("http://a.test:8080", "a.test:9000", ":8080");
    check("http://a.test/x:1", "a.test:9000", "-");
}

#[tokio::test]
async fn the_body_if_it_is_kept() {
    let exchange = request("/", &[]);
    exchange.request_body_came("abc".into());
    assert_eq!(value("$request_body", &exchange), "-", "nobody asked for it");
    let template = Definitions::default().template("$request_body", Context::Log).unwrap();
    assert!(template.shows_request_body());
    exchange.keep(template.needs());
    exchange.request_body_came("abc".into());
    assert_eq!(value("<$request_body>", &exchange), "<abc>");
    assert_eq!(template.eval(&exchange), "abc");
}

#[tokio::test(start_paused = true)]
async fn how_long_the_connection_exists() {
    let exchange = request("/", &[]);
    tokio::time::advance(Duration::from_millis(1234)).await;
    assert_eq!(value("$connection_time", &exchange), "1.234");
}

#[tokio::test]
async fn path_and_arguments() {
    // nginx's log of the same requests: what the gateway tells is on the left.
    fn check(uri: &str, args: Option<&str>, expected: &str) {
        let exchange = request("/", &[]);
        set_uri(&exchange, uri.to_owned().into(), args.map(|args| args.to_owned().into()));
        let found = value("$uri $document_uri $args $is_args $query_string $arg_a $arg_A", &exchange);
        assert_eq!(found, expected, "{uri} {args:?}");
    }
    check("/", None, "/ / -  - - -");
    check("/", Some(""), "/ /    - -");
    check("/", Some("a=1"), "/ / a=1 ? a=1 1 1");
    check("/", Some("A=1"), "/ / A=1 ? A=1 1 1");
    check("/", Some("a&a=2"), "/ / a&a=2 ? a&a=2 2 2");
    check("/", Some("xa=1&a="), "/ / xa=1&a= ? xa=1&a=  ");
    check("/", Some("b=1;a=2"), "/ / b=1;a=2 ? b=1;a=2 - -");
    check("/a b/d", Some("e"), "/a b/d /a b/d e ? e - -");
}

#[tokio::test]
async fn nothing_is_known_of_the_path_before_it_was_read() {
    assert_eq!(value("$uri|$args|$is_args|$arg_a", &request("/x?a=1", &[])), "-|-||-");
}

#[tokio::test]
async fn request_uri_of_an_absolute_form() {
    fn check(target: &'static str, expected: &str) {
        assert_eq!(value("$request_uri", &request(target, &[])), expected);
    }
    check("http://abs.example/p?q", "/p?q");
    check("http://abs.example", "/");
    check("http://abs.example?z", "?z");
}

#[tokio::test]
async fn fields_and_cookies() {
    fn check(fields: &[(&str, &str)], template: &str, expected: &str) {
        assert_eq!(value(template, &request("/", fields)), expected, "{fields:?} {template}");
    }
    check(&[], "$http_x", "-");
    check(&[("x", "")], "$http_x", "");
    check(&[("x", "1"), ("x", "2")], "$http_x", "1, 2");
    check(&[("x-y", "1")], "$http_x_y", "1");
    check(&[("x_y", "1")], "$http_x_y", "1");
    check(&[("cookie", "a=1"), ("cookie", "b=2")], "$http_cookie", "a=1; b=2");
    check(&[("cookie", "A = 1 ;b=2")], "$cookie_a", "1 ");
    check(&[("cookie", "b=1"), ("cookie", "a=2")], "$cookie_A", "2");
    check(&[("cookie", "aa=1;a=2")], "$cookie_a", "2");
    check(&[("cookie", "a=")], "$cookie_a", "");
    check(&[("cookie", "b=1")], "$cookie_a", "-");
    check(&[("authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ")], "$remote_user", "Aladdin");
    check(&[("authorization", "Basic OmI=")], "$remote_user", "-");
    check(&[], "$remote_user", "-");
}

#[tokio::test]
async fn the_user_that_authenticated_comes_first() {
    let exchange = request("/", &[("authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ")]);
    exchange.set_user("jasmine".into());
    assert_eq!(value("$remote_user", &exchange), "jasmine");
}

#[tokio::test]
async fn forwarded_for() {
    fn check(fields: &[(&str, &str)], expected: &str) {
        assert_eq!(value("$proxy_add_x_forwarded_for", &request("/", fields)), expected);
    }
    check(&[], "192.0.2.1");
    check(&[("x-forwarded-for", "10.0.0.1")], "10.0.0.1, 192.0.2.1");
    check(
        &[("x-forwarded-for", "10.0.0.1"), ("x-forwarded-for", "10.0.0.2")],
        "10.0.0.1, 10.0.0.2, 192.0.2.1",
    );
    check(&[("x-forwarded-for", "")], ", 192.0.2.1");
}

#[tokio::test]
async fn the_host_is_told_or_the_servers_name() {
    let check = |server_name: Option<&str>, host: Option<&'static str>, expected: &str| {
        let place = Place {
            server_name: server_name.map(Into::into),
            host: host.map(Into::into),
            ..Default::default()
        };
        let exchange = placed(place, connection(), "/", &[("host", "A:80")]);
        assert_eq!(value("$host|$server_name", &exchange), expected);
    };
    check(None, None, "|");
    check(Some("sn.example"), None, "sn.example|sn.example");
    check(Some("sn.example"), Some("a"), "a|sn.example");
}

#[tokio::test]
async fn both_ends_of_the_connection() {
    const ALL: &str =
        "$remote_addr $remote_port $realip_remote_addr $realip_remote_port $server_addr $server_port";
    let exchange = request("/", &[]);
    assert_eq!(value(ALL, &exchange), "192.0.2.1 50000 192.0.2.1 50000 198.51.100.9 8080");
    exchange.set_client(ip("2001:db8::1"));
    assert_eq!(value(ALL, &exchange), "2001:db8::1  192.0.2.1 50000 198.51.100.9 8080");
    let exchange = on(Connection::new(1, Address::unix(), Address::unix()), "/", &[]);
    assert_eq!(value(ALL, &exchange), "unix:  unix:  unix: ");
}

#[tokio::test]
async fn addresses_as_bytes() {
    fn check(address: Address, expected: &[u8]) {
        let exchange = request("/", &[]);
        exchange.set_client(address);
        let definitions = Definitions::default();
        let template = definitions.template("$binary_remote_addr", propylon_vars::Context::Request).unwrap();
        assert_eq!(template.eval(&exchange), expected);
    }
    check(ip("1.2.3.4"), &[1, 2, 3, 4]);
    check(ip("::1"), &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    check(Address::unix(), b"unix:");
}

#[tokio::test]
async fn behind_a_proxy_that_tells() {
    const ALL: &str =
        "$proxy_protocol_addr $proxy_protocol_port $proxy_protocol_server_addr $proxy_protocol_server_port";
    const TLVS: &str = "$proxy_protocol_tlv_alpn $proxy_protocol_tlv_0xAE $proxy_protocol_tlv_ssl_verify";
    let mut connection = connection();
    let plain = on(connection.clone(), "/", &[]);
    assert_eq!(value(&format!("{ALL} {TLVS}"), &plain), "- - - - - - -");
    connection.proxy_protocol = Some(Box::new(ProxyProtocol {
        client: "[::ffff:192.0.2.7]:0".parse().unwrap(),
        server: "198.51.100.1:443".parse().unwrap(),
        tlvs: (*b"\x01\0\x02h2\xae\0\x01x").into(),
    }));
    let told = on(connection, "/", &[]);
    assert_eq!(value(ALL, &told), "::ffff:192.0.2.7  198.51.100.1 443");
    assert_eq!(value(TLVS, &told), "h2 x -");
    assert_eq!(value("$remote_addr $realip_remote_addr", &told), "192.0.2.1 192.0.2.1");
}

#[tokio::test]
async fn over_tls() {
    let mut connection = connection();
    let plain = on(connection.clone(), "/", &[]);
    assert_eq!(value("$scheme $https $ssl_protocol $ssl_session_reused", &plain), "http  - -");
    connection.tls = Some(Tls {
        protocol: "TLSv1.3",
        cipher: "TLS_AES_128_GCM_SHA256",
        server_name: Some("a.test".into()),
        resumed: true,
        ..Tls::default()
    });
    let secured = on(connection, "/", &[]);
    assert_eq!(
        value("$ssl_client_verify $ssl_client_serial $ssl_curve $ssl_early_data", &secured),
        "NONE - - -"
    );
    assert_eq!(value("$scheme $https", &secured), "https on");
    assert_eq!(
        value("$ssl_protocol $ssl_cipher $ssl_server_name $ssl_session_reused", &secured),
        "TLSv1.3 TLS_AES_128_GCM_SHA256 a.test r"
    );
}

#[tokio::test]
async fn a_clients_certificate() {
    let certificate = |refused| ClientCertificate {
        refused,
        pem: "-----BEGIN-----\na+/=\n-----END-----\n".into(),
        subject: "CN=me".into(),
        subject_legacy: "/CN=me".into(),
        issuer: "CN=you".into(),
        serial: "0A".into(),
        end_seconds: i64::MAX,
        ..ClientCertificate::default()
    };
    let with = |client| {
        let mut connection = connection();
        connection.tls =
            Some(Tls { client: Some(Box::new(client)), alpn: Some((*b"h2").into()), ..Tls::default() });
        on(connection, "/", &[])
    };
    let good = with(certificate(None));
    assert_eq!(
        value(
            "$ssl_client_verify $ssl_client_s_dn $ssl_client_s_dn_legacy $ssl_client_i_dn $ssl_client_serial",
            &good
        ),
        "SUCCESS CN=me /CN=me CN=you 0A"
    );
    assert_eq!(value("$ssl_client_raw_cert", &good), "-----BEGIN-----\na+/=\n-----END-----\n");
    assert_eq!(value("$ssl_client_cert", &good), "-----BEGIN-----\n\ta+/=\n\t-----END-----");
    assert_eq!(value("$ssl_client_escaped_cert", &good), "-----BEGIN-----%0Aa%2B%2F%3D%0A-----END-----%0A");
    assert!(value("$ssl_client_v_remain", &good).parse::<u64>().unwrap() > 1_000_000);
    assert_eq!(value("$ssl_alpn_protocol", &good), "h2");
    let refused = with(ClientCertificate {
        end_seconds: 5,
        ..certificate(Some(Refused { code: 10, reason: "certificate has expired", for_trust: false }))
    });
    assert_eq!(
        value("$ssl_client_verify $ssl_client_v_remain", &refused),
        "FAILED:certificate has expired 0"
    );
}

#[tokio::test]
async fn the_response() {
    let exchange = request("/", &[]);
    exchange.keep(Keep::SENT_HEAD);
    assert_eq!(value("$status $sent_http_x $request_completion", &exchange), "000 - ");
    exchange.responded(StatusCode::NOT_FOUND, &headers(&[("x", "1"), ("x", "2")]));
    exchange.body_sent(10);
    exchange.set_sent(150, 10);
    assert_eq!(value("$status $sent_http_x $sent_http_y", &exchange), "404 1, 2 -");
    assert_eq!(value("$body_bytes_sent $bytes_sent", &exchange), "10 150");
    exchange.ended(End::Complete);
    assert_eq!(value("$request_completion", &exchange), "OK");
}

#[tokio::test]
async fn a_client_that_left() {
    fn check(head: Option<StatusCode>, expected: &str) {
        let exchange = request("/", &[]);
        if let Some(status) = head {
            exchange.responded(status, &headers(&[]));
        }
        exchange.ended(End::ClientClosed);
        assert_eq!(value("$status", &exchange), expected);
    }
    check(None, "499");
    check(Some(StatusCode::OK), "200");
}

#[tokio::test]
async fn a_request_that_never_had_a_head() {
    let connection = Arc::new(connection());
    let place = Place { server_name: Some("sn".into()), ..Default::default() };
    let exchange = Exchange::rejected(place, connection.clone(), 1, Instant::now(), "FOO".into(), 7);
    assert_eq!(
        value("$request|$request_method|$request_uri|$server_protocol|$http_x|$cookie_x|$host", &exchange),
        "FOO|-|-|-|-|-|sn"
    );
    assert_eq!(
        value("$request_length $remote_addr $proxy_add_x_forwarded_for", &exchange),
        "7 192.0.2.1 192.0.2.1"
    );
    let exchange = Exchange::rejected(Place::default(), connection, 1, Instant::now(), Bytes::new(), 0);
    assert_eq!(value("$request", &exchange), "-");
}

#[tokio::test]
async fn protocols() {
    fn check(version: Version, expected: &str) {
        let head = Head {
            method: Method::POST,
            target: "/".into(),
            version,
            headers: headers(&[]).into(),
            bytes: 0,
        };
        let exchange = Exchange::new(Arc::new(connection()), 1, Instant::now(), head);
        assert_eq!(value("$server_protocol|$request", &exchange), expected);
    }
    check(Version::HTTP_10, "HTTP/1.0|POST / HTTP/1.0");
    check(Version::HTTP_2, "HTTP/2.0|POST / HTTP/2.0");
}

#[tokio::test(start_paused = true)]
async fn request_time_runs_until_the_end() {
    let exchange = request("/", &[]);
    assert_eq!(value("$request_time", &exchange), "0.000");
    tokio::time::advance(Duration::from_millis(1234)).await;
    assert_eq!(value("$request_time", &exchange), "1.234");
    exchange.ended(End::Complete);
    tokio::time::advance(Duration::from_secs(60)).await;
    assert_eq!(value("$request_time", &exchange), "1.234");
}

#[tokio::test]
async fn the_request_id_is_made_once() {
    let exchange = request("/", &[]);
    let id = value("$request_id", &exchange);
    assert_eq!(id.len(), 32);
    assert!(id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')), "{id}");
    assert_eq!(value("$request_id", &exchange), id);
    assert_ne!(value("$request_id", &request("/", &[])), id);
}

#[tokio::test]
async fn where_it_is_proxied_to() {
    fn check(proxy: Option<(&str, u16)>, expected: &str) {
        let exchange = request("/", &[]);
        if let Some((host, port)) = proxy {
            let host = ProxyHost { host: host.into(), port, scheme: "http" };
            exchange.set_proxy(Arc::new(host), Bytes::new());
        }
        assert_eq!(value("$proxy_host $proxy_port", &exchange), expected);
    }
    check(None, "- -");
    check(Some(("backend:8080", 8080)), "backend:8080 8080");
    check(Some(("localhost", 0)), "localhost ");
}

#[tokio::test]
async fn the_process_and_the_clock() {
    let exchange = request("/", &[]);
    assert_eq!(value("$pid", &exchange), std::process::id().to_string());
    assert_eq!(value("$nginx_version", &exchange), propylon_vars::NGINX_VERSION);
    assert_eq!(value("$propylon_version", &exchange), env!("CARGO_PKG_VERSION"));
    assert_eq!(value("$hostname", &exchange), value("$hostname", &exchange).to_lowercase());
    let (seconds, millis) =
        value("$msec", &exchange).split_once('.').map(|(s, m)| (s.len(), m.len())).unwrap();
    assert_eq!((seconds, millis), (10, 3));
    assert_eq!(value("$time_local", &exchange).len(), "28/Sep/1970:12:00:00 +0600".len());
    assert_eq!(value("$time_iso8601", &exchange).len(), "1970-09-28T12:00:00+06:00".len());
}
