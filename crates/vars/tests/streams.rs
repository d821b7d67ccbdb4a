//! Variables of streams, and which variables are whose.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::sync::Arc;

use propylon_exchange::Exchange;
use propylon_vars::{Context, Definitions, Hello, Map, Side, set_hello};
use support::{logged, request};

fn maps() -> Definitions {
    let pool = Map::new("pool", "$ssl_preread_server_name").default("other").value("a.example.com", "a");
    let inner = Map::new("of_pool", "$remote_addr").default("$pool");
    let page = Map::new("page", "$server_port").default("$http_host");
    let both = Map::new("both", "$host$protocol").value("x", "$pool");
    Definitions::builder().map(inner).map(pool).map(page).map(both).build().unwrap()
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
    check("$host$protocol", Side::Http, &["`$protocol` is a variable of streams: a request has none"]);
    check("$host${protocol}", Side::Stream, &["`$host` is a variable of HTTP: a stream has none"]);
    check("$HTTP_x", Side::Stream, &["`$http_x` is a variable of HTTP: a stream has none"]);
    check("$pool$of_pool", Side::Stream, &[]);
    let made_from = |map: &str| {
        format!("`${map}` is made from `$ssl_preread_server_name`, a variable of streams: a request has none")
    };
    check("$pool-$of_pool", Side::Http, &[&made_from("pool"), &made_from("of_pool")]);
    check("$page", Side::Http, &[]);
    let page = "`$page` is made from `$http_host`, a variable of HTTP: a stream has none";
    check("$page", Side::Stream, &[page]);
    check("$both", Side::Stream, &["`$both` is made from `$host`, a variable of HTTP: a stream has none"]);
    let literal = propylon_vars::Template::literal("$host");
    assert!(literal.misplaced(Side::Stream).is_empty());
}

#[tokio::test]
async fn a_name_of_streams_may_be_a_map() {
    let map = Map::new("protocol", "$scheme").default("s");
    let definitions = Definitions::builder().map(map).name("session_time").build().unwrap();
    assert_eq!(logged(&definitions, "$protocol $session_time", &request("/", &[])), "s -");
    let template = definitions.template("$protocol $session_time", Context::Request).unwrap();
    assert!(template.misplaced(Side::Http).is_empty());
}
