//! Variables of streams, and which variables are whose.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::sync::Arc;

use propylon_exchange::Exchange;
use propylon_vars::{Context, Definitions, Hello, Map, Side, TokenPart, set_hello, set_named};
use support::{connection, logged, request};
use tokio::time::Instant;

fn maps() -> Definitions {
    let pool = Map::new("pool", "$ssl_preread_server_name").default("other").value("a.example.com", "a");
    let inner = Map::new("of_pool", "$remote_addr").default("$pool");
    let page = Map::new("page", "$server_port").default("$http_host");
    let both = Map::new("both", "$host$protocol").value("x", "$pool");
    Definitions::builder().map(inner).map(pool).map(page).map(both).build().unwrap()
}

fn stream() -> Exchange {
    Exchange::stream("db".into(), Arc::new(connection()), Instant::now())
}

fn hello(exchange: &Exchange) -> String {
    let names = "$ssl_preread_protocol $ssl_preread_server_name $ssl_preread_alpn_protocols $pool $of_pool";
    logged(&maps(), names, exchange)
}

#[tokio::test]
async fn what_a_client_asks_for_is_known_once_it_was_read() {
    let exchange = request("/", &[]);
    assert_eq!(hello(&exchange), "- - - other other");
    set_hello(&exchange, Arc::default());
    assert_eq!(hello(&exchange), "   other other");
    let said = Hello {
        protocol: "TLSv1.3",
        server_name: "a.example.com".into(),
        alpn_protocols: "h2,http/1.1".into(),
    };
    let definitions = maps();
    assert_eq!(logged(&definitions, "$pool", &exchange), "other");
    set_hello(&exchange, Arc::new(said));
    assert_eq!(hello(&exchange), "TLSv1.3 a.example.com h2,http/1.1 a a");
    assert_eq!(logged(&definitions, "$pool", &exchange), "a", "a map that was asked before is asked again");
}

#[tokio::test(start_paused = true)]
async fn a_session_in_numbers() {
    let exchange = request("/", &[]);
    let attempt = exchange.open_try("10.0.0.1:3306".into());
    let later = |millis| tokio::time::advance(std::time::Duration::from_millis(millis));
    later(20).await;
    attempt.connected();
    later(30).await;
    attempt.head_received(http::StatusCode::OK);
    later(50).await;
    drop(attempt);
    exchange.body_received(11);
    let line = "$protocol $bytes_received $session_time $upstream_connect_time $upstream_first_byte_time \
                $upstream_session_time";
    assert_eq!(logged(&Definitions::default(), line, &exchange), "TCP 111 0.100 0.020 0.050 0.100");
}

#[test]
fn a_variable_of_the_other_side_is_told() {
    fn check(text: &str, side: Side, expected: &[&str]) {
        let template = maps().template(text, Context::Log).unwrap();
        let found = template.misplaced(side);
        for error in &found {
            assert!(text.get(error.range()).unwrap().starts_with('$'), "{text}");
        }
        let found: Vec<_> = found.iter().map(ToString::to_string).collect();
        assert_eq!(found, expected, "{text}");
    }
    for both in ["$remote_addr $status $bytes_sent", "$ssl_protocol", "", "plain", "$proxy_protocol_tlv_alpn"]
    {
        check(both, Side::Http, &[]);
        check(both, Side::Stream, &[]);
    }
    check("$host$protocol", Side::Http, &["`$protocol` is available only for streams"]);
    check("$host${protocol}", Side::Stream, &["`$host` is available only for HTTP requests"]);
    check("$HTTP_x", Side::Stream, &["`$http_x` is available only for HTTP requests"]);
    check("$pool$of_pool", Side::Stream, &[]);
    let made_from =
        |map: &str| format!("`${map}` uses `$ssl_preread_server_name`, which is available only for streams");
    check("$pool-$of_pool", Side::Http, &[&made_from("pool"), &made_from("of_pool")]);
    check("$page", Side::Http, &[]);
    let page = "`$page` uses `$http_host`, which is available only for HTTP requests";
    check("$page", Side::Stream, &[page]);
    check("$both", Side::Stream, &["`$both` uses `$host`, which is available only for HTTP requests"]);
    let literal = propylon_vars::Template::literal("$host");
    assert!(literal.misplaced(Side::Stream).is_empty());
}

/// HTTP may call something of its own as streams call what they have: each has its own.
#[tokio::test]
async fn a_name_of_streams_may_be_defined_for_requests() {
    let map = Map::new("protocol", "$scheme").default("s");
    let outer = Map::new("outer", "$remote_addr").default("<$Protocol>");
    let token = Definitions::builder().token_value("bytes_received", TokenPart::Claims, ["sub"]);
    let definitions = token.map(outer).map(map).name("session_time").build().unwrap();
    let line = "$protocol $session_time $bytes_received $outer";
    let (requested, passed) = (request("/", &[]), stream());
    set_named(&requested, "session_time", "soon".into());
    passed.body_received(7);
    assert_eq!(logged(&definitions, line, &requested), "s soon - <s>");
    assert_eq!(logged(&definitions, line, &passed), "TCP 0.000 7 <TCP>");
    for (name, expected) in [("protocol", "TCP"), ("session_time", "0.000"), ("bytes_received", "7")] {
        let text = format!("${name}");
        assert_eq!(logged(&definitions, &text, &passed), expected, "{name}");
        assert_eq!(definitions.value(name, &passed).as_deref(), Some(expected.as_bytes()), "{name}");
    }
    let template = definitions.template(line, Context::Request).unwrap();
    assert!(template.misplaced(Side::Http).is_empty());
    assert!(template.misplaced(Side::Stream).is_empty(), "{:?}", template.misplaced(Side::Stream));
    let request_of_it = |name: &str| definitions.template(name, Context::Request).unwrap().field(&passed);
    assert_eq!(request_of_it("$protocol").unwrap(), "TCP");
    assert_eq!(request_of_it("$bytes_received").unwrap(), "7");
}

/// It is a map all the same: what it is made from counts for requests, and it may not go in circles.
#[test]
fn what_such_a_map_lacks_is_told_of_requests() {
    let map = |key| Definitions::builder().map(Map::new("protocol", key)).map(Map::new("outer", "$protocol"));
    let definitions = map("$ssl_preread_server_name").build().unwrap();
    for name in ["$protocol", "$outer"] {
        let template = definitions.template(name, Context::Request).unwrap();
        let found: Vec<_> = template.misplaced(Side::Http).iter().map(ToString::to_string).collect();
        let expected =
            format!("`{name}` uses `$ssl_preread_server_name`, which is available only for streams");
        assert_eq!(found, [expected]);
        assert!(template.misplaced(Side::Stream).is_empty());
    }
    let errors = map("$outer").build().unwrap_err();
    assert_eq!(
        errors.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["`$protocol` depends on itself: protocol -> outer -> protocol"]
    );
}
