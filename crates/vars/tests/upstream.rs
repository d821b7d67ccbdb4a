//! The lists over the tries at upstream peers.

mod support;

use std::time::Duration;

use http::StatusCode;
use propylon_exchange::{Exchange, Keep};
use propylon_vars::Definitions;
use support::{headers, logged, request};
use tokio::time::advance;

const ADDRESSES: &str = "$upstream_addr|$upstream_status|$upstream_last_addr";
const TIMES: &str =
    "$upstream_connect_time|$upstream_header_time|$upstream_response_time|$upstream_queue_time";
const SIZES: &str = "$upstream_response_length|$upstream_bytes_sent|$upstream_bytes_received";

fn value(template: &str, exchange: &Exchange) -> String {
    logged(&Definitions::default(), template, exchange)
}

async fn pass(millis: u64) {
    advance(Duration::from_millis(millis)).await;
}

#[tokio::test(start_paused = true)]
async fn no_try_at_all() {
    let exchange = request("/", &[]);
    assert_eq!(value(ADDRESSES, &exchange), "-|-|-");
    assert_eq!(value(TIMES, &exchange), "-|-|-|-");
    assert_eq!(value(SIZES, &exchange), "-|-|-");
    assert_eq!(value("$upstream_cache_status", &exchange), "-");
}

#[tokio::test(start_paused = true)]
async fn one_try_that_went_well() {
    let exchange = request("/", &[]);
    let attempt = exchange.open_try("10.0.0.1:80".into());
    pass(1).await;
    attempt.connected();
    pass(20).await;
    attempt.head_received(StatusCode::OK);
    attempt.received(1000);
    attempt.carried(90, 1200);
    assert_eq!(value(TIMES, &exchange), "0.001|0.021|-|-");
    pass(300).await;
    attempt.received(24);
    drop(attempt);
    assert_eq!(value(ADDRESSES, &exchange), "10.0.0.1:80|200|10.0.0.1:80");
    assert_eq!(value(TIMES, &exchange), "0.001|0.021|0.321|-");
    assert_eq!(value(SIZES, &exchange), "1024|90|1200");
}

#[tokio::test(start_paused = true)]
async fn several_tries_and_a_redirect_inside() {
    let exchange = request("/", &[]);
    let refused = exchange.open_try("10.0.0.1:80".into());
    pass(5).await;
    refused.failed(StatusCode::BAD_GATEWAY);
    drop(refused);
    let answered = exchange.open_try("unix:/run/app.sock".into());
    answered.connected();
    pass(7).await;
    answered.head_received(StatusCode::NOT_FOUND);
    drop(answered);
    exchange.rerouted();
    exchange.rerouted(); // through a location that asked no upstream
    let waiting = exchange.open_try("10.0.0.2:80".into());
    assert_eq!(
        value(ADDRESSES, &exchange),
        "10.0.0.1:80, unix:/run/app.sock : 10.0.0.2:80|502, 404 : -|10.0.0.2:80"
    );
    assert_eq!(value(TIMES, &exchange), "-, 0.000 : -|-, 0.007 : -|0.005, 0.007 : -|-, - : -");
    assert_eq!(value(SIZES, &exchange), "0, 0 : 0|0, 0 : 0|0, 0 : 0");
    drop(waiting);
}

#[tokio::test]
async fn fields_of_the_last_response() {
    const FIELDS: &str = "$upstream_http_x|$upstream_cookie_s|$upstream_trailer_grpc_status";
    let exchange = request("/", &[]);
    exchange.keep(Keep::UPSTREAM_HEAD);
    assert_eq!(value(FIELDS, &exchange), "-|-|-");
    exchange.upstream_responded(&headers(&[
        ("x", "1"),
        ("x", "2"),
        ("set-cookie", "s=3; Path=/"),
        ("server", "y"),
    ]));
    exchange.upstream_trailers(&headers(&[("grpc-status", "0")]));
    assert_eq!(value(FIELDS, &exchange), "1, 2|3|0");
    assert_eq!(value("$upstream_http_set_cookie|$upstream_http_none", &exchange), "s=3; Path=/|-");
}
