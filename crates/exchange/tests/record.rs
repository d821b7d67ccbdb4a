//! What is recorded stays recorded, however the exchange ends.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, Method, StatusCode, Version};
use propylon_exchange::{Address, Connection, End, Exchange, Head, Keep, Place, Uri};
use tokio::time::{Instant, advance};

fn exchange() -> Exchange {
    let connection = Arc::new(Connection::new(7, Address::unix(), Address::unix()));
    let head = Head {
        method: Method::GET,
        target: "/a?b".into(),
        version: Version::HTTP_11,
        headers: HeaderMap::new().into(),
        bytes: 40,
    };
    Exchange::new(connection, 3, Instant::now(), head)
}

#[tokio::test(start_paused = true)]
async fn a_dropped_try_is_closed_with_its_time() {
    let exchange = exchange();
    let first = exchange.open_try("a".into());
    advance(Duration::from_millis(5)).await;
    first.failed(StatusCode::BAD_GATEWAY);
    drop(first);

    let second = exchange.open_try("b".into());
    advance(Duration::from_millis(2)).await;
    second.connected();
    advance(Duration::from_millis(3)).await;
    second.head_received(StatusCode::OK);
    second.received(10);
    second.received(5);
    second.finished();
    advance(Duration::from_secs(9)).await; // a slow client does not count
    drop(second);

    exchange.with_tries(|tries| {
        let [first, second] = tries else { panic!("two tries, not {}", tries.len()) };
        assert_eq!(first.status, Some(StatusCode::BAD_GATEWAY));
        assert_eq!(first.connect(), None);
        assert_eq!(first.response(), Some(Duration::from_millis(5)));
        assert_eq!(second.connect(), Some(Duration::from_millis(2)));
        assert_eq!(second.header(), Some(Duration::from_millis(5)));
        assert_eq!(second.response(), Some(Duration::from_millis(5)));
        assert_eq!(second.length, 15);
    });
}

#[tokio::test(start_paused = true)]
async fn a_quick_try_has_all_its_facts() {
    let exchange = exchange();
    let quick = exchange.open_connected_try("a".into());
    advance(Duration::from_millis(4)).await;
    quick.head_received(StatusCode::OK);
    quick.over(7, 9);
    advance(Duration::from_millis(4)).await;
    quick.received(3);
    drop(quick);
    exchange.with_tries(|tries| {
        let [quick] = tries else { panic!("one try, not {}", tries.len()) };
        assert_eq!((quick.status, quick.connect()), (Some(StatusCode::OK), Some(Duration::ZERO)));
        assert_eq!((quick.bytes_sent, quick.bytes_received, quick.length), (7, 9, 3));
        let four = Some(Duration::from_millis(4));
        assert_eq!((quick.header(), quick.response()), (four, four));
    });
}

#[tokio::test(start_paused = true)]
async fn the_first_end_counts() {
    let exchange = exchange();
    advance(Duration::from_millis(8)).await;
    exchange.ended(End::ClientClosed);
    advance(Duration::from_millis(8)).await;
    exchange.ended(End::Complete);
    assert_eq!(exchange.end(), Some(End::ClientClosed));
    assert_eq!(exchange.elapsed(), Duration::from_millis(8));
}

#[test]
fn tries_after_a_reroute_are_a_new_group() {
    let exchange = exchange();
    drop(exchange.open_try("a".into()));
    exchange.rerouted();
    drop(exchange.open_try("b".into()));
    assert_eq!(exchange.with_tries(|t| t.iter().map(|t| t.reroutes).collect::<Vec<_>>()), [0, 1]);
}

#[test]
fn heads_are_kept_only_when_asked_for() {
    let mut headers = HeaderMap::new();
    headers.insert("x", HeaderValue::from_static("1"));

    let without = exchange();
    without.responded(StatusCode::OK, &headers);
    without.upstream_responded(&headers);
    assert_eq!(without.status(), Some(StatusCode::OK));
    assert!(without.with_sent_headers(|_| ()).is_none());
    assert!(without.with_upstream_headers(|_| ()).is_none());

    let with = exchange();
    with.keep(Keep::SENT_HEAD.and(Keep::UPSTREAM_HEAD));
    with.responded(StatusCode::OK, &headers);
    with.upstream_responded(&headers);
    assert_eq!(with.with_sent_headers(|h| h.len()), Some(1));
    assert_eq!(with.with_upstream_headers(|h| h.len()), Some(1));
}

#[test]
fn lengths_count_head_and_body() {
    let exchange = exchange();
    exchange.body_received(2);
    assert_eq!(exchange.request_length(), 42);
    let rejected = Exchange::rejected(
        Place { server_name: Some("a server".into()), ..Default::default() },
        Arc::new(Connection::new(1, Address::unix(), Address::unix())),
        1,
        Instant::now(),
        "GET /\u{1}".into(),
        9,
    );
    assert_eq!(rejected.request_line(), "GET /\u{1}");
    assert_eq!(rejected.request_length(), 9);
    assert!(rejected.head().is_none());
    assert_eq!((rejected.server_name().map(|name| &**name), rejected.host()), (Some("a server"), None));
}

#[test]
fn a_stream_has_no_head() {
    assert!(!exchange().is_stream());
    let connection = Arc::new(Connection::new(7, Address::unix(), Address::unix()));
    let stream = Exchange::stream("127.0.0.1:53".into(), connection, Instant::now());
    stream.body_received(3);
    assert!(stream.is_stream() && stream.beside(|_| ()).is_stream());
    assert!(stream.head().is_none() && stream.request_line().is_empty() && stream.uri().is_none());
    assert_eq!((stream.request_length(), stream.connection().id), (3, 7));
    assert_eq!(stream.server_name().map(|name| &**name), Some("127.0.0.1:53"));
}

#[test]
fn the_slot_belongs_to_its_first_type() {
    let exchange = exchange();
    assert_eq!(exchange.slot::<u32>(), Some(&0));
    assert_eq!(exchange.slot::<String>(), None);
}

#[test]
fn the_target_is_the_path_until_another_is_told() {
    let connection = Arc::new(Connection::new(7, Address::unix(), Address::unix()));
    let head = Head {
        method: Method::GET,
        target: "/a".into(),
        version: Version::HTTP_11,
        headers: HeaderMap::new().into(),
        bytes: 40,
    };
    let place = Place { uri: Uri::Target, ..Place::default() };
    let exchange = Exchange::placed(place, connection, 3, Instant::now(), head);
    assert_eq!((exchange.uri(), exchange.args()), (Some("/a".into()), None));
    // What is done beside it is for the same path, whatever head it has.
    let beside = exchange.beside(|head| head.target = "/other".into());
    exchange.set_uri("/b".into(), Some("c".into()));
    assert_eq!((exchange.uri(), exchange.args()), (Some("/b".into()), Some("c".into())));
    assert_eq!((beside.uri(), beside.args()), (Some("/a".into()), None));
    assert_eq!((beside.status(), beside.end()), (None, None));
}

#[test]
fn every_end_is_told_as_it_was() {
    for end in [End::Complete, End::ClientClosed, End::Truncated] {
        let exchange = exchange();
        assert_eq!(exchange.end(), None);
        exchange.ended(end);
        assert_eq!(exchange.end(), Some(end));
    }
}

#[test]
fn tries_are_told_apart_however_late_they_end() {
    let exchange = exchange();
    let tries: Vec<_> = ["a", "b", "c"].map(|peer| exchange.open_try(peer.into())).into();
    for (n, attempt) in (1..).zip(&tries) {
        attempt.received(n);
        attempt.carried(10 * n, 100 * n);
    }
    exchange.last_try_failed(StatusCode::BAD_GATEWAY);
    tries[0].head_received(StatusCode::OK);
    drop(tries);
    exchange.with_tries(|tries| {
        let told = tries.iter().map(|t| (&**t.peer, t.length, t.bytes_sent, t.bytes_received, t.status));
        let expected = [
            ("a", 1, 10, 100, Some(StatusCode::OK)),
            ("b", 2, 20, 200, None),
            ("c", 3, 30, 300, Some(StatusCode::BAD_GATEWAY)),
        ];
        assert_eq!(told.collect::<Vec<_>>(), expected);
        assert!(tries.iter().all(|t| t.response().is_some()));
    });
}
